"""Which WebSocket connections are open, and with which key each was opened."""

from __future__ import annotations

from order_engine.domain.access import Caller
from order_engine.storage.database import Database

MAX_HOURS = 2
"""API Gateway closes a connection after this time, even a busy one. A row that is older was left behind."""

_CLIENTS = """
    FROM connections JOIN api_keys ON api_keys.id = key_id
    WHERE client_id = %(client)s AND connected_at > now() - make_interval(hours => %(hours)s)"""

# Several connections that open at once may each find the last place free: the limit prevents hoarding and is not exact.
_OPEN = f"""
    INSERT INTO connections (id, key_id) SELECT %(id)s, %(key)s
    WHERE %(limit)s = 0 OR (SELECT count(*) {_CLIENTS}) < %(limit)s
    ON CONFLICT (id) DO UPDATE SET key_id = excluded.key_id RETURNING id"""

_OVERDUE = """
    SELECT connections.id FROM connections JOIN api_keys ON api_keys.id = key_id
    WHERE revoked_at IS NOT NULL OR connected_at < now() - make_interval(hours => %(hours)s)"""


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
                "hours": MAX_HOURS,
            },
        )
        return bool(rows)

    def oldest(self, caller: Caller, count: int) -> list[str]:
        rows = self._database.fetch(
            f"SELECT connections.id {_CLIENTS} ORDER BY connected_at LIMIT %(count)s",
            {"client": caller.client_id, "hours": MAX_HOURS, "count": count},
        )
        return [row["id"] for row in rows]

    def overdue(self) -> list[str]:
        return [row["id"] for row in self._database.fetch(_OVERDUE, {"hours": MAX_HOURS})]
