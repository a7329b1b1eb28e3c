"""Tells a target that is too slow for a test's load from a target that is wrong."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from tests.support.client import FINAL, ORDER, Client, TooSlow, client
from tests.support.stack import Stack

PATIENCE = 180.0
"""Seconds for one order alone, after what the test has left behind."""


def reason_if_slow(stack: Stack, error: TooSlow, patience: float = PATIENCE) -> str | None:
    """Returns why a test of load failed on a target that is slow, or `None` if the target is wrong.

    A slow target confirms one order alone.
    """
    seconds = asyncio.run(_seconds_alone(stack, patience))
    if seconds is None:
        return None
    return f"too slow for this load: {error}; one order alone was confirmed after {seconds:.1f} s"


async def _seconds_alone(stack: Stack, patience: float) -> float | None:
    """Returns how long the target takes for one order alone, or `None` if it does not confirm it."""
    started = time.monotonic()
    try:
        async with asyncio.timeout(patience), client(stack) as at:
            form = {**ORDER, "slippageBps": 500}
            key = {"Idempotency-Key": str(uuid4())}
            order = await _answer(at, "POST", "/api/orders/execute", 202, json=form, headers=key)
            while order["status"] not in FINAL:
                await asyncio.sleep(0.2)
                order = await _answer(at, "GET", f"/api/orders/{order['orderId']}", 200)
    except (TimeoutError, AssertionError):
        return None
    return time.monotonic() - started if order["status"] == "confirmed" else None


async def _answer(
    at: Client, method: str, path: str, expected: int, headers: Mapping[str, str] | None = None, **options: Any
) -> dict[str, str]:
    """Returns the answer. Asks again while none comes in time."""
    while True:
        try:
            status, body = await at.raw(method, path, headers or {}, **options)
        except TooSlow:
            continue
        assert status == expected, f"expected {method} {path} to answer {expected}, was {status}: {body!r}"
        answer: dict[str, str] = json.loads(body)
        return answer
