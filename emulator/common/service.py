"""Starts services in order and stops them in the reverse order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack


class Service:
    """A part of the emulator that may have something to start and to stop."""

    async def start(self) -> None:
        """Starts the service; later services may rely on it."""

    async def close(self, grace: float) -> None:
        """Accepts no new work, lets running work finish for up to `grace` seconds, and stops the service."""


async def run(
    services: Sequence[Service],
    stopping: asyncio.Event,
    ready: Callable[[], None],
    closing: Callable[[], None] = lambda: None,
    *,
    grace: float,
    hurry: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Starts the services, calls `ready`, and stops them in the reverse order once `stopping` is set.

    Running work has `grace` seconds in total to finish. `closing` is called before the first service stops. If
    `stopping` is set again, or before everything has started, `hurry` is awaited and running work gets no time.
    """
    async with AsyncExitStack() as started:
        limit = _Grace(grace, stopping, hurry)
        for service in services:
            if not await _completes(service.start(), stopping):
                break
            started.push_async_callback(limit.close, service)
        else:
            ready()
            await stopping.wait()
            closing()
            stopping.clear()


async def _completes(work: Awaitable[None], stopping: asyncio.Event) -> bool:
    """Waits for the work; returns whether it ended before `stopping` was set, which cancels it."""
    task = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(stopping.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        await task
        return True
    task.cancel()
    await asyncio.wait([task])
    return False


class _Grace:
    """Closes services within one time limit, which ends early when `stopping` is set again."""

    def __init__(self, seconds: float, stopping: asyncio.Event, hurry: Callable[[], Awaitable[None]] | None) -> None:
        self._seconds = seconds
        self._deadline: float | None = None
        self._stopping = stopping
        self._hurry = hurry

    async def close(self, service: Service) -> None:
        now = asyncio.get_running_loop().time()
        self._deadline = now + self._seconds if self._deadline is None else self._deadline
        left = 0.0 if self._stopping.is_set() else max(0.0, self._deadline - now)
        closing = asyncio.ensure_future(service.close(left))
        again = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait([closing, again], return_when=asyncio.FIRST_COMPLETED)
        if not again.cancel() and self._hurry:
            await self._hurry()
        await closing
