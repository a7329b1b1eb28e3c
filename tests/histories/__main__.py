"""Records event histories of real runs into this folder: `python -m tests.histories`."""

from __future__ import annotations

import asyncio
import json
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from order_engine.storage.orders import PostgresOrderStore
from tests.support.aws_clients import sweep
from tests.support.client import Client, Json, Until, client
from tests.support.market import Market
from tests.support.open_orders import activate
from tests.support.stack import Stack, running

VENUES = ("raydium", "meteora")
A_WHILE = 120.0
"""Seconds after which a lease and a transaction have expired."""
LIMIT = {"type": "limit", "limitPrice": "1"}
"""An order for SOL whose limit, in USDC, every market meets."""
MISSED = "limit_out = 10::numeric ^ 18, trigger_out = 10::numeric ^ 18"


class Recorder:
    def __init__(self, data: Path) -> None:
        self._data = data
        self._found: dict[str, Json] = {}

    def record(self) -> dict[str, Json]:
        with self._stack() as (stack, market):
            self._order("straight", stack)
            market.fault("raydium", "submit", "slip", 1)
            market.fault("meteora", "submit", "slip", 1)
            self._order("rerouted by slippage", stack)
            for step in ("quote", "build", "submit"):
                for venue in VENUES:
                    market.fault(venue, step, "slip" if step == "submit" else "fail")
                self._order({"submit": "slipped three times"}.get(step, f"failed to {step}"), stack)
                market.clear_faults()
            for status, step in (("pending", "quote"), ("routing", "build")):
                self._cancelled(status, step, stack, market)
            self._returned_by_slippage(stack, market)
            self._missed_its_limit(stack, market)
        self._cut_short("building", cancel=True)
        for status in ("pending", "routing", "building", "submitted"):
            self._cut_short(status)
        self._cut_short("submitted", expired=True)
        self._cut_short("routing", missed=True)
        return self._found

    def _order(self, name: str, stack: Stack) -> None:
        async def order() -> Json:
            async with client(stack) as at:
                return await at.executed()

        self._found[name] = asyncio.run(order())

    def _cancelled(self, status: str, step: str, stack: Stack, market: Market) -> None:
        for venue in VENUES:
            market.fault(venue, step, "timeout")

        async def order() -> Json:
            async with client(stack) as at, at.connected() as socket:
                order_id = (await at.submit())["orderId"]
                await socket.send(action="subscribe", orderId=order_id)
                await socket.events(until=status)
                answer = await at.request("DELETE", f"/api/orders/{order_id}")
                assert answer.status == 200, answer
                return await at.order(order_id)

        self._found[f"cancelled while {status}"] = asyncio.run(order())
        market.clear_faults()

    def _returned_by_slippage(self, stack: Stack, market: Market) -> None:
        """The order waits again, is activated again, and filled."""
        for venue in VENUES:
            market.fault(venue, "submit", "slip")

        async def order() -> Json:
            async with client(stack) as at, at.connected() as socket:
                order_id = (await at.submit(**LIMIT))["orderId"]
                await socket.send(action="subscribe", orderId=order_id, after=1)
                await socket.events(until="open")
                market.clear_faults()
                return await at.ended(order_id)

        self._found["returned by slippage"] = asyncio.run(order())

    def _missed_its_limit(self, stack: Stack, market: Market) -> None:
        """The market has moved since the order was activated. Its client cancels it then."""

        async def order() -> Json:
            async with client(stack) as at:
                order_id = (await at.submit(**{**LIMIT, "limitPrice": "10000"}))["orderId"]
                activate(market.database, PostgresOrderStore(market.database).get(UUID(order_id)))
                market.pass_time(A_WHILE)
                sweep(stack)
                return await self._cancelled_once_open(at, order_id)

        self._found["returned while pending"] = asyncio.run(order())

    async def _cancelled_once_open(self, at: Client, order_id: str) -> Json:
        async for _ in Until("the order is open again"):
            if (await at.order(order_id))["status"] == "open":
                break
        await at.request("DELETE", f"/api/orders/{order_id}")
        return await at.order(order_id)

    def _cut_short(self, status: str, cancel: bool = False, expired: bool = False, missed: bool = False) -> None:
        """Kills the emulator while an order has the status, and returns its later history."""
        request = LIMIT if missed else {}
        stopped = self._stopped_at(status, request, unseen=expired)
        while stopped is None:
            stopped = self._stopped_at(status, request, unseen=expired)
        with self._stack() as (stack, market):
            if expired:
                market.database.execute(
                    "UPDATE orders SET transaction = jsonb_set(transaction, '{last_valid_slot}', '0')"
                    " WHERE id = %(id)s",
                    {"id": stopped},
                )
            if missed:
                market.database.execute(f"UPDATE orders SET {MISSED} WHERE id = %(id)s", {"id": stopped})
            market.pass_time(A_WHILE)

            async def order() -> Json:
                async with client(stack) as at:
                    if cancel:
                        await at.request("DELETE", f"/api/orders/{stopped}")
                    else:
                        sweep(stack)
                    return await (self._cancelled_once_open(at, stopped) if missed else at.ended(stopped))

            what = "cancelled" if cancel else "returned" if missed else "resumed"
            name = "expired" if expired else f"{what} while {status}"
            self._found[name] = asyncio.run(order())

    def _stopped_at(self, status: str, request: dict[str, str], unseen: bool) -> str | None:
        """Kills the emulator and returns such an order in the status, or None if all have moved on.

        With `unseen`, the chain does not have its transaction.
        """
        with self._stack(killed=True) as (stack, market):
            if status in ("pending", "routing"):
                for venue in VENUES:
                    market.fault(venue, {"pending": "quote", "routing": "build"}[status], "timeout")

            async def submit() -> None:
                async with client(stack) as at:
                    await asyncio.gather(*(at.submit(slippageBps=500, **request) for _ in range(10)))

            def found() -> str | None:
                rows = market.database.fetch(
                    "SELECT id FROM orders WHERE status = %(status)s AND run IS NOT NULL AND NOT"
                    " (%(unseen)s AND EXISTS (SELECT FROM market_transactions WHERE signature = tx_hash))",
                    {"status": status, "unseen": unseen},
                )
                return str(rows[0]["id"]) if rows else None

            if status == "submitted":
                with market.held("USDC"):
                    asyncio.run(submit())
                    time.sleep(1)
                    stack.kill()
            else:
                asyncio.run(submit())
                give_up = time.monotonic() + 5
                while found() is None and time.monotonic() < give_up:
                    pass
                stack.process.send_signal(signal.SIGSTOP)
                # A killed emulator's function may still finish its step.
                time.sleep(0.2)
                stack.kill()
            market.clear_faults()
            return found()

    @contextmanager
    def _stack(self, killed: bool = False) -> Iterator[tuple[Stack, Market]]:
        if killed:
            stack = Stack(self._data)
            market = Market(stack.parameters["DatabaseUrl"])
            try:
                yield stack, market
            finally:
                market.close()
            return
        with running(self._data) as stack:
            market = Market(stack.parameters["DatabaseUrl"])
            try:
                yield stack, market
            finally:
                market.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        # Started by root, Postgres runs as another user, who must be able to enter.
        Path(folder).chmod(0o755)
        found = Recorder(Path(folder)).record()
    for name, order in found.items():
        events = order.pop("events")
        path = Path(__file__).with_name(f"{name.replace(' ', '_')}.json")
        path.write_text(json.dumps({"order": order, "events": events}, indent=1, ensure_ascii=False) + "\n")
        print(f"{name}: {' '.join(event['status'] for event in events)}")


if __name__ == "__main__":
    main()
