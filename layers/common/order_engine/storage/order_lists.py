"""Which of a client's orders a statement is about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from order_engine.domain.ids import first_uuid7
from order_engine.domain.orders import TYPES
from order_engine.ports import Selection

_CONDITIONS = {
    "pair": "token_in = %(token_in)s AND token_out = %(token_out)s",
    "status": "status = %(status)s",
    "client_order_id": "client_order_id = %(client_order_id)s",
    "parent_id": "parent_id = %(parent_id)s",
    "since": "created_at >= %(since)s AND id >= %(first)s",
    "until": "created_at < %(until)s AND id < %(last)s",
    "beyond": "id < %(beyond)s",
}

# Constants, so that the planner can use the index of the orders that wait.
_OF_TYPE = {type: f"type = '{type}'" for type in TYPES}

_SLACK = timedelta(minutes=5)
"""An id is made some time before its order is created, by another clock."""


def selected(client_id: UUID, selection: Selection) -> tuple[str, dict[str, Any]]:
    """The condition on `orders`, and its parameters.

    Only what is set is a condition: one that may be off would keep a prepared statement from using an index.
    """
    values = {name: value for name, value in selection._asdict().items() if value is not None}
    conditions = ["client_id = %(client)s", *(_CONDITIONS[name] for name in values if name in _CONDITIONS)]
    if selection.type is not None:
        conditions.append(_OF_TYPE[selection.type])
    if selection.pair is not None:
        values["token_in"], values["token_out"] = values.pop("pair")
    if selection.since is not None:
        values["first"] = first_uuid7(selection.since, -_SLACK)
    if selection.until is not None:
        values["last"] = first_uuid7(selection.until, _SLACK)
    return " AND ".join(conditions), {"client": client_id, **values}
