"""What a client's orders have come to, read from Postgres."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from order_engine.domain.decisions import Decision
from order_engine.domain.lifecycle import FINAL, Status
from order_engine.domain.statistics import Routed, Timing
from order_engine.storage.database import Database

_STEPS = (Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED)

_ANY = ", ".join(f"('{status}')" for status in Status)
_FINAL = ", ".join(f"('{status}')" for status in sorted(FINAL))
_TIMES = ", ".join(f"sum(lasted) FILTER (WHERE status = '{step}') AS {step}" for step in _STEPS)
_SLIPPAGE = f"CASE status WHEN '{Status.CONFIRMED}' THEN (data ->> 'realised_slippage_bps')::integer END"

_ROUTED = f"status = '{Status.ROUTING}' AND data -> 'decision' ? 'version'"
# Most of a decision, and here of no use.
_UNUSED = """'{"hops": [], "fees": [], "missing": []}'::jsonb"""

# The order has Postgres read one range of an index for each status, and no other orders.
_COUNTS = f"""
    SELECT status, (
        SELECT count(*) FROM (
            SELECT FROM orders WHERE client_id = %(client)s AND status = any_of.status ORDER BY id LIMIT %(at_most)s
        ) AS counted
    ) AS count FROM (VALUES {_ANY}) AS any_of (status)"""

# Each order names its events, so that Postgres reads one partition for each.
_TIMINGS = f"""
    SELECT ended.*, took.*, routed.*
    FROM (
        SELECT newest.* FROM (VALUES {_FINAL}) AS final (status)
        CROSS JOIN LATERAL (
            SELECT id AS order_id, type, market, token_in, token_out, status, updated_at AS ended_at, venue,
                error ->> 'code' AS error_code, attempt AS attempts
            FROM orders WHERE client_id = %(client)s AND status = final.status ORDER BY id DESC LIMIT %(limit)s
        ) AS newest
        ORDER BY order_id DESC LIMIT %(limit)s
    ) AS ended
    CROSS JOIN LATERAL (
        SELECT max(slippage_bps) AS realised_slippage_bps, {_TIMES}
        FROM (
            SELECT status, lead(at) OVER (ORDER BY seq) - at AS lasted, {_SLIPPAGE} AS slippage_bps
            FROM order_events WHERE order_events.order_id = ended.order_id
        ) AS events
    ) AS took
    LEFT JOIN LATERAL (
        SELECT at AS routed_at, data -> 'decision' || {_UNUSED} AS decision
        FROM order_events WHERE order_events.order_id = ended.order_id AND {_ROUTED} ORDER BY seq DESC LIMIT 1
    ) AS routed ON TRUE
    ORDER BY ended.order_id DESC"""


class PostgresStatistics:
    """A `Statistics`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self, client_id: UUID, at_most: int) -> dict[Status, int]:
        rows = self._database.fetch(_COUNTS, {"client": client_id, "at_most": at_most})
        return {Status(row["status"]): row["count"] for row in rows}

    def timings(self, client_id: UUID, limit: int) -> tuple[list[Timing], bool]:
        rows = self._database.fetch(_TIMINGS, {"client": client_id, "limit": limit + 1})
        return [_timing(row) for row in rows[:limit]], len(rows) <= limit


def _timing(row: dict[str, Any]) -> Timing:
    steps = {step: row.pop(step) for step in _STEPS}
    at, decision = row.pop("routed_at"), row.pop("decision")
    routed = Routed(at, Decision.load(decision)) if decision else None
    return Timing(**{**row, "status": Status(row["status"]), "steps": steps, "routed": routed})
