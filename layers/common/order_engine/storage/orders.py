"""Orders and their events in Postgres. Each step of an order is one statement: compare, set and event together."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from order_engine.domain.errors import (
    IdempotencyKeyReused,
    InvalidRequest,
    OrderNotFound,
    StaleRun,
    TooLateToCancel,
    TooManySubscriptions,
)
from order_engine.domain.lifecycle import FINAL, NEXT_ATTEMPT, Status, Trigger, sources, target
from order_engine.domain.orders import Event, Order, OrderRequest
from order_engine.storage.database import Database

LEASE_SECONDS = 50.0
"""How long a run holds its order after its claim, and after each of its moves: then it is taken for dead.

With the sweep's minute it bounds how long an order stands still. Longer than a step may take with all its tries; a run
that is slower still loses its order to another one, and can do it no harm.
"""

_ORDER = """
    id, type, token_in, token_out, amount_in, slippage_bps, status, attempt, seq, created_at, updated_at,
    client_order_id, user_id, quote_id, run, venue, quoted_out, min_out, tx_hash, amount_out, error, transaction"""

MOST_SUBSCRIPTIONS = 100
"""To so many running orders a connection may listen."""

# Whether a connection may listen to one more. First all that it listens to are counted, which is quickly done; if these
# are too many, only those to orders that have not ended.
ROOM = """
    (SELECT count(*) FROM subscriptions WHERE connection_id = %(connection_id)s AND order_id <> %(id)s) < %(most)s"""
ROOM_AMONG_RUNNING = """
    (SELECT count(*) FROM subscriptions JOIN orders ON orders.id = order_id
     WHERE connection_id = %(connection_id)s AND order_id <> %(id)s AND status <> ALL(%(final)s)) < %(most)s"""
# Those that another statement is about to remove are left to it.
FORGET_ENDED = """
    DELETE FROM subscriptions WHERE (connection_id, order_id) IN (
        SELECT connection_id, order_id FROM subscriptions JOIN orders ON orders.id = order_id
        WHERE connection_id = %(connection_id)s AND order_id <> %(id)s AND status = ANY(%(final)s)
        FOR UPDATE OF subscriptions SKIP LOCKED
    )"""

# Of many at once with one key the first is stored; the others wait until it is committed, and store nothing.
_INSERT = f"""
    WITH inserted AS (
        INSERT INTO orders (id, client_id, type, token_in, token_out, amount_in, slippage_bps, client_order_id, user_id,
                            quote_id, idempotency_key)
        SELECT %(id)s, %(client_id)s, %(type)s, %(token_in)s, %(token_out)s, %(amount_in)s, %(slippage_bps)s,
               %(client_order_id)s, %(user_id)s, %(quote_id)s, %(idempotency_key)s
        WHERE {{room}}
        ON CONFLICT DO NOTHING
        RETURNING {_ORDER}
    ), subscribed AS (
        INSERT INTO subscriptions (connection_id, order_id)
        SELECT %(connection_id)s, id FROM inserted WHERE %(connection_id)s::text IS NOT NULL
    ), recorded AS (
        INSERT INTO order_events (order_id, seq, status, at, attempt, data)
        SELECT id, seq, status, created_at, attempt, %(data)s FROM inserted
    )
    SELECT {_ORDER} FROM inserted"""

# By its id if an answer was lost; the header's key goes before the client's own id.
_EARLIER = f"""
    SELECT {_ORDER} FROM orders
    WHERE id = %(id)s OR client_id = %(client_id)s
      AND (idempotency_key = %(idempotency_key)s OR client_order_id = %(client_order_id)s)
    ORDER BY id = %(id)s DESC, (idempotency_key = %(idempotency_key)s) IS TRUE DESC LIMIT 1"""

_CLAIM = f"""
    UPDATE orders SET run = %(run)s, lease_until = now() + make_interval(secs => %(lease)s)
    WHERE id = %(id)s AND status <> ALL(%(final)s) AND (run = %(run)s OR lease_until IS NULL OR lease_until < now())
    RETURNING {_ORDER}"""

_RELEASE = "UPDATE orders SET lease_until = NULL WHERE id = %(id)s AND run = %(run)s"

_RECORDED = """
        RETURNING id, seq, status, updated_at, attempt
    ), recorded AS (
        INSERT INTO order_events (order_id, seq, status, at, attempt, data)
        SELECT id, seq, status, updated_at, attempt, %(data)s FROM moved
    )
    SELECT seq, updated_at AS at, listeners(id) FROM moved"""

_MOVE = f"""
    WITH moved AS (
        UPDATE orders SET status = %(to)s, seq = seq + 1, attempt = %(attempt)s, updated_at = now(),
            lease_until = now() + make_interval(secs => %(lease)s){{assignments}}
        WHERE id = %(id)s AND run = %(run)s AND status = ANY(%(sources)s)
          AND (attempt < %(attempt)s OR attempt = %(attempt)s AND status <> ALL(%(only_next)s))
        {_RECORDED}"""

_CANCEL = f"""
    WITH moved AS (
        UPDATE orders SET status = %(to)s, seq = seq + 1, updated_at = now()
        WHERE id = %(id)s AND client_id = %(client)s AND status = ANY(%(sources)s)
        {_RECORDED}"""

_WAKE = """
    UPDATE orders SET woken_at = now() WHERE id IN (
        SELECT id FROM orders
        WHERE status = ANY(%(running)s)
          AND woken_at < now() - make_interval(secs => %(after)s)
          AND (lease_until IS NULL OR lease_until < now())
        ORDER BY id LIMIT %(limit)s FOR UPDATE
    )
    RETURNING id"""

EVENTS = """
    SELECT order_id, seq, status, at, attempt, data FROM order_events
    WHERE order_id = %(id)s AND seq > %(after)s ORDER BY seq"""
"""An order's events above `after`. It names the order, so that one partition is read, whatever their number."""

_AMOUNTS = ("amount_in", "quoted_out", "min_out", "amount_out")

_WRITABLE = frozenset({"venue", "quoted_out", "min_out", "tx_hash", "transaction", "amount_out", "error"})


class OrderStore:
    """Every method may raise `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(
        self,
        id: UUID,
        client_id: UUID,
        request: OrderRequest,
        data: dict[str, Any],
        connection_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Order:
        """Stores a new order with its `pending` event, and the connection that listens to it, in one transaction.

        Returns the client's earlier order of that key or `clientOrderId`, if there is one: it has another id. Raises
        `IdempotencyKeyReused` if that one asked for something else, `TooManySubscriptions`.
        """
        parameters = {
            "id": id,
            "client_id": client_id,
            "type": request.type,
            "token_in": request.token_in,
            "token_out": request.token_out,
            "amount_in": request.amount_in,
            "slippage_bps": request.slippage_bps,
            "client_order_id": request.client_order_id,
            "user_id": request.user_id,
            "quote_id": request.quote_id,
            "idempotency_key": idempotency_key,
            "connection_id": connection_id,
            "data": Jsonb(data),
            "final": list(FINAL),
            "most": MOST_SUBSCRIPTIONS,
        }
        rows = self._database.fetch(_INSERT.format(room=ROOM if connection_id else "TRUE"), parameters)
        if not rows:
            if order := self.earlier(id, client_id, request, idempotency_key):
                return order
            self._database.execute(FORGET_ENDED, parameters)
            rows = self._database.fetch(_INSERT.format(room=ROOM_AMONG_RUNNING), parameters)
        if not rows:
            raise too_many_subscriptions()
        return _order(rows[0])

    def earlier(self, id: UUID, client_id: UUID, request: OrderRequest, idempotency_key: str | None) -> Order | None:
        """The order that this request, or another with its key, has led to. Raises `IdempotencyKeyReused`."""
        keys = {"idempotency_key": idempotency_key, "client_order_id": request.client_order_id}
        rows = self._database.fetch(_EARLIER, {"id": id, "client_id": client_id, **keys})
        if not rows:
            return None
        order = _order(rows[0])
        if differences := request.differences(order):
            raise IdempotencyKeyReused(differences)
        return order

    def get(self, id: UUID) -> Order:
        """Whosever it is: for the engine, not for clients. Raises `OrderNotFound`."""
        rows = self._database.fetch(f"SELECT {_ORDER} FROM orders WHERE id = %(id)s", {"id": id})
        return _found(id, rows)

    def owned(self, client_id: UUID, id: UUID) -> Order:
        """Raises `OrderNotFound`, for another client's order too."""
        rows = self._database.fetch(
            f"SELECT {_ORDER} FROM orders WHERE id = %(id)s AND client_id = %(client)s", {"id": id, "client": client_id}
        )
        return _found(id, rows)

    def events(self, id: UUID, after: int = 0) -> list[Event]:
        """The order's events whose `seq` is above `after`, in order; none once they are too old to be kept."""
        return [event(row) for row in self._database.fetch(EVENTS, {"id": id, "after": after})]

    def history(self, id: UUID, after: int = 0) -> tuple[list[Event], list[str]]:
        """As `events`, and the connections that listen to the order."""
        events = self.events(id, after)
        (row,) = self._database.fetch("SELECT listeners(%(id)s)", {"id": id})
        return events, row["listeners"]

    def page(
        self, client_id: UUID, limit: int, status: Status | None = None, cursor: str | None = None
    ) -> tuple[list[Order], str | None]:
        """The client's orders, newest first, and the cursor of the next page, if any.

        Raises `InvalidRequest` for a foreign cursor.
        """
        rows = self._database.fetch(
            f"""SELECT {_ORDER} FROM orders
                WHERE client_id = %(client)s AND (%(status)s::text IS NULL OR status = %(status)s)
                  AND (%(before)s::uuid IS NULL OR id < %(before)s)
                ORDER BY id DESC LIMIT %(limit)s""",
            {"client": client_id, "status": status, "before": _decode_cursor(cursor), "limit": limit + 1},
        )
        orders = [_order(row) for row in rows[:limit]]
        return orders, _encode_cursor(orders[-1].id) if len(rows) > limit else None

    def claim(self, id: UUID, run: str, lease: float = LEASE_SECONDS) -> Order | None:
        """Makes `run` the only one that may move the order, for `lease` seconds without a move; returns the order.

        `None` if the order has ended, does not exist or is still another run's.
        """
        rows = self._database.fetch(_CLAIM, {"id": id, "run": run, "lease": lease, "final": list(FINAL)})
        return _order(rows[0]) if rows else None

    def release(self, id: UUID, run: str) -> None:
        """Lets another run claim the order at once."""
        self._database.execute(_RELEASE, {"id": id, "run": run})

    def move(
        self,
        id: UUID,
        run: str,
        trigger: Trigger,
        attempt: int,
        data: dict[str, Any],
        seen: Status | None = None,
        **columns: Any,
    ) -> tuple[Event, list[str]] | None:
        """Moves the order by compare-and-set on its status, run and attempt, in one round trip.

        With `seen`, from that status only, of all in which the trigger is allowed.

        Returns the event and the connections that listen to the order. `None` if exactly this move was made before, as
        by a step that is tried again after its answer was lost: then the order as it is stored counts. Raises
        `StaleRun` if the order has ended, or belongs to another run or a later attempt by now.
        """
        if unknown := columns.keys() - _WRITABLE:
            raise ValueError(f"expected columns among {sorted(_WRITABLE)}, was {sorted(unknown)}")
        to = target(trigger)
        allowed = [status for status in sources(trigger) if seen in (None, status)]
        rows = self._database.fetch(
            _MOVE.format(assignments="".join(f", {name} = %({name})s" for name in columns)),
            {
                **{name: Jsonb(value) if isinstance(value, dict) else value for name, value in columns.items()},
                "id": id,
                "run": run,
                "to": to,
                "sources": allowed,
                "only_next": [status for status, by in NEXT_ATTEMPT if by is trigger],
                "attempt": attempt,
                "lease": LEASE_SECONDS,
                "data": Jsonb(data),
            },
        )
        if rows:
            return Event(id, rows[0]["seq"], to, rows[0]["at"], attempt, data), rows[0]["listeners"]
        now = self.get(id)
        if (now.run, now.status, now.attempt) == (run, to, attempt):
            return None
        raise StaleRun(
            f"expected order {id} in {'/'.join(allowed)} for run {run}, attempt {attempt},"
            f" was {now.status} for {now.run}, attempt {now.attempt}"
        )

    def cancel(self, client_id: UUID, id: UUID) -> None:
        """Ends the client's order, whichever run holds it: that run's next move finds it ended.

        Done before, it is done. Raises `OrderNotFound`, `TooLateToCancel`.
        """
        allowed = sources(Trigger.CALLED_OFF)
        moved = self._database.fetch(
            _CANCEL,
            {"id": id, "client": client_id, "to": target(Trigger.CALLED_OFF), "sources": allowed, "data": Jsonb({})},
        )
        if not moved and (order := self.owned(client_id, id)).status is not Status.CANCELLED:
            raise TooLateToCancel(f"expected order {id} in {'/'.join(allowed)}, was {order.status}")

    def asleep(self, after: float, limit: int = 1_000) -> list[UUID]:
        """Orders that no run has held for `after` seconds and that have not ended, the oldest first.

        Marks them as woken now.
        """
        rows = self._database.fetch(_WAKE, {"running": list(set(Status) - FINAL), "after": after, "limit": limit})
        return sorted(row["id"] for row in rows)


def not_found(id: UUID) -> OrderNotFound:
    """One text for what there is not and for what is another client's."""
    return OrderNotFound(f"expected the id of an order, was {id}")


def too_many_subscriptions() -> TooManySubscriptions:
    return TooManySubscriptions(f"expected at most {MOST_SUBSCRIPTIONS} running orders on one connection, was one more")


def event(row: dict[str, Any]) -> Event:
    return Event(row["order_id"], row["seq"], Status(row["status"]), row["at"], row["attempt"], row["data"])


def _found(id: UUID, rows: list[dict[str, Any]]) -> Order:
    if not rows:
        raise not_found(id)
    return _order(rows[0])


def _order(row: dict[str, Any]) -> Order:
    amounts = {name: int(row[name]) for name in _AMOUNTS if row[name] is not None}
    return Order(**{**row, **amounts, "status": Status(row["status"])})


def _encode_cursor(id: UUID) -> str:
    return base64.urlsafe_b64encode(id.bytes).decode().rstrip("=")


def _decode_cursor(cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.b64decode(cursor + "==", altchars=b"-_", validate=True))
    except ValueError:
        problem = f"expected the nextCursor of an earlier page, was {cursor[:40]!r}"
        raise InvalidRequest([{"field": "cursor", "message": problem}]) from None
