"""The statement that stores a new order with its event, and with the order that is linked with it."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from order_engine.domain import terms
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import OrderRequest
from order_engine.domain.terms import Recurring, Wait
from order_engine.storage.order_rows import ORDER

# Of several requests with one key the first is stored. The others wait until it is committed, and store nothing.
_INSERT = f"""
    WITH inserted AS (
        INSERT INTO orders (id, client_id, type, token_in, token_out, amount_in, slippage_bps, client_order_id, user_id,
                            quote_id, max_price_impact_bps, idempotency_key, market{{columns}})
        SELECT %(id)s, %(client_id)s, %(type)s, %(token_in)s, %(token_out)s, %(amount_in)s, %(slippage_bps)s,
               %(client_order_id)s, %(user_id)s, %(quote_id)s, %(max_price_impact_bps)s, %(idempotency_key)s,
               %(market)s{{values}}
        WHERE {{room}}
        ON CONFLICT DO NOTHING
        RETURNING {ORDER}
    ), subscribed AS (
        INSERT INTO subscriptions (connection_id, order_id)
        SELECT %(connection_id)s, id FROM inserted WHERE %(connection_id)s::text IS NOT NULL
    ){{more}}, recorded AS (
        INSERT INTO order_events (order_id, seq, status, at, attempt, data)
        SELECT id, seq, status, created_at, attempt, %(data)s FROM inserted
    )
    SELECT {ORDER} FROM inserted"""

_NAMED = """, named AS (
        UPDATE quotes SET named = TRUE FROM inserted WHERE quotes.id = inserted.quote_id AND NOT named
    )"""

_COLUMNS = ", status, terms, waits_for, trigger_out, limit_out, expires_at, due_at, slices_done, linked_id"
_VALUES_OF = f"""
               '{Status.OPEN}', %({{0}}terms)s, %({{0}}waits_for)s, %({{0}}trigger_out)s, %({{0}}limit_out)s,
               %(expires_at)s, CASE WHEN %({{0}}waits_for)s::text = '{Wait.SCHEDULE}'
                                    THEN coalesce(%(start_at)s::timestamptz, now()) END, %({{0}}slices_done)s,"""
_VALUES = _VALUES_OF.format("")
_LINKED_VALUES = _VALUES_OF.format("linked_")
_SIGNED_COLUMNS, _SIGNED_VALUES = ", wallet, transaction", ", %(wallet)s, %(transaction)s"

_LINKED = f""", linked AS (
        INSERT INTO orders (id, client_id, type, token_in, token_out, amount_in, slippage_bps, user_id,
                            max_price_impact_bps, market{_COLUMNS})
        SELECT linked_id, %(client_id)s, %(linked_type)s, token_in, token_out, amount_in, slippage_bps, user_id,
               max_price_impact_bps, market, {_LINKED_VALUES} id FROM inserted
        RETURNING id, seq, status, created_at, attempt
    ), linked_subscribed AS (
        INSERT INTO subscriptions (connection_id, order_id)
        SELECT %(connection_id)s, id FROM linked WHERE %(connection_id)s::text IS NOT NULL
    ), linked_recorded AS (
        INSERT INTO order_events (order_id, seq, status, at, attempt, data)
        SELECT id, seq, status, created_at, attempt, %(linked_data)s FROM linked
    )"""


def statement(request: OrderRequest, room: str) -> str:
    """The statement of such an order, for as long as there is `room`."""
    return _statement(
        room,
        quoted=request.quote_id is not None,
        waits=request.terms is not None,
        linked=request.linked is not None,
        signed=request.signed is not None,
    )


@cache
def _statement(room: str, *, quoted: bool, waits: bool, linked: bool, signed: bool) -> str:
    return _INSERT.format(
        columns=(_COLUMNS if waits else "") + (_SIGNED_COLUMNS if signed else ""),
        values=(f", {_VALUES} %(linked_id)s" if waits else "") + (_SIGNED_VALUES if signed else ""),
        # The connection listens to both orders.
        room=f"{room} - 1" if linked and room != "TRUE" else room,
        more=(_NAMED if quoted else "") + (_LINKED if linked else ""),
    )


def parameters(request: OrderRequest, linked: tuple[UUID, dict[str, Any]] | None) -> dict[str, Any]:
    """The parameters that are the request's own. `linked` are the id and the event's data of its linked order."""
    values = {
        "type": request.type,
        "token_in": request.token_in,
        "token_out": request.token_out,
        "amount_in": request.amount_in,
        "slippage_bps": request.slippage_bps,
        "client_order_id": request.client_order_id,
        "user_id": request.user_id,
        "quote_id": request.quote_id,
        "max_price_impact_bps": request.max_price_impact_bps,
    }
    if request.terms is not None:
        values |= {"expires_at": request.expires_at, "start_at": request.start_at, "linked_id": linked and linked[0]}
        values |= _waiting(request)
    if request.signed is not None:
        values |= {"wallet": request.wallet, "transaction": Jsonb(request.signed.transaction.dump())}
    if request.linked is not None and linked is not None:
        values |= {"linked_type": request.linked.type, "linked_data": Jsonb(linked[1])}
        values |= {f"linked_{name}": value for name, value in _waiting(request.linked).items()}
    return values


def _waiting(request: OrderRequest) -> dict[str, Any]:
    """What the order waits for, by the names of its columns."""
    assert request.terms is not None
    assert request.watch is not None
    return {
        "terms": Jsonb(terms.dump(request.terms)),
        **request.watch._asdict(),
        "slices_done": 0 if isinstance(request.terms, Recurring) else None,
    }
