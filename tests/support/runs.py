"""Runs of an order, step by step like the state machine."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import OrderRequest
from order_engine.domain.runs import Run
from order_engine.services.execution import Execution
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.orders import LEASE, LIFE, REQUEST, claimed

CAUGHT = {"Error": "VenueUnavailable", "Cause": json.dumps({"errorMessage": "raydium refused to confirm"})}


def start(orders: PostgresOrderStore, request: OrderRequest = REQUEST) -> Run:
    """A run of a new order whose first event is published."""
    return Run.of(claimed(orders, request=request), published_seq=1)


def passed_on(run: Run, attempt: int | None = None) -> Run:
    """Returns the run as the next state gets it."""
    return Run.load(json.loads(json.dumps(run.dump())), attempt or run.attempt)


def resumed(orders: PostgresOrderStore, order_id: UUID, run: str = "run-2") -> Run:
    """Returns the run that claims the order after the last run lost its lease."""
    orders.release(order_id, orders.get(order_id).run or "")
    order = orders.claim(order_id, run, LEASE)
    assert order is not None
    return passed_on(Run.of(order))


def at(execution: Execution, run: Run, status: Status) -> Run:
    """Takes the steps from the current status to `status`."""
    steps = [execution.route, execution.build, execution.submit, execution.confirm]
    for step in steps[LIFE.index(run.status) : LIFE.index(status)]:
        run = passed_on(step(run))
    assert run.status is status
    return run


def finish(execution: Execution, run: Run) -> Run:
    """Takes all steps that the state machine takes from this status."""
    if run.status is Status.ROUTING:
        run = passed_on(execution.route(run))
    return at(execution, run, Status.CONFIRMED)


def swaps(database: Database) -> list[dict[str, Any]]:
    return database.fetch("SELECT * FROM market_transactions WHERE swapped")
