from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import time
import tracemalloc
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

import aiohttp
import boto3
import pytest
from aiohttp import WSMsgType
from botocore.client import Config
from botocore.exceptions import ClientError
from multidict import CIMultiDict

from emulator.apigateway.records import Authorizer, WebSocketApi
from emulator.apigateway.websocket_api import WebSocketGateway
from emulator.apigateway.websocket_connection import Limits
from emulator.common.errors import ApiError, TemplateError
from tests.unit.emulator.gateways import Event, Functions, serving

OK = {"statusCode": 200}
ROUTES = {"$connect": "connect", "$disconnect": "disconnect", "$default": "default"}


def ok(event: Event) -> Event:
    return OK


class Setting:
    """A gateway that is being served, its functions and a client."""

    def __init__(self, port: int, session: aiohttp.ClientSession, functions: Functions, gateway: WebSocketGateway):
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.session = session
        self.functions = functions
        self.gateway = gateway

    async def connect(self, path: str = "/v1", **options: Any) -> aiohttp.ClientWebSocketResponse:
        socket: aiohttp.ClientWebSocketResponse = await self.session.ws_connect(self.url + path, **options)
        return socket

    async def connected(self, path: str = "/v1", **options: Any) -> tuple[aiohttp.ClientWebSocketResponse, str]:
        """A connection and its identifier."""
        socket = await self.connect(path, **options)
        identifier: str = self.of("CONNECT")[-1]["requestContext"]["connectionId"]
        return socket, identifier

    async def refused(self, path: str = "/v1", **options: Any) -> tuple[int, CIMultiDict[str], Any]:
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            **options.pop("headers", {}),
        }
        async with self.session.get(self.url + path, headers=headers, **options) as response:
            return response.status, CIMultiDict(response.headers), await response.json()

    async def manage(self, method: str, identifier: str, data: bytes = b"") -> tuple[int, CIMultiDict[str], bytes]:
        target = f"{self.url}/v1/@connections/{quote(identifier, safe='')}"
        async with self.session.request(method, target, data=data) as response:
            return response.status, CIMultiDict(response.headers), await response.read()

    def of(self, event_type: str) -> list[Event]:
        return [event for event in self.functions.events if event["requestContext"].get("eventType") == event_type]

    async def disconnected(self) -> Event:
        """The `$disconnect` event, once it came."""
        await self.functions.until(lambda: bool(self.of("DISCONNECT")))
        return self.of("DISCONNECT")[0]


def run(
    scenario: Callable[[Setting], Any],
    *,
    routes: dict[str, str] | None = None,
    expression: str = "$request.body.action",
    authorizer: Authorizer | None = None,
    limits: Limits | None = None,
    timeout: float = 29,
    clock: Callable[[], float] = time.monotonic,
    **functions: Callable[[Event], Any],
) -> Any:
    async def main() -> Any:
        lambda_ = Functions(**{"connect": ok, "disconnect": ok, "default": ok, **functions})
        api = WebSocketApi("Sockets", "v1", ROUTES if routes is None else routes, expression, authorizer)
        gateway = WebSocketGateway(api, lambda_, limits, timeout, clock)
        async with serving(gateway.handle) as port, aiohttp.ClientSession() as session:
            try:
                return await scenario(Setting(port, session, lambda_, gateway))
            finally:
                await gateway.close(5)

    return asyncio.run(main())


# Connecting


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


def test_without_a_query_string_its_members_are_left_out() -> None:
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
def test_a_connect_that_fails_refuses_the_handshake(result: Any, status: int) -> None:
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
def test_what_is_no_handshake_is_a_bad_request(name: str) -> None:
    async def scenario(at: Setting) -> None:
        assert (await at.refused(headers={name: "x"}))[0] == 400
        assert at.functions.events == []

    run(scenario)


def test_an_api_without_connect_and_disconnect_takes_every_client() -> None:
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
def test_who_is_not_authorized_does_not_connect(path: str, result: Any, status: int) -> None:
    async def scenario(at: Setting) -> None:
        assert (await at.refused(path))[0] == status
        assert at.of("CONNECT") == [event for event in at.functions.events if event.get("type") == "REQUEST"]

    run(scenario, authorizer=AUTHORIZER, authorize=lambda event: result)


# Messages


