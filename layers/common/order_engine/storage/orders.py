"""Orders in Postgres."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from order_engine.domain import lifecycle
from order_engine.domain.errors import OrderNotFound, StaleRun, TooLateToCancel
from order_engine.domain.events import LINKED_CANCELLED, LINKED_FILLED, Event, cancelled
from order_engine.domain.lifecycle import NEXT_ATTEMPT, Status, Trigger, sources, target
from order_engine.domain.markets import SIMULATED
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.timing import LEASE_SECONDS, REST_SECONDS
from order_engine.ports import ALL, ActiveOrder, Selection
from order_engine.storage import events, new_orders, order_lists, subscriptions
from order_engine.storage.database import Database
from order_engine.storage.events import RECORD
from order_engine.storage.order_rows import ORDER, order_of
from order_engine.storage.statuses import ENDED, NOT_ENDED, OPEN, RUNNING, listed

# By its id if an answer was lost. The header's key takes precedence over the client's own id.
_EARLIER = f"""
    SELECT {ORDER} FROM orders
    WHERE id = %(id)s OR client_id = %(client_id)s
      AND (idempotency_key = %(idempotency_key)s OR client_order_id = %(client_order_id)s)
    ORDER BY id = %(id)s DESC, (idempotency_key = %(idempotency_key)s) IS TRUE DESC LIMIT 1"""

# No lease is longer. One that ends later was written before the clock was set back, and is over.
_HELD = f"lease_until BETWEEN now() AND now() + 2 * interval '{LEASE_SECONDS} s'"

_HOLD = f"""
    UPDATE orders SET runs = runs + (run IS DISTINCT FROM %(run)s)::int, run = %(run)s,
        lease_until = now() + make_interval(secs => %(lease)s), enqueue_count = 0, end_republished = FALSE
    WHERE id = %(id)s AND market = %(market)s AND {RUNNING} AND {{may_hold}}
    RETURNING {ORDER}"""
_CLAIM = _HOLD.format(may_hold=f"(run = %(run)s OR ({_HELD}) IS NOT TRUE)")
_RENEW = _HOLD.format(may_hold="run = %(run)s")

_RELEASE = "UPDATE orders SET lease_until = NULL WHERE id = %(id)s AND run = %(run)s"

_MOVED = "RETURNING id, client_id, seq, status, updated_at, attempt"
_MOVE = f"""
    WITH {{held}}moved AS (
        UPDATE orders SET status = '{{to}}', seq = seq + 1, updated_at = now(), {{run}}{{assignments}}
        WHERE id = %(id)s AND market = %(market)s AND run = %(run)s AND status IN {{sources}}
          AND (attempt < %(attempt)s OR attempt = %(attempt)s AND {{same_attempt}}){{if_held}}
        {_MOVED}
    ), recorded AS ({RECORD} %(data)s FROM moved
    ){{linked}}
    SELECT client_id, seq, updated_at AS at, attempt, listeners(id){{with_linked}} FROM moved"""

_KEEP = f"attempt = %(attempt)s, lease_until = now() + interval '{LEASE_SECONDS} s'"
# Once the order does not name the run any more, no late step of it can move the order.
_LET_GO = f"""attempt = 1, run = NULL, lease_until = NULL,
            rests_until = CASE WHEN status = '{Status.SUBMITTED}' THEN
                now() + least(seq, {REST_SECONDS}) * interval '1 s'
            END,
            venue = NULL, quoted_out = NULL, min_out = NULL, tx_hash = NULL, transaction = NULL"""

_CANCEL_TO = target(Trigger.CANCEL)
_CANCEL_FROM = listed(sources(Trigger.CANCEL))
# An order and its linked one. Every statement locks the two in the order of their ids, so that none waits in a circle.
_CANCEL = f"""
    WITH found AS MATERIALIZED (
        SELECT id FROM orders
        WHERE id IN (%(id)s, (SELECT linked_id FROM orders WHERE id = %(id)s))
          AND client_id = %(client)s AND status IN {_CANCEL_FROM}
        ORDER BY id FOR UPDATE
    ), moved AS (
        UPDATE orders SET status = '{_CANCEL_TO}', seq = seq + 1, updated_at = now()
        WHERE id IN (SELECT id FROM found) AND %(id)s IN (SELECT id FROM found)
        {_MOVED}
    ), recorded AS ({RECORD} CASE WHEN id = %(id)s THEN %(data)s::jsonb ELSE %(linked_data)s::jsonb END FROM moved
    )
    SELECT id FROM moved"""

_HELD_PAIR = """held AS MATERIALIZED (
        SELECT id FROM orders WHERE id IN (%(id)s, %(linked_id)s) ORDER BY id FOR UPDATE
    ), """
_IF_HELD = " AND id IN (SELECT id FROM held)"
_CANCEL_LINKED = f""", linked AS (
        UPDATE orders SET status = '{_CANCEL_TO}', seq = seq + 1, updated_at = now()
        WHERE id = %(linked_id)s AND {OPEN} AND EXISTS (SELECT FROM moved)
        {_MOVED}
    ), linked_recorded AS ({RECORD} %(linked_data)s FROM linked
    )"""
_WITH_LINKED = ", EXISTS (SELECT FROM linked) AS linked"

# A time that is further ahead than the wait was written before the clock was set back.
_TAKE_STALLED = f"""
    UPDATE orders SET enqueued_at = now(), enqueue_count = enqueue_count + 1 WHERE id = ANY(ARRAY(
        SELECT id FROM orders, make_interval(secs => %(after)s * 2 ^ least(enqueue_count, %(doublings)s)) AS wait
        WHERE {RUNNING} AND market = %(market)s
          AND enqueued_at NOT BETWEEN now() - wait AND now() + wait
          AND ({_HELD}) IS NOT TRUE
        ORDER BY id LIMIT %(limit)s FOR UPDATE OF orders
    ))
    RETURNING id"""

_NOT_ENQUEUED = "UPDATE orders SET enqueue_count = 0 WHERE id = ANY(%(ids)s)"

_END_TO_REPUBLISH = f"""
    SELECT id, linked_id FROM orders WHERE id = %(id)s AND ({ENDED} OR {OPEN}) AND NOT end_republished"""

_END_REPUBLISHED = "UPDATE orders SET end_republished = TRUE WHERE id = %(id)s"

_LISTENERS = "SELECT listeners(%(id)s), (SELECT client_id FROM orders WHERE id = %(id)s)"

_PAGE = f"SELECT {ORDER} FROM orders WHERE {{condition}} ORDER BY id DESC LIMIT %(limit)s"

_BEGUN = listed([Status.OPEN, Status.PENDING])
# Each order names its events, so that Postgres reads one partition for each.
_ACTIVE = f"""
    SELECT newest.*, request.seq AS request_seq, request.status AS request_status, request.at AS request_at,
        request.attempt AS request_attempt, request.data AS request_data
    FROM (
        SELECT id, seq FROM orders WHERE client_id = %(client)s AND {{running}} ORDER BY id DESC LIMIT %(limit)s
    ) AS active
    CROSS JOIN LATERAL (
        SELECT order_id, seq, status, at, attempt, data FROM order_events
        WHERE order_id = active.id AND seq = active.seq
    ) AS newest
    CROSS JOIN LATERAL (
        SELECT seq, status, at, attempt, data FROM order_events
        WHERE order_id = active.id AND status IN {_BEGUN} ORDER BY seq DESC LIMIT 1
    ) AS request
    ORDER BY newest.order_id DESC"""

_OF_EVENT = ("seq", "status", "at", "attempt", "data")

_LINKED_FILLED = Jsonb(cancelled(LINKED_FILLED))
_LINKED_CANCELLED = Jsonb(cancelled(LINKED_CANCELLED))

_WRITABLE = frozenset(
    {
        *("venue", "quoted_out", "min_out", "tx_hash", "transaction", "amount_out", "amount_spent", "error"),
        *("fee_lamports", "rent_lamports"),
        *("terms", "waits_for", "trigger_out"),
    }
)


class PostgresOrderStore:
    """An `OrderStore`. Each step of an order is one statement: compare, set and event together.

    `count` is told the status of every event that is committed, once. It misses an event whose commit Postgres could
    not report, as in a failover. New orders are of `market`, and only its orders can be claimed and moved: those
    of another market wait until the engine trades there again.
    """

    def __init__(
        self,
        database: Database,
        count: Callable[[Status], None] = lambda status: None,
        market: str = SIMULATED,
    ) -> None:
        self._database = database
        self._count = count
        self._market = market

    def insert(
        self,
        id: UUID,
        client_id: UUID,
        request: OrderRequest,
        data: dict[str, Any],
        connection_id: str | None = None,
        idempotency_key: str | None = None,
        linked: tuple[UUID, dict[str, Any]] | None = None,
    ) -> Order:
        parameters = {
            **new_orders.parameters(request, linked),
            "id": id,
            "client_id": client_id,
            "idempotency_key": idempotency_key,
            "market": self._market,
            "connection_id": connection_id,
            "data": Jsonb(data),
        }
        room = subscriptions.HAS_ROOM if connection_id else "TRUE"
        rows = self._database.fetch(new_orders.statement(request, room), parameters)
        if not rows:
            if order := self.earlier(id, client_id, request, idempotency_key):
                if order.id == id:  # It was stored, but Postgres could not say so.
                    self._count_new(request)
                return order
            self._database.execute(subscriptions.DELETE_ENDED_OF_CONNECTION, parameters)
            room = subscriptions.HAS_ROOM_AMONG_NOT_ENDED
            rows = self._database.fetch(new_orders.statement(request, room), parameters)
        if not rows:
            raise subscriptions.too_many_subscriptions()
        self._count_new(request)
        return order_of(rows[0])

    def _count_new(self, request: OrderRequest | None) -> None:
        """Counts the first event of an order, and that of the order that is linked with it."""
        while request is not None:
            self._count(request.first_status)
            request = request.linked

    def earlier(self, id: UUID, client_id: UUID, request: OrderRequest, idempotency_key: str | None) -> Order | None:
        keys = {"idempotency_key": idempotency_key, "client_order_id": request.client_order_id}
        rows = self._database.fetch(_EARLIER, {"id": id, "client_id": client_id, **keys})
        return order_of(rows[0]) if rows else None

    def get(self, id: UUID) -> Order:
        rows = self._database.fetch(f"SELECT {ORDER} FROM orders WHERE id = %(id)s", {"id": id})
        return _found(id, rows)

    def owned(self, client_id: UUID, id: UUID) -> Order:
        rows = self._database.fetch(
            f"SELECT {ORDER} FROM orders WHERE id = %(id)s AND client_id = %(client)s", {"id": id, "client": client_id}
        )
        return _found(id, rows)

    def events(self, id: UUID, after: int = 0) -> list[Event]:
        return [events.from_row(row) for row in self._database.fetch(events.SELECT, {"id": id, "after": after})]

    def history(self, id: UUID, after: int = 0) -> tuple[list[Event], list[str]]:
        found, (row,) = self._database.fetch_all((events.SELECT, {"id": id, "after": after}), (_LISTENERS, {"id": id}))
        return [events.from_row(event, row["client_id"]) for event in found], row["listeners"]

    def page(self, client_id: UUID, limit: int, selection: Selection = ALL) -> tuple[list[Order], UUID | None]:
        condition, parameters = order_lists.selected(client_id, selection)
        rows = self._database.fetch(_PAGE.format(condition=condition), {**parameters, "limit": limit + 1})
        orders = [order_of(row) for row in rows[:limit]]
        return orders, orders[-1].id if len(rows) > limit else None

    def active(self, client_id: UUID, limit: int, with_open: bool) -> list[ActiveOrder]:
        statement = _ACTIVE.format(running=NOT_ENDED if with_open else RUNNING)
        rows = self._database.fetch(statement, {"client": client_id, "limit": limit})
        return [
            ActiveOrder(
                events.from_row({"order_id": row["order_id"], **{name: row[f"request_{name}"] for name in _OF_EVENT}}),
                events.from_row(row),
            )
            for row in rows
        ]

    def claim(self, id: UUID, run: str, lease: float = LEASE_SECONDS) -> Order | None:
        rows = self._database.fetch(_CLAIM, {"id": id, "run": run, "lease": lease, "market": self._market})
        return order_of(rows[0]) if rows else None

    def renew(self, id: UUID, run: str, lease: float = LEASE_SECONDS) -> Order | None:
        rows = self._database.fetch(_RENEW, {"id": id, "run": run, "lease": lease, "market": self._market})
        return order_of(rows[0]) if rows else None

    def release(self, id: UUID, run: str) -> None:
        self._database.execute(_RELEASE, {"id": id, "run": run})

    def move(
        self,
        id: UUID,
        run: str,
        trigger: Trigger,
        attempt: int,
        data: dict[str, Any],
        from_status: Status | None = None,
        *,
        linked_id: UUID | None = None,
        **columns: Any,
    ) -> tuple[Event, list[str]] | None:
        if unknown := columns.keys() - _WRITABLE:
            raise ValueError(f"expected columns among {sorted(_WRITABLE)}, was {sorted(unknown)}")
        to = target(trigger)
        rows = self._database.fetch(
            _move(trigger, from_status, linked_id is not None, *columns),
            {
                **({"linked_id": linked_id, "linked_data": _LINKED_FILLED} if linked_id else {}),
                **{name: Jsonb(value) if isinstance(value, dict) else value for name, value in columns.items()},
                "id": id,
                "run": run,
                "market": self._market,
                "attempt": attempt,
                "data": Jsonb(data),
            },
        )
        if rows:
            (row,) = rows
            self._count(to)
            if linked_id and row["linked"]:
                self._count(_CANCEL_TO)
            event = Event(id, row["seq"], to, row["at"], row["attempt"], data, row["client_id"])
            return event, row["listeners"]
        now = self.get(id)
        if now.market != self._market:
            raise StaleRun(f"expected an order of {self._market}, was order {id} of {now.market}")
        if (now.run, now.status, now.attempt) == (run, to, attempt):
            return None
        raise StaleRun(
            f"expected order {id} in {'/'.join(_sources(trigger, from_status))} for run {run}, attempt {attempt},"
            f" was {now.status} for {now.run}, attempt {now.attempt}"
        )

    def cancel(self, client_id: UUID, id: UUID) -> list[UUID]:
        data = {"data": Jsonb(cancelled()), "linked_data": _LINKED_CANCELLED}
        moved = self._database.fetch(_CANCEL, {"id": id, "client": client_id, **data})
        if moved:
            for _ in moved:
                self._count(_CANCEL_TO)
            return [row["id"] for row in moved]
        order = self.owned(client_id, id)
        if order.status is not _CANCEL_TO:
            raise TooLateToCancel(f"the order is already {order.status} and cannot be cancelled")
        return _with_linked(order.id, order.linked_id)

    def take_stalled(self, after: float, limit: int = 1_000, doublings: int = 0) -> list[UUID]:
        values = {"market": self._market, "after": after, "limit": limit, "doublings": doublings}
        rows = self._database.fetch(_TAKE_STALLED, values)
        return sorted(row["id"] for row in rows)

    def not_enqueued(self, ids: Sequence[UUID]) -> None:
        self._database.execute(_NOT_ENQUEUED, {"ids": list(ids)})

    def end_to_republish(self, id: UUID) -> list[UUID]:
        rows = self._database.fetch(_END_TO_REPUBLISH, {"id": id})
        return _with_linked(**rows[0]) if rows else []

    def end_republished(self, id: UUID) -> None:
        self._database.execute(_END_REPUBLISHED, {"id": id})


def _sources(trigger: Trigger, from_status: Status | None) -> list[Status]:
    """Every status in which a run may use the trigger: no run moves an order that is open."""
    return [status for status in sources(trigger) if status in lifecycle.RUNNING and from_status in (None, status)]


@cache
def _move(trigger: Trigger, from_status: Status | None, linked: bool, *columns: str) -> str:
    """The statement of a move that also writes these columns, and cancels the `linked` order if that is open."""
    only_next = [status for status, by in NEXT_ATTEMPT if by is trigger]
    return _MOVE.format(
        to=target(trigger),
        run=_LET_GO if target(trigger) is Status.OPEN else _KEEP,
        assignments="".join(f", {name} = %({name})s" for name in columns),
        sources=listed(_sources(trigger, from_status)),
        same_attempt=f"status NOT IN {listed(only_next)}" if only_next else "TRUE",
        held=_HELD_PAIR if linked else "",
        if_held=_IF_HELD if linked else "",
        linked=_CANCEL_LINKED if linked else "",
        with_linked=_WITH_LINKED if linked else "",
    )


def _with_linked(id: UUID, linked_id: UUID | None) -> list[UUID]:
    return [id] if linked_id is None else [id, linked_id]


def _found(id: UUID, rows: list[dict[str, Any]]) -> Order:
    """The order of a row. Another client's order and no order at all get the same error."""
    if not rows:
        raise OrderNotFound(f"no order with id {id}")
    return order_of(rows[0])
