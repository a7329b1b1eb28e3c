from __future__ import annotations

import asyncio

import pytest
from aiohttp import WSMsgType

from emulator.apigateway.websocket_connection import Limits
from tests.support.emulator.gateways import Event
from tests.support.emulator.websocket_client import HANDSHAKE, OK, Setting, raw_client, run


def test_disconnect_gets_the_clients_close_code_and_reason() -> None:
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
