"""Events as AWS sends them to functions."""

from __future__ import annotations

import json
from typing import Any

from emulator.common.account import ACCOUNT, REGION
from order_engine.api.callers import authorizer_context
from tests.support.orders import CALLER


def rest(
    method: str, path: str, body: str | None = None, query: dict[str, str] | None = None, **changes: Any
) -> dict[str, Any]:
    """Returns a proxy event of a REST API."""
    headers = {"Accept": "*/*", "Content-Type": "application/json", "Host": "api.example.com"}
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} if query else None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "api",
            "httpMethod": method,
            "path": f"/v1{path}",
            "stage": "v1",
            "requestId": "request",
            "identity": {"sourceIp": "127.0.0.1"},
            "authorizer": authorizer_context(CALLER),
        },
        "body": body,
        "isBase64Encoded": False,
        **changes,
    }


def websocket(
    kind: str, connection_id: str = "c1", body: str | None = None, query: dict[str, str] | None = None
) -> dict[str, Any]:
    """Returns a proxy event of a WebSocket API. `kind` is CONNECT, DISCONNECT or MESSAGE."""
    event: dict[str, Any] = {
        "requestContext": {
            "routeKey": {"CONNECT": "$connect", "DISCONNECT": "$disconnect"}.get(kind, "$default"),
            "eventType": kind,
            "connectionId": connection_id,
            "apiId": "api",
            "domainName": "api.example.com",
            "stage": "v1",
            "requestId": "request",
            "authorizer": authorizer_context(CALLER),
        },
        "isBase64Encoded": False,
    }
    if kind == "CONNECT":
        event["headers"] = {"Host": "api.example.com"}
    if body is not None:
        event["body"] = body
    if query is not None:
        event["queryStringParameters"] = query
    return event


def sqs(*bodies: Any, queue: str = "queue") -> dict[str, Any]:
    """Returns the event of an event source mapping for these messages, whose ids are m0, m1, …"""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"receipt-{number}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1700000000000"},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
                "awsRegion": REGION,
            }
            for number, body in enumerate(bodies)
        ]
    }


SCHEDULED = {
    "version": "0",
    "id": "89d1a02d-5ec7-412e-82f5-13505f849b41",
    "detail-type": "Scheduled Event",
    "source": "aws.scheduler",
    "account": ACCOUNT,
    "time": "2026-01-31T12:00:00Z",
    "region": REGION,
    "resources": [],
    "detail": "{}",
}