def test_a_message_reaches_its_route() -> None:
    async def scenario(at: Setting) -> Event:
        socket = await at.connect()
        await socket.send_str('{"action": "subscribe", "é": 1}')
        await socket.close()
        await at.disconnected()
        return at.of("MESSAGE")[0]

    event = run(scenario, routes={**ROUTES, "subscribe": "subscribe"}, subscribe=ok)

    context = event["requestContext"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"action": "subscribe", "é": 1}', False)
    assert (context["routeKey"], context["eventType"]) == ("subscribe", "MESSAGE")
    assert re.fullmatch(r"[\w-]{15}=", context["messageId"])
    assert set(event) == {"requestContext", "body", "isBase64Encoded"}


@pytest.mark.parametrize(
    ("expression", "message", "route"),
    [
        ("$request.body.action", '{"action": "a"}', "a"),
        ("${request.body.action}", '{"action": "a"}', "a"),
        ("$request.body.meta.type", '{"meta": {"type": "a"}}', "a"),
        ("$request.body.action", '{"action": 1}', "1"),
        ("$request.body.action", '{"action": "b"}', "$default"),
        ("$request.body.action", '{"action": "$connect"}', "$default"),
        ("$request.body.action", '{"action": null}', "$default"),
        ("$request.body.action", '{"action": ["a"]}', "$default"),
        ("$request.body.meta.type", '{"meta": "a"}', "$default"),
        ("$request.body.action", '["a"]', "$default"),
        ("$request.body.action", "no JSON", "$default"),
        ("$request.body.action", "", "$default"),
        ("$request.body.action", "[" * 100_000, "$default"),
    ],
)
def test_the_selection_expression_chooses_the_route(expression: str, message: str, route: str) -> None:
    async def scenario(at: Setting) -> None:
        socket = await at.connect()
        size = 32_000
        for start in range(0, max(len(message), 1), size):
            await send_fragment(socket, message[start : start + size], start == 0, start + size >= len(message))
        await socket.close()
        await at.disconnected()
        assert [event["requestContext"]["routeKey"] for event in at.of("MESSAGE")] == [route]

    run(scenario, routes={**ROUTES, "a": "default", "1": "default"}, expression=expression)


async def send_fragment(socket: aiohttp.ClientWebSocketResponse, text: str, first: bool, last: bool) -> None:
    writer = socket._writer
    transport = writer.transport
    frames: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "transport", Recorder(frames))
        await writer.send_frame(text.encode(), WSMsgType.TEXT if first else WSMsgType.CONTINUATION)
    frame = bytearray(b"".join(frames))
    if not last:
        frame[0] &= 0x7F
    transport.write(bytes(frame))


class Recorder:
    def __init__(self, written: list[bytes]) -> None:
        self.write = written.append

    def is_closing(self) -> bool:
        return False


@pytest.mark.parametrize("expression", ["", "action", "$request.header.x", "$request.body.", "$request.body.a[0]"])
def test_another_selection_expression_is_refused(expression: str) -> None:
    api = WebSocketApi("Sockets", "v1", ROUTES, expression)
    with pytest.raises(TemplateError, match="RouteSelectionExpression"):
        WebSocketGateway(api, Functions())


def test_without_a_default_route_the_client_is_told_that_it_is_forbidden() -> None:
    async def scenario(at: Setting) -> None:
        socket, identifier = await at.connected()
        await socket.send_str("{}")
        told = await socket.receive_json(timeout=5)
        assert told == {"message": "Forbidden", "connectionId": identifier, "requestId": told["requestId"]}

    run(scenario, routes={"$connect": "connect"})


@pytest.mark.parametrize("result", [None, ValueError("secret"), {"message": "malformed"}])
def test_a_route_that_fails_is_told_to_the_client_and_the_connection_stays(result: Any) -> None:
    def default(event: Event) -> Any:
        if event["body"] == "fine":
            return OK
        if isinstance(result, Exception):
            raise result
        return result

    async def scenario(at: Setting) -> None:
        socket, identifier = await at.connected()
        for _ in range(2):
            await socket.send_str("{}")
            told = await socket.receive_json(timeout=5)
            request_id = at.of("MESSAGE")[-1]["requestContext"]["requestId"]
            assert told == {"message": "Internal server error", "connectionId": identifier, "requestId": request_id}
            await socket.send_str("fine")

    run(scenario, default=default)


def test_the_body_that_a_route_returns_is_not_sent() -> None:
    async def scenario(at: Setting) -> None:
        socket, identifier = await at.connected()
        await socket.send_str("{}")
        await at.functions.until(lambda: bool(at.of("MESSAGE")))
        await at.manage("POST", identifier, b"after")
        assert await socket.receive_str(timeout=5) == "after"

    run(scenario, default=lambda event: {"statusCode": 200, "body": "not sent"})


