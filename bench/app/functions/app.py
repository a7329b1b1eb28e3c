"""What bench/emulator.py invokes: as little as there can be."""

from __future__ import annotations

import json
import os
import time
from functools import cache
from typing import Any

import boto3

sqs = boto3.client("sqs")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    if "Records" in event:
        return tell_the_time()
    if "requestContext" in event:
        return reply(event["body"], event["requestContext"]["connectionId"])
    if "exit" in event:
        os._exit(1)
    if "log" in event:
        print(event["log"])
    return event


def tell_the_time() -> dict[str, Any]:
    """Says in a queue when the function was started."""
    sqs.send_message(QueueUrl=os.environ["STARTED"], MessageBody=str(time.time()))
    return {}


def reply(body: str, connection: str) -> dict[str, Any]:
    connections(json.loads(body)["connections"]).post_to_connection(ConnectionId=connection, Data=body)
    return {"statusCode": 200}


@cache
def connections(url: str) -> Any:
    return boto3.client("apigatewaymanagementapi", endpoint_url=url)
