from __future__ import annotations

import json
import os
from typing import Any

import boto3

connections = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["CONNECTIONS"])


def answer(event: dict[str, Any], context: object) -> dict[str, Any]:
    request = event["requestContext"]
    reply = {"route": request["routeKey"], "asked": json.loads(event["body"])["about"]}
    connections.post_to_connection(ConnectionId=request["connectionId"], Data=json.dumps(reply).encode())
    return {"statusCode": 200}
