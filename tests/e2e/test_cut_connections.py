"""The Python client behind a line that is cut again and again: each order is submitted once, each event comes once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from order_engine_client import AsyncClient, Client, MarketOrder, transport
from order_engine_client.fields import Json
from tests.support.client import PATIENCE
from tests.support.folders import data_folder
from tests.support.network import unused_port
from tests.support.stack import ENGINE, running

pytestmark = pytest.mark.process

ORDERS, THREADS = 12, 3
ORDER = MarketOrder(token_in="SOL", token_out="USDC", amount_in="0.01", slippage_bps=500)


class CutLine:
    """Passes connections on to a port of this machine, and cuts each after some parts of the answer."""

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._chance = random.Random(seed)
        self._carrying: set[asyncio.Task[None]] = set()
        self.cut = 0

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def end(self) -> None:
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        its_reader, its_writer = await asyncio.open_connection("127.0.0.1", self._port)
        asking = asyncio.create_task(_copy(reader, its_writer))
        try:
            for _ in range(self._chance.choice((0, 1, 1, 2, 2, 3))):
                part = await its_reader.read(65536)
                if not part:
                    return
                writer.write(part)
                await writer.drain()
            self.cut += 1
        except OSError:
            pass
        finally:
            asking.cancel()
            its_writer.transport.abort()
            writer.close()
            await asyncio.gather(asking, its_writer.wait_closed(), writer.wait_closed(), return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while part := await reader.read(65536):
            writer.write(part)


@asynccontextmanager
async def cut_line(port: int, seed: int) -> AsyncIterator[tuple[CutLine, int]]:
    """A line to `port`, and the port at which it begins."""
    line = CutLine(port, seed)
    server = await asyncio.start_server(line.accept, "127.0.0.1", 0)
    try:
        yield line, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await line.end()


async def test_no_event_is_skipped_or_repeated_and_no_order_is_submitted_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Chance may cut a request more often than a client of a usual line repeats it.
    monkeypatch.setattr(transport, "ATTEMPTS", 12)
    gateway = unused_port()
    async with cut_line(gateway, seed=1) as (events, port):
        addresses = (
            *("--websocket-port", str(gateway), "--parameter", f"ConnectionsUrl=http://127.0.0.1:{gateway}"),
            *("--parameter", f"WebSocketUrl=ws://127.0.0.1:{port}"),
        )
        with running(data_folder(), application=(*ENGINE, *addresses)) as stack:
            api = int(stack.rest.rpartition(":")[2])
            async with cut_line(api, seed=2) as (requests, rest):
                url = f"http://127.0.0.1:{rest}"

                async def asynchronous(client: AsyncClient) -> tuple[str, list[Json]]:
                    order_id = (await client.submit(ORDER)).order_id
                    return order_id, [event.raw async for event in client.events(order_id)]

                def blocking() -> tuple[str, list[Json]]:
                    with Client(url, stack.key) as client:
                        order_id = client.submit(ORDER).order_id
                        return order_id, [event.raw for event in client.events(order_id)]

                async with asyncio.timeout(2 * PATIENCE), AsyncClient(url, stack.key) as client:
                    seen = await asyncio.gather(
                        *(asynchronous(client) for _ in range(ORDERS - THREADS)),
                        *(asyncio.to_thread(blocking) for _ in range(THREADS)),
                    )
            async with AsyncClient(stack.rest, stack.key) as client:
                orders = [await client.order(order.order_id) async for order in client.all_orders()]
    assert sorted(order_id for order_id, _ in seen) == sorted(order.order_id for order in orders)
    assert dict(seen) == {order.order_id: order.raw["events"] for order in orders}
    assert {order.status for order in orders} == {"confirmed"}
    assert events.cut > ORDERS
    assert requests.cut > ORDERS / 3
