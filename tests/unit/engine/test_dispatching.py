from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import Event, Order
from order_engine.services.dispatching import Dispatch, ExecutionFailed
from order_engine.services.execution import Run
from order_engine.storage.orders import LEASE_SECONDS, OrderStore

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
AT = datetime(2026, 1, 31, tzinfo=UTC)


class FakeOrders(OrderStore):
    """Holds one order, or none that can be claimed."""

    def __init__(self, order: Order | None, *statuses: Status) -> None:
        self._order = order
        self.events_ = [Event(ID, seq, status, AT, 1, {}) for seq, status in enumerate(statuses, 1)]
        self.told: list[tuple[Event, Sequence[str]]] = []
        self.claims: list[tuple[UUID, str, float]] = []
        self.released: list[tuple[UUID, str]] = []

    def claim(self, id: UUID, run: str, lease: float = LEASE_SECONDS) -> Order | None:
        self.claims.append((id, run, lease))
        return self._order

    def history(self, id: UUID, after: int = 0) -> tuple[list[Event], list[str]]:
        return self.events_, ["c1"]

    def release(self, id: UUID, run: str) -> None:
        self.released.append((id, run))


class FakeMachine:
    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self._answer = answer
        self.started: list[dict[str, Any]] = []

    def start_sync_execution(self, **request: Any) -> dict[str, Any]:
        self.started.append(request)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def order(attempt: int = 1) -> Order:
    return Order(ID, "market", "SOL", "USDC", 10**18, 50, Status.ROUTING, attempt, 2, AT, AT, run="run-1")


def dispatch(orders: FakeOrders, machine: FakeMachine) -> Dispatch:
    return Dispatch(orders, lambda *told: orders.told.append(told), cast(Any, machine), "arn:machine")


def run(answer: dict[str, Any] | Exception, claimed: Order | None) -> tuple[FakeOrders, FakeMachine]:
    orders, machine = FakeOrders(claimed, Status.PENDING), FakeMachine(answer)
    dispatch(orders, machine).run(ID, "run-1")
    return orders, machine


def test_an_order_is_claimed_and_run_as_it_stands() -> None:
    orders, machine = run({"status": "SUCCEEDED"}, order(attempt=2))
    assert orders.claims == [(ID, "run-1", LEASE_SECONDS)]
    (request,) = machine.started
    assert (request["stateMachineArn"], request["name"]) == ("arn:machine", "run-1")
    input = json.loads(request["input"])
    assert input == {"order": Run.of(order(attempt=2)).to_json(), "attempt": {"number": 2}}
    assert orders.released == []


def test_an_order_that_can_not_be_claimed_is_not_run() -> None:
    orders, machine = run({"status": "SUCCEEDED"}, None)
    assert (machine.started, orders.told) == ([], [])


def test_the_end_of_an_order_whose_message_came_back_is_told_again() -> None:
    orders = FakeOrders(None, Status.PENDING, Status.FAILED)
    dispatch(orders, FakeMachine({})).run(ID, "run-1")
    assert orders.told == [(event, ["c1"]) for event in orders.events_]


def test_an_order_whose_events_are_no_longer_kept_has_nothing_to_tell() -> None:
    orders = FakeOrders(None)
    dispatch(orders, FakeMachine({})).run(ID, "run-1")
    assert orders.told == []


@pytest.mark.parametrize("error", ["OrderFailed", "StaleRun"])
def test_an_order_that_has_ended_or_is_anothers_needs_no_other_run(error: str) -> None:
    orders, _ = run({"status": "FAILED", "error": error, "cause": "why"}, order())
    assert orders.released == []


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "FAILED", "error": "VenueUnavailable", "cause": "why"},
        {"status": "FAILED", "error": "States.Runtime", "cause": "why"},
        {"status": "TIMED_OUT", "error": "States.Timeout", "cause": "why"},
        {"status": "TIMED_OUT"},
    ],
)
def test_an_order_that_has_not_ended_is_released_and_comes_back(answer: dict[str, Any]) -> None:
    orders, machine = FakeOrders(order()), FakeMachine(answer)
    with pytest.raises(ExecutionFailed, match=f"execution run-1 {answer['status']}: {answer.get('error')}"):
        dispatch(orders, machine).run(ID, "run-1")
    assert orders.released == [(ID, "run-1")]


def test_an_order_whose_execution_may_still_run_keeps_its_lease() -> None:
    """GIVEN a call that was not answered, THEN nobody else may run the order until the execution is over for sure."""
    orders, machine = FakeOrders(order()), FakeMachine(TimeoutError())
    with pytest.raises(TimeoutError):
        dispatch(orders, machine).run(ID, "run-1")
    assert orders.released == []
