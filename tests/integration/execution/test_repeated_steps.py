"""Steps that are called again. They must do nothing twice and leave no event unpublished."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from uuid import UUID

import pytest

from order_engine.domain.errors import StaleRun
from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import Order
from order_engine.domain.runs import Run
from order_engine.services.execution import Execution
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.concurrency import at_once
from tests.support.orders import LEASE, LIFE, RUN, new_order, statuses
from tests.support.runs import CAUGHT, at, finish, passed_on, start, swaps
from tests.support.simulation import execution_on, live

Connect = Callable[[], Database]


def test_quoting_again_stores_the_new_quotes(execution: Execution, orders: PostgresOrderStore) -> None:
    run = start(orders)
    execution.route(run)
    routed = execution.route(run)
    assert statuses(orders, run.order_id) == ["pending", "routing", "routing"]
    finish(execution, passed_on(routed))
    assert orders.get(run.order_id).status is Status.CONFIRMED


def test_building_again_keeps_the_first_signature(execution: Execution, orders: PostgresOrderStore) -> None:
    routed = at(execution, start(orders), Status.ROUTING)
    first = execution.build(routed)
    second = execution.build(routed)
    assert second.transaction == first.transaction
    assert second.status is Status.BUILDING
    assert statuses(orders, routed.order_id) == ["pending", "routing", "building"]
    assert first.transaction is not None
    assert orders.get(routed.order_id).transaction == first.transaction.dump()


def test_concurrent_builds_sign_one_transaction(
    execution: Execution, orders: PostgresOrderStore, connect: Connect
) -> None:
    routed = at(execution, start(orders), Status.ROUTING)
    executions = []
    for _ in range(10):
        database = connect()
        executions.append(execution_on(live(database), PostgresOrderStore(database)))
    built = at_once(10, lambda number: executions[number].build(routed))
    assert {run.transaction.signature for run in built if run.transaction} == {orders.get(routed.order_id).tx_hash}


def test_submitting_again_swaps_once(execution: Execution, orders: PostgresOrderStore, database: Database) -> None:
    built = at(execution, start(orders), Status.BUILDING)
    first = execution.submit(built)
    second = execution.submit(built)
    assert (first.status, first.transaction) == (second.status, second.transaction)
    assert len(swaps(database)) == 1
    assert statuses(orders, built.order_id) == LIFE[:4]


def test_confirming_again_gives_the_same_result(execution: Execution, orders: PostgresOrderStore) -> None:
    sent = at(execution, start(orders), Status.SUBMITTED)
    execution.confirm(sent)
    once = orders.get(sent.order_id)
    assert execution.confirm(sent).status is Status.CONFIRMED
    assert orders.get(sent.order_id) == once
    assert statuses(orders, sent.order_id) == LIFE


def test_failing_again_gives_the_same_result(execution: Execution, orders: PostgresOrderStore) -> None:
    run = start(orders)
    execution.fail(run, CAUGHT)
    once = orders.get(run.order_id)
    assert execution.fail(run, CAUGHT).status is Status.FAILED
    assert orders.get(run.order_id) == once
    assert statuses(orders, run.order_id) == ["pending", "failed"]


class Crash(BaseException):
    pass


@pytest.mark.parametrize("status", [Status.BUILDING, Status.SUBMITTED, Status.CONFIRMED, Status.FAILED])
def test_the_next_try_publishes_an_event_that_was_committed_but_not_published(
    orders: PostgresOrderStore, database: Database, status: Status
) -> None:
    """GIVEN a process that dies between commit and publication, THEN the next try publishes the event."""
    order = new_order(orders, connection_id="c1")
    assert orders.claim(order.id, RUN, LEASE) is not None
    heard: list[tuple[Event, Sequence[str]]] = []
    crashing = False

    def publish(events: Sequence[Event], listeners: Sequence[str]) -> None:
        if crashing:
            raise Crash
        heard.extend((event, listeners) for event in events)

    execution = execution_on(live(database), orders, publish)
    run = Run.of(orders.get(order.id))
    before = LIFE[LIFE.index(status) - 1] if status in LIFE else "pending"
    run = at(execution, run, Status(before))
    steps: dict[Status, Callable[[Run], Run]] = {
        Status.BUILDING: execution.build,
        Status.SUBMITTED: execution.submit,
        Status.CONFIRMED: execution.confirm,
        Status.FAILED: lambda run: execution.fail(run, CAUGHT),
    }
    crashing = True
    with pytest.raises(Crash):
        steps[status](run)
    crashing = False
    steps[status](run)
    assert heard[-1] == (orders.events(order.id)[-1], ["c1"])
    assert heard[-1][0].status is status


def test_quotes_that_were_committed_but_not_published_are_published_before_new_ones(
    orders: PostgresOrderStore, database: Database
) -> None:
    """GIVEN a Route that dies after its commit, THEN the next try makes its own move and publishes both events."""
    order = new_order(orders, connection_id="c1")
    assert orders.claim(order.id, RUN, LEASE) is not None
    heard: list[int] = []
    crashing = True

    def publish(events: Sequence[Event], listeners: Sequence[str]) -> None:
        if crashing:
            raise Crash
        heard.extend(event.seq for event in events)

    execution = execution_on(live(database), orders, publish)
    run = Run.of(orders.get(order.id), published_seq=1)
    with pytest.raises(Crash):
        execution.route(run)
    crashing = False
    routed = execution.route(run)
    assert heard == [2, 3]
    # AND later events are published once.
    at(execution, passed_on(routed), Status.CONFIRMED)
    assert heard == [2, 3, 4, 5, 6]


def test_an_order_that_is_sent_while_it_is_given_up_does_not_fail(
    orders: PostgresOrderStore, connect: Connect, database: Database
) -> None:
    """GIVEN a Submit that timed out, WHEN it runs between the decision to fail and its commit."""

    class Overtaken(PostgresOrderStore):
        def get(self, id: UUID) -> Order:
            order = super().get(id)
            with suppress(StaleRun):
                elsewhere.submit(built)
            return order

    def on_market(orders: PostgresOrderStore, database: Database) -> Execution:
        return execution_on(live(database), orders)

    elsewhere = on_market(orders, database)
    built = at(elsewhere, start(orders), Status.BUILDING)
    with pytest.raises(StaleRun):
        on_market(Overtaken(connect()), connect()).fail(built, CAUGHT)
    assert orders.get(built.order_id).status is Status.SUBMITTED
    # AND the next try asks the chain.
    assert elsewhere.fail(built, CAUGHT).status is Status.CONFIRMED
