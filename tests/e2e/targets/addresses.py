"""A running stack: REST_URL, WEBSOCKET_URL and ORDERS_KEY, and optionally DATABASE_URL, REDIS_URL, AWS_ENDPOINT_URL.

Tests that need one of the last three are skipped without it. With DATABASE_URL the tests reset the simulated market,
which disturbs other users of a shared stack.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.targets import Target, setting
from tests.e2e.targets.deployed import Deployed, simulated


@contextmanager
def opened() -> Iterator[Deployed]:
    given = {"DatabaseUrl": os.environ.get("DATABASE_URL"), "RedisUrl": os.environ.get("REDIS_URL")}
    stack = Deployed(
        rest=setting("REST_URL").rstrip("/"),
        websocket=setting("WEBSOCKET_URL").rstrip("/"),
        key=setting("ORDERS_KEY"),
        endpoint=os.environ.get("AWS_ENDPOINT_URL", ""),
        parameters={name: url for name, url in given.items() if url},
    )
    yield simulated(stack)


_GIVEN = {"database": "DATABASE_URL", "redis": "REDIS_URL"}

TARGET = Target(opened, frozenset(name for name, variable in _GIVEN.items() if os.environ.get(variable)))
