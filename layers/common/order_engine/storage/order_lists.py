"""Which of a client's orders a statement is about."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from order_engine.ports import Selection

_CONDITIONS = {
    "pair": "token_in = %(token_in)s AND token_out = %(token_out)s",
    "status": "status = %(status)s",
    "client_order_id": "client_order_id = %(client_order_id)s",
    "parent_id": "parent_id = %(parent_id)s",
    "first": "id >= %(first)s",
    "beyond": "id < %(beyond)s",
}


def selected(client_id: UUID, selection: Selection) -> tuple[str, dict[str, Any]]:
    """The condition on `orders`, and its parameters.

    Only what is set is a condition: one that may be off would keep a prepared statement from using an index.
    """
    values = {name: value for name, value in selection._asdict().items() if value is not None}
    conditions = ["client_id = %(client)s", *(_CONDITIONS[name] for name in values if name in _CONDITIONS)]
    if selection.type is not None:
        # A constant, for the index of the orders that wait. Types are the engine's own words.
        conditions.append(f"type = '{selection.type}'")
    if selection.pair is not None:
        values["token_in"], values["token_out"] = values.pop("pair")
    return " AND ".join(conditions), {"client": client_id, **values}