def test_messages_of_one_connection_are_handled_in_order_and_connections_in_parallel() -> None:
    handled: list[str] = []
    release = asyncio.Event()

    async def default(event: Event) -> Event:
        if event["body"] == "wait":
            await release.wait()
        handled.append(event["body"])
        return OK

    async def scenario(at: Setting) -> None:
        one, two = await at.connect(), await at.connect()
        for message in ["wait", *map(str, range(300))]:
            await one.send_str(message)
        await two.send_str("other")
        await at.functions.until(lambda: handled == ["other"])
        release.set()
        await one.close()
        await at.disconnected()
        assert handled == ["other", "wait", *map(str, range(300))]

    run(scenario, default=default)


def test_a_ping_is_answered() -> None:
    async def scenario(at: Setting) -> None:
        socket = await at.connect(autoping=False)
        await socket.ping(b"p")
        message = await socket.receive(timeout=5)
        assert (message.type, message.data) == (WSMsgType.PONG, b"p")

    run(scenario)


@pytest.mark.parametrize(
    ("fragments", "close_code"),
    [
        ([32_768], None),
        ([32_768] * 4, None),
        ([32_769], 1009),
        ([100, 32_769], 1009),
        ([32_768] * 4 + [1], 1009),
        ([2_000_000], 1009),
    ],
)
def test_messages_and_frames_are_limited(fragments: list[int], close_code: int | None) -> None:
    async def scenario(at: Setting) -> None:
        socket = await at.connect()
        for index, size in enumerate(fragments):
            await send_fragment(socket, "a" * size, index == 0, index == len(fragments) - 1)
        if close_code:
            assert (await socket.receive(timeout=5)).data == close_code
        await socket.close()
        event = await at.disconnected()
        assert event["requestContext"]["disconnectStatusCode"] == (close_code or 1000)
        assert [len(event["body"]) for event in at.of("MESSAGE")] == ([] if close_code else [sum(fragments)])

    run(scenario)


def test_binary_frames_are_refused() -> None:
    async def scenario(at: Setting) -> None:
        socket = await at.connect()
        await socket.send_bytes(b"\x00")
        message = await socket.receive(timeout=5)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1003)
        assert (await at.disconnected())["requestContext"]["disconnectStatusCode"] == 1003
        assert at.of("MESSAGE") == []

    run(scenario)


# Disconnecting


def test_disconnect_learns_how_the_client_closed() -> None:
    async def scenario(at: Setting) -> None:
        socket, identifier = await at.connected()
        await socket.close(code=4001, message=b"enough")
        event = await at.disconnected()
        context = event["requestContext"]
        assert (context["routeKey"], context["connectionId"]) == ("$disconnect", identifier)
        assert (context["disconnectStatusCode"], context["disconnectReason"]) == (4001, "enough")
        assert set(event["headers"]) == {"Host", "x-api-key", "X-Forwarded-For", "x-restapi"}
        assert event["isBase64Encoded"] is False
        assert (await at.manage("POST", identifier, b"x"))[0] == 410

    run(scenario)


def test_disconnect_comes_when_the_client_is_lost() -> None:
    async def scenario(at: Setting) -> None:
        _reader, writer = await raw_client(at)
        writer.transport.abort()
        assert (await at.disconnected())["requestContext"]["disconnectStatusCode"] == 1006

    run(scenario)


def test_disconnect_comes_when_the_client_goes_while_connecting() -> None:
    async def scenario(at: Setting) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", at.port)
        writer.write(HANDSHAKE)
        await asyncio.wait_for(entered.wait(), 5)
        writer.close()
        await writer.wait_closed()
        for _ in range(10):
            await asyncio.sleep(0)
        release.set()
        assert (await at.disconnected())["requestContext"]["disconnectStatusCode"] == 1006

    entered, release = asyncio.Event(), asyncio.Event()

    async def connect(event: Event) -> Event:
        entered.set()
        await release.wait()
        return OK

    run(scenario, connect=connect)


@pytest.mark.parametrize("limits", [Limits(idle=0.1), Limits(lifetime=0.1)])
def test_a_connection_that_is_idle_or_old_is_closed_as_going_away(limits: Limits) -> None:
    async def scenario(at: Setting) -> None:
        socket = await at.connect()
        message = await socket.receive(timeout=5)
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 1001, "Going away")
        context = (await at.disconnected())["requestContext"]
        assert (context["disconnectStatusCode"], context["disconnectReason"]) == (1001, "Going away")

    run(scenario, limits=limits)


