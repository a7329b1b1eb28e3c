from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from order_engine.domain.errors import QuoteExpired, SlippageExceeded, StaleRun, VenueUnavailable
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import Event, Order, OrderRequest
from order_engine.domain.swaps import Fill, Transaction
from order_engine.execution import Execution, Run
from order_engine.storage.database import Database
from order_engine.storage.orders import OrderStore
from order_engine.venues.faults import VENUES, clear_faults, set_fault
from tests.integration.fakes import FakeChain, FakeVenue, fake_execution
from tests.integration.simulation import Clock, execution_on, live, market_of
from tests.integration.support import CLIENT, LEASE, REQUEST, RUN, at_once, claimed, new_order, seqs, terminate

Connect = Callable[[], Database]

LIFE = ["pending", "routing", "building", "submitted", "confirmed"]
CAUGHT = {"Error": "VenueUnavailable", "Cause": json.dumps({"errorMessage": "raydium refused to confirm"})}


@pytest.fixture
def published() -> list[Event]:
    return []


@pytest.fixture
def execution(orders: OrderStore, database: Database, published: list[Event]) -> Execution:
    """On the simulated market."""
    return execution_on(live(database), orders, lambda event, listeners: published.append(event))


def start(orders: OrderStore, request: OrderRequest = REQUEST) -> Run:
    return Run.of(claimed(orders, request=request))


def passed_on(run: Run, attempt: int | None = None) -> Run:
    """As the next state gets it."""
    return Run.from_json(json.loads(json.dumps(run.to_json())), attempt or run.attempt)


def resumed(orders: OrderStore, order_id: UUID, run: str = "run-2") -> Run:
    """As another run finds the order once the lease of the last one is over."""
    orders.release(order_id, orders.get(order_id).run or "")
    order = orders.claim(order_id, run, LEASE)
    assert order is not None
    return passed_on(Run.of(order))


def at(execution: Execution, run: Run, status: Status) -> Run:
    """Brings the order to a status by the steps that lead there from the one it has."""
    steps = [execution.route, execution.build, execution.submit, execution.confirm]
    for step in steps[LIFE.index(run.status) : LIFE.index(status)]:
        run = passed_on(step(run))
    assert run.status is status
    return run


def finish(execution: Execution, run: Run) -> Run:
    """What the state machine does with an order that begins in this status."""
    if run.status is Status.ROUTING:
        run = passed_on(execution.route(run))
    return at(execution, run, Status.CONFIRMED)


def statuses(orders: OrderStore, order_id: UUID) -> list[str]:
    return [event.status.value for event in orders.events(order_id)]


def swaps(database: Database) -> list[dict[str, Any]]:
    return database.fetch("SELECT * FROM market_transactions WHERE swapped")


# A life without incident


def test_an_order_is_run_from_route_to_confirm(
    execution: Execution, orders: OrderStore, database: Database, published: list[Event]
) -> None:
    run = start(orders)
    ended = finish(execution, run)
    order = orders.get(run.order_id)
    assert ended.status is order.status is Status.CONFIRMED
    assert statuses(orders, order.id) == LIFE
    assert published == orders.events(order.id, after=1)
    (swap,) = swaps(database)
    (leg,) = swap["swaps"]
    assert (order.tx_hash, order.amount_out, order.venue) == (swap["signature"], swap["amount_out"], leg["venue"])
    assert order.quoted_out == order.amount_out
    assert order.min_out == order.amount_out * 9_950 // 10_000 if order.amount_out else False


