"""A client's fills in Postgres."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from order_engine.domain.fills import Change, ClientFill, Interval
from order_engine.domain.lifecycle import Status
from order_engine.domain.quotes import Costs
from order_engine.ports import Selection
from order_engine.storage.database import Database

# The condition of the index of fills. Fills from before `amount_spent` was recorded have spent the whole amount.
_FILLED = f"client_id = %(client)s AND status = '{Status.CONFIRMED}' AND tx_hash IS NOT NULL"
_SPENT = "coalesce(amount_spent, amount_in)"

_PAGE = f"""
    SELECT id AS order_id, updated_at AS filled_at, type, market, token_in, token_out, {_SPENT} AS amount_in,
        amount_out, fee_lamports, rent_lamports, venue, tx_hash, client_order_id, parent_id
    FROM orders WHERE {_FILLED}{{conditions}} ORDER BY updated_at DESC, id DESC LIMIT %(limit)s"""

_CONDITIONS = {
    "pair": " AND token_in = %(token_in)s AND token_out = %(token_out)s",
    "since": " AND updated_at >= %(since)s",
    "until": " AND updated_at < %(until)s",
    "beyond": """ AND (updated_at, id) < (
        SELECT updated_at, id FROM orders WHERE id = %(beyond)s AND client_id = %(client)s)""",
}

_CHANGES = f"""
    WITH fills AS (
        SELECT updated_at, token_in, token_out, {_SPENT} AS spent, amount_out, fee_lamports + rent_lamports AS costs
        FROM orders
        WHERE {_FILLED} AND market = %(market)s AND updated_at >= %(since)s AND updated_at < %(until)s
    ), flows AS (
        SELECT updated_at, token_in AS token, -spent AS units FROM fills
        UNION ALL SELECT updated_at, token_out, amount_out FROM fills
        UNION ALL SELECT updated_at, 'SOL', -costs FROM fills WHERE costs > 0
    )
    SELECT date_trunc(%(interval)s, updated_at, 'UTC') AS at, token, sum(units) AS change,
        sum(sum(units)) OVER (PARTITION BY token ORDER BY date_trunc(%(interval)s, updated_at, 'UTC')) AS total
    FROM flows GROUP BY 1, 2 ORDER BY 1, 2"""


class PostgresFills:
    """A `Fills`. Sums are those of the market with this name."""

    def __init__(self, database: Database, market: str) -> None:
        self._database = database
        self._market = market

    def page(self, client_id: UUID, limit: int, selection: Selection) -> tuple[list[ClientFill], UUID | None]:
        values: dict[str, Any] = {name: value for name, value in selection._asdict().items() if value is not None}
        # Only what is set is a condition, so that a prepared statement uses the index.
        conditions = "".join(_CONDITIONS[name] for name in values)
        if selection.pair is not None:
            values["token_in"], values["token_out"] = selection.pair
            del values["pair"]
        statement = _PAGE.format(conditions=conditions)
        rows = self._database.fetch(statement, {**values, "client": client_id, "limit": limit + 1})
        fills = [_fill(row) for row in rows[:limit]]
        return fills, fills[-1].order_id if len(rows) > limit else None

    def changes(self, client_id: UUID, since: datetime, until: datetime, interval: Interval) -> list[Change]:
        values = {"client": client_id, "market": self._market, "since": since, "until": until}
        rows = self._database.fetch(_CHANGES, {**values, "interval": interval.value})
        return [Change(row["at"], row["token"], int(row["change"]), int(row["total"])) for row in rows]


def _fill(row: dict[str, Any]) -> ClientFill:
    fee, rent = row.pop("fee_lamports"), row.pop("rent_lamports")
    amounts = {name: int(row[name]) for name in ("amount_in", "amount_out")}
    return ClientFill(**{**row, **amounts, "costs": None if fee is None else Costs(fee, rent)})
