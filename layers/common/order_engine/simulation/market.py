"""The simulated market: what its venues and its chain share."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from json import loads
from typing import Any

from order_engine.dex.errors import CorruptState
from order_engine.dex.pool import Pool, load
from order_engine.domain.errors import CorruptPool
from order_engine.ports import Database
from order_engine.simulation.faults import Faults
from order_engine.simulation.traders import STILL, Flow

SLOT_SECONDS = 0.4

PERIODS_AHEAD = 30
"""How far a pool's period may be ahead of a reader's, since their clocks differ. One that is further ahead was written
before the clock was set back."""

POOL_COLUMNS = "id, pool.venue, token_a, token_b, pool.kind, state::text AS state, version, period"
"""The columns of a row of `market_pools AS pool` that `Market.pool` reads."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How many seconds each step takes, as (shortest, longest), and after how many a client of a venue gives up.

    A transaction that has landed is confirmed after `confirm` seconds: the others are waited for.
    """

    quote: tuple[float, float] = (0, 0)
    build: tuple[float, float] = (0, 0)
    confirm: tuple[float, float] = (0, 0)
    deadline: float = 0.5


LATENCIES = {"instant": Latency(), "realistic": Latency((2, 3), (1, 2), (2, 4), deadline=5)}


@dataclass(frozen=True, slots=True)
class Market:
    """The stored pools, other traders, faults and the clock. `now` gives Unix seconds."""

    database: Database
    faults: Faults
    latency: Latency = LATENCIES["instant"]
    flow: Flow = STILL
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    @property
    def slot(self) -> int:
        return self.slot_at(self.now())

    def slot_at(self, now: float) -> int:
        """`now` in Unix seconds."""
        return int(now / SLOT_SECONDS)

    def wait(self, seconds: tuple[float, float]) -> None:
        if seconds[1]:
            self.sleep(random.uniform(*seconds))

    def pool(self, row: dict[str, Any], period: int) -> Pool:
        """The pool of a row, as other traders have left it in a period. Raises `CorruptPool`."""
        try:
            pool = _loaded(row["kind"], row["state"])
        except CorruptState as error:
            raise CorruptPool(f"pool {row['id']}: {error}") from None
        if not 0 <= row["period"] - period <= PERIODS_AHEAD:
            return self.flow.carry(pool, row["id"], row["token_a"], row["token_b"], period)
        return pool


@lru_cache(maxsize=512)
def _loaded(kind: str, state: str) -> Pool:
    try:
        return load(kind, loads(state))
    except ValueError as error:
        raise CorruptState("state", "JSON", error) from None
