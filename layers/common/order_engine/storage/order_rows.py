"""An order's row in Postgres."""

from __future__ import annotations

from typing import Any

from order_engine.domain import terms
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import Order
from order_engine.domain.terms import Wait

ORDER = """
    id, type, token_in, token_out, amount_in, slippage_bps, status, attempt, seq, created_at, updated_at,
    client_order_id, user_id, quote_id, max_price_impact_bps, run, venue, quoted_out, min_out, tx_hash, amount_out,
    error, transaction, amount_spent, market, terms, waits_for, trigger_out, limit_out, expires_at, due_at, slices_done,
    parent_id, linked_id, wallet, runs"""
"""The columns of an `Order`."""

_AMOUNTS = ("amount_in", "quoted_out", "min_out", "amount_out", "amount_spent", "trigger_out", "limit_out")


def order_of(row: dict[str, Any]) -> Order:
    amounts = {name: int(row[name]) for name in _AMOUNTS if row[name] is not None}
    if row["terms"] is not None:
        row = {**row, "terms": terms.load(row["type"], row["terms"]), "waits_for": Wait(row["waits_for"])}
    return Order(**{**row, **amounts, "status": Status(row["status"])})
