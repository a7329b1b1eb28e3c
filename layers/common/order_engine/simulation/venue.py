"""The simulated DEXs as one venue. Their pools are rows in Postgres."""

from __future__ import annotations

from collections.abc import Sequence

from order_engine.dex.routing import Listing
from order_engine.domain.errors import CorruptPool, EngineError
from order_engine.ports import PoolList
from order_engine.simulation.faults import STORED_FAULTS
from order_engine.simulation.market import Market
from order_engine.simulation.pools import VENUES
from order_engine.simulation.stored_pools import POOL

_POOLS = f"""
    SELECT {POOL}, faults FROM (SELECT {STORED_FAULTS}) AS one
    LEFT JOIN market_pools AS pool
        ON token_a = ANY(%(tokens)s) AND token_b = ANY(%(tokens)s)"""

_ALL = "+".join(VENUES)


class SimulatedVenue:
    """A `Venue`, whose listings name the DEX that each pool belongs to: one statement reads the pools of all of them.

    A DEX that fails, or hangs until the deadline, is left out: `unusable` says why by its name.
    """

    name = "simulated"

    def __init__(self, market: Market) -> None:
        self._market = market

    def pools(self, tokens: Sequence[str]) -> PoolList:
        market, known = self._market, self._market.stored_pools
        waited = market.wait(market.latency.quote, len(VENUES))
        values = {"venue": _ALL, "step": "quote", "tokens": list(tokens), "known": known.known}
        rows = market.database.fetch(_POOLS, values)
        slot, period = market.slot, market.flow.period(market.now())
        failed = market.faults.carry_out(market.faults.occurring(rows[0]["faults"]), waited)
        listings: list[Listing] = []
        unusable: dict[str, EngineError] = {**failed}
        for row in rows:
            if row["id"] is None:
                continue
            try:
                stored = known.read(row)
            except CorruptPool as error:
                unusable[row["id"]] = error
                continue
            if stored.venue not in failed:
                pool = market.pool(row["id"], stored, period)
                listings.append(Listing(row["id"], stored.venue, stored.token_a, stored.token_b, slot, pool))
        return PoolList(listings, unusable)
