from __future__ import annotations

import pytest

from order_engine.aws.endpoints import Endpoint
from order_engine.aws.json_api import AwsError, JsonApi
from order_engine.aws.signing import Credentials, Signer
from tests.support.scripted_server import HANG_UP, SILENCE, ok, scripted_server

ANSWER = ok(b'{"a": 1}')
THROTTLED = ok(b'{"__type": "com.amazonaws.sqs#RequestThrottled", "message": "slower"}', "400 Bad Request")


def api(url: str, attempts: int) -> JsonApi:
    endpoint = Endpoint(url, Signer(Credentials("test", "secret"), "sqs", "us-east-1"), 0.3)
    return JsonApi(endpoint, "AmazonSQS", attempts)


def test_an_operation_is_a_post_that_names_it() -> None:
    with scripted_server(ANSWER) as server:
        assert api(server.url, 2).call("SendMessage", {"MessageBody": "ü"}) == {"a": 1}
    (request,) = server.received
    assert (request.line, request.json) == ("POST / HTTP/1.1", {"MessageBody": "ü"})
    assert request.headers["x-amz-target"] == "AmazonSQS.SendMessage"
    assert request.headers["content-type"] == "application/x-amz-json-1.0"
    assert "SignedHeaders=content-type;host;x-amz-date;x-amz-target, " in request.headers["authorization"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            ok(b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no queue"}', "400 Bad Request"),
            "SendMessage: expected an object and status 200, was 400: QueueDoesNotExist no queue",
        ),
        (
            ok(b'{"__type": "AccessDeniedException", "Message": "no"}', "400 Bad Request"),
            "SendMessage: expected an object and status 200, was 400: AccessDeniedException no",
        ),
        (ok(b"<html>", "403 Forbidden"), "SendMessage: expected an object and status 200, was 403:  <html>"),
        (ok(b"[]"), r"SendMessage: expected an object and status 200, was 200:  \[\]"),
    ],
    ids=["refused", "not allowed", "no JSON", "no object"],
)
def test_a_refusal_says_why_and_the_call_is_not_repeated(answer: bytes, message: str) -> None:
    with scripted_server(answer, ANSWER) as server, pytest.raises(AwsError, match=message):
        api(server.url, 2).call("SendMessage", {})
    assert len(server.received) == 1


PASSING = pytest.mark.parametrize(
    "failure",
    [THROTTLED, ok(b"{}", "503 Service Unavailable"), ok(b"{}", "429 Too Many Requests"), HANG_UP, SILENCE],
    ids=["throttled", "503", "429", "lost", "silent"],
)


@PASSING
def test_a_call_that_fails_for_a_moment_is_repeated_on_another_connection(failure: bytes | None) -> None:
    with scripted_server(failure, ANSWER) as server:
        assert api(server.url, 2).call("SendMessage", {}) == {"a": 1}
    assert [request.connection for request in server.received] == [0, 1]


@PASSING
def test_there_are_no_more_attempts_than_said(failure: bytes | None) -> None:
    for attempts in (1, 2):
        with scripted_server(*[failure] * attempts, ANSWER) as server, pytest.raises(AwsError, match="SendMessage: "):
            api(server.url, attempts).call("SendMessage", {})
        assert len(server.received) == attempts
