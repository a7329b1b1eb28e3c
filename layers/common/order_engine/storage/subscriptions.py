"""Which WebSocket connection listens to which order.

Kept in Postgres beside the events, so that losing Redis silences nobody. A reader that wants every event, in order,
relies on one rule: a subscription is made only while the order's row is locked, after all earlier events were sent.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from order_engine.domain.lifecycle import FINAL
from order_engine.domain.orders import Event
from order_engine.storage.database import Database
from order_engine.storage.orders import (
    EVENTS,
    FORGET_ENDED,
    MOST_SUBSCRIPTIONS,
    ROOM,
    ROOM_AMONG_RUNNING,
    event,
    not_found,
    too_many_subscriptions,
)

_SUBSCRIBE = """
    WITH held AS MATERIALIZED (
        SELECT id FROM orders WHERE id = %(id)s AND client_id = %(client_id)s FOR SHARE
    ), subscribed AS (
        INSERT INTO subscriptions (connection_id, order_id) SELECT %(connection_id)s, id FROM held WHERE {room}
        ON CONFLICT (connection_id, order_id) DO UPDATE SET order_id = excluded.order_id RETURNING order_id
    )
    SELECT id, order_id FROM held LEFT JOIN subscribed ON order_id = id"""


class SubscriptionStore:
    """Every method may raise `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def subscribe(
        self, connection_id: str, client_id: UUID, order_id: UUID, after: int, send: Callable[[Event], None]
    ) -> None:
        """Subscribes a connection to its client's order and sends it the events above `after`.

        The lock keeps the order where it is meanwhile: the next event is written, and so sent, after these. Raises
        `OrderNotFound`, `TooManySubscriptions`.
        """
        with self._database.transaction() as cursor:
            parameters = {
                "connection_id": connection_id,
                "client_id": client_id,
                "id": order_id,
                "final": list(FINAL),
                "most": MOST_SUBSCRIPTIONS,
            }
            found = cursor.execute(_SUBSCRIBE.format(room=ROOM).encode(), parameters).fetchone()
            if found is None:
                raise not_found(order_id)
            if found["order_id"] is None:
                cursor.execute(FORGET_ENDED.encode(), parameters)
                found = cursor.execute(_SUBSCRIBE.format(room=ROOM_AMONG_RUNNING).encode(), parameters).fetchone()
            if found is None or found["order_id"] is None:
                raise too_many_subscriptions()
            for row in cursor.execute(EVENTS.encode(), {"id": order_id, "after": after}).fetchall():
                send(event(row))

    def unsubscribe(self, connection_id: str, order_id: UUID) -> None:
        self._database.execute(
            "DELETE FROM subscriptions WHERE connection_id = %(connection)s AND order_id = %(order)s",
            {"connection": connection_id, "order": order_id},
        )

    def forget(self, connection_id: str) -> None:
        """Removes a connection that is gone, and all its subscriptions."""
        self._database.execute(
            "WITH gone AS (DELETE FROM connections WHERE id = %(id)s)"
            " DELETE FROM subscriptions WHERE connection_id = %(id)s",
            {"id": connection_id},
        )

    def clear_ended(self, after: float) -> None:
        """Removes what is left of connections whose end nobody heard of, `after` seconds after their orders' end."""
        self._database.execute(
            "DELETE FROM subscriptions USING orders WHERE id = order_id AND status = ANY(%(final)s)"
            " AND updated_at < now() - make_interval(secs => %(after)s)",
            {"final": list(FINAL), "after": after},
        )
