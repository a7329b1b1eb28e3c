from __future__ import annotations

import json
import os
from typing import Any

import boto3

sqs = boto3.client("sqs")


def authorize(event: dict[str, Any], context: object) -> dict[str, Any]:
    effect = "Allow" if event["authorizationToken"] == "open sesame" else "Deny"
    statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": event["methodArn"].split("/")[0] + "/*"}
    return {
        "principalId": "anyone",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"floor": 3},
    }


def answer(event: dict[str, Any], context: object) -> dict[str, Any]:
    if event["httpMethod"] == "POST":
        sqs.send_message_batch(
            QueueUrl=os.environ["PARCELS"],
            Entries=[{"Id": str(number), "MessageBody": body} for number, body in enumerate(json.loads(event["body"]))],
        )
    about = {
        "method": event["httpMethod"],
        "rest": event["pathParameters"]["proxy"],
        "floor": event["requestContext"]["authorizer"]["floor"],
        "stage": event["requestContext"]["stage"],
        "carriers": os.environ["CARRIERS"],
        "greeting": os.environ["GREETING"],
    }
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(about)}
