"""Listeners whose event is lost between the functions and the gateway: they are disconnected and come back for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from order_engine_client import AsyncClient
from order_engine_client.fields import Json
from tests.support.client import PATIENCE, Until, client
from tests.support.folders import data_folder
from tests.support.market import Market
from tests.support.stack import ENGINE, running

pytestmark = pytest.mark.process

LISTENERS = 60


class Faulty:
    """Passes calls to `@connections` on to the gateway at `url`. The pushes to every third connection fail.

    Of these one half is refused and one half hangs. Connections that open while it is not `failing` are served.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connections: dict[str, int] = {}
        self.failing = False
        self.closed: set[str] = set()

    async def handle(self, request: web.Request) -> web.Response:
        if request.method == "DELETE":
            self.closed.add(request.path)
        elif not self.failing:
            self._connections.setdefault(request.path, len(self._connections))
        number = self._connections.get(request.path, 1)
        if request.method == "POST" and self.failing and number % 3 == 0:
            if number % 2:
                await asyncio.sleep(PATIENCE)
            return web.Response(status=500)
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, self._url + request.path, data=await request.read()) as answer,
        ):
            return web.Response(status=answer.status, body=await answer.read())


@asynccontextmanager
async def faulty(port: int) -> AsyncIterator[tuple[Faulty, str]]:
    proxy = Faulty(f"http://127.0.0.1:{port}")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", proxy.handle)
    async with TestServer(app) as server:
        yield proxy, str(server.make_url("")).rstrip("/")


async def test_listeners_that_can_not_be_told_are_disconnected_and_get_every_event_when_they_come_back() -> None:
    port = unused_port()
    async with faulty(port) as (proxy, url):
        addresses = ("--parameter", f"WebSocketUrl=ws://127.0.0.1:{port}", "--parameter", f"ConnectionsUrl={url}")
        application = (*ENGINE, *addresses, "--websocket-port", str(port))
        with running(data_folder(), application=application) as stack:
            market = Market(stack.parameters["DatabaseUrl"])
            async with client(stack) as at, AsyncClient(stack.rest, stack.key) as engine:
                with market.held("USDC"):
                    order_id = (await at.submit(slippageBps=500))["orderId"]
                    seen: list[list[Json]] = [[] for _ in range(LISTENERS)]

                    async def watch(events: list[Json]) -> None:
                        async for event in engine.events(order_id):
                            events.append(event.raw)  # noqa: PERF401

                    watching = asyncio.gather(*map(watch, seen))
                    async for _ in Until("all of them follow the order"):
                        if all(len(events) == 4 for events in seen):
                            break
                    # WHEN the last event does not reach a third of them
                    proxy.failing = True
                async with asyncio.timeout(2 * PATIENCE):
                    await watching
                order = await at.order(order_id)
            market.close()
    assert all(events == order["events"] for events in seen)
    assert [event["status"] for event in order["events"]][-1] == "confirmed"
    assert len(proxy.closed) == LISTENERS / 3
