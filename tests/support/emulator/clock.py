"""A clock that a test advances."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Any

from emulator.common.clock import Clock

EPOCH = 1_700_000_000.0


class FakeTimer:
    def __init__(self, callback: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self.callback = callback
        self.arguments = arguments
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeClock(Clock):
    def __init__(self, now: float = EPOCH) -> None:
        self._start = now
        self._time = 0.0
        self._timers: list[tuple[float, int, FakeTimer]] = []
        self._order = itertools.count()

    def time(self) -> float:
        return self._time

    def now(self) -> float:
        return self._start + self._time

    def call_at(self, when: float, callback: Callable[..., None], *arguments: Any) -> FakeTimer:
        timer = FakeTimer(callback, arguments)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    async def advance(self, seconds: float) -> None:
        """Advances the clock, runs due callbacks at their times, and waits until their consequences have settled."""
        end = self._time + seconds
        await settled()
        while self._timers and self._timers[0][0] <= end:
            when, _, timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                self._time = max(self._time, when)
                timer.callback(*timer.arguments)
                await settled()
        self._time = end
        await settled()


async def settled() -> None:
    """Waits until no task can continue without a timer or a socket."""
    for _ in range(50):
        await asyncio.sleep(0)
