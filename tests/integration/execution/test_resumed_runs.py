"""Runs that were interrupted, and the runs that continue them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from order_engine.domain.errors import StaleRun
from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status
from order_engine.services.execution import Execution
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.databases import terminate
from tests.support.orders import CLIENT, LIFE, seqs, statuses
from tests.support.runs import at, finish, passed_on, resumed, start, swaps
from tests.support.simulation import execution_on, live

Connect = Callable[[], Database]


def test_the_next_run_publishes_again_what_the_last_may_not_have_published(
    execution: Execution, orders: PostgresOrderStore, published: list[Event]
) -> None:
    run = at(execution, start(orders), Status.BUILDING)
    published.clear()
    at(execution, resumed(orders, run.order_id), Status.CONFIRMED)
    assert published == orders.events(run.order_id)


def test_a_run_that_finds_its_order_final_publishes_the_last_event(
    execution: Execution, orders: PostgresOrderStore, published: list[Event]
) -> None:
    """GIVEN a final event that was published before the run's last move."""
    run = at(execution, start(orders), Status.BUILDING)
    orders.cancel(CLIENT, run.order_id)
    with pytest.raises(StaleRun):
        execution.submit(run)
    assert published[-1] == orders.events(run.order_id)[-1]


@pytest.mark.parametrize("status", [Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED])
def test_the_next_run_finishes_an_order_after_a_crash(
    execution: Execution, orders: PostgresOrderStore, database: Database, status: Status
) -> None:
    run = at(execution, start(orders), status)
    finish(execution, resumed(orders, run.order_id))
    assert orders.get(run.order_id).status is Status.CONFIRMED
    assert len(swaps(database)) == 1
    assert seqs(orders.events(run.order_id)) == list(range(1, len(orders.events(run.order_id)) + 1))


@pytest.mark.parametrize("status", [Status.BUILDING, Status.SUBMITTED])
def test_the_next_run_sends_the_signed_transaction(
    execution: Execution, orders: PostgresOrderStore, status: Status
) -> None:
    run = at(execution, start(orders), status)
    ended = finish(execution, resumed(orders, run.order_id))
    assert run.transaction is not None
    assert ended.transaction == run.transaction
    assert orders.get(run.order_id).tx_hash == run.transaction.signature
    assert statuses(orders, run.order_id) == LIFE


def test_confirm_sends_a_transaction_that_was_recorded_but_never_sent(
    execution: Execution, orders: PostgresOrderStore, database: Database
) -> None:
    """GIVEN a run that died between recording the transaction and sending it."""
    run = at(execution, start(orders), Status.SUBMITTED)
    database.execute("DELETE FROM market_transactions")
    waiting = execution.confirm(resumed(orders, run.order_id))
    assert waiting.status is Status.SUBMITTED
    assert [swap["signature"] for swap in swaps(database)] == [orders.get(run.order_id).tx_hash]
    assert execution.confirm(passed_on(waiting)).status is Status.CONFIRMED


def test_a_step_survives_the_loss_of_its_connection(connect: Connect) -> None:
    admin = connect()
    database = connect()
    orders = PostgresOrderStore(database)
    execution = execution_on(live(database), orders)
    run = start(orders)
    for step in (execution.route, execution.build, execution.submit, execution.confirm):
        terminate(database, admin)
        run = passed_on(step(run))
    assert statuses(orders, run.order_id) == LIFE
    assert len(swaps(admin)) == 1