@pytest.mark.parametrize("by", ["message", "ping", "post"])
def test_traffic_keeps_a_connection(by: str) -> None:
    now = 0.0

    async def scenario(at: Setting) -> None:
        nonlocal now
        socket, identifier = await at.connected()
        now = 0.09
        match by:
            case "message":
                await socket.send_str("x")
                await at.functions.until(lambda: bool(at.of("MESSAGE")))
            case "ping":
                await socket.ping()
                await at.manage("GET", identifier)
            case "post":
                await at.manage("POST", identifier, b"x")
        now = 0.18
        await asyncio.sleep(0.15)
        assert (await at.manage("GET", identifier))[0] == 200
        now = 0.2
        assert (await at.disconnected())["requestContext"]["disconnectStatusCode"] == 1001

    run(scenario, limits=Limits(idle=0.1), clock=lambda: now)


def test_closing_the_gateway_disconnects_every_client() -> None:
    async def scenario(at: Setting) -> None:
        sockets = [await at.connect() for _ in range(3)]
        await at.gateway.close(5)
        assert [event["requestContext"]["disconnectStatusCode"] for event in at.of("DISCONNECT")] == [1001] * 3
        assert [(await socket.receive(timeout=5)).data for socket in sockets] == [1001] * 3
        assert (await at.refused())[0] == 503

    run(scenario)


def test_closing_the_gateway_waits_no_longer_than_its_grace() -> None:
    async def scenario(at: Setting) -> None:
        await at.connect()
        await asyncio.wait_for(at.gateway.close(0.05), 5)
        release.set()

    release = asyncio.Event()

    async def disconnect(event: Event) -> Event:
        await release.wait()
        return OK

    run(scenario, disconnect=disconnect)


# The management API


def test_a_post_reaches_the_client_as_text() -> None:
    async def scenario(at: Setting) -> None:
        socket, identifier = await at.connected()
        for text in ["plain", "ä€", ""]:
            assert (await at.manage("POST", identifier, text.encode()))[0] == 200
            assert await socket.receive_str(timeout=5) == text
        assert (await at.manage("POST", identifier, b"\xff"))[0] == 200
        assert await socket.receive_bytes(timeout=5) == b"\xff"

    run(scenario)


def test_a_connection_can_be_managed_at_every_spelling_of_its_path() -> None:
    async def scenario(at: Setting) -> None:
        socket, identifier = await at.connected()
        for path in ["/@connections/", "/v1/@connections/", "/v1/%40connections/"]:
            async with at.session.post(at.url + path + identifier, data=path) as response:
                assert response.status == 200
            assert await socket.receive_str(timeout=5) == path

    run(scenario)


