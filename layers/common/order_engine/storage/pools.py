"""The registry of pools on Solana."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from order_engine.domain.pools import RegisteredPool, Source
from order_engine.storage.database import Database

_COLUMNS = "address, program, venue, token_a, token_b, companions, source, enabled"

_ADD = f"""
    INSERT INTO solana_pools AS pool (cluster, {_COLUMNS})
    VALUES (%(cluster)s, %(address)s, %(program)s, %(venue)s, %(token_a)s, %(token_b)s, %(companions)s::text[],
            %(source)s, %(enabled)s)
    ON CONFLICT (cluster, address) DO UPDATE
    SET program = excluded.program, venue = excluded.venue, token_a = excluded.token_a, token_b = excluded.token_b,
        companions = excluded.companions, source = excluded.source, enabled = excluded.enabled
    WHERE excluded.source = 'by hand' OR pool.source = 'discovered'"""


class PostgresPoolRegistry:
    """A `PoolRegistry`. `cluster` names the cluster, such as `devnet`."""

    def __init__(self, database: Database, cluster: str) -> None:
        self._database = database
        self._cluster = cluster

    def enabled(self, tokens: Sequence[str]) -> list[RegisteredPool]:
        return self._pools(
            f"SELECT {_COLUMNS} FROM solana_pools WHERE cluster = %(cluster)s AND enabled"
            " AND token_a = ANY(%(tokens)s) AND token_b = ANY(%(tokens)s)",
            {"tokens": list(tokens)},
        )

    def all(self) -> list[RegisteredPool]:
        return self._pools(
            f"SELECT {_COLUMNS} FROM solana_pools WHERE cluster = %(cluster)s"
            " ORDER BY token_a, token_b, program, address"
        )

    def add(self, pool: RegisteredPool) -> None:
        columns = {**pool._asdict(), "companions": list(pool.companions)}
        self._database.execute(_ADD, {**columns, "cluster": self._cluster})

    def remove(self, address: str) -> bool:
        rows = self._database.fetch(
            "UPDATE solana_pools SET enabled = FALSE, source = 'by hand'"
            " WHERE cluster = %(cluster)s AND address = %(address)s RETURNING address",
            {"cluster": self._cluster, "address": address},
        )
        return bool(rows)

    def disable(self, addresses: Sequence[str]) -> None:
        self._database.execute(
            "UPDATE solana_pools SET enabled = FALSE"
            " WHERE cluster = %(cluster)s AND address = ANY(%(addresses)s) AND source = 'discovered'",
            {"cluster": self._cluster, "addresses": list(addresses)},
        )

    def set_companions(self, address: str, companions: Sequence[str]) -> None:
        self._database.execute(
            "UPDATE solana_pools SET companions = %(companions)s::text[]"
            " WHERE cluster = %(cluster)s AND address = %(address)s",
            {"cluster": self._cluster, "address": address, "companions": list(companions)},
        )

    def _pools(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[RegisteredPool]:
        rows = self._database.fetch(statement, {"cluster": self._cluster, **(parameters or {})})
        return [
            RegisteredPool(**{**row, "companions": tuple(row["companions"]), "source": Source(row["source"])})
            for row in rows
        ]
