"""Two linked orders, of which at most one is filled: what becomes of one when the other ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

import pytest

from order_engine.domain.errors import OrderNotFound, StaleRun, TooLateToCancel
from order_engine.domain.lifecycle import Status, Trigger
from order_engine.domain.orders import Order
from order_engine.storage.database import Database
from order_engine.storage.open_orders import PostgresOpenOrders
from order_engine.storage.orders import PostgresOrderStore
from tests.support.concurrency import at_once
from tests.support.network import UnreliableLine
from tests.support.open_orders import MET, activate, limit, open_pair, stop
from tests.support.orders import CLIENT, LEASE, OTHER, PATHS, RUN, seqs

Connect = Callable[[], Database]

either = pytest.mark.parametrize("which", [0, 1])


def pair_with(database: Database, status: Status, which: int = 0) -> tuple[Order, Order]:
    """Returns two linked orders: one that `RUN` has brought to the status, and one that is open."""
    orders, pair = PostgresOrderStore(database), open_pair(database, limit(), stop())
    order = pair[which]
    if status is not Status.OPEN:
        activate(database, order)
        assert orders.claim(order.id, RUN, LEASE) is not None
        for trigger in PATHS[status]:
            assert orders.move(order.id, RUN, trigger, 1, {}) is not None
    return orders.get(order.id), orders.get(pair[1 - which].id)


def statuses(orders: PostgresOrderStore, *pair: Order) -> list[Status]:
    return [orders.get(order.id).status for order in pair]


@either
def test_the_other_is_cancelled_with_the_fill(database: Database, connect: Connect, which: int) -> None:
    counted: list[Status] = []
    orders = PostgresOrderStore(connect(), counted.append)
    order, other = pair_with(database, Status.SUBMITTED, which)
    moved = orders.move(order.id, RUN, Trigger.CONFIRM, 1, {}, linked_id=other.id, amount_out=7)
    assert moved is not None
    assert (moved[0].order_id, moved[0].status, orders.get(order.id).amount_out) == (order.id, Status.CONFIRMED, 7)
    after, event = orders.get(other.id), orders.events(other.id)[-1]
    assert (after.status, after.seq, after.attempt) == (Status.CANCELLED, 2, 1)
    assert (event.status, event.at, event.data) == (
        Status.CANCELLED,
        after.updated_at,
        {"version": 1, "reason": "its linked order was filled"},
    )
    assert seqs(orders.events(other.id)) == [1, 2]
    assert counted == [Status.CONFIRMED, Status.CANCELLED]


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED, Status.EXPIRED])
def test_one_that_has_ended_stays_as_it_is(
    database: Database, orders: PostgresOrderStore, connect: Connect, status: Status
) -> None:
    counted: list[Status] = []
    order, other = pair_with(database, Status.SUBMITTED)
    database.execute("UPDATE orders SET status = %(status)s WHERE id = %(id)s", {"status": status, "id": other.id})
    before = orders.get(other.id)
    confirming = PostgresOrderStore(connect(), counted.append)
    assert confirming.move(order.id, RUN, Trigger.CONFIRM, 1, {}, linked_id=other.id) is not None
    assert orders.get(other.id) == before
    assert counted == [Status.CONFIRMED]


def test_a_stale_confirmation_cancels_nothing(database: Database, orders: PostgresOrderStore) -> None:
    order, other = pair_with(database, Status.SUBMITTED)
    with pytest.raises(StaleRun):
        orders.move(order.id, "run-2", Trigger.CONFIRM, 1, {}, linked_id=other.id)
    assert [orders.get(one.id) for one in (order, other)] == [order, other]


def test_a_confirmation_whose_answer_was_lost_cancels_once(
    database: Database, distant: PostgresOrderStore, line: UnreliableLine, orders: PostgresOrderStore
) -> None:
    order, other = pair_with(database, Status.SUBMITTED)
    line.lose_next_answer()
    assert distant.move(order.id, RUN, Trigger.CONFIRM, 1, {}, linked_id=other.id) is None
    assert line.lost == 1
    assert statuses(orders, order, other) == [Status.CONFIRMED, Status.CANCELLED]
    assert seqs(orders.events(other.id)) == [1, 2]


@either
@pytest.mark.parametrize(("trigger", "to"), [(Trigger.FAIL, Status.FAILED), (Trigger.RETURN, Status.OPEN)])
def test_the_other_stays_open_if_none_was_filled(
    database: Database, orders: PostgresOrderStore, trigger: Trigger, to: Status, which: int
) -> None:
    order, other = pair_with(database, Status.SUBMITTED, which)
    assert orders.move(order.id, RUN, trigger, 1, {}) is not None
    assert orders.get(order.id).status is to
    assert orders.get(other.id) == other
    # AND it may run now.
    assert activate(database, other).event.order_id == other.id


def test_the_events_of_both_are_to_be_published_once_more(database: Database, orders: PostgresOrderStore) -> None:
    order, other = pair_with(database, Status.SUBMITTED)
    assert orders.end_to_republish(order.id) == []
    assert orders.move(order.id, RUN, Trigger.CONFIRM, 1, {}, linked_id=other.id) is not None
    assert orders.end_to_republish(order.id) == [order.id, other.id]
    orders.end_republished(order.id)
    assert orders.end_to_republish(order.id) == []


# Cancellation


@either
@pytest.mark.parametrize("status", [Status.OPEN, Status.PENDING, Status.ROUTING, Status.BUILDING])
def test_cancelling_either_cancels_both_until_one_is_sent(
    database: Database, connect: Connect, status: Status, which: int
) -> None:
    counted: list[Status] = []
    orders, pair = PostgresOrderStore(connect(), counted.append), pair_with(database, status)
    asked, other = pair[which], pair[1 - which]
    assert sorted(orders.cancel(CLIENT, asked.id)) == sorted(order.id for order in pair)
    assert statuses(orders, *pair) == [Status.CANCELLED] * 2
    assert orders.events(asked.id)[-1].data == {"version": 1}
    assert orders.events(other.id)[-1].data == {"version": 1, "reason": "its linked order was cancelled"}
    assert all(seqs(orders.events(order.id)) == list(range(1, order.seq + 2)) for order in pair)
    assert counted == [Status.CANCELLED] * 2
    # AND cancelling again names both, whose events may not be published yet.
    assert [sorted(orders.cancel(CLIENT, order.id)) for order in pair] == [sorted(order.id for order in pair)] * 2
    assert counted == [Status.CANCELLED] * 2


def test_one_whose_linked_order_was_sent_is_cancelled_alone(database: Database, orders: PostgresOrderStore) -> None:
    sent, other = pair_with(database, Status.SUBMITTED)
    assert orders.cancel(CLIENT, other.id) == [other.id]
    assert orders.get(sent.id) == sent
    assert orders.get(other.id).status is Status.CANCELLED


@pytest.mark.parametrize("status", [Status.SUBMITTED, Status.FAILED])
def test_an_order_that_can_not_be_cancelled_leaves_the_other_open(
    database: Database, orders: PostgresOrderStore, status: Status
) -> None:
    order, other = pair_with(database, status)
    with pytest.raises(TooLateToCancel):
        orders.cancel(CLIENT, order.id)
    assert [orders.get(one.id) for one in (order, other)] == [order, other]


@either
def test_another_client_cancels_neither(database: Database, orders: PostgresOrderStore, which: int) -> None:
    pair = pair_with(database, Status.OPEN)
    with pytest.raises(OrderNotFound):
        orders.cancel(OTHER.client_id, pair[which].id)
    assert [orders.get(order.id) for order in pair] == list(pair)


# Concurrency


def test_both_are_cancelled_once_by_many(database: Database, connect: Connect) -> None:
    stores = [PostgresOrderStore(connect()) for _ in range(10)]
    for _ in range(10):
        pair = pair_with(database, Status.OPEN)
        ids = sorted(order.id for order in pair)

        def cancel(number: int, ids: list[UUID] = ids) -> list[UUID]:
            return sorted(stores[number].cancel(CLIENT, ids[number % 2]))

        assert at_once(10, cancel) == [ids] * 10
        assert [seqs(stores[0].events(id)) for id in ids] == [[1, 2], [1, 2]]


@either
def test_never_both_are_filled(database: Database, connect: Connect, which: int) -> None:
    """GIVEN one that is confirmed, cancelled and activated with its linked one, all at once."""
    stores = [PostgresOrderStore(connect()) for _ in range(3)]
    watchers = [PostgresOpenOrders(connect()) for _ in range(2)]
    for round in range(40):
        order, other = pair_with(database, Status.SUBMITTED, which)

        def race(number: int, id: UUID = order.id, other: Order = other, first: int = round % 5) -> object:
            # They take turns in coming first.
            time.sleep(0.001 * (number != first))
            try:
                if number == 0:
                    return stores[0].move(id, RUN, Trigger.CONFIRM, 1, {}, linked_id=other.id)
                if number < 3:
                    return stores[number].cancel(CLIENT, (id, other.id)[number - 1])
                return watchers[number - 3].activate([(other, MET)])
            except TooLateToCancel:
                return None

        confirmed, *_, activated, again = at_once(5, race)
        assert (confirmed is not None, activated, again) == (True, [], [])
        assert statuses(stores[0], order, other) == [Status.CONFIRMED, Status.CANCELLED]
        assert seqs(stores[0].events(other.id)) == [1, 2]


@either
def test_of_two_that_are_returned_and_activated_at_once_one_runs(
    database: Database, connect: Connect, which: int
) -> None:
    store, watchers = PostgresOrderStore(connect()), [PostgresOpenOrders(connect()) for _ in range(2)]
    for _ in range(40):
        order, other = pair_with(database, Status.ROUTING, which)
        assert store.move(order.id, RUN, Trigger.RETURN, 1, {}) is not None
        pair = store.get(order.id), other

        def activate(number: int, pair: tuple[Order, Order] = pair) -> int:
            return len(watchers[number].activate([(pair[number], MET)]))

        assert sorted(at_once(2, activate)) == [0, 1]
        assert sorted(statuses(store, *pair)) == [Status.OPEN, Status.PENDING]