def test_each_event_says_what_its_step_found_out(execution: Execution, orders: OrderStore) -> None:
    run = start(orders)
    finish(execution, run)
    order = orders.get(run.order_id).to_json()
    _, routing, building, submitted, confirmed = [event.data for event in orders.events(run.order_id)]
    assert set(VENUES) <= {quote["venue"] for quote in routing["quotes"]}
    assert routing["venue"] == order["venue"]
    best = routing["quotes"][0]
    assert routing["reason"].startswith(f"{best['pools']} pays ")
    assert routing["unavailable"] == []
    assert (best["venue"], best["amountOut"]) == (order["venue"], order["quotedOut"])
    (hop,) = routing["route"]
    (leg,) = hop["legs"]
    assert building == {
        "venue": order["venue"],
        "minOut": order["minOut"],
        "minOutBaseUnits": order["minOutBaseUnits"],
        "instructions": [
            "create the wSOL account",
            "transfer 1.5 SOL to the wSOL account",
            "sync the wSOL account",
            f"swap wSOL for USDC in {leg['pool']}",
            "close the wSOL account",
        ],
        "txHash": order["txHash"],
    }
    assert submitted == {"venue": order["venue"], "txHash": order["txHash"]}
    assert confirmed == {
        "txHash": order["txHash"],
        "slot": confirmed["slot"],
        "amountIn": "1.5",
        "amountInBaseUnits": "1500000000",
        "amountOut": order["amountOut"],
        "amountOutBaseUnits": order["amountOutBaseUnits"],
        "executedPrice": order["executedPrice"],
        "realisedSlippageBps": 0,
    }


def test_the_amount_really_filled_is_recorded(orders: OrderStore, database: Database) -> None:
    run = start(orders)
    finish(fake_execution(database, FakeVenue("raydium", 1_000_000), chain=FakeChain(996_001)), run)
    order, confirmed = orders.get(run.order_id), orders.events(run.order_id)[-1].data
    assert (order.quoted_out, order.min_out, order.amount_out) == (1_000_000, 995_000, 996_001)
    assert (confirmed["amountOut"], confirmed["realisedSlippageBps"]) == ("0.996001", 40)


def test_a_fill_better_than_quoted_is_slippage_below_zero(orders: OrderStore, database: Database) -> None:
    run = start(orders)
    finish(fake_execution(database, FakeVenue("raydium", 1_000_000), chain=FakeChain(1_010_000)), run)
    assert orders.events(run.order_id)[-1].data["realisedSlippageBps"] == -100


def test_the_signature_is_stored_before_anything_is_sent(orders: OrderStore, database: Database) -> None:
    stored: list[Order] = []

    class Watched(FakeChain):
        def submit(self, transaction: Transaction) -> None:
            stored.append(orders.get(run.order_id))
            super().submit(transaction)

    chain = Watched()
    execution = fake_execution(database, FakeVenue("raydium"), chain=chain)
    run = start(orders)
    built = at(execution, run, Status.BUILDING)
    assert chain.sent == []
    assert orders.get(run.order_id).tx_hash is not None
    execution.submit(built)
    assert [order.tx_hash for order in stored] == chain.sent
    assert [order.status for order in stored] == [Status.SUBMITTED]


@pytest.mark.parametrize(
    ("step", "status"),
    [
        ("quote", Status.PENDING),
        ("build", Status.ROUTING),
        ("submit", Status.BUILDING),
        ("confirm", Status.SUBMITTED),
    ],
)
def test_each_step_can_be_tried_again_after_its_venue_failed(
    execution: Execution, orders: OrderStore, database: Database, step: str, status: Status
) -> None:
    run = at(execution, start(orders), status)
    call = {
        "quote": execution.route,
        "build": execution.build,
        "submit": execution.submit,
        "confirm": execution.confirm,
    }[step]
    for venue in VENUES:
        set_fault(database, venue, step, "fail", times=1)
    with pytest.raises(VenueUnavailable):
        call(run)
    at(execution, passed_on(call(run)), Status.CONFIRMED)
    assert statuses(orders, run.order_id) == LIFE
    assert len(swaps(database)) == 1


# Steps that are called again


def test_quoting_again_writes_the_fresh_quotes(execution: Execution, orders: OrderStore) -> None:
    run = start(orders)
    execution.route(run)
    routed = execution.route(run)
    assert statuses(orders, run.order_id) == ["pending", "routing", "routing"]
    finish(execution, passed_on(routed))
    assert orders.get(run.order_id).status is Status.CONFIRMED


def test_building_again_keeps_the_first_signature(execution: Execution, orders: OrderStore) -> None:
    routed = at(execution, start(orders), Status.ROUTING)
    first = execution.build(routed)
    second = execution.build(routed)
    assert second.transaction == first.transaction
    assert second.status is Status.BUILDING
    assert statuses(orders, routed.order_id) == ["pending", "routing", "building"]
    assert first.transaction is not None
    assert orders.get(routed.order_id).transaction == first.transaction.to_json()


