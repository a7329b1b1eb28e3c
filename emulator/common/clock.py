"""The time that queues, schedules and back-offs run on; a test puts its own in place of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol


class Timer(Protocol):
    def cancel(self) -> None: ...


class Clock:
    """The running event loop's clock for durations, the machine's for time stamps. All times in seconds."""

    def time(self) -> float:
        """Monotonic: for durations and `call_at`."""
        return asyncio.get_running_loop().time()

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.time()

    def call_at(self, when: float, callback: Callable[..., None], *arguments: Any) -> Timer:
        return asyncio.get_running_loop().call_at(when, callback, *arguments)
