"""The stored pools, each decoded once for every state that it has."""

from __future__ import annotations

from json import dumps, loads
from typing import Any, NamedTuple

from order_engine.dex.errors import CorruptState
from order_engine.dex.pool import Pool, load
from order_engine.domain.errors import CorruptPool

# `xmin` names the transaction that wrote the row: a state that is known by it is not sent again.
POOL = """
    pool.id, CASE WHEN %(known)s::jsonb ->> pool.id IS DISTINCT FROM pool.xmin::text THEN
        json_build_array(pool.xmin::text, venue, token_a, token_b, version, period, pool.kind, state)::text
    END AS stored"""
"""The columns of `market_pools AS pool` that `StoredPools.read` takes. `known` is `StoredPools.known`."""


class StoredPool(NamedTuple):
    """A pool as the transaction `written` has left it, in a period of other traders."""

    written: str
    venue: str
    token_a: str
    token_b: str
    version: int
    period: int
    pool: Pool


class StoredPools:
    """The pools that this process has read or written."""

    def __init__(self) -> None:
        self._pools: dict[str, StoredPool] = {}

    @property
    def known(self) -> str:
        """The transactions that wrote these pools by the pools' ids, in JSON."""
        return dumps({id: pool.written for id, pool in self._pools.items()})

    def read(self, row: dict[str, Any]) -> StoredPool:
        """The pool of a row with the columns `POOL`. Raises `CorruptPool`."""
        id, stored = row["id"], row["stored"]
        if stored is not None:
            try:
                written, venue, token_a, token_b, version, period, kind, state = loads(stored)
                self.keep(id, StoredPool(written, venue, token_a, token_b, version, period, load(kind, state)))
            except CorruptState as error:
                raise CorruptPool(f"pool {id}: {error}") from None
            except ValueError as error:
                raise CorruptPool(f"pool {id}: {CorruptState('state', 'JSON', error)}") from None
        return self._pools[id]

    def keep(self, id: str, pool: StoredPool) -> None:
        """Spares the next reader the state: it is as this process has written it."""
        self._pools[id] = pool
