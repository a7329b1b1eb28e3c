"""Which WebSocket connection listens to which order.

Kept in Postgres beside the events, so that losing Redis silences nobody. A reader that wants every event, in order,
relies on one rule: a subscription is made only while the order's row is locked, after all earlier events were sent.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from order_engine.domain.errors import OrderNotFound
from order_engine.domain.lifecycle import FINAL
from order_engine.domain.orders import Event

from .database import Database
from .orders import event


class SubscriptionStore:
    """Every method may raise `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def subscribe(self, connection_id: str, order_id: UUID, after: int, send: Callable[[Event], None]) -> None:
        """Subscribes a connection and sends it the events above `after`. Raises `OrderNotFound`.

        The lock keeps the order where it is meanwhile: the next event is written, and so sent, after these.
        """
        with self._database.transaction() as cursor:
            found = cursor.execute(
                "WITH held AS MATERIALIZED (SELECT id FROM orders WHERE id = %(order)s FOR SHARE)"
                " INSERT INTO subscriptions (connection_id, order_id) SELECT %(connection)s, id FROM held"
                " ON CONFLICT (connection_id, order_id) DO UPDATE SET order_id = excluded.order_id RETURNING order_id",
                {"connection": connection_id, "order": order_id},
            ).fetchone()
            if found is None:
                raise OrderNotFound(f"expected the id of an order, was {order_id}")
            missed = cursor.execute(
                "SELECT order_id, seq, status, at, attempt, data FROM order_events"
                " WHERE order_id = %(order)s AND seq > %(after)s ORDER BY seq",
                {"order": order_id, "after": after},
            )
            for row in missed.fetchall():
                send(event(row))

    def unsubscribe(self, connection_id: str, order_id: UUID) -> None:
        self._database.execute(
            "DELETE FROM subscriptions WHERE connection_id = %(connection)s AND order_id = %(order)s",
            {"connection": connection_id, "order": order_id},
        )

    def forget(self, connection_id: str) -> None:
        """Removes all subscriptions of a connection that is gone."""
        self._database.execute("DELETE FROM subscriptions WHERE connection_id = %(id)s", {"id": connection_id})

    def clear_ended(self, after: float) -> None:
        """Removes what is left of connections whose end nobody heard of, `after` seconds after their orders' end."""
        self._database.execute(
            "DELETE FROM subscriptions USING orders WHERE id = order_id AND status = ANY(%(final)s)"
            " AND updated_at < now() - make_interval(secs => %(after)s)",
            {"final": list(FINAL), "after": after},
        )
