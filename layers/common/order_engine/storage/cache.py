"""The connection to Redis."""

from __future__ import annotations

from functools import cache

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


@cache
def client(url: str) -> redis.Redis:
    """One for each URL, whoever asks. Connects with the first command."""
    # The library's own patience, five seconds and ten retries, would eat a function's whole timeout. One retry is
    # for a connection that the server has closed in the meantime.
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=0.3,
        socket_connect_timeout=0.3,
        retry=Retry(NoBackoff(), retries=1),
    )
