"""The orders of a client that it may still change, in Postgres."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from order_engine.domain import terms
from order_engine.domain.events import LINKED_CANCELLED, Event, cancelled
from order_engine.domain.lifecycle import Status, Trigger, sources, target
from order_engine.domain.orders import Order, OrderRequest
from order_engine.ports import Selection
from order_engine.storage.database import Database
from order_engine.storage.events import RECORD, histories
from order_engine.storage.order_lists import selected
from order_engine.storage.order_rows import ORDER, order_of
from order_engine.storage.statuses import OPEN, listed

_REPLACE = f"""
    WITH moved AS (
        UPDATE orders SET seq = seq + 1, updated_at = now(), amount_in = %(amount_in)s, terms = %(terms)s,
            waits_for = %(waits_for)s, trigger_out = %(trigger_out)s, limit_out = %(limit_out)s,
            expires_at = %(expires_at)s, rests_until = NULL
        WHERE id = %(id)s AND {OPEN} AND seq = %(seq)s
        RETURNING {ORDER}
    ), recorded AS ({RECORD} %(data)s FROM moved
    )
    SELECT {ORDER}, listeners(id) FROM moved"""

_CANCELLED = target(Trigger.CANCEL)
_CANCELLABLE = f"status IN {listed(sources(Trigger.CANCEL))}"
# Each with its linked order. All are locked in the order of their ids, so that nobody waits in a circle.
_CANCEL_ALL = f"""
    WITH chosen AS MATERIALIZED (
        SELECT id, linked_id FROM orders WHERE {{condition}} AND {_CANCELLABLE} ORDER BY id LIMIT %(limit)s
    ), held AS MATERIALIZED (
        SELECT id FROM orders WHERE id = ANY(ARRAY(SELECT id FROM chosen UNION SELECT linked_id FROM chosen))
        ORDER BY id FOR UPDATE
    ), moved AS (
        UPDATE orders SET status = '{_CANCELLED}', seq = seq + 1, updated_at = now()
        WHERE id = ANY(ARRAY(SELECT id FROM held)) AND {_CANCELLABLE}
        RETURNING id, seq, status, updated_at, attempt
    ), recorded AS ({RECORD} CASE WHEN id IN (SELECT id FROM chosen) THEN %(data)s::jsonb ELSE %(linked_data)s::jsonb
        END FROM moved
    )
    SELECT id FROM moved ORDER BY id"""
_ANY = f"SELECT FROM orders WHERE {{condition}} AND {_CANCELLABLE} LIMIT 1"


class PostgresStandingOrders:
    """`StandingOrders`. `count` is told the status of every event that is committed, once."""

    def __init__(self, database: Database, count: Callable[[Status], None] = lambda status: None) -> None:
        self._database = database
        self._count = count

    def replace(self, order: Order, request: OrderRequest, data: dict[str, Any]) -> tuple[Order, list[str]] | None:
        assert request.terms is not None
        assert request.watch is not None
        values = {
            "id": order.id,
            "seq": order.seq,
            "amount_in": request.amount_in,
            "terms": Jsonb(terms.dump(request.terms)),
            **request.watch._asdict(),
            "expires_at": request.expires_at,
            "data": Jsonb(data),
        }
        for row in self._database.fetch(_REPLACE, values):
            self._count(Status.OPEN)
            listeners = row.pop("listeners")
            return order_of(row), listeners
        return None

    def cancel_all(self, client_id: UUID, selection: Selection, limit: int = 1_000) -> tuple[list[UUID], bool]:
        condition, values = selected(client_id, selection)
        data = {"data": Jsonb(cancelled()), "linked_data": Jsonb(cancelled(LINKED_CANCELLED))}
        rows = self._database.fetch(_CANCEL_ALL.format(condition=condition), {**values, **data, "limit": limit})
        for _ in rows:
            self._count(_CANCELLED)
        complete = len(rows) < limit or not self._database.fetch(_ANY.format(condition=condition), values)
        return [row["id"] for row in rows], complete

    def histories(self, ids: Sequence[UUID]) -> list[tuple[list[Event], list[str]]]:
        return histories(self._database, ids)
