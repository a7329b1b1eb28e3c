"""Which WebSocket connections are open, and with which key each was opened."""

from __future__ import annotations

from order_engine.domain.access import Caller
from order_engine.storage.database import Database

MAX_HOURS = 2
"""API Gateway closes a connection after this time, even a busy one. A row that is older was left behind."""

# The second bound is for rows that were written before the clock was set back.
_MAY_BE_OPEN = f"(connected_at BETWEEN now() - interval '{MAX_HOURS} h' AND now() + interval '{MAX_HOURS} h')"

_CLIENTS = f"""
    FROM connections JOIN api_keys ON api_keys.id = key_id
    WHERE client_id = %(client)s AND {_MAY_BE_OPEN}"""

# Several connections that open at once may each find the last place free: the limit prevents hoarding and is not exact.
_OPEN = f"""
    INSERT INTO connections (id, key_id) SELECT %(id)s, %(key)s
    WHERE %(limit)s = 0 OR (SELECT count(*) {_CLIENTS}) < %(limit)s
    ON CONFLICT (id) DO UPDATE SET key_id = excluded.key_id RETURNING id"""

# In any order, so that connections that can't be closed now do not hold back the others.
_OVERDUE = f"""
    SELECT connections.id FROM connections JOIN api_keys ON api_keys.id = key_id
    WHERE revoked_at IS NOT NULL OR expires_at <= now() OR NOT {_MAY_BE_OPEN} ORDER BY random()"""


class PostgresConnectionStore:
    """A `ConnectionStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, connection_id: str, caller: Caller, limit: int) -> bool:
        rows = self._database.fetch(
            _OPEN,
            {
                "id": connection_id,
                "key": caller.key_id,
                "client": caller.client_id,
                "limit": limit,
            },
        )
        return bool(rows)

    def oldest(self, caller: Caller, count: int) -> list[str]:
        rows = self._database.fetch(
            f"SELECT connections.id {_CLIENTS} ORDER BY connected_at LIMIT %(count)s",
            {"client": caller.client_id, "count": count},
        )
        return [row["id"] for row in rows]

    def overdue(self) -> list[str]:
        return [row["id"] for row in self._database.fetch(_OVERDUE)]