def test_building_many_times_at_once_signs_one_transaction(
    execution: Execution, orders: OrderStore, connect: Connect
) -> None:
    routed = at(execution, start(orders), Status.ROUTING)
    executions = []
    for _ in range(10):
        database = connect()
        executions.append(execution_on(live(database), OrderStore(database)))
    built = at_once(10, lambda number: executions[number].build(routed))
    assert {run.transaction.signature for run in built if run.transaction} == {orders.get(routed.order_id).tx_hash}


def test_submitting_again_swaps_once(execution: Execution, orders: OrderStore, database: Database) -> None:
    built = at(execution, start(orders), Status.BUILDING)
    first = execution.submit(built)
    second = execution.submit(built)
    assert (first.status, first.transaction) == (second.status, second.transaction)
    assert len(swaps(database)) == 1
    assert statuses(orders, built.order_id) == LIFE[:4]


def test_confirming_again_tells_the_same(execution: Execution, orders: OrderStore) -> None:
    sent = at(execution, start(orders), Status.SUBMITTED)
    execution.confirm(sent)
    once = orders.get(sent.order_id)
    assert execution.confirm(sent).status is Status.CONFIRMED
    assert orders.get(sent.order_id) == once
    assert statuses(orders, sent.order_id) == LIFE


def test_failing_again_tells_the_same(execution: Execution, orders: OrderStore) -> None:
    run = start(orders)
    execution.fail(run, CAUGHT)
    once = orders.get(run.order_id)
    assert execution.fail(run, CAUGHT).status is Status.FAILED
    assert orders.get(run.order_id) == once
    assert statuses(orders, run.order_id) == ["pending", "failed"]


class Crash(BaseException):
    pass


@pytest.mark.parametrize("status", [Status.BUILDING, Status.SUBMITTED, Status.CONFIRMED, Status.FAILED])
def test_an_event_that_was_committed_but_not_published_is_published_by_the_next_try(
    orders: OrderStore, database: Database, status: Status
) -> None:
    """GIVEN a process that dies after the commit and before anyone is told, THEN the next try tells them."""
    order = new_order(orders, connection_id="c1")
    assert orders.claim(order.id, RUN, LEASE) is not None
    heard: list[tuple[Event, Sequence[str]]] = []
    crashing = False

    def publish(event: Event, listeners: Sequence[str]) -> None:
        if crashing:
            raise Crash
        heard.append((event, listeners))

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


def test_quotes_that_were_committed_but_not_published_are_published_before_the_next(
    orders: OrderStore, database: Database
) -> None:
    """GIVEN a Route that dies after its commit: the next try makes a move of its own, and tells of both."""
    order = new_order(orders, connection_id="c1")
    assert orders.claim(order.id, RUN, LEASE) is not None
    heard: list[int] = []
    crashing = True

    def publish(event: Event, listeners: Sequence[str]) -> None:
        if crashing:
            raise Crash
        heard.append(event.seq)

    execution = execution_on(live(database), orders, publish)
    run = Run.of(orders.get(order.id))
    with pytest.raises(Crash):
        execution.route(run)
    crashing = False
    routed = execution.route(run)
    assert heard == [2, 3]
    # AND from here on each is told once.
    at(execution, passed_on(routed), Status.CONFIRMED)
    assert heard == [2, 3, 4, 5, 6]


def test_an_order_that_is_sent_while_it_is_given_up_is_not_failed(
    orders: OrderStore, connect: Connect, database: Database
) -> None:
    """GIVEN a Submit that was given up on and comes to it only now, between the verdict and its commit."""

    class Overtaken(OrderStore):
        def get(self, id: UUID) -> Order:
            order = super().get(id)
            with suppress(StaleRun):
                elsewhere.submit(built)
            return order

    def on_market(orders: OrderStore, database: Database) -> Execution:
        return execution_on(live(database), orders)

    elsewhere = on_market(orders, database)
    built = at(elsewhere, start(orders), Status.BUILDING)
    with pytest.raises(StaleRun):
        on_market(Overtaken(connect()), connect()).fail(built, CAUGHT)
    assert orders.get(built.order_id).status is Status.SUBMITTED
    # AND the next try asks the chain.
    assert elsewhere.fail(built, CAUGHT).status is Status.CONFIRMED


