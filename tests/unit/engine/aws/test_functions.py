"""A function is invoked as the SDK invokes it."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.config import Config

from order_engine.aws.endpoints import Endpoint
from order_engine.aws.functions import LambdaFunction
from order_engine.aws.json_api import AwsError
from order_engine.aws.signing import Credentials, Signer
from tests.support.network import closed_port
from tests.support.scripted_server import HANG_UP, SILENCE, ok, scripted_server

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:orders-WatchFunction-1:live"
ACCEPTED = ok(b"", "202 Accepted")


def function(url: str) -> LambdaFunction:
    signer = Signer(Credentials("test", "secret", "session"), "lambda", "eu-central-1")
    return LambdaFunction(Endpoint(url, signer, 0.3), ARN)


def test_an_invocation_is_that_of_the_sdk() -> None:
    with scripted_server(ACCEPTED, ACCEPTED) as server:
        function(server.url).start({"a": "ü"})
        client = boto3.client(
            "lambda",
            endpoint_url=server.url,
            region_name="eu-central-1",
            aws_access_key_id="test",
            aws_secret_access_key="secret",
            aws_session_token="session",
            config=Config(retries={"total_max_attempts": 1}),
        )
        answer = client.invoke(FunctionName=ARN, InvocationType="Event", Payload=json.dumps({"a": "ü"}))
    assert answer["StatusCode"] == 202
    ours, sdks = server.received
    assert (ours.line, ours.json) == (sdks.line, sdks.json)
    assert ours.headers["x-amz-invocation-type"] == sdks.headers["x-amz-invocation-type"] == "Event"
    assert ours.headers["x-amz-security-token"] == sdks.headers["x-amz-security-token"] == "session"
    scope = "/eu-central-1/lambda/aws4_request, "
    assert scope in ours.headers["authorization"]
    assert scope in sdks.headers["authorization"]


@pytest.mark.parametrize(
    ("answer", "message", "transient"),
    [
        (ok(b'{"Message": "no"}', "403 Forbidden"), 'Invoke: expected status 202, was 403: {"Message": "no"}', False),
        (ok(b"slower", "429 Too Many Requests"), "Invoke: expected status 202, was 429: slower", True),
        (ok(b"{}"), "Invoke: expected status 202, was 200: {}", False),
        (HANG_UP, "Invoke: ", True),
        (SILENCE, "Invoke: ", True),
    ],
    ids=["not allowed", "throttled", "another kind", "lost", "silent"],
)
def test_an_invocation_that_is_not_accepted_is_an_error(answer: bytes, message: str, transient: bool) -> None:
    with scripted_server(answer, ACCEPTED) as server, pytest.raises(AwsError) as caught:
        function(server.url).start({})
    assert str(caught.value).startswith(message)
    assert caught.value.transient is transient
    assert len(server.received) == 1


def test_a_service_that_is_down_is_an_error_at_once() -> None:
    with closed_port() as port, pytest.raises(AwsError):
        function(f"http://127.0.0.1:{port}").start({})
