"""The simulated market and the orders in the database of a running stack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from order_engine.dex.pool import Pool, load
from order_engine.domain import events
from order_engine.domain.ids import uuid7
from order_engine.domain.markets import SIMULATED
from order_engine.domain.orders import OrderRequest
from order_engine.domain.quotes import PlannedSwap
from order_engine.simulation.faults import clear_faults, set_fault
from order_engine.simulation.pools import pool_settings
from order_engine.simulation.schema import create_pools
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.databases import pass_time

_TOKEN_A = {setting.id: setting.token_a for setting in pool_settings()}


class Market:
    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._opened = 0
        self.database = Database(database_url)

    def close(self) -> None:
        self.database.close()

    def fault(self, venue: str, step: str, kind: str, times: int | None = None) -> None:
        set_fault(self.database, venue, step, kind, times)

    def reset(self) -> None:
        """Removes all faults and restores the initial pools."""
        self.clear_faults()
        self.database.execute("DELETE FROM market_pools")
        create_pools(self.database)
        (row,) = self.database.fetch("SELECT coalesce(max(position), 0) AS position FROM market_transactions")
        self._opened = row["position"]

    def assert_in_order(self) -> None:
        """Fails unless all orders are final, each confirmed order has swapped once, and no other has.

        Replays every swap from the initial pools: each must have paid what the pools' formulas say, and the last must
        leave the pools as they are now.
        """
        assert self.unfinished() == 0
        assert self.swaps() == self.confirmed()
        pools = {setting.id: setting.pool for setting in pool_settings()}
        for transaction in self.database.fetch(
            "SELECT * FROM market_transactions WHERE swapped AND position > %(opened)s ORDER BY position",
            {"opened": self._opened},
        ):
            for swap in transaction["swaps"]:
                made = PlannedSwap.load(swap)
                a_to_b = made.token_in == _TOKEN_A[made.pool]
                expected, pools[made.pool] = pools[made.pool].swap(made.amount_in, a_to_b, transaction["landed_at"])
                assert made.amount_out == expected.amount_out
        assert pools == self.pools()

    def clear_faults(self) -> None:
        clear_faults(self.database)

    def faults(self) -> list[dict[str, Any]]:
        return self.database.fetch("SELECT venue, step FROM market_faults")

    def pools(self) -> dict[str, Pool]:
        """Returns the stored pools by address."""
        rows = self.database.fetch("SELECT id, kind, state FROM market_pools")
        return {row["id"]: load(row["kind"], row["state"]) for row in rows}

    def pool(self, id: str) -> Pool:
        return self.pools()[id]

    def landed(self, signatures: list[str]) -> list[dict[str, Any]]:
        """Returns a row for each of these transactions that landed."""
        return self.database.fetch(
            "SELECT signature, swapped, amount_in, amount_out FROM market_transactions WHERE signature = ANY(%(all)s)",
            {"all": signatures},
        )

    def orders(self) -> int:
        return self._count("SELECT count(*) FROM orders")

    def development_orders(self) -> list[str]:
        """Returns the ids of the orders of the client "development", newest first."""
        rows = self.database.fetch(
            "SELECT orders.id FROM orders JOIN clients ON clients.id = client_id"
            " WHERE name = 'development' ORDER BY orders.id DESC"
        )
        return [str(row["id"]) for row in rows]

    def confirmed(self) -> int:
        return self._count("SELECT count(*) FROM orders WHERE status = 'confirmed'")

    def order_without_message(self) -> str:
        """Stores an order without sending its message. Returns its id."""
        request = OrderRequest(type="market", token_in="SOL", token_out="USDC", amount_in=10_000_000)
        (client,) = self.database.fetch("SELECT id FROM clients WHERE name = 'development'")
        data = events.pending(request, SIMULATED)
        return str(PostgresOrderStore(self.database).insert(uuid7(), client["id"], request, data).id)

    def unfinished(self) -> int:
        return self._count("SELECT count(*) FROM orders WHERE status NOT IN ('confirmed', 'failed', 'cancelled')")

    def swaps(self) -> int:
        return self._count("SELECT count(*) FROM market_transactions WHERE swapped")

    def pass_time(self, seconds: float) -> None:
        """Moves the leases and timestamps of all orders back by `seconds`."""
        pass_time(self.database, seconds)

    @contextmanager
    def held(self, token_out: str) -> Iterator[None]:
        """Keeps swaps of this token from landing: their orders stay `submitted` until the block ends."""
        holder = psycopg.connect(self._url)
        try:
            holder.execute("SELECT FROM market_pools WHERE %s IN (token_a, token_b) FOR UPDATE", (token_out,))
            yield
        finally:
            holder.close()

    def _count(self, statement: str) -> int:
        (row,) = self.database.fetch(statement)
        count: int = row["count"]
        return count