# Runs that were cut short


def test_the_next_run_tells_again_what_the_last_may_not_have_told(
    execution: Execution, orders: OrderStore, published: list[Event]
) -> None:
    run = at(execution, start(orders), Status.BUILDING)
    published.clear()
    at(execution, resumed(orders, run.order_id), Status.CONFIRMED)
    assert published == orders.events(run.order_id)


def test_a_run_that_finds_its_order_ended_shows_the_end(
    execution: Execution, orders: OrderStore, published: list[Event]
) -> None:
    """GIVEN an end that was shown before the run's last move was."""
    run = at(execution, start(orders), Status.BUILDING)
    orders.cancel(CLIENT, run.order_id)
    with pytest.raises(StaleRun):
        execution.submit(run)
    assert published[-1] == orders.events(run.order_id)[-1]


@pytest.mark.parametrize("status", [Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED])
def test_the_next_run_finishes_what_a_crash_left_behind(
    execution: Execution, orders: OrderStore, database: Database, status: Status
) -> None:
    run = at(execution, start(orders), status)
    finish(execution, resumed(orders, run.order_id))
    assert orders.get(run.order_id).status is Status.CONFIRMED
    assert len(swaps(database)) == 1
    assert seqs(orders.events(run.order_id)) == list(range(1, len(orders.events(run.order_id)) + 1))


@pytest.mark.parametrize("status", [Status.BUILDING, Status.SUBMITTED])
def test_the_next_run_sends_the_transaction_that_was_signed(
    execution: Execution, orders: OrderStore, status: Status
) -> None:
    run = at(execution, start(orders), status)
    ended = finish(execution, resumed(orders, run.order_id))
    assert run.transaction is not None
    assert ended.transaction == run.transaction
    assert orders.get(run.order_id).tx_hash == run.transaction.signature
    assert statuses(orders, run.order_id) == LIFE


def test_an_order_recorded_as_submitted_but_never_sent_is_sent_by_confirm(
    execution: Execution, orders: OrderStore, database: Database
) -> None:
    """GIVEN a run that died between recording and sending."""
    run = at(execution, start(orders), Status.SUBMITTED)
    database.execute("DELETE FROM market_transactions")
    confirmed = execution.confirm(resumed(orders, run.order_id))
    assert confirmed.status is Status.CONFIRMED
    assert [swap["signature"] for swap in swaps(database)] == [orders.get(run.order_id).tx_hash]


def test_a_transaction_that_has_not_landed_yet_is_worth_another_try(orders: OrderStore, database: Database) -> None:
    class Deaf(FakeChain):
        def confirm(self, transaction: Transaction) -> Fill | None:
            return None

    chain = Deaf()
    execution = fake_execution(database, FakeVenue("raydium"), chain=chain)
    run = at(execution, start(orders), Status.SUBMITTED)
    with pytest.raises(VenueUnavailable, match="has not seen transaction raydium-"):
        execution.confirm(run)
    assert orders.get(run.order_id).status is Status.SUBMITTED
    assert set(chain.sent) == {run.transaction.signature if run.transaction else None}


def test_a_step_survives_the_loss_of_its_connection(connect: Connect) -> None:
    admin = connect()
    database = connect()
    orders = OrderStore(database)
    execution = execution_on(live(database), orders)
    run = start(orders)
    for step in (execution.route, execution.build, execution.submit, execution.confirm):
        terminate(database, admin)
        run = passed_on(step(run))
    assert statuses(orders, run.order_id) == LIFE
    assert len(swaps(admin)) == 1


# Slippage


