"""Which WebSocket connection listens to which order.

Kept in Postgres beside the events, so that losing Redis silences nobody. A reader gets every event, in order, because
of one rule: a subscription is made only while the order's row is locked, after all earlier events were sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from order_engine.domain.errors import OrderNotFound, TooManySubscriptions
from order_engine.domain.events import Event
from order_engine.domain.lifecycle import FINAL
from order_engine.storage import events
from order_engine.storage.database import Database

MAX_SUBSCRIPTIONS = 100
"""How many running orders a connection may listen to."""

# Whether a connection may listen to one more order. HAS_ROOM counts all its subscriptions, which is quick. If these are
# too many, HAS_ROOM_AMONG_RUNNING counts only those to orders that have not ended.
HAS_ROOM = """
    (SELECT count(*) FROM subscriptions WHERE connection_id = %(connection_id)s AND order_id <> %(id)s) < %(max)s"""
HAS_ROOM_AMONG_RUNNING = """
    (SELECT count(*) FROM subscriptions JOIN orders ON orders.id = order_id
     WHERE connection_id = %(connection_id)s AND order_id <> %(id)s AND status <> ALL(%(final)s)) < %(max)s"""
# Skips rows that another statement is about to delete.
DELETE_ENDED_OF_CONNECTION = """
    DELETE FROM subscriptions WHERE (connection_id, order_id) IN (
        SELECT connection_id, order_id FROM subscriptions JOIN orders ON orders.id = order_id
        WHERE connection_id = %(connection_id)s AND order_id <> %(id)s AND status = ANY(%(final)s)
        FOR UPDATE OF subscriptions SKIP LOCKED
    )"""

_SUBSCRIBE = """
    WITH held AS MATERIALIZED (
        SELECT id, status <> ALL(%(final)s) AS running FROM orders
        WHERE id = %(id)s AND client_id = %(client_id)s FOR SHARE
    ), subscribed AS (
        INSERT INTO subscriptions (connection_id, order_id)
        SELECT %(connection_id)s, id FROM held WHERE running AND {room}
        ON CONFLICT (connection_id, order_id) DO UPDATE SET order_id = excluded.order_id RETURNING order_id
    )
    SELECT running, order_id FROM held LEFT JOIN subscribed ON order_id = id"""

# The second bound is for orders that ended before the clock was set back.
_DELETE_ENDED = """
    DELETE FROM subscriptions USING orders, make_interval(secs => %(ttl)s) AS ttl
    WHERE id = order_id AND status = ANY(%(final)s) AND updated_at NOT BETWEEN now() - ttl AND now() + ttl"""


class PostgresSubscriptionStore:
    """A `SubscriptionStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def subscribe(
        self, connection_id: str, client_id: UUID, order_id: UUID, after: int, send: Callable[[Event], None]
    ) -> None:
        with self._database.transaction() as cursor:
            parameters = {
                "connection_id": connection_id,
                "client_id": client_id,
                "id": order_id,
                "final": list(FINAL),
                "max": MAX_SUBSCRIPTIONS,
            }
            found = cursor.execute(_SUBSCRIBE.format(room=HAS_ROOM).encode(), parameters).fetchone()
            if found is None:
                raise OrderNotFound(f"no order with id {order_id}")
            if found["running"] and found["order_id"] is None:
                cursor.execute(DELETE_ENDED_OF_CONNECTION.encode(), parameters)
                statement = _SUBSCRIBE.format(room=HAS_ROOM_AMONG_RUNNING)
                found = cursor.execute(statement.encode(), parameters).fetchone()
            if found is None or (found["running"] and found["order_id"] is None):
                raise too_many_subscriptions()
            for row in cursor.execute(events.SELECT.encode(), {"id": order_id, "after": after}).fetchall():
                send(events.from_row(row))

    def unsubscribe(self, connection_id: str, order_id: UUID) -> None:
        self._database.execute(
            "DELETE FROM subscriptions WHERE connection_id = %(connection)s AND order_id = %(order)s",
            {"connection": connection_id, "order": order_id},
        )

    def remove_connections(self, connection_ids: Sequence[str]) -> None:
        self._database.execute(
            "WITH gone AS (DELETE FROM connections WHERE id = ANY(%(ids)s))"
            " DELETE FROM subscriptions WHERE connection_id = ANY(%(ids)s)",
            {"ids": list(connection_ids)},
        )

    def expire_connections(self, connection_ids: Sequence[str]) -> None:
        # Older than any limit: the next sweep closes them, and they no longer count as their client's.
        self._database.execute(
            "WITH expired AS (UPDATE connections SET connected_at = '-infinity' WHERE id = ANY(%(ids)s))"
            " DELETE FROM subscriptions WHERE connection_id = ANY(%(ids)s)",
            {"ids": list(connection_ids)},
        )

    def delete_ended(self, ttl: float) -> None:
        self._database.execute(_DELETE_ENDED, {"final": list(FINAL), "ttl": ttl})


def too_many_subscriptions() -> TooManySubscriptions:
    return TooManySubscriptions(f"more than {MAX_SUBSCRIPTIONS} running orders on one connection")
