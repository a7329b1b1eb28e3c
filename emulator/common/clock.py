"""The clock of queues, schedules and back-offs, which tests replace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol


class Timer(Protocol):
    def cancel(self) -> None: ...


class Clock:
    """The event loop's clock for durations, and the machine's for time stamps. All times are in seconds."""

    def time(self) -> float:
        """Returns the monotonic time, for durations and `call_at`."""
        return asyncio.get_running_loop().time()

    def now(self) -> float:
        """Returns the seconds since 1970-01-01 UTC."""
        return time.time()

    def call_at(self, when: float, callback: Callable[..., None], *arguments: Any) -> Timer:
        return asyncio.get_running_loop().call_at(when, callback, *arguments)
