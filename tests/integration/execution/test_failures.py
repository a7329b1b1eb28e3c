"""Slippage, and orders that are given up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from order_engine.domain.errors import QuoteExpired, SlippageExceeded, VenueUnavailable
from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status
from order_engine.services.execution import Execution
from order_engine.simulation.faults import clear_faults, set_fault
from order_engine.simulation.pools import VENUES
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.orders import LIFE, statuses
from tests.support.runs import CAUGHT, at, passed_on, start, swaps
from tests.support.simulation import Clock, execution_on, market_of


def test_a_slipped_order_is_quoted_again_with_a_new_transaction(
    execution: Execution, orders: PostgresOrderStore, database: Database
) -> None:
    run = at(execution, start(orders), Status.BUILDING)
    for venue in VENUES:
        set_fault(database, venue, "submit", "slip")
    slipped = passed_on(execution.submit(run))
    with pytest.raises(SlippageExceeded):
        execution.confirm(slipped)
    clear_faults(database)
    ended = at(execution, passed_on(execution.route(passed_on(slipped, attempt=2))), Status.CONFIRMED)
    assert run.transaction is not None
    assert ended.transaction is not None
    assert ended.transaction.signature != run.transaction.signature
    order = orders.get(run.order_id)
    assert (order.attempt, order.tx_hash) == (2, ended.transaction.signature)
    assert len(swaps(database)) == 1
    assert statuses(orders, order.id) == [*LIFE[:4], *LIFE[1:]]
    assert [event.attempt for event in orders.events(order.id)] == [1, 1, 1, 1, 2, 2, 2, 2]


def test_a_transaction_that_expires_unsent_is_never_sent(orders: PostgresOrderStore, database: Database) -> None:
    clock = Clock()
    execution = execution_on(market_of(database, clock), orders)
    run = at(execution, start(orders), Status.BUILDING)
    clock.now += 3600
    with pytest.raises(QuoteExpired):
        execution.submit(run)
    with pytest.raises(QuoteExpired):
        execution.confirm(run)
    assert swaps(database) == []
    at(execution, passed_on(execution.route(passed_on(run, attempt=2))), Status.CONFIRMED)
    assert len(swaps(database)) == 1


# Giving up


@pytest.mark.parametrize("status", [Status.PENDING, Status.ROUTING, Status.BUILDING])
def test_an_order_that_was_never_sent_fails_when_it_is_given_up(
    execution: Execution, orders: PostgresOrderStore, database: Database, published: list[Event], status: Status
) -> None:
    run = at(execution, start(orders), status)
    assert execution.fail(run, CAUGHT).status is Status.FAILED
    order = orders.get(run.order_id)
    assert order.error == {
        "version": 1,
        "code": "VenueUnavailable",
        "message": "raydium refused to confirm",
        "attempts": 3,
        "retryable": True,
    }
    assert published[-1].data == order.error
    assert [event.status for event in published].count(Status.FAILED) == 1
    assert swaps(database) == []


@pytest.mark.parametrize(
    "error", ["VenueUnavailable", "StoreUnavailable", "States.Timeout", "Runtime.ExitError", "KeyError"]
)
def test_an_order_whose_transaction_has_landed_is_confirmed_when_it_is_given_up(
    execution: Execution, orders: PostgresOrderStore, database: Database, error: str
) -> None:
    run = at(execution, start(orders), Status.SUBMITTED)
    assert execution.fail(run, {"Error": error, "Cause": "why"}).status is Status.CONFIRMED
    order = orders.get(run.order_id)
    assert (order.status, order.error) == (Status.CONFIRMED, None)
    assert order.amount_out == int(swaps(database)[0]["amount_out"])
    assert statuses(orders, run.order_id) == LIFE


def test_an_order_whose_transaction_may_still_land_is_sent_instead_of_failed(
    execution: Execution, orders: PostgresOrderStore, database: Database
) -> None:
    built = at(execution, start(orders), Status.BUILDING)
    for venue in VENUES:
        set_fault(database, venue, "submit", "fail", times=1)
    with pytest.raises(VenueUnavailable):
        execution.submit(built)
    assert swaps(database) == []
    given_up = passed_on(replace(built, status=Status.BUILDING))
    with pytest.raises(VenueUnavailable, match="may still land"):
        execution.fail(given_up, CAUGHT)
    assert orders.get(built.order_id).status is Status.SUBMITTED
    assert execution.fail(given_up, CAUGHT).status is Status.CONFIRMED
    assert len(swaps(database)) == 1


def test_an_order_stays_submitted_while_the_chain_does_not_answer(
    execution: Execution, orders: PostgresOrderStore, database: Database
) -> None:
    run = at(execution, start(orders), Status.SUBMITTED)
    for venue in VENUES:
        set_fault(database, venue, "confirm", "fail", times=1)
    with pytest.raises(VenueUnavailable):
        execution.fail(run, CAUGHT)
    assert orders.get(run.order_id).status is Status.SUBMITTED
    clear_faults(database)
    assert execution.fail(run, CAUGHT).status is Status.CONFIRMED


@pytest.mark.parametrize("error", ["SlippageExceeded", "QuoteExpired", "VenueUnavailable"])
def test_an_order_whose_transaction_the_chain_refused_fails(
    execution: Execution, orders: PostgresOrderStore, database: Database, error: str
) -> None:
    built = at(execution, start(orders), Status.BUILDING)
    for venue in VENUES:
        set_fault(database, venue, "submit", "slip")
    sent = execution.submit(built)
    assert execution.fail(passed_on(sent, attempt=3), {"Error": error, "Cause": "why"}).status is Status.FAILED
    failed = orders.get(built.order_id).error
    assert failed is not None
    assert (failed["code"], failed["attempts"], failed["retryable"]) == (error, 3, True)
    assert swaps(database) == []


@pytest.mark.parametrize(
    ("error", "attempt", "expected"),
    [
        ({"Error": "NoRoute", "Cause": '{"errorMessage": "no pool"}'}, 1, ("NoRoute", "no pool", 1, False)),
        ({"Error": "AmountTooSmall", "Cause": "plain"}, 2, ("AmountTooSmall", "plain", 2, False)),
        ({"Error": "SlippageExceeded", "Cause": "c"}, 3, ("SlippageExceeded", "c", 3, True)),
        ({"Error": "StoreUnavailable", "Cause": "c"}, 1, ("StoreUnavailable", "c", 3, True)),
        ({"Error": "States.Timeout", "Cause": ""}, 1, ("InternalError", "States.Timeout: ", 3, True)),
        (
            {"Error": "KeyError", "Cause": '{"errorMessage": "\'x\'"}'},
            1,
            ("InternalError", "KeyError: 'x'", 3, True),
        ),
        ({"Error": "NoRoute", "Cause": '{"other": 1}'}, 1, ("NoRoute", '{"other": 1}', 1, False)),
        ({"Error": "NoRoute", "Cause": "[1]"}, 1, ("NoRoute", "[1]", 1, False)),
        ({"Error": "NoRoute", "Cause": "null"}, 1, ("NoRoute", "null", 1, False)),
    ],
)
def test_a_failed_order_stores_the_reason(
    execution: Execution,
    orders: PostgresOrderStore,
    error: dict[str, str],
    attempt: int,
    expected: tuple[str, str, int, bool],
) -> None:
    run = replace(start(orders), attempt=attempt)
    execution.fail(run, error)
    failed = orders.get(run.order_id).error
    assert failed is not None
    assert (failed["code"], failed["message"], failed["attempts"], failed["retryable"]) == expected
