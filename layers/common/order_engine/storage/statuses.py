"""Statuses as SQL has them: constants, so that a statement sends no array and the planner can use partial indexes."""

from __future__ import annotations

from collections.abc import Iterable

from order_engine.domain import lifecycle
from order_engine.domain.lifecycle import FINAL, Status


def listed(statuses: Iterable[Status]) -> str:
    """`('confirmed', 'failed')`, for `IN`. At least one."""
    return "('" + "', '".join(sorted(statuses)) + "')"


ENDED = f"status IN {listed(FINAL)}"
NOT_ENDED = f"status IN {listed(set(Status) - FINAL)}"
RUNNING = f"status IN {listed(lifecycle.RUNNING)}"
OPEN = f"status = '{Status.OPEN}'"
