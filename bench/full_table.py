"""Measures requests and the sweep with a million orders in the database, and with almost none, in turns."""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Any, NamedTuple

import aiohttp
import boto3
import psycopg

from bench.filling import fill
from bench.orders import events, run, submit
from bench.paired import settle
from bench.series import Series
from bench.stack import ENGINE, KEY, fresh_stack
from bench.table import print_table
from emulator.common.account import REGION
from order_engine.storage.clients import PostgresClientStore
from order_engine.storage.database import Database

FEW = 200
"""How many orders there are where there are almost none: enough for a page of each list."""
CLIENTS = 100
TURNS, REQUESTS, SWEEPS = 6, 30, 5


class Filled(NamedTuple):
    """A stack with orders: the URL of its REST API, ids of some of the orders, and another client's API key."""

    stack: dict[str, Any]
    ids: list[str]
    other_key: str


def measure_full_table(orders: int) -> None:
    """Prints the latencies of both, and the ratio of each pair of turns."""
    series = Series()
    with ExitStack() as resources:
        few, many = (
            filled(resources.enter_context(fresh_stack(*ENGINE)), count, clients)
            for count, clients in ((FEW, 1), (orders, CLIENTS))
        )
        for number in range(TURNS):
            turns = [(True, few), (False, many)]
            for is_base, target in turns if number % 2 == 0 else reversed(turns):
                figures = asyncio.run(latencies(target)) | {"the sweep": sweep(target.stack)}
                series.add(is_base, figures)
    print_table(["ms", f"{FEW} orders", f"{orders:,} orders", "ratio"], list(series.rows()))


def filled(stack: dict[str, Any], orders: int, clients: int) -> Filled:
    # There must be an order to copy, and the functions' environments start meanwhile.
    asyncio.run(run(stack["rest"], stack["websocket"], KEY, 30, 1))
    url, started = stack["parameters"]["DatabaseUrl"], time.monotonic()
    fill(url, orders, clients)
    print(f"Added {orders:,} orders in {time.monotonic() - started:.0f} s.")
    with psycopg.connect(url) as connection:
        of_the_key = "SELECT id::text FROM orders WHERE client_id = (SELECT id FROM clients WHERE name = 'development')"
        ids = [id for (id,) in connection.execute(f"{of_the_key} ORDER BY random() LIMIT 1000")]
    database = Database(url)
    other_key = PostgresClientStore(database).create_key("client 1")
    database.close()
    settle(stack)
    return Filled(stack, ids, other_key)


async def latencies(target: Filled) -> dict[str, float]:
    """The median of each request in milliseconds."""
    rest, ids = target.stack["rest"], itertools.cycle(random.sample(target.ids, len(target.ids)))
    mine, others = ({"Authorization": f"Bearer {key}"} for key in (KEY, target.other_key))
    async with (
        aiohttp.ClientSession(headers=mine) as session,
        session.ws_connect(target.stack["websocket"]) as socket,
    ):
        accepted: list[float] = []

        async def get(path: str, headers: dict[str, str] | None = None) -> None:
            async with session.get(f"{rest}/api/orders{path}", headers=headers) as response:
                body = await response.read()
                if response.status != 200:
                    raise RuntimeError(f"expected 200, was {response.status}: {body!r}")

        async def order() -> None:
            started = time.perf_counter()
            id = await submit(session, rest)
            accepted.append((time.perf_counter() - started) * 1000)
            await socket.send_json({"action": "subscribe", "orderId": id})
            async for _ in events(socket, id):
                pass

        cases: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "submit, until confirmed": order,
            "get an order": lambda: get(f"/{next(ids)}"),
            "list": lambda: get(""),
            "list of failed orders": lambda: get("?status=failed"),
            "list of pending orders, none": lambda: get("?status=pending"),
            "another client's list": lambda: get("", others),
            "… of failed orders": lambda: get("?status=failed", others),
            "… of pending orders, none": lambda: get("?status=pending", others),
        }
        taken = {name: [await milliseconds(case) for _ in range(REQUESTS)] for name, case in cases.items()}
    return {name: statistics.median(values) for name, values in {"submit, until accepted": accepted, **taken}.items()}


async def milliseconds(request: Callable[[], Coroutine[Any, Any, None]]) -> float:
    started = time.perf_counter()
    await request()
    return (time.perf_counter() - started) * 1000


def sweep(stack: dict[str, Any]) -> float:
    """The median of an invocation of the function that sweeps, in milliseconds."""
    client = boto3.client(
        "lambda",
        endpoint_url=stack["endpoint"],
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    taken = []
    for _ in range(SWEEPS):
        started = time.perf_counter()
        answer = client.invoke(FunctionName="RecoverFunction", Payload="{}")
        taken.append((time.perf_counter() - started) * 1000)
        if "FunctionError" in answer:
            raise RuntimeError(f"expected a sweep, was {answer['Payload'].read()!r}")
    return statistics.median(taken)
