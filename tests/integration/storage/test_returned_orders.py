"""Orders that their run has returned: they are open again, and nothing of the run is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest

from order_engine.domain.errors import StaleRun
from order_engine.domain.lifecycle import RUNNING, TRANSITIONS, Status, Trigger
from order_engine.domain.orders import Order
from order_engine.storage.database import Database
from order_engine.storage.open_orders import PostgresOpenOrders
from order_engine.storage.orders import PostgresOrderStore
from tests.support.concurrency import at_once
from tests.support.databases import pass_time
from tests.support.open_orders import MET, activate, limit, open_order
from tests.support.orders import LEASE, PATHS, RUN, seqs

Connect = Callable[[], Database]

BUILT: dict[str, Any] = {
    "venue": "raydium",
    "quoted_out": 201_000_000,
    "min_out": 200_000_000,
    "tx_hash": "a signature",
    "transaction": {"signature": "a signature"},
}
OF_RUNS = sorted({trigger for status, trigger in TRANSITIONS if status in RUNNING})


def run_to(database: Database, status: Status, attempt: int = 1) -> Order:
    """Returns a limit order that `RUN` has brought to the status."""
    orders, order = PostgresOrderStore(database), open_order(database, limit())
    activate(database, order)
    assert orders.claim(order.id, RUN, LEASE) is not None
    for trigger in PATHS[status]:
        columns = BUILT if trigger is Trigger.BUILD else {}
        assert orders.move(order.id, RUN, trigger, attempt, {}, **columns) is not None
    return orders.get(order.id)


def returned(database: Database, status: Status, attempt: int = 1) -> Order:
    order = run_to(database, status, attempt)
    assert PostgresOrderStore(database).move(order.id, RUN, Trigger.RETURN, attempt, {}) is not None
    return PostgresOrderStore(database).get(order.id)


@pytest.mark.parametrize("status", sorted(RUNNING))
def test_nothing_of_the_run_is_left(database: Database, connect: Connect, status: Status) -> None:
    counted: list[Status] = []
    orders, before = PostgresOrderStore(connect(), counted.append), run_to(database, status, attempt=3)
    moved = orders.move(before.id, RUN, Trigger.RETURN, 3, {"reason": "returned"})
    assert moved is not None
    after = orders.get(before.id)
    assert (after.status, after.attempt, after.run, after.venue) == (Status.OPEN, 1, None, None)
    assert (after.quoted_out, after.min_out, after.tx_hash, after.transaction) == (None, None, None, None)
    assert (after.terms, after.waits_for) == (before.terms, before.waits_for)
    assert (after.trigger_out, after.limit_out) == (before.trigger_out, before.limit_out)
    assert database.fetch("SELECT FROM orders WHERE lease_until IS NOT NULL") == []
    assert orders.events(after.id)[-1] == moved[0]
    assert (moved[0].status, moved[0].seq, moved[0].attempt) == (Status.OPEN, before.seq + 1, 1)
    assert counted == [Status.OPEN]


def test_one_whose_transaction_did_not_swap_rests_before_it_is_activated_again(database: Database) -> None:
    order = returned(database, Status.SUBMITTED)
    book = PostgresOpenOrders(database)
    (group,) = book.groups()
    assert not book.candidates(group, Fraction(10**9), None, 10)
    assert not book.activate([(order, MET)])
    pass_time(database, order.seq)
    assert [found.id for found in book.candidates(group, Fraction(10**9), None, 10)] == [order.id]
    assert len(book.activate([(order, MET)])) == 1


@pytest.mark.parametrize("status", sorted(RUNNING - {Status.SUBMITTED}))
def test_one_that_sent_nothing_does_not_rest(database: Database, status: Status) -> None:
    assert PostgresOpenOrders(database).activate([(returned(database, status), MET)])


def test_it_waits_for_what_the_move_says(database: Database, orders: PostgresOrderStore) -> None:
    order = run_to(database, Status.ROUTING)
    terms = {"version": 1, "price": "210", "min_out": None}
    assert orders.move(order.id, RUN, Trigger.RETURN, 1, {}, terms=terms, waits_for="at_least", trigger_out=7)
    after = orders.get(order.id)
    assert (after.terms, after.waits_for, after.trigger_out) == (limit("210").terms, "at_least", 7)


@pytest.mark.parametrize("since", ["open", "activated", "claimed"])
@pytest.mark.parametrize("trigger", OF_RUNS)
@pytest.mark.parametrize("status", sorted(RUNNING))
def test_late_steps_of_the_run_move_nothing(
    database: Database, orders: PostgresOrderStore, status: Status, trigger: Trigger, since: str
) -> None:
    order = returned(database, status, attempt=2)
    if since != "open":
        activate(database, order)
    if since == "claimed":
        assert orders.claim(order.id, "run-2", LEASE) is not None
    before = orders.get(order.id)
    for attempt in (1, 2, 3):
        with pytest.raises(StaleRun):
            orders.move(order.id, RUN, trigger, attempt, {})
    assert orders.renew(order.id, RUN) is None
    orders.release(order.id, RUN)
    assert orders.get(order.id) == before
    assert seqs(orders.events(order.id)) == list(range(1, before.seq + 1))


def test_the_next_run_begins_anew(database: Database, orders: PostgresOrderStore) -> None:
    order = returned(database, Status.SUBMITTED, attempt=3)
    activate(database, order)
    claim = orders.claim(order.id, "run-2", LEASE)
    assert claim is not None
    assert (claim.status, claim.attempt, claim.transaction) == (Status.PENDING, 1, None)
    for trigger in PATHS[Status.CONFIRMED]:
        assert orders.move(order.id, "run-2", trigger, 1, {}) is not None
    assert seqs(orders.events(order.id)) == list(range(1, 12))
    assert [event.attempt for event in orders.events(order.id)] == [1, 1, 3, 3, 3, 1, 1, 1, 1, 1, 1]


def test_an_order_is_never_both_returned_and_sent(database: Database, connect: Connect) -> None:
    stores = [PostgresOrderStore(connect()) for _ in range(2)]
    for round in range(50):
        order = run_to(database, Status.ROUTING)
        stores[0].move(order.id, RUN, Trigger.BUILD, 1, {})

        def race(number: int, id: UUID = order.id, late: int = round % 2) -> bool:
            # They take turns in coming a little later.
            time.sleep(0.001 * (number == late))
            try:
                if number:
                    stores[1].move(id, RUN, Trigger.RETURN, 1, {}, Status.BUILDING)
                else:
                    stores[0].move(id, RUN, Trigger.SUBMIT, 1, {})
            except StaleRun:
                return False
            return True

        sent, back = at_once(2, race)
        assert sent is not back
        assert stores[0].get(order.id).status is (Status.SUBMITTED if sent else Status.OPEN)
        assert seqs(stores[0].events(order.id)) == [1, 2, 3, 4, 5]


# Messages


def test_an_activated_order_whose_message_is_lost_stalls(database: Database, orders: PostgresOrderStore) -> None:
    order = returned(database, Status.ROUTING)
    pass_time(database, 3600)
    assert orders.take_stalled(45) == []
    activate(database, order)
    assert orders.take_stalled(45) == []
    pass_time(database, 46)
    assert orders.take_stalled(45) == [order.id]


def test_its_events_are_to_be_published_once_more_after_each_run(
    database: Database, orders: PostgresOrderStore
) -> None:
    order = returned(database, Status.ROUTING)
    for run in ("run-2", "run-3"):
        assert orders.end_to_republish(order.id) == [order.id]
        orders.end_republished(order.id)
        assert orders.end_to_republish(order.id) == []
        activate(database, orders.get(order.id))
        assert orders.claim(order.id, run, LEASE) is not None
        assert orders.end_to_republish(order.id) == []
        assert orders.move(order.id, run, Trigger.RETURN, 1, {}) is not None
