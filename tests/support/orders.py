"""Orders in any status, and their clients."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from order_engine.domain.access import Caller, Scope
from order_engine.domain.events import Event
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import RUNNING, Status, Trigger
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.timing import LEASE_SECONDS
from order_engine.storage.orders import PostgresOrderStore

REQUEST = OrderRequest("market", "SOL", "USDC", 1_500_000_000)

RUN = "run-1"

CALLER = Caller(UUID(int=1), UUID(int=2), Scope.TRADE)

CLIENT = CALLER.client_id

OTHER = Caller(UUID(int=3), UUID(int=4), Scope.TRADE)
"""Every clean database has these two clients with a key each."""

LEASE = LEASE_SECONDS

PATHS: dict[Status, list[Trigger]] = {
    Status.PENDING: [],
    Status.ROUTING: [Trigger.ROUTE],
    Status.BUILDING: [Trigger.ROUTE, Trigger.BUILD],
    Status.SUBMITTED: [Trigger.ROUTE, Trigger.BUILD, Trigger.SUBMIT],
    Status.CONFIRMED: [Trigger.ROUTE, Trigger.BUILD, Trigger.SUBMIT, Trigger.CONFIRM],
    Status.FAILED: [Trigger.FAIL],
    Status.CANCELLED: [Trigger.CANCEL],
    Status.OPEN: [Trigger.RETURN],
}
"""The triggers with which a run leads a new order to each status."""

NOT_RUNNING = sorted(PATHS.keys() - RUNNING)
"""Those of these statuses in which no run holds the order."""


def new_order(orders: PostgresOrderStore, request: OrderRequest = REQUEST, connection_id: str | None = None) -> Order:
    return orders.insert(uuid7(), CLIENT, request, {}, connection_id)


def claimed(orders: PostgresOrderStore, run: str = RUN, request: OrderRequest = REQUEST) -> Order:
    order = orders.claim(new_order(orders, request).id, run, LEASE)
    assert order is not None
    return order


def brought_to(orders: PostgresOrderStore, status: Status, attempt: int = 1) -> Order:
    """Returns a new order that `RUN` has moved to the status."""
    order = claimed(orders)
    for trigger in PATHS[status]:
        assert orders.move(order.id, RUN, trigger, attempt, {}) is not None
    order = orders.get(order.id)
    assert order.status is status
    return order


def seqs(events: Sequence[Event]) -> list[int]:
    return [event.seq for event in events]


LIFE = ["pending", "routing", "building", "submitted", "confirmed"]


def statuses(orders: PostgresOrderStore, order_id: UUID) -> list[str]:
    return [event.status.value for event in orders.events(order_id)]
