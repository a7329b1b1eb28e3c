"""Faults of the simulated venues, for tests and demonstrations."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from order_engine.domain.errors import VenueUnavailable
from order_engine.ports import Database
from order_engine.simulation.pools import VENUES

STEPS = ("quote", "build", "submit", "confirm")
FAULTS = dict.fromkeys(STEPS, ("fail", "timeout")) | {"submit": ("fail", "timeout", "slip", "drop")}
"""What can go wrong at each step. `drop` accepts a transaction that then does not land."""

_FAULTS = "SELECT venue, kind, percent FROM market_faults WHERE venue = ANY(%(venues)s) AND step = %(step)s"

_USE_UP = """
    WITH used_up AS (
        DELETE FROM market_faults WHERE venue = %(venue)s AND step = %(step)s AND remaining = 1
    )
    UPDATE market_faults SET remaining = remaining - 1
    WHERE venue = %(venue)s AND step = %(step)s AND remaining > 1"""


class Faults:
    """The stored faults. A client waits `deadline` seconds for a venue that hangs."""

    def __init__(
        self,
        database: Database,
        deadline: float,
        sleep: Callable[[float], None] = time.sleep,
        chance: random.Random | None = None,
    ) -> None:
        self._database = database
        self._deadline = deadline
        self._sleep = sleep
        self._chance = chance or random.Random()

    def check(self, step: str, venues: Sequence[str]) -> None:
        """Applies the faults of these venues at this step, if they occur. Raises `VenueUnavailable`."""
        for row in self._database.fetch(_FAULTS, {"venues": list(venues), "step": step}):
            if self.occurs(row):
                self.carry_out(step, row)

    def occurs(self, row: dict[str, Any]) -> bool:
        """Whether a stored fault occurs this time, at random."""
        return self._chance.randrange(100) < int(row["percent"])

    def carry_out(self, step: str, row: dict[str, Any]) -> None:
        """Counts one occurrence of the fault and applies it. Raises `VenueUnavailable`."""
        venue = row["venue"]
        self._database.execute(_USE_UP, {"venue": venue, "step": step})
        if row["kind"] == "timeout":
            self._sleep(self._deadline)
            raise VenueUnavailable(f"{venue} did not answer to {step} within {self._deadline:g} s")
        if row["kind"] == "fail":
            raise VenueUnavailable(f"{venue} refused to {step}")


def set_fault(
    database: Database, venue: str, step: str, kind: str, times: int | None = None, percent: int = 100
) -> None:
    """Sets the fault of a venue at a step, one of `FAULTS`, `times` times or until cleared.

    It occurs each time with a probability of `percent`. Raises `ValueError` for an unknown venue, step or fault.
    """
    for value, known in ((venue, VENUES), (step, STEPS), (kind, FAULTS.get(step, ()))):
        if value not in known:
            raise ValueError(f"expected one of {', '.join(known)}, was {value!r}")
    if times is not None and times < 1:
        raise ValueError(f"expected at least 1 time, was {times}")
    if not 1 <= percent <= 100:
        raise ValueError(f"expected from 1 to 100 percent, was {percent}")
    database.execute(
        "INSERT INTO market_faults (venue, step, kind, remaining, percent)"
        " VALUES (%(venue)s, %(step)s, %(kind)s, %(times)s, %(percent)s) ON CONFLICT (venue, step)"
        " DO UPDATE SET kind = excluded.kind, remaining = excluded.remaining, percent = excluded.percent",
        {"venue": venue, "step": step, "kind": kind, "times": times, "percent": percent},
    )


def clear_faults(database: Database) -> None:
    """Deletes all faults."""
    database.execute("DELETE FROM market_faults")