def test_a_slipped_order_is_quoted_again_with_a_new_transaction(
    execution: Execution, orders: OrderStore, database: Database
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


def test_a_transaction_that_expired_before_it_was_sent_is_never_sent(orders: OrderStore, database: Database) -> None:
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
def test_an_order_that_was_never_sent_fails(
    execution: Execution, orders: OrderStore, database: Database, published: list[Event], status: Status
) -> None:
    run = at(execution, start(orders), status)
    assert execution.fail(run, CAUGHT).status is Status.FAILED
    order = orders.get(run.order_id)
    assert order.error == {
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
def test_an_order_whose_transaction_has_landed_is_confirmed_not_failed(
    execution: Execution, orders: OrderStore, database: Database, error: str
) -> None:
    run = at(execution, start(orders), Status.SUBMITTED)
    assert execution.fail(run, {"Error": error, "Cause": "why"}).status is Status.CONFIRMED
    order = orders.get(run.order_id)
    assert (order.status, order.error) == (Status.CONFIRMED, None)
    assert order.amount_out == int(swaps(database)[0]["amount_out"])
    assert statuses(orders, run.order_id) == LIFE


def test_an_order_whose_transaction_may_still_land_is_sent_rather_than_failed(
    execution: Execution, orders: OrderStore, database: Database
) -> None:
    built = at(execution, start(orders), Status.BUILDING)
    for venue in VENUES:
        set_fault(database, venue, "submit", "fail", times=1)
    with pytest.raises(VenueUnavailable):
        execution.submit(built)
    assert swaps(database) == []
    assert execution.fail(passed_on(replace(built, status=Status.BUILDING)), CAUGHT).status is Status.CONFIRMED
    assert len(swaps(database)) == 1


def test_while_nobody_knows_whether_it_has_landed_an_order_neither_fails_nor_is_confirmed(
    execution: Execution, orders: OrderStore, database: Database
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
def test_an_order_whose_transaction_was_refused_on_chain_fails(
    execution: Execution, orders: OrderStore, database: Database, error: str
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
def test_the_reason_is_kept_with_the_order(
    execution: Execution,
    orders: OrderStore,
    error: dict[str, str],
    attempt: int,
    expected: tuple[str, str, int, bool],
) -> None:
    run = replace(start(orders), attempt=attempt)
    execution.fail(run, error)
    failed = orders.get(run.order_id).error
    assert failed is not None
    assert (failed["code"], failed["message"], failed["attempts"], failed["retryable"]) == expected


# One run at a time


@pytest.mark.parametrize("status", [Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED])
def test_a_run_that_was_superseded_can_do_nothing_more(
    execution: Execution, orders: OrderStore, database: Database, status: Status
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


def test_an_order_that_has_ended_is_left_alone(execution: Execution, orders: OrderStore, database: Database) -> None:
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
def test_a_quote_that_comes_late_does_not_make_the_order_swap_twice(
    orders: OrderStore, database: Database, connect: Connect, status: Status
) -> None:
    """GIVEN a route step that took so long that it was tried again, and the order went on meanwhile."""
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


def test_what_is_built_decides_what_the_order_shows(
    execution: Execution, orders: OrderStore, database: Database
) -> None:
    """GIVEN a route step that was given up on, WHEN it leaves its own choice before the order is built."""
    run = start(orders)
    routed = execution.route(run)
    assert routed.quote is not None
    other = next(name for name in VENUES if name != routed.quote.venue)
    fake_execution(database, FakeVenue(other)).route(run)
    execution.build(passed_on(routed))
    order = orders.get(run.order_id)
    assert (order.venue, order.quoted_out) == (routed.quote.venue, routed.quote.amount_out)


def test_two_runs_of_one_order_at_once_swap_once(orders: OrderStore, database: Database, connect: Connect) -> None:
    """GIVEN a run that believes it still holds the order, WHEN another has taken over, THEN that one gets through."""
    run = start(orders)
    successor = resumed(orders, run.order_id)
    ended = []

    def follow(number: int) -> None:
        database = connect()
        execution = execution_on(live(database), OrderStore(database))
        with suppress(StaleRun):
            ended.append(finish(execution, (run, successor)[number]).run)

    at_once(2, follow)
    assert ended == ["run-2"]
    assert len(swaps(database)) == 1
    assert statuses(orders, run.order_id) == LIFE
