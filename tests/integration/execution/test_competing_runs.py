"""Several runs of one order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from order_engine.domain.errors import StaleRun
from order_engine.domain.lifecycle import Status
from order_engine.domain.runs import Run
from order_engine.services.execution import Execution
from order_engine.simulation.pools import VENUES
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.concurrency import at_once
from tests.support.fakes import FakeVenue, fake_execution
from tests.support.orders import LIFE, statuses
from tests.support.runs import CAUGHT, at, finish, passed_on, resumed, start, swaps
from tests.support.simulation import execution_on, live

Connect = Callable[[], Database]


@pytest.mark.parametrize("status", [Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED])
def test_a_superseded_run_can_do_nothing(
    execution: Execution, orders: PostgresOrderStore, database: Database, status: Status
) -> None:
    run = at(execution, start(orders), status)
    successor = resumed(orders, run.order_id)
    sent = len(swaps(database))
    steps: dict[Status, Callable[[Run], Run]] = {
        Status.PENDING: execution.route,
        Status.ROUTING: execution.build,
        Status.BUILDING: execution.submit,
        Status.SUBMITTED: execution.confirm,
    }
    with pytest.raises(StaleRun):
        steps[status](run)
    with pytest.raises(StaleRun):
        execution.fail(run, {"Error": "NoRoute", "Cause": ""})
    assert len(swaps(database)) == sent
    finish(execution, successor)
    assert orders.get(run.order_id).status is Status.CONFIRMED
    assert len(swaps(database)) == 1


def test_a_final_order_is_left_alone(execution: Execution, orders: PostgresOrderStore, database: Database) -> None:
    run = start(orders)
    routed = execution.route(run)
    ended = finish(execution, passed_on(routed))
    for step, input in ((execution.route, run), (execution.build, routed), (execution.submit, ended)):
        with pytest.raises(StaleRun):
            step(input)
    with pytest.raises(StaleRun):
        execution.fail(ended, CAUGHT)
    assert statuses(orders, run.order_id)[-1] == "confirmed"
    assert len(swaps(database)) == 1


@pytest.mark.parametrize("status", [Status.BUILDING, Status.SUBMITTED])
def test_a_late_quote_does_not_make_the_order_swap_twice(
    orders: PostgresOrderStore, database: Database, connect: Connect, status: Status
) -> None:
    """GIVEN a slow Route that was retried, while the order moved on."""
    answers = threading.Event()
    late = fake_execution(connect(), FakeVenue("raydium", answers=answers), deadline=60)
    execution = execution_on(live(database), orders)
    run = start(orders)
    raised: list[BaseException] = []

    def route() -> None:
        try:
            late.route(run)
        except StaleRun as error:
            raised.append(error)

    thread = threading.Thread(target=route)
    thread.start()
    signed = at(execution, run, status)
    answers.set()
    thread.join()
    assert len(raised) == 1
    assert finish(execution, signed).status is Status.CONFIRMED
    assert len(swaps(database)) == 1


def test_the_order_shows_the_route_that_was_built(
    execution: Execution, orders: PostgresOrderStore, database: Database
) -> None:
    """GIVEN a Route that timed out, WHEN it stores its own choice before the order is built."""
    run = start(orders)
    routed = execution.route(run)
    assert routed.quote is not None
    other = next(name for name in VENUES if name != routed.quote.venue)
    fake_execution(database, FakeVenue(other)).route(run)
    execution.build(passed_on(routed))
    order = orders.get(run.order_id)
    assert (order.venue, order.quoted_out) == (routed.quote.venue, routed.quote.amount_out)


def test_two_concurrent_runs_of_an_order_swap_once(
    orders: PostgresOrderStore, database: Database, connect: Connect
) -> None:
    """GIVEN a run that believes it still holds the order, WHEN another has taken over, THEN the other succeeds."""
    run = start(orders)
    successor = resumed(orders, run.order_id)
    ended = []

    def follow(number: int) -> None:
        database = connect()
        execution = execution_on(live(database), PostgresOrderStore(database))
        with suppress(StaleRun):
            ended.append(finish(execution, (run, successor)[number]).run)

    at_once(2, follow)
    assert ended == ["run-2"]
    assert len(swaps(database)) == 1
    assert statuses(orders, run.order_id) == LIFE
