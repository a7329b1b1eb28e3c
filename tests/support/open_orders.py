"""Orders that wait."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from order_engine.domain import events
from order_engine.domain.events import Activated, Activation
from order_engine.domain.ids import uuid7
from order_engine.domain.markets import SIMULATED
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.terms import Limit, Recurring, Sniper, Stop
from order_engine.ports import Moved
from order_engine.storage.database import Database
from order_engine.storage.open_orders import PostgresOpenOrders
from order_engine.storage.orders import PostgresOrderStore
from tests.support.orders import CLIENT

SOL = 10**9
"""Base units of one SOL."""


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
    """Stores an order that waits, then sets these columns."""
    orders, id = PostgresOrderStore(database, market=market), uuid7()
    stored = orders.insert(id, CLIENT, request, events.opened(request, market))
    if not columns:
        return stored
    changes = ", ".join(f"{name} = %({name})s" for name in columns)
    database.execute(f"UPDATE orders SET {changes} WHERE id = %(id)s", {"id": id, **columns})
    return orders.get(id)


def open_pair(database: Database, first: OrderRequest, second: OrderRequest) -> tuple[Order, Order]:
    """Stores two linked orders."""
    orders, id = PostgresOrderStore(database), uuid7()
    linked = id, events.opened(second, SIMULATED)
    stored = orders.insert(
        uuid7(), CLIENT, replace(first, linked=second), events.opened(first, SIMULATED), linked=linked
    )
    return stored, orders.get(id)


MET = Activation(Activated.LIMIT_MET, 201_000_000, 7)


def activate(database: Database, order: Order) -> Moved:
    """Makes an open order pending, once it has rested."""
    database.execute("UPDATE orders SET rests_until = now() WHERE id = %(id)s", {"id": order.id})
    (moved,) = PostgresOpenOrders(database).activate([(order, MET)])
    return moved
