"""A simulated DEX. Its pools are rows in Postgres."""

from __future__ import annotations

from collections.abc import Sequence

from order_engine.dex.routing import Listing
from order_engine.domain.errors import CorruptPool, EngineError
from order_engine.ports import PoolList
from order_engine.simulation.market import POOL_COLUMNS, Market

_POOLS = f"""
    SELECT {POOL_COLUMNS}, row_to_json(fault) AS fault
    FROM (SELECT 1) AS one
    LEFT JOIN market_faults AS fault ON fault.venue = %(venue)s AND step = 'quote'
    LEFT JOIN market_pools AS pool
        ON pool.venue = %(venue)s AND token_a = ANY(%(tokens)s) AND token_b = ANY(%(tokens)s)"""


class SimulatedVenue:
    """A `Venue`."""

    def __init__(self, name: str, market: Market) -> None:
        self.name = name
        self._market = market

    def pools(self, tokens: Sequence[str]) -> PoolList:
        market = self._market
        market.wait(market.latency.quote)
        rows = market.database.fetch(_POOLS, {"venue": self.name, "tokens": list(tokens)})
        if rows[0]["fault"] and market.faults.occurs(rows[0]["fault"]):
            market.faults.carry_out("quote", rows[0]["fault"])
        slot, period = market.slot, market.flow.period(market.now())
        listings: list[Listing] = []
        unusable: dict[str, EngineError] = {}
        for row in rows:
            if row["id"] is None:
                continue
            try:
                pool = market.pool(row, period)
            except CorruptPool as error:
                unusable[row["id"]] = error
            else:
                listings.append(Listing(row["id"], self.name, row["token_a"], row["token_b"], slot, pool))
        return PoolList(listings, unusable)
