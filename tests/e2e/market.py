"""The simulated market, seen from its own side: pools, what landed on its chain, and its switches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg

from order_engine.domain.ids import uuid7
from order_engine.domain.orders import OrderRequest
from order_engine.storage.database import Database
from order_engine.storage.orders import OrderStore
from order_engine.venues import simulated
from order_engine.venues.market_data import pool_settings


class Market:
    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._opened = datetime.min.replace(tzinfo=UTC)
        self.database = Database(database_url)

    def close(self) -> None:
        self.database.close()

    def fault(self, venue: str, step: str, kind: str, times: int | None = None) -> None:
        simulated.set_fault(self.database, venue, step, kind, times)

    def reset(self) -> None:
        """Every venue behaves, and has the prices that it began with."""
        self.clear_faults()
        self.database.execute("DELETE FROM market_pools")
        simulated.set_up(self.database)
        (row,) = self.database.fetch("SELECT now()")
        self._opened = row["now"]

    def assert_in_order(self) -> None:
        """Whatever happened to them: orders have ended, the confirmed ones have swapped once, and no other has."""
        assert self.unfinished() == 0
        assert self.swaps() == self.confirmed()
        expected = {
            (pool.venue, pool.token_a, pool.token_b): [pool.reserve_a, pool.reserve_b] for pool in pool_settings()
        }
        for swap in self.database.fetch(
            "SELECT * FROM market_transactions WHERE swapped AND landed_at >= %(opened)s", {"opened": self._opened}
        ):
            a, b = sorted((swap["token_in"], swap["token_out"]))
            reserves = expected[swap["venue"], a, b]
            reserves[swap["token_in"] != a] += int(swap["amount_in"])
            reserves[swap["token_in"] == a] -= int(swap["amount_out"])
        rows = self.database.fetch("SELECT * FROM market_pools")
        assert expected == {
            (row["venue"], row["token_a"], row["token_b"]): [int(row["reserve_a"]), int(row["reserve_b"])]
            for row in rows
        }

    def clear_faults(self) -> None:
        simulated.clear_faults(self.database)

    def faults(self) -> list[dict[str, Any]]:
        return self.database.fetch("SELECT venue, step FROM market_faults")

    def pool(self, venue: str, token_in: str, token_out: str) -> tuple[int, int, int]:
        """Reserve of what goes in, reserve of what comes out, fee in basis points."""
        a, b = sorted((token_in, token_out))
        (row,) = self.database.fetch(
            "SELECT reserve_a, reserve_b, fee_bps FROM market_pools"
            " WHERE venue = %(venue)s AND token_a = %(a)s AND token_b = %(b)s",
            {"venue": venue, "a": a, "b": b},
        )
        reserves = int(row["reserve_a"]), int(row["reserve_b"])
        reserve_in, reserve_out = reserves if token_in == a else reserves[::-1]
        return reserve_in, reserve_out, row["fee_bps"]

    def landed(self, signatures: list[str]) -> list[dict[str, Any]]:
        """What the chain says of these transactions: one row for each that it has taken."""
        return self.database.fetch(
            "SELECT signature, swapped, amount_in, amount_out FROM market_transactions WHERE signature = ANY(%(all)s)",
            {"all": signatures},
        )

    def orders(self) -> int:
        return self._count("SELECT count(*) FROM orders")

    def development_orders(self) -> list[str]:
        """The ids of the orders of the client "development", newest first."""
        rows = self.database.fetch(
            "SELECT orders.id FROM orders JOIN clients ON clients.id = client_id"
            " WHERE name = 'development' ORDER BY orders.id DESC"
        )
        return [str(row["id"]) for row in rows]

    def confirmed(self) -> int:
        return self._count("SELECT count(*) FROM orders WHERE status = 'confirmed'")

    def order_without_message(self) -> str:
        """Stores an order as its submission does, of which only the database knows. Returns its id."""
        request = OrderRequest(type="market", token_in="SOL", token_out="USDC", amount_in=10_000_000)
        (client,) = self.database.fetch("SELECT id FROM clients WHERE name = 'development'")
        return str(OrderStore(self.database).insert(uuid7(), client["id"], request, {}).id)

    def unfinished(self) -> int:
        return self._count("SELECT count(*) FROM orders WHERE status NOT IN ('confirmed', 'failed', 'cancelled')")

    def swaps(self) -> int:
        return self._count("SELECT count(*) FROM market_transactions WHERE swapped")

    def pass_time(self, seconds: float) -> None:
        """Makes everything that orders remember of the time lie so much further back."""
        self.database.execute(
            "UPDATE orders SET lease_until = lease_until - make_interval(secs => %(seconds)s),"
            " woken_at = woken_at - make_interval(secs => %(seconds)s)",
            {"seconds": seconds},
        )

    @contextmanager
    def held(self, token_in: str, token_out: str) -> Iterator[None]:
        """No swap of the pair lands while the block lasts: its orders stand at `submitted`."""
        a, b = sorted((token_in, token_out))
        holder = psycopg.connect(self._url)
        try:
            holder.execute("SELECT FROM market_pools WHERE token_a = %s AND token_b = %s FOR UPDATE", (a, b))
            yield
        finally:
            holder.close()

    def _count(self, statement: str) -> int:
        (row,) = self.database.fetch(statement)
        count: int = row["count"]
        return count


def paid(pool: tuple[int, int, int], amount_in: int) -> int:
    """What a constant-product pool pays: out = floor(y · a / (x + a)) for what is left of the input after the fee."""
    reserve_in, reserve_out, fee_bps = pool
    net = amount_in * (10_000 - fee_bps) // 10_000
    return reserve_out * net // (reserve_in + net)
