from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from emulator.apigateway.records import Authorizer
from emulator.common.errors import ApiError
from tests.support.emulator.gateways import Event
from tests.support.emulator.websocket_client import OK, Setting, run


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/"])
def test_connect_gets_the_handshake(path: str) -> None:
    async def scenario(at: Setting) -> Event:
        await at.connect(path + "?token=a&token=b%20c", headers={"User-Agent": "tests/1", "X-Key": "k"})
        return at.functions.events[0]

    event = run(scenario)

    context = event["requestContext"]
    assert event["headers"]["X-Key"] == "k"
    assert event["multiValueHeaders"]["X-Key"] == ["k"]
    assert event["headers"]["Sec-WebSocket-Version"] == "13"
    assert not {"Connection", "Upgrade"} & set(event["headers"])
    assert event["queryStringParameters"] == {"token": "b c"}
    assert event["multiValueQueryStringParameters"] == {"token": ["a", "b c"]}
    assert event["isBase64Encoded"] is False
    assert "body" not in event
    assert (context["routeKey"], context["eventType"]) == ("$connect", "CONNECT")
    assert (context["apiId"], context["stage"], context["messageDirection"]) == ("Sockets", "v1", "IN")
    assert context["identity"] == {"userAgent": "tests/1", "sourceIp": "127.0.0.1"}
    assert re.fullmatch(r"[\w-]{15}=", context["connectionId"])
    assert context["requestId"] == context["extendedRequestId"]
    assert context["connectedAt"] <= context["requestTimeEpoch"]
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context["requestTime"])
    assert context["domainName"] == event["headers"]["Host"]
    assert "messageId" not in context


def test_without_a_query_string_its_members_are_missing() -> None:
    async def scenario(at: Setting) -> Event:
        await at.connect()
        return at.functions.events[0]

    assert "queryStringParameters" not in run(scenario)


@pytest.mark.parametrize(("status", "message"), [(401, "Unauthorized"), (403, "Forbidden"), (418, "I'm a Teapot")])
def test_the_status_of_connect_is_that_of_the_handshake(status: int, message: str) -> None:
    async def scenario(at: Setting) -> None:
        answered, _, body = await at.refused()
        assert answered == status
        assert body["message"] == message
        assert body["connectionId"] == at.functions.events[0]["requestContext"]["connectionId"]
        assert at.of("DISCONNECT") == []

    run(scenario, connect=lambda event: {"statusCode": status})


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (None, 502),
        (ValueError("broken"), 502),
        (ApiError("TooManyRequestsException", "Rate Exceeded.", 429), 500),
    ],
)
def test_a_failed_connect_refuses_the_handshake(result: Any, status: int) -> None:
    def connect(event: Event) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    answered = run(lambda at: at.refused(), connect=connect)
    assert answered[0] == status
    assert answered[2]["message"] == "Internal server error"


def test_a_connect_that_takes_too_long_times_out() -> None:
    async def scenario(at: Setting) -> None:
        assert (await at.refused())[0] == 504
        release.set()

    release = asyncio.Event()

    async def slow(event: Event) -> Event:
        await release.wait()
        return OK

    run(scenario, connect=slow, timeout=0.05)


@pytest.mark.parametrize("path", ["/other", "/v1/other", "/v10"])
def test_another_path_is_forbidden(path: str) -> None:
    status, headers, body = run(lambda at: at.refused(path))
    assert (status, body["message"]) == (403, "Forbidden")
    assert headers["x-amzn-ErrorType"] == "ForbiddenException"


@pytest.mark.parametrize("name", ["Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version"])
def test_an_incomplete_handshake_is_a_bad_request(name: str) -> None:
    async def scenario(at: Setting) -> None:
        assert (await at.refused(headers={name: "x"}))[0] == 400
        assert at.functions.events == []

    run(scenario)


def test_an_api_without_connect_and_disconnect_accepts_every_client() -> None:
    async def scenario(at: Setting) -> None:
        socket = await at.connect()
        await socket.send_str("hi")
        await socket.close()

    run(scenario, routes={"$default": "default"})


def test_connect_chooses_the_subprotocol() -> None:
    async def scenario(at: Setting) -> None:
        socket = await at.connect(protocols=("one", "two"))
        assert socket.protocol == "two"

    run(scenario, connect=lambda event: {"statusCode": 200, "headers": {"sec-websocket-protocol": "two"}})


def policy(effect: str, resource: str, **context: Any) -> Event:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {"principalId": "user", "policyDocument": {"Statement": [statement]}, "context": context}


AUTHORIZER = Authorizer("Key", "authorize", identity_query=("key",))


def test_the_authorizers_context_is_on_every_route() -> None:
    def authorize(event: Event) -> Event:
        assert event["type"] == "REQUEST"
        assert event["methodArn"].endswith(":Sockets/v1/$connect")
        assert event["queryStringParameters"] == {"key": "k"}
        return policy("Allow", event["methodArn"], number=1)

    async def scenario(at: Setting) -> None:
        socket = await at.connect("/v1?key=k")
        await socket.send_str("x")
        await socket.close()
        await at.disconnected()
        events = [*at.of("MESSAGE"), *at.of("DISCONNECT")]
        contexts = [event["requestContext"]["authorizer"] for event in events]
        assert [(context["principalId"], context["number"]) for context in contexts] == [("user", "1")] * 2

    run(scenario, authorizer=AUTHORIZER, authorize=authorize)


@pytest.mark.parametrize(
    ("path", "result", "status"),
    [
        ("/v1", policy("Allow", "*"), 401),
        ("/v1?key=k", policy("Deny", "*"), 403),
        ("/v1?key=k", policy("Allow", "*/v2/*"), 403),
        ("/v1?key=k", "no policy", 500),
    ],
)
def test_an_unauthorized_client_does_not_connect(path: str, result: Any, status: int) -> None:
    async def scenario(at: Setting) -> None:
        assert (await at.refused(path))[0] == status
        assert at.of("CONNECT") == [event for event in at.functions.events if event.get("type") == "REQUEST"]

    run(scenario, authorizer=AUTHORIZER, authorize=lambda event: result)
