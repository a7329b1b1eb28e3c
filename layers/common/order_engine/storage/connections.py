"""Which WebSocket connections are open, and with whose key they were opened."""

from __future__ import annotations

from order_engine.domain.access import Caller
from order_engine.storage.database import Database

LONGEST_HOURS = 2
"""API Gateway closes a connection then, whatever goes on: a row that is older was left behind."""

_CLIENTS = """
    FROM connections JOIN api_keys ON api_keys.id = key_id
    WHERE client_id = %(client)s AND connected_at > now() - make_interval(hours => %(hours)s)"""

# Several at the same moment may each find the last place free: the limit is against hoarding, not exact.
_OPEN = f"""
    INSERT INTO connections (id, key_id) SELECT %(id)s, %(key)s
    WHERE %(most)s = 0 OR (SELECT count(*) {_CLIENTS}) < %(most)s
    ON CONFLICT (id) DO UPDATE SET key_id = excluded.key_id RETURNING id"""

_OVERDUE = """
    SELECT connections.id FROM connections JOIN api_keys ON api_keys.id = key_id
    WHERE revoked_at IS NOT NULL OR connected_at < now() - make_interval(hours => %(hours)s)"""


class ConnectionStore:
    """Every method may raise `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, connection_id: str, caller: Caller, most: int) -> bool:
        """Records a connection; `False` if its client has as many as it may. 0 is any number."""
        rows = self._database.fetch(
            _OPEN,
            {
                "id": connection_id,
                "key": caller.key_id,
                "client": caller.client_id,
                "most": most,
                "hours": LONGEST_HOURS,
            },
        )
        return bool(rows)

    def oldest(self, caller: Caller, count: int) -> list[str]:
        """The client's connections that have been open the longest."""
        rows = self._database.fetch(
            f"SELECT connections.id {_CLIENTS} ORDER BY connected_at LIMIT %(count)s",
            {"client": caller.client_id, "hours": LONGEST_HOURS, "count": count},
        )
        return [row["id"] for row in rows]

    def overdue(self) -> list[str]:
        """Those whose key was revoked since, and those that were left behind."""
        return [row["id"] for row in self._database.fetch(_OVERDUE, {"hours": LONGEST_HOURS})]