def test_get_describes_the_connection() -> None:
    async def scenario(at: Setting) -> None:
        _socket, identifier = await at.connected(headers={"User-Agent": "tests/1"})
        status, _, body = await at.manage("GET", identifier)
        first = json.loads(body)
        assert status == 200
        assert first["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "tests/1"}
        await asyncio.sleep(0.01)
        await at.manage("POST", identifier, b"x")
        second = json.loads((await at.manage("GET", identifier))[2])
        assert second["connectedAt"] == first["connectedAt"]
        assert datetime.fromisoformat(second["lastActiveAt"]) > datetime.fromisoformat(first["lastActiveAt"])

    run(scenario)


def test_delete_closes_the_connection() -> None:
    async def scenario(at: Setting) -> None:
        socket, identifier = await at.connected()
        assert (await at.manage("DELETE", identifier))[0] == 204
        assert (await at.manage("POST", identifier, b"late"))[0] == 410
        assert (await socket.receive(timeout=5)).data == 1000
        assert (await at.disconnected())["requestContext"]["disconnectStatusCode"] == 1000

    run(scenario)


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize("identifier", ["L0SM9cOFvHcCIhw=", "\r\n", "%", "a/b"])
def test_an_unknown_connection_is_gone(method: str, identifier: str) -> None:
    status, headers, _ = run(lambda at: at.manage(method, identifier))
    assert (status, headers["x-amzn-ErrorType"]) == (410, "GoneException")


def test_a_connection_is_gone_while_it_is_not_connected_yet() -> None:
    async def scenario(at: Setting) -> None:
        await at.connect()
        assert statuses == [410]

    statuses: list[int] = []

    async def connect(event: Event) -> Event:
        url = f"http://{event['headers']['Host']}/@connections/{event['requestContext']['connectionId']}"
        async with aiohttp.ClientSession() as session, session.post(url, data="early") as response:
            statuses.append(response.status)
        return OK

    run(scenario, connect=connect)


def test_a_message_of_128_kilobytes_is_the_most_that_can_be_posted() -> None:
    async def scenario(at: Setting) -> None:
        socket, identifier = await at.connected()
        assert (await at.manage("POST", identifier, b"a" * 131_072))[0] == 200
        assert len(await socket.receive_str(timeout=5)) == 131_072
        status, headers, _ = await at.manage("POST", identifier, b"a" * 131_073)
        assert (status, headers["x-amzn-ErrorType"]) == (413, "PayloadTooLargeException")

    run(scenario)


def test_a_client_that_does_not_read_blocks_nobody_and_is_limited() -> None:
    async def scenario(at: Setting) -> None:
        _reader, writer = await raw_client(at)
        slow = at.of("CONNECT")[-1]["requestContext"]["connectionId"]
        socket, quick = await at.connected()
        statuses: set[int] = set()
        while statuses != {200, 429}:
            async with asyncio.timeout(5):
                status, headers, _ = await at.manage("POST", slow, b"a" * 131_072)
            statuses.add(status)
        assert headers["x-amzn-ErrorType"] == "LimitExceededException"
        await at.manage("POST", quick, b"quick")
        assert await socket.receive_str(timeout=5) == "quick"
        assert (await at.manage("DELETE", slow))[0] == 204
        context = (await at.disconnected())["requestContext"]
        assert (context["connectionId"], context["disconnectStatusCode"]) == (slow, 1000)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    run(scenario, limits=Limits(outbox=1_000_000, closing=0.1))


async def raw_client(at: Setting) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that has connected and reads nothing further than its own small buffer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", at.port, limit=1024)
    writer.write(HANDSHAKE)
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


HANDSHAKE = (
    b"GET /v1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def test_boto3_manages_connections() -> None:
    async def scenario(at: Setting) -> None:
        client = boto3.client(
            "apigatewaymanagementapi",
            endpoint_url=f"{at.url}/v1",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}),
        )
        socket, identifier = await at.connected()

        await asyncio.to_thread(client.post_to_connection, ConnectionId=identifier, Data=b"hello")
        assert await socket.receive_str(timeout=5) == "hello"
        described = await asyncio.to_thread(client.get_connection, ConnectionId=identifier)
        assert described["Identity"]["SourceIp"] == "127.0.0.1"
        assert described["ConnectedAt"] <= described["LastActiveAt"]
        with pytest.raises(ClientError) as large:
            await asyncio.to_thread(client.post_to_connection, ConnectionId=identifier, Data=b"a" * 131_073)
        assert isinstance(large.value, client.exceptions.PayloadTooLargeException)
        await asyncio.to_thread(client.delete_connection, ConnectionId=identifier)
        assert (await socket.receive(timeout=5)).type == WSMsgType.CLOSE
        for call in (client.get_connection, client.delete_connection):
            with pytest.raises(client.exceptions.GoneException):
                await asyncio.to_thread(call, ConnectionId=identifier)
        client.close()

    run(scenario)


def test_idle_connections_are_small() -> None:
    async def scenario(at: Setting) -> None:
        clients = [await raw_client(at)]
        tracemalloc.start()
        try:
            clients += [await raw_client(at) for _ in range(100)]
            used = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        at.functions.events.clear()
        # The clients' own share and the events kept by the fake included.
        assert used / 100 < 100_000
        for _, writer in clients:
            writer.close()
        for _, writer in clients:
            await writer.wait_closed()

    run(scenario)


# Garbage


def test_garbage_does_not_end_the_service() -> None:
    rng = random.Random(20_241)
    pieces = [
        HANDSHAKE,
        b"\x81\x85abcd",
        b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x88\x80abcd",
        b"\x00\x80abcd",
        b"\x89\x80abcd",
        b"POST /v1/@connections/%ff HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
    ]
    statuses: set[bytes] = set()

    async def garbage(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError, TimeoutError):
            if rng.random() < 0.7:
                writer.write(HANDSHAKE)
                await asyncio.sleep(0.005)
            for _ in range(rng.randint(1, 6)):
                writer.write(rng.choice(pieces) if rng.random() < 0.6 else rng.randbytes(rng.randint(1, 200)))
            async with asyncio.timeout(0.05):
                statuses.add((await reader.readline())[9:12])
                await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def scenario(at: Setting) -> None:
        for _ in range(10):
            await asyncio.gather(*(garbage(at.port) for _ in range(20)))
        socket, identifier = await at.connected()
        await at.manage("POST", identifier, b"still here")
        assert await socket.receive_str(timeout=5) == "still here"
        await socket.close()
        assert statuses >= {b"101", b"400"}
        await at.functions.until(lambda: len(at.of("DISCONNECT")) == len(at.of("CONNECT")))

    run(scenario)
