from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from aiohttp import WSMsgType
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection

from emulator.apigateway.records import WebSocketApi
from emulator.apigateway.websocket_api import WebSocketGateway
from emulator.common.errors import TemplateError
from tests.support.emulator.gateways import Event, Functions
from tests.support.emulator.websocket_client import OK, ROUTES, Setting, ok, raw_client, run, send_fragments


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
        ("$request.body.action", '{"action": "a", "b": NaN}', "$default"),
        ("$request.body.action", "", "$default"),
        ("$request.body.action", "[" * 100_000, "$default"),
    ],
)
def test_the_selection_expression_chooses_the_route(expression: str, message: str, route: str) -> None:
    async def scenario(at: Setting) -> None:
        _reader, writer = await raw_client(at)
        client = Connection(ConnectionType.CLIENT)
        size = 32_000
        send_fragments(
            writer, client, [message[start : start + size] for start in range(0, max(len(message), 1), size)]
        )
        writer.write(client.send(CloseConnection(1000)))
        await at.disconnected()
        writer.close()
        assert [event["requestContext"]["routeKey"] for event in at.of("MESSAGE")] == [route]

    run(scenario, routes={**ROUTES, "a": "default", "1": "default"}, expression=expression)


@pytest.mark.parametrize("expression", ["", "action", "$request.header.x", "$request.body.", "$request.body.a[0]"])
def test_another_selection_expression_is_refused(expression: str) -> None:
    api = WebSocketApi("Sockets", "v1", ROUTES, expression)
    with pytest.raises(TemplateError, match="RouteSelectionExpression"):
        WebSocketGateway(api, Functions())


def test_without_a_default_route_an_unknown_route_is_forbidden() -> None:
    async def scenario(at: Setting) -> None:
        socket, identifier = await at.connected()
        await socket.send_str("{}")
        told = await socket.receive_json(timeout=5)
        assert told == {"message": "Forbidden", "connectionId": identifier, "requestId": told["requestId"]}

    run(scenario, routes={"$connect": "connect"})


@pytest.mark.parametrize("result", [None, ValueError("secret"), {"message": "malformed"}, b'{"body": NaN}'])
def test_a_failed_route_sends_an_error_and_keeps_the_connection(result: Any) -> None:
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


def test_messages_of_one_connection_are_handled_in_parallel() -> None:
    handled: list[str] = []
    release = asyncio.Event()

    async def default(event: Event) -> Event:
        if event["body"] == "wait":
            await release.wait()
        handled.append(event["body"])
        return OK

    async def scenario(at: Setting) -> None:
        socket = await at.connect()
        for message in ["wait", "1", "2"]:
            await socket.send_str(message)
        await at.functions.until(lambda: len(handled) == 2)
        assert sorted(handled) == ["1", "2"]
        release.set()
        await at.functions.until(lambda: handled[2:] == ["wait"])

    run(scenario, default=default)


def test_a_client_is_read_only_while_fewer_than_a_hundred_of_its_messages_run() -> None:
    running = handled = most = 0
    release = asyncio.Event()

    async def default(event: Event) -> Event:
        nonlocal running, handled, most
        running += 1
        most = max(most, running)
        await release.wait()
        running -= 1
        handled += 1
        return OK

    async def scenario(at: Setting) -> None:
        one, two = await at.connect(), await at.connect()

        async def send() -> None:
            for _ in range(1000):
                await one.send_str("." * 10_000)

        sending = asyncio.create_task(send())
        await at.functions.until(lambda: running >= 100)
        await two.send_str("other")
        await at.functions.until(lambda: any(event["body"] == "other" for event in at.of("MESSAGE")))
        release.set()
        await sending
        await at.functions.until(lambda: handled == 1001)
        # What one read from the socket brings comes on top.
        assert most < 200

    run(scenario, default=default)


def test_disconnect_is_called_while_a_message_still_runs_and_closing_waits_for_both() -> None:
    release = asyncio.Event()
    handled: list[str] = []

    async def default(event: Event) -> Event:
        await release.wait()
        handled.append(event["body"])
        return OK

    async def scenario(at: Setting) -> None:
        socket = await at.connect()
        await socket.send_str("slow")
        await at.functions.until(lambda: bool(at.of("MESSAGE")))
        await socket.close()
        await at.disconnected()
        assert handled == []
        closing = asyncio.create_task(at.gateway.close(5))
        await asyncio.sleep(0.02)
        assert not closing.done()
        release.set()
        await closing
        assert handled == ["slow"]

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
        reader, writer = await raw_client(at)
        client = Connection(ConnectionType.CLIENT)
        send_fragments(writer, client, ["a" * size for size in fragments])
        if close_code is None:
            writer.write(client.send(CloseConnection(1000)))
        events: list[Any] = []
        while not events:
            async with asyncio.timeout(5):
                client.receive_data(await reader.read(1024))
            events += client.events()
        assert events[0].code == (close_code or 1000)
        writer.close()
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
