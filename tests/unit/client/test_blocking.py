"""The client without asyncio, which does what the other one does."""

from __future__ import annotations

import asyncio
import inspect
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from anyio.from_thread import start_blocking_portal

from contract.examples import EXAMPLES
from order_engine_client import AsyncClient, Client, NotFound
from tests.unit.client.services import INTERNAL_ERROR, Handler, service

ROOT = Path(__file__).parents[3]
CONFIRMED = EXAMPLES["confirmed"]
EVENTS = CONFIRMED["events"]


@contextmanager
def served(*connections: list[Any], stays_open: bool = False, more: dict[str, Handler] | None = None) -> Iterator[str]:
    """The URL of a service that runs elsewhere."""

    @asynccontextmanager
    async def serve() -> AsyncIterator[str]:
        async with service(*connections, stays_open=stays_open, more=more) as engine:
            yield engine.url

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serve()) as url:
        yield url


@contextmanager
def client_of(*connections: list[Any], **handlers: Handler) -> Iterator[Client]:
    more = {f"/api/{path}": handler for path, handler in handlers.items()}
    with served(*connections, more=more) as url, Client(url, "oee_key") as client:
        yield client


def test_it_has_every_method_of_the_other_one() -> None:
    low = {"request", "connection", "follow", "websocket_url", "url"}
    asynchronous = {name for name, _ in inspect.getmembers(AsyncClient, callable) if name[0] != "_"} - low
    assert {name for name, _ in inspect.getmembers(Client, callable) if name[0] != "_"} == asynchronous


def test_events_come_once_and_in_order_across_lost_connections() -> None:
    with client_of(EVENTS[:1], [*EVENTS[:2], INTERNAL_ERROR], EVENTS[2:4], EVENTS[1:]) as client:
        assert [event.raw for event in client.events(CONFIRMED["orderId"])] == EVENTS


def test_events_may_be_left_early() -> None:
    with client_of(EVENTS, EVENTS) as client:
        for event in client.events(CONFIRMED["orderId"]):
            assert event.seq == 1
            break
        assert [event.seq for event in client.events(CONFIRMED["orderId"], after=2)] == [3, 4, 5]


def test_an_error_is_raised_where_the_answer_is_awaited() -> None:
    async def unknown(_: web.Request) -> web.Response:
        error = {"error": {"code": "OrderNotFound", "message": "no order with this id", "details": []}}
        return web.json_response(error, status=404)

    with client_of(**{"orders/{id}": unknown}) as client, pytest.raises(NotFound, match="no order with this id"):
        client.order("7")


def test_threads_share_a_client() -> None:
    together = threading.Barrier(4)

    async def market(_: web.Request) -> web.Response:
        await asyncio.to_thread(together.wait, 30)
        return web.json_response(EXAMPLES["market"])

    with client_of(market=market) as client, ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: client.market(), range(4)))
    assert [answer.raw for answer in answers] == [EXAMPLES["market"]] * 4


def test_a_program_that_has_an_event_loop_may_use_it() -> None:
    """GIVEN a notebook."""

    async def market(_: web.Request) -> web.Response:
        return web.json_response(EXAMPLES["market"])

    async def cell(client: Client) -> str:
        return client.market().market

    with client_of(market=market) as client:
        assert asyncio.run(cell(client)) == EXAMPLES["market"]["market"]


FOLLOW = """
import sys
from order_engine_client import Client

with Client(sys.argv[1], "oee_key") as client:
    for event in client.events(sys.argv[2]):
        print(event.seq, flush=True)
"""


def test_ctrl_c_ends_a_program_that_waits_for_an_event() -> None:
    with (
        served(EVENTS[:1], stays_open=True) as url,
        subprocess.Popen(
            [sys.executable, "-c", FOLLOW, url, CONFIRMED["orderId"]],
            env={"PYTHONPATH": "client"}, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as program,
    ):  # fmt: skip
        try:
            assert program.stdout is not None
            assert program.stdout.readline() == "1\n"
            program.send_signal(signal.SIGINT)
            _, message = program.communicate(timeout=30)
        finally:
            program.kill()
    assert program.returncode == -signal.SIGINT
    assert message.endswith("KeyboardInterrupt\n")
    assert message.count("Traceback") == 1
