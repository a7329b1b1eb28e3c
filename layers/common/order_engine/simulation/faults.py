"""Faults of the simulated venues, for tests and demonstrations."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import TypedDict

from order_engine.domain.errors import VenueUnavailable
from order_engine.ports import Database
from order_engine.simulation.pools import VENUES

STEPS = ("quote", "build", "submit", "confirm")
FAULTS = dict.fromkeys(STEPS, ("fail", "timeout")) | {"submit": ("fail", "timeout", "slip", "drop")}
"""What can go wrong at each step. `drop` accepts a transaction that then does not land."""

STORED_FAULTS = """
    (SELECT json_agg(fault ORDER BY array_position(string_to_array(%(venue)s, '+'), fault.venue))
     FROM market_faults AS fault
     WHERE fault.venue = ANY(string_to_array(%(venue)s, '+')) AND fault.step = %(step)s) AS faults"""
"""The stored faults at a step as a column, so that they are read with what the step needs.

They are in the order of the venues, which `+` joins.
"""

_USE_UP = """
    WITH used_up AS (
        DELETE FROM market_faults WHERE venue = %(venue)s AND step = %(step)s AND remaining = 1
    )
    UPDATE market_faults SET remaining = remaining - 1
    WHERE venue = %(venue)s AND step = %(step)s AND remaining > 1"""


class Fault(TypedDict):
    """A row of `market_faults`, as far as it matters when the fault occurs."""

    venue: str
    step: str
    kind: str
    percent: int


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

    def occurring(self, stored: Sequence[Fault] | None) -> list[Fault]:
        """Those of the stored faults that occur this time, at random."""
        return [fault for fault in stored or () if self._chance.randrange(100) < fault["percent"]]

    def carry_out(self, faults: Sequence[Fault], waited: float = 0) -> dict[str, VenueUnavailable]:
        """Counts one occurrence of each fault, and waits for the venues that hang, at once. Returns what fails.

        The client has waited for `waited` seconds.
        """
        failed = {}
        for fault in faults:
            venue, step = fault["venue"], fault["step"]
            self._database.execute(_USE_UP, {"venue": venue, "step": step})
            if fault["kind"] == "timeout":
                failed[venue] = VenueUnavailable(f"{venue} did not answer to {step} within {self._deadline:g} s")
            elif fault["kind"] == "fail":
                failed[venue] = VenueUnavailable(f"{venue} refused to {step}")
        if any(fault["kind"] == "timeout" for fault in faults):
            self._sleep(self._deadline - waited)
        return failed

    def check(self, stored: Sequence[Fault] | None) -> None:
        """Carries out the first of the stored faults that occurs, if any. Raises `VenueUnavailable`."""
        self.strike(self.occurring(stored)[:1])

    def strike(self, faults: Sequence[Fault]) -> None:
        """Carries out faults. Raises `VenueUnavailable` if one of them is a failure."""
        for error in self.carry_out(faults).values():
            raise error


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
