"""Calls to SQS and Step Functions equal those of AWS's SDK, down to the signed headers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import boto3
import pytest
from botocore.config import Config

from order_engine.aws.endpoints import Endpoint
from order_engine.aws.json_api import JsonApi
from order_engine.aws.queues import SqsOrderQueue, SqsReplayQueue
from order_engine.aws.signing import Credentials, Signer
from order_engine.aws.state_machine import ExpressStateMachine
from tests.support.scripted_server import Received, ok, scripted_server

KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "a/session+token==")
REGION = "eu-central-1"
QUEUE = f"https://sqs.{REGION}.amazonaws.com/123456789012/orders"
MACHINE = f"arn:aws:states:{REGION}:123456789012:stateMachine:orders"
ORDER, CLIENT = UUID(int=7), UUID(int=8)
BODY = f'{{"orderId": "{ORDER}", "publishedSeq": 1}}'
REPLAY = f'{{"connectionId": "c1", "clientId": "{CLIENT}", "orderId": "{ORDER}"}}'
WAITING = "ApproximateNumberOfMessages"


def received(answer: bytes, call: Callable[[str], object]) -> Received:
    """The request that the call sends to the URL that it is given."""
    with scripted_server(ok(answer)) as server:
        call(server.url)
    (request,) = server.received
    return request


def api(url: str, service: str, name: str) -> JsonApi:
    return JsonApi(Endpoint(url, Signer(KEYS, service, REGION), seconds=10), name, attempts=1)


def orders(url: str) -> SqsOrderQueue:
    return SqsOrderQueue(api(url, "sqs", "AmazonSQS"), QUEUE)


def sdk(service: str, url: str) -> Any:
    config = Config(inject_host_prefix=False, retries={"total_max_attempts": 1})
    options: dict[str, Any] = {"endpoint_url": url, "region_name": REGION, "config": config}
    return boto3.Session(*KEYS).client(service, **options)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("answer", "ours", "theirs"),
    [
        (
            b"{}",
            lambda url: orders(url).enqueue(ORDER, 1),
            lambda url: sdk("sqs", url).send_message(QueueUrl=QUEUE, MessageBody=BODY),
        ),
        (
            b'{"Successful": [], "Failed": []}',
            lambda url: orders(url).enqueue_all({ORDER: 1, CLIENT: 0}),
            lambda url: sdk("sqs", url).send_message_batch(
                QueueUrl=QUEUE,
                Entries=[
                    {"Id": str(ORDER), "MessageBody": BODY},
                    {"Id": str(CLIENT), "MessageBody": BODY.replace(str(ORDER), str(CLIENT)).replace("1}", "0}")},
                ],
            ),
        ),
        (
            f'{{"Attributes": {{"{WAITING}": "0"}}}}'.encode(),
            lambda url: orders(url).is_empty(),
            lambda url: sdk("sqs", url).get_queue_attributes(QueueUrl=QUEUE, AttributeNames=[WAITING]),
        ),
        (
            b"{}",
            lambda url: SqsReplayQueue(api(url, "sqs", "AmazonSQS"), QUEUE).enqueue("c1", CLIENT, ORDER),
            lambda url: sdk("sqs", url).send_message(QueueUrl=QUEUE, MessageBody=REPLAY),
        ),
        (
            b'{"status": "SUCCEEDED"}',
            lambda url: ExpressStateMachine(api(url, "states", "AWSStepFunctions"), MACHINE).run("run", {"a": "ü"}),
            lambda url: sdk("stepfunctions", url).start_sync_execution(
                stateMachineArn=MACHINE, name="run", input='{"a": "\\u00fc"}'
            ),
        ),
    ],
    ids=["SendMessage", "SendMessageBatch", "GetQueueAttributes", "SendMessage to replay", "StartSyncExecution"],
)
def test_a_call_is_that_of_the_sdk(
    answer: bytes, ours: Callable[[str], object], theirs: Callable[[str], object]
) -> None:
    mine, expected = received(answer, ours), received(answer, theirs)
    assert (mine.line, mine.json) == (expected.line, expected.json)
    same = ("content-type", "x-amz-target", "x-amz-security-token")
    assert [mine.headers[name] for name in same] == [expected.headers[name] for name in same]
    assert scope_and_signed(mine) == scope_and_signed(expected)


def scope_and_signed(request: Received) -> list[str]:
    """The scope without its day, and the names of the signed headers."""
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=(.+)/\d{8}/(.+), SignedHeaders=(.+), Signature=[0-9a-f]{64}",
        request.headers["authorization"],
    )
    assert found is not None
    # Asks SQS for the error codes of its earlier protocol, which nothing here reads.
    return [*found.groups()[:2], *(name for name in found[3].split(";") if name != "x-amzn-query-mode")]
