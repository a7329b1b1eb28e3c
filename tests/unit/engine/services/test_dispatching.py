from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from order_engine.domain.events import Event
from order_engine.domain.lifecycle import RUNNING, Status
from order_engine.domain.orders import Order
from order_engine.domain.runs import Run
from order_engine.ports import ExecutionResult, OrderStore
from order_engine.services.dispatching import Dispatch, ExecutionFailed

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
AT = datetime(2026, 1, 31, tzinfo=UTC)
SUCCEEDED = ExecutionResult("SUCCEEDED", None, None)


class FakeOrders:
    """Holds at most one order that can be claimed, and the events of the order."""

    def __init__(self, order: Order | None, *statuses: Status) -> None:
        self._order = order
        self.events_ = [Event(ID, seq, status, AT, 1, {}) for seq, status in enumerate(statuses, 1)]
        self.published: list[tuple[Event, Sequence[str]]] = []
        self.claims: list[tuple[UUID, str]] = []
        self.released: list[tuple[UUID, str]] = []
        self.republished = 0
        self.linked: list[UUID] = []
        self.listeners = ["c1"]

    def claim(self, id: UUID, run: str) -> Order | None:
        self.claims.append((id, run))
        return self._order

    def history(self, id: UUID, after: int = 0) -> tuple[list[Event], list[str]]:
        return [replace(event, order_id=id) for event in self.events_], self.listeners

    def end_to_republish(self, id: UUID) -> list[UUID]:
        ended = not self.republished and bool(self.events_) and self.events_[-1].status not in RUNNING
        return [id, *self.linked] if ended else []

    def end_republished(self, id: UUID) -> None:
        self.republished += 1

    def release(self, id: UUID, run: str) -> None:
        self.released.append((id, run))


class FakeMachine:
    def __init__(self, result: ExecutionResult | Exception) -> None:
        self._result = result
        self.started: list[tuple[str, dict[str, Any]]] = []

    def run(self, name: str, input: dict[str, Any]) -> ExecutionResult:
        self.started.append((name, input))
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


def order(attempt: int = 1) -> Order:
    return Order(ID, "market", "SOL", "USDC", 10**18, 50, Status.ROUTING, attempt, 2, AT, AT, run="run-1", runs=3)


def dispatch(orders: FakeOrders, machine: FakeMachine) -> Dispatch:
    def publish(events: Sequence[Event], listeners: Sequence[str]) -> None:
        orders.published.extend((event, listeners) for event in events)

    return Dispatch(orders=cast(OrderStore, orders), publish=publish, machine=machine)


def run(result: ExecutionResult | Exception, claimed: Order | None) -> tuple[FakeOrders, FakeMachine]:
    orders, machine = FakeOrders(claimed, Status.PENDING), FakeMachine(result)
    dispatch(orders, machine).run(ID, "run-1")
    return orders, machine


def test_an_order_is_claimed_and_run_from_its_current_attempt() -> None:
    orders, machine = run(SUCCEEDED, order(attempt=2))
    assert orders.claims == [(ID, "run-1")]
    assert machine.started == [(f"{ID}-3", {"order": Run.of(order(attempt=2)).dump(), "attempt": {"number": 2}})]
    assert orders.released == []


def test_an_order_that_cannot_be_claimed_is_not_run() -> None:
    orders, machine = run(SUCCEEDED, None)
    assert (machine.started, orders.published) == ([], [])


def test_the_events_of_an_ended_order_are_published_again_when_its_message_returns() -> None:
    orders = FakeOrders(None, Status.PENDING, Status.FAILED)
    dispatch(orders, FakeMachine(SUCCEEDED)).run(ID, "run-1")
    assert orders.published == [(event, ["c1"]) for event in orders.events_]


def test_the_end_of_an_order_that_nobody_listens_to_is_published_again_too() -> None:
    """The view of active orders may still have it."""
    orders = FakeOrders(None, Status.PENDING, Status.FAILED)
    orders.listeners = []
    dispatch(orders, FakeMachine(SUCCEEDED)).run(ID, "run-1")
    assert orders.published == [(event, []) for event in orders.events_]


def test_the_events_of_the_linked_order_are_published_with_them() -> None:
    """It may have been cancelled in the moment in which the order was filled."""
    orders = FakeOrders(None, Status.PENDING, Status.CONFIRMED)
    orders.linked = [UUID(int=2)]
    dispatch(orders, FakeMachine(SUCCEEDED)).run(ID, "run-1")
    assert [(event.order_id, event.seq) for event, _ in orders.published] == [
        (id, seq) for id in (ID, UUID(int=2)) for seq in (1, 2)
    ]


def test_the_message_of_an_order_that_is_open_again_is_done() -> None:
    """Its run may have died after it had returned the order, before it could tell."""
    orders, machine = FakeOrders(None, Status.OPEN, Status.PENDING, Status.OPEN), FakeMachine(SUCCEEDED)
    for _ in range(5):
        dispatch(orders, machine).run(ID, "run-1")
    assert machine.started == []
    assert [event.seq for event, _ in orders.published] == [1, 2, 3]


def test_further_messages_for_an_ended_order_publish_nothing() -> None:
    orders = FakeOrders(None, Status.PENDING, Status.FAILED)
    for _ in range(5):
        dispatch(orders, FakeMachine(SUCCEEDED)).run(ID, "run-1")
    assert len(orders.published) == 2


def test_a_publication_that_is_cut_short_is_made_again() -> None:
    orders, machine = FakeOrders(None, Status.PENDING, Status.FAILED), FakeMachine(SUCCEEDED)

    def broken(events: Sequence[Event], listeners: Sequence[str]) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        Dispatch(orders=cast(OrderStore, orders), publish=broken, machine=machine).run(ID, "run-1")
    dispatch(orders, machine).run(ID, "run-1")
    assert len(orders.published) == 2


def test_an_order_without_events_publishes_nothing() -> None:
    orders = FakeOrders(None)
    dispatch(orders, FakeMachine(SUCCEEDED)).run(ID, "run-1")
    assert orders.published == []


@pytest.mark.parametrize("error", ["OrderFailed", "StaleRun"])
def test_a_run_that_failed_or_lost_its_order_is_not_released(error: str) -> None:
    orders, _ = run(ExecutionResult("FAILED", error, "why"), order())
    assert orders.released == []


@pytest.mark.parametrize(
    "result",
    [
        ExecutionResult("FAILED", "VenueUnavailable", "why"),
        ExecutionResult("FAILED", "States.Runtime", "why"),
        ExecutionResult("TIMED_OUT", "States.Timeout", "why"),
        ExecutionResult("TIMED_OUT", None, None),
    ],
)
def test_an_order_that_has_not_ended_is_released_and_its_message_returns(result: ExecutionResult) -> None:
    orders, machine = FakeOrders(order()), FakeMachine(result)
    with pytest.raises(ExecutionFailed, match=f"execution {ID}-3 {result.status}: {result.error}"):
        dispatch(orders, machine).run(ID, "run-1")
    assert orders.released == [(ID, "run-1")]


def test_an_order_whose_execution_may_still_run_keeps_its_lease() -> None:
    """GIVEN a call without an answer, THEN no other run may claim the order until the execution must have ended."""
    orders, machine = FakeOrders(order()), FakeMachine(TimeoutError())
    with pytest.raises(TimeoutError):
        dispatch(orders, machine).run(ID, "run-1")
    assert orders.released == []
