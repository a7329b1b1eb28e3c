"""Refuses what a client asks for too often."""

from __future__ import annotations

import math
from uuid import UUID

from order_engine.domain.errors import RateLimited
from order_engine.ports import RateLimit


def refusal(limit: RateLimit, client_id: UUID) -> RateLimited | None:
    """Takes a token; why the client has to wait if there is none."""
    wait = limit.take(client_id)
    if not wait:
        return None
    seconds = math.ceil(wait)
    return RateLimited(f"more than {limit.per_minute} {limit.what}s a minute; retry in {seconds} s", seconds)
