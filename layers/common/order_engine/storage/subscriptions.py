"""Which WebSocket connection listens to which order.

Kept in Postgres beside the events, so that losing Redis silences nobody. A reader gets every event, in order, because
of one rule: a subscription is made only while the order's row is locked, after all earlier events were sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from order_engine.domain.errors import OrderNotFound, TooManySubscriptions
from order_engine.domain.events import Event
from order_engine.storage import events
from order_engine.storage.database import Database, Parameters
from order_engine.storage.statuses import ENDED, NOT_ENDED

MAX_SUBSCRIPTIONS = 100
"""How many orders that have not ended a connection may listen to."""

# Whether a connection may listen to one more order. HAS_ROOM counts all its subscriptions, which is quick. If these are
# too many, HAS_ROOM_AMONG_NOT_ENDED counts only those to orders that have not ended.
HAS_ROOM = f"""
    (SELECT count(*) FROM subscriptions
     WHERE connection_id = %(connection_id)s AND order_id <> %(id)s) < {MAX_SUBSCRIPTIONS}"""
HAS_ROOM_AMONG_NOT_ENDED = f"""
    (SELECT count(*) FROM subscriptions JOIN orders ON orders.id = order_id
     WHERE connection_id = %(connection_id)s AND order_id <> %(id)s AND {NOT_ENDED}) < {MAX_SUBSCRIPTIONS}"""
# Skips rows that another statement is about to delete.
DELETE_ENDED_OF_CONNECTION = f"""
    DELETE FROM subscriptions WHERE (connection_id, order_id) IN (
        SELECT connection_id, order_id FROM subscriptions JOIN orders ON orders.id = order_id
        WHERE connection_id = %(connection_id)s AND order_id <> %(id)s AND {ENDED}
        FOR UPDATE OF subscriptions SKIP LOCKED
    )"""

_SUBSCRIBE_IF = f"""
    WITH held AS MATERIALIZED (
        SELECT id, {NOT_ENDED} AS not_ended FROM orders
        WHERE id = %(id)s AND client_id = %(client_id)s FOR SHARE
    ), subscribed AS (
        INSERT INTO subscriptions (connection_id, order_id)
        SELECT %(connection_id)s, id FROM held WHERE not_ended AND {{room}}
        ON CONFLICT (connection_id, order_id) DO UPDATE SET order_id = excluded.order_id RETURNING order_id
    )
    SELECT not_ended, order_id FROM held LEFT JOIN subscribed ON order_id = id"""
_SUBSCRIBE = _SUBSCRIBE_IF.format(room=HAS_ROOM)
_SUBSCRIBE_AMONG_NOT_ENDED = _SUBSCRIBE_IF.format(room=HAS_ROOM_AMONG_NOT_ENDED)

# The second bound is for orders that ended before the clock was set back.
_DELETE_ENDED = f"""
    DELETE FROM subscriptions USING orders, make_interval(secs => %(ttl)s) AS ttl
    WHERE id = order_id AND {ENDED} AND updated_at NOT BETWEEN now() - ttl AND now() + ttl"""


class PostgresSubscriptionStore:
    """A `SubscriptionStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def subscribe(
        self, connection_id: str, client_id: UUID, order_id: UUID, after: int, send: Callable[[Event], None]
    ) -> None:
        parameters = {"connection_id": connection_id, "client_id": client_id, "id": order_id, "after": after}
        if not self._subscribed(_SUBSCRIBE, parameters, send):
            self._database.execute(DELETE_ENDED_OF_CONNECTION, parameters)
            if not self._subscribed(_SUBSCRIBE_AMONG_NOT_ENDED, parameters, send):
                raise too_many_subscriptions()

    def _subscribed(self, statement: str, parameters: Parameters, send: Callable[[Event], None]) -> bool:
        """Whether the connection has room for the order's events, and was sent those that it has missed."""
        # Two statements: one that waits for the order's row does not see the event for which it has waited.
        queries = (statement, parameters), (events.SELECT, parameters)
        with self._database.transaction(*queries) as (found, missed):
            if not found:
                raise OrderNotFound(f"no order with id {parameters['id']}")
            if found[0]["not_ended"] and found[0]["order_id"] is None:
                return False
            for row in missed:
                send(events.from_row(row))
            return True

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
        self._database.execute(_DELETE_ENDED, {"ttl": ttl})


def too_many_subscriptions() -> TooManySubscriptions:
    return TooManySubscriptions(f"more than {MAX_SUBSCRIPTIONS} orders on one connection that have not ended")
