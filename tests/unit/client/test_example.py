"""The Python example against a service that closes connections."""

from __future__ import annotations

import asyncio

import aiohttp

from client.engine import Json
from examples.watch import watch
from tests.unit.client.services import ORDER, event, service


def test_the_example_misses_no_event_when_its_connection_is_lost() -> None:
    async def scenario() -> None:
        asked: list[Json] = []
        lost, replayed = [event(1), event(2)], [event(2), event(3), event(4, "confirmed")]
        async with service(lost, replayed, asked=asked) as engine, aiohttp.ClientSession() as session:
            url = await engine.websocket_url()
            assert [event["seq"] async for event in watch(session, url, ORDER)] == [1, 2, 3, 4]
        assert [message["after"] for message in asked] == [0, 2]

    asyncio.run(scenario())
