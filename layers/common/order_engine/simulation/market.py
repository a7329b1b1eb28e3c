"""The simulated market: what its venues and its chain share."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from order_engine.dex.pool import Pool
from order_engine.ports import Database
from order_engine.simulation.faults import Faults
from order_engine.simulation.stored_pools import StoredPool, StoredPools
from order_engine.simulation.traders import STILL, Flow

SLOT_SECONDS = 0.4

PERIODS_AHEAD = 30
"""How far a pool's period may be ahead of a reader's, since their clocks differ. One that is further ahead was written
before the clock was set back."""


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
    """The stored pools, as far as this process knows them, other traders, faults and the clock.

    `now` gives Unix seconds.
    """

    database: Database
    faults: Faults
    latency: Latency = LATENCIES["instant"]
    flow: Flow = STILL
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    stored_pools: StoredPools = field(default_factory=StoredPools, init=False)
    _carried: dict[str, tuple[str, int, Pool]] = field(default_factory=dict, init=False)

    @property
    def slot(self) -> int:
        return self.slot_at(self.now())

    def slot_at(self, now: float) -> int:
        """`now` in Unix seconds."""
        return int(now / SLOT_SECONDS)

    def wait(self, seconds: tuple[float, float], answers: int = 1) -> float:
        """Waits for that many answers at once. Returns how many seconds the slowest took."""
        slowest = max(random.uniform(*seconds) for _ in range(answers))
        if slowest:
            self.sleep(slowest)
        return slowest

    def pool(self, id: str, stored: StoredPool, period: int) -> Pool:
        """The pool as other traders have left it in a period."""
        if 0 <= stored.period - period <= PERIODS_AHEAD:
            return stored.pool
        known = self._carried.get(id)
        if known is None or known[:2] != (stored.written, period):
            pool = self.flow.carry(stored.pool, id, stored.token_a, stored.token_b, period)
            self._carried[id] = known = stored.written, period, pool
        return known[2]
