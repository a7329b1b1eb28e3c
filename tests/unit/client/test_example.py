"""The Python example against a service that closes connections and loses messages."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from client.engine import Json
from examples.watch import watch
from tests.unit.client.services import ORDER, UNKNOWN, event, service


def test_the_example_misses_no_event_when_its_connection_is_lost() -> None:
    async def scenario() -> None:
        asked: list[Json] = []
        lost, replayed = [event(1), event(2)], [event(2), event(3), event(4, "confirmed")]
        async with service(lost, replayed, asked=asked) as engine, aiohttp.ClientSession() as session:
            url = await engine.websocket_url()
            assert [event["seq"] async for event in watch(session, url, ORDER)] == [1, 2, 3, 4]
        assert [message["after"] for message in asked] == [0, 2]

    asyncio.run(scenario())


UNAVAILABLE = {"error": {"code": "StoreUnavailable", "message": "Postgres does not answer", "details": []}}


@pytest.mark.parametrize("lost", [*UNKNOWN, UNAVAILABLE, event(3), event(4, "confirmed")])
def test_the_example_reconnects_after_a_gap_or_a_message_that_is_not_an_event(lost: object) -> None:
    async def scenario() -> None:
        asked: list[Json] = []
        replayed = [event(2), event(3), event(4, "confirmed")]
        async with (
            service([event(1), lost], replayed, asked=asked, stays_open=True) as engine,
            aiohttp.ClientSession() as session,
        ):
            url = await engine.websocket_url()
            assert [event["seq"] async for event in watch(session, url, ORDER)] == [1, 2, 3, 4]
        assert [message["after"] for message in asked] == [0, 1]

    asyncio.run(scenario())


def test_an_error_ends_the_example() -> None:
    async def scenario() -> None:
        error = {"error": {"code": "OrderNotFound", "message": "no order with this id", "details": []}}
        async with service([error], stays_open=True) as engine, aiohttp.ClientSession() as session:
            with pytest.raises(SystemExit, match="no order with this id"):
                await anext(watch(session, await engine.websocket_url(), ORDER))

    asyncio.run(scenario())
