"""Orders with a limit: filled at it or better, and open again when the market has moved past it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from order_engine.domain.errors import LimitNotMet, SlippageExceeded, StaleRun, VenueUnavailable
from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.runs import Run
from order_engine.domain.terms import Limit, Stop, Wait
from order_engine.services.execution import Execution
from order_engine.simulation.faults import clear_faults, set_fault
from order_engine.simulation.pools import VENUES
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.open_orders import SOL, activate, limit, open_order, open_pair, stop
from tests.support.orders import LEASE, LIFE, RUN, statuses
from tests.support.runs import at, passed_on, start, swaps
from tests.support.simulation import execution_on, live, quoted

RETURNING = (
    *("LimitNotMet", "SlippageExceeded", "QuoteExpired"),
    *("PriceImpactTooHigh", "InsufficientLiquidity", "NoRoute", "VenueUnavailable", "StoreUnavailable"),
)
FAILING = ("AmountTooSmall", "InsufficientFunds", "OrderTooLarge", "ChainRefused", "KeyError")
LOOSE = limit("0.000001")
"""A limit that every market meets."""


def caught(error: str) -> dict[str, str]:
    return {"Error": error, "Cause": json.dumps({"errorMessage": f"why {error}"})}


def activated(database: Database, order: Order, run: str = RUN) -> Run:
    """Returns the run that has claimed an order after it was activated."""
    moved = activate(database, order)
    claim = PostgresOrderStore(database).claim(order.id, run, LEASE)
    assert claim is not None
    return passed_on(Run.of(claim, published_seq=moved.event.seq))


def begun(database: Database, request: OrderRequest = LOOSE) -> Run:
    return activated(database, open_order(database, request))


def paid(database: Database) -> int:
    """Returns what one SOL is quoted now."""
    return quoted(live(database), "SOL-USDC", SOL).amount_out


def for_at_least(units: int, slippage_bps: int = 50) -> OrderRequest:
    return OrderRequest("limit", "SOL", "USDC", SOL, slippage_bps, terms=Limit(min_out=units))


# The limit


def test_a_quote_below_the_limit_is_not_executed(execution: Execution, database: Database) -> None:
    now = paid(database)
    with pytest.raises(LimitNotMet, match=r"expected at least [\d.]+ USDC, the order's limit, was [\d.]+ USDC"):
        execution.route(begun(database, for_at_least(now + 1)))


@pytest.mark.parametrize(("below", "slippage_bps"), [(0, 50), (1_000, 50), (10**6, 50), (1_000, 10_000)])
def test_the_transaction_pays_the_limit_or_more(
    execution: Execution, orders: PostgresOrderStore, database: Database, below: int, slippage_bps: int
) -> None:
    """Its least is the higher of the limit and the quote less the slippage that the order allows."""
    now = paid(database)
    run = at(execution, begun(database, for_at_least(now - below, slippage_bps)), Status.CONFIRMED)
    order = orders.get(run.order_id)
    assert order.min_out == max(now - below, now * (10_000 - slippage_bps) // 10_000)
    assert order.amount_out is not None
    assert order.amount_out >= now - below
    assert len(swaps(database)) == 1


# Open again


@pytest.mark.parametrize("error", RETURNING)
def test_an_order_that_the_market_has_left_is_open_again(
    execution: Execution, orders: PostgresOrderStore, database: Database, published: list[Event], error: str
) -> None:
    run = at(execution, begun(database), Status.ROUTING)
    before = orders.get(run.order_id)
    back = execution.fail(run, caught(error))
    assert back.status is Status.OPEN
    after = orders.get(run.order_id)
    assert (after.status, after.run, after.error) == (Status.OPEN, None, None)
    assert (after.terms, after.waits_for, after.trigger_out) == (before.terms, before.waits_for, before.trigger_out)
    event = orders.events(run.order_id)[-1]
    assert published[-1] == event
    assert (event.data["reason"], event.data["message"]) == ("returned", f"why {error}")
    assert event.data["terms"] == {"version": 1, "price": "0.000001", "min_out": None}


@pytest.mark.parametrize(("error", "woken"), [("LimitNotMet", 1), ("AmountTooSmall", 0)])
def test_the_watcher_is_woken_for_an_order_that_is_open_again(
    orders: PostgresOrderStore, database: Database, error: str, woken: int
) -> None:
    calls: list[Status] = []
    run = begun(database)
    # THEN the order is open already.
    wake: Callable[[], None] = lambda: calls.append(orders.get(run.order_id).status)  # noqa: E731
    execution_on(live(database), orders, wake=wake).fail(run, caught(error))
    assert calls == [Status.OPEN] * woken


@pytest.mark.parametrize("error", FAILING)
def test_another_error_fails_it(
    execution: Execution, orders: PostgresOrderStore, database: Database, error: str
) -> None:
    run = begun(database)
    assert execution.fail(run, caught(error)).status is Status.FAILED
    failed = orders.get(run.order_id).error
    assert failed is not None
    assert failed["code"] == ("InternalError" if error == "KeyError" else error)


@pytest.mark.parametrize("error", RETURNING)
def test_an_order_without_a_limit_fails(execution: Execution, orders: PostgresOrderStore, error: str) -> None:
    assert execution.fail(start(orders), caught(error)).status is Status.FAILED


@pytest.mark.parametrize("error", RETURNING)
def test_a_stop_without_a_limit_fails(execution: Execution, database: Database, error: str) -> None:
    assert execution.fail(begun(database, stop("150")), caught(error)).status is Status.FAILED


def test_a_stop_waits_for_its_limit_from_then_on(
    execution: Execution, orders: PostgresOrderStore, database: Database
) -> None:
    run = begun(database, stop("150", limit_price="149"))
    execution.fail(run, caught("LimitNotMet"))
    order = orders.get(run.order_id)
    assert isinstance(order.terms, Stop)
    assert order.terms.reached
    assert (order.waits_for, order.trigger_out, order.limit_out) == (Wait.AT_LEAST, 149_000_000, 149_000_000)
    assert orders.events(order.id)[-1].data["terms"]["reached"] is True
    # AND it stays so.
    execution.fail(activated(database, order, "run-2"), caught("LimitNotMet"))
    assert orders.get(order.id).terms == order.terms


def test_an_order_that_slipped_runs_again_and_is_filled(
    execution: Execution, orders: PostgresOrderStore, database: Database
) -> None:
    run = at(execution, begun(database), Status.BUILDING)
    for venue in VENUES:
        set_fault(database, venue, "submit", "slip")
    with pytest.raises(SlippageExceeded):
        execution.confirm(passed_on(execution.submit(run)))
    execution.fail(replace(run, status=Status.SUBMITTED), caught("SlippageExceeded"))
    clear_faults(database)
    at(execution, activated(database, orders.get(run.order_id), "run-2"), Status.CONFIRMED)
    assert len(swaps(database)) == 1
    assert statuses(orders, run.order_id) == ["open", *LIFE[:4], "open", *LIFE]


# Nothing may land any more


@pytest.mark.parametrize("error", ["LimitNotMet", "PriceImpactTooHigh", "InsufficientLiquidity", "NoRoute"])
def test_an_order_whose_transaction_has_landed_is_confirmed(
    execution: Execution, orders: PostgresOrderStore, database: Database, error: str
) -> None:
    run = at(execution, begun(database), Status.SUBMITTED)
    assert execution.fail(run, caught(error)).status is Status.CONFIRMED
    assert statuses(orders, run.order_id) == ["open", *LIFE]


def test_an_order_whose_transaction_may_still_land_stays_submitted(
    execution: Execution, orders: PostgresOrderStore, database: Database
) -> None:
    built = at(execution, begun(database), Status.BUILDING)
    for venue in VENUES:
        set_fault(database, venue, "submit", "fail", times=1)
    with pytest.raises(VenueUnavailable):
        execution.submit(built)
    with pytest.raises(VenueUnavailable, match="may still land"):
        execution.fail(built, caught("LimitNotMet"))
    assert orders.get(built.order_id).status is Status.SUBMITTED
    assert execution.fail(built, caught("LimitNotMet")).status is Status.CONFIRMED


# Steps that are called again


class Crash(BaseException):
    pass


class Publisher:
    """Records what is published, and crashes instead when it is told to."""

    def __init__(self) -> None:
        self.crashes = False
        self.heard: list[tuple[Event, Sequence[str]]] = []

    def __call__(self, events: Sequence[Event], listeners: Sequence[str]) -> None:
        if self.crashes:
            raise Crash
        self.heard.extend((event, listeners) for event in events)


def test_a_return_that_was_committed_but_not_published_is_published(
    orders: PostgresOrderStore, database: Database
) -> None:
    publish = Publisher()
    execution = execution_on(live(database), orders, publish)
    run = begun(database)
    database.execute("INSERT INTO subscriptions VALUES ('c1', %(id)s)", {"id": run.order_id})
    publish.crashes = True
    with pytest.raises(Crash):
        execution.fail(run, caught("LimitNotMet"))
    publish.crashes = False
    # The order does not name its run any more.
    with pytest.raises(StaleRun):
        execution.fail(run, caught("LimitNotMet"))
    assert publish.heard == [(orders.events(run.order_id)[-1], ["c1"])]
    assert statuses(orders, run.order_id) == ["open", "pending", "open"]


@pytest.mark.parametrize("error", ["LimitNotMet", "KeyError"])
def test_a_late_failure_leaves_an_order_that_runs_again_alone(
    execution: Execution, orders: PostgresOrderStore, database: Database, error: str
) -> None:
    run = begun(database)
    execution.fail(run, caught("LimitNotMet"))
    again = at(execution, activated(database, orders.get(run.order_id), "run-2"), Status.BUILDING)
    before = orders.get(run.order_id)
    with pytest.raises(StaleRun):
        execution.fail(run, caught(error))
    assert orders.get(run.order_id) == before
    at(execution, again, Status.CONFIRMED)


LATE: list[Callable[[Execution, Run], Run]] = [
    lambda execution, run: execution.route(run),
    lambda execution, run: execution.build(run),
    lambda execution, run: execution.submit(run),
    lambda execution, run: execution.confirm(run),
]


@pytest.mark.parametrize("late", LATE, ids=["route", "build", "submit", "confirm"])
def test_a_late_step_of_the_earlier_run_sends_and_moves_nothing(
    execution: Execution, orders: PostgresOrderStore, database: Database, late: Callable[[Execution, Run], Run]
) -> None:
    """GIVEN a transaction whose result nobody knows, of a run that was given up before it was sent."""
    routed = at(execution, begun(database), Status.ROUTING)
    built = replace(at(execution, routed, Status.BUILDING), quote=routed.quote)
    execution.fail(built, caught("QuoteExpired"))
    activated(database, orders.get(built.order_id), "run-2")
    orders.release(built.order_id, "run-2")
    before = orders.get(built.order_id)
    with pytest.raises(StaleRun):
        late(execution, built)
    assert orders.get(built.order_id) == before
    assert swaps(database) == []


# Linked orders


@pytest.mark.parametrize("crashes", [False, True])
def test_the_cancellation_of_the_linked_order_is_published_to_its_listeners(
    orders: PostgresOrderStore, database: Database, crashes: bool
) -> None:
    first, second = open_pair(database, LOOSE, stop("150"))
    database.execute("INSERT INTO subscriptions VALUES ('c2', %(id)s)", {"id": second.id})
    publish = Publisher()
    execution = execution_on(live(database), orders, publish)
    run = at(execution, activated(database, first), Status.SUBMITTED)
    if crashes:
        publish.crashes = True
        with pytest.raises(Crash):
            execution.confirm(run)
        publish.crashes = False
    assert execution.confirm(run).status is Status.CONFIRMED
    assert [order.status for order in map(orders.get, (first.id, second.id))] == [Status.CONFIRMED, Status.CANCELLED]
    assert publish.heard[-1] == (orders.events(second.id)[-1], ["c2"])
    assert publish.heard[-1][0].data["reason"] == "its linked order was filled"


def test_a_linked_order_that_fails_leaves_the_other_open(
    execution: Execution, orders: PostgresOrderStore, database: Database
) -> None:
    first, second = open_pair(database, LOOSE, stop("150"))
    assert execution.fail(activated(database, first), caught("InsufficientFunds")).status is Status.FAILED
    assert orders.get(second.id) == second
