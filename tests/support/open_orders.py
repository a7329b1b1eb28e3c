"""Orders that wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg.types.json import Jsonb

from order_engine.domain import events, terms
from order_engine.domain.ids import uuid7
from order_engine.domain.markets import SIMULATED
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.terms import Limit, Recurring, Sniper, Stop
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.orders import CLIENT

SOL = 10**9
"""Base units of one SOL."""


_OPENED = """
    INSERT INTO order_events (order_id, seq, status, at, attempt, data)
    SELECT id, seq, status, created_at, attempt, %(data)s FROM orders WHERE id = %(id)s"""


def limit(price: str = "200", amount_in: int = SOL, **fields: Any) -> OrderRequest:
    return OrderRequest("limit", "SOL", "USDC", amount_in, terms=Limit(Decimal(price)), **fields)


def stop(price: str = "150", amount_in: int = SOL, limit_price: str | None = None, **fields: Any) -> OrderRequest:
    terms = Stop(Decimal(price), Decimal(limit_price) if limit_price else None)
    return OrderRequest("stop", "SOL", "USDC", amount_in, terms=terms, **fields)


def recurring(slices: int = 3, amount_in: int = 10 * SOL, interval_seconds: int = 60, **fields: Any) -> OrderRequest:
    return OrderRequest("recurring", "SOL", "USDC", amount_in, terms=Recurring(slices, interval_seconds), **fields)


def sniper(**fields: Any) -> OrderRequest:
    return OrderRequest("sniper", "USDC", "BONK", 50_000_000, terms=Sniper(10**9), **fields)


def open_order(database: Database, request: OrderRequest, market: str = SIMULATED, **columns: Any) -> Order:
    """Stores an order that waits, with its first event."""
    watch, waits = request.watch, request.terms
    assert watch is not None
    assert waits is not None
    values = {
        "id": uuid7(),
        "client_id": CLIENT,
        "type": request.type,
        "token_in": request.token_in,
        "token_out": request.token_out,
        "amount_in": request.amount_in,
        "slippage_bps": request.slippage_bps,
        "user_id": request.user_id,
        "max_price_impact_bps": request.max_price_impact_bps,
        "status": "open",
        "market": market,
        "terms": Jsonb(terms.dump(waits)),
        **watch._asdict(),
        "expires_at": request.expires_at,
        "due_at": datetime.now(UTC) - timedelta(seconds=1) if request.type == "recurring" else None,
        "slices_done": 0 if request.type == "recurring" else None,
        **columns,
    }
    names = ", ".join(values)
    places = ", ".join(f"%({name})s" for name in values)
    opened = {"id": values["id"], "data": Jsonb(events.opened(request, market))}
    database.fetch_all((f"INSERT INTO orders ({names}) VALUES ({places})", values), (_OPENED, opened))
    return PostgresOrderStore(database).get(values["id"])


def open_pair(database: Database, first: OrderRequest, second: OrderRequest) -> tuple[Order, Order]:
    """Stores two linked orders."""
    ids = uuid7(), uuid7()
    open_order(database, first, id=ids[0])
    open_order(database, second, id=ids[1], linked_id=ids[0])
    database.execute(
        "UPDATE orders SET linked_id = %(second)s WHERE id = %(first)s", {"first": ids[0], "second": ids[1]}
    )
    store = PostgresOrderStore(database)
    return store.get(ids[0]), store.get(ids[1])
