"""The functions' handlers, as a new Lambda environment imports them, and events as AWS sends them."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from emulator.stack import ACCOUNT, REGION
from tests.integration.aws import Context, Handler
from tests.integration.support import CALLER

FUNCTIONS = (
    *("authorize", "dispatch", "execute", "keys", "migrate"),
    *("recover", "route", "submit", "ticket", "ws_connect"),
)
_MADE_ONCE = ("order_engine.bootstrap", "order_engine.observability", *(f"functions.{name}.app" for name in FUNCTIONS))


class Functions:
    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    def handler(self, name: str) -> Handler:
        if name not in self._handlers:
            self._handlers[name] = importlib.import_module(f"functions.{name}.app").handler
        return self._handlers[name]

    def __call__(self, name: str, event: Any) -> Any:
        """Invokes a function: what it answers, as JSON. Raises what it raises."""
        return json.loads(json.dumps(self.handler(name)(json.loads(json.dumps(event)), Context(name))))


@contextmanager
def new_environment(environment: Mapping[str, str]) -> Iterator[Functions]:
    """With these environment variables, and with nothing that was made under others."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        earlier = _set_aside()
        try:
            yield Functions()
        finally:
            bootstrap = sys.modules.get("order_engine.bootstrap")
            if bootstrap is not None and bootstrap.database.cache_info().currsize:
                bootstrap.database().close()
            _set_aside()
            for name, module in earlier.items():
                sys.modules[name] = module
                parent, _, child = name.rpartition(".")
                setattr(sys.modules[parent], child, module)


def _set_aside() -> dict[str, ModuleType]:
    """The modules that hold what is made once for each Lambda environment, taken away so that they are made anew."""
    found = {name: sys.modules.pop(name) for name in _MADE_ONCE if name in sys.modules}
    for name in found:
        parent, _, child = name.rpartition(".")
        vars(sys.modules[parent]).pop(child, None)
    return found


def rest(
    method: str, path: str, body: str | None = None, query: dict[str, str] | None = None, **changes: Any
) -> dict[str, Any]:
    """A REST API's proxy event."""
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
            "authorizer": CALLER.to_json(),
        },
        "body": body,
        "isBase64Encoded": False,
        **changes,
    }


def websocket(
    kind: str, connection_id: str = "c1", body: str | None = None, query: dict[str, str] | None = None
) -> dict[str, Any]:
    """A WebSocket API's proxy event; `kind` is CONNECT, DISCONNECT or MESSAGE."""
    event: dict[str, Any] = {
        "requestContext": {
            "routeKey": {"CONNECT": "$connect", "DISCONNECT": "$disconnect"}.get(kind, "$default"),
            "eventType": kind,
            "connectionId": connection_id,
            "apiId": "api",
            "domainName": "api.example.com",
            "stage": "v1",
            "requestId": "request",
            "authorizer": CALLER.to_json(),
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
    """What an event source mapping sends for these messages; their ids are m0, m1, …"""
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


def answered(response: dict[str, Any]) -> tuple[int, Any]:
    content_types = response["multiValueHeaders"]["Content-Type"]
    assert content_types == ["application/json"]
    return response["statusCode"], json.loads(response["body"])


def refusal(response: dict[str, Any]) -> tuple[int, str]:
    status, body = answered(response)
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "details"}
    return status, body["error"]["code"]


def dispatched(functions: Functions, order_id: UUID) -> Any:
    return functions("dispatch", sqs({"orderId": str(order_id)}))


ORDER = {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5", "clientOrderId": "a-1"}

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
