"""Orders that are cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from order_engine.domain.errors import OrderNotFound, StaleRun, TooLateToCancel
from order_engine.domain.lifecycle import Status, Trigger
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.concurrency import at_once
from tests.support.network import UnreliableLine
from tests.support.orders import CLIENT, RUN, brought_to, new_order, seqs

Connect = Callable[[], Database]


CANCELLABLE = [Status.PENDING, Status.ROUTING, Status.BUILDING]


@pytest.mark.parametrize("status", CANCELLABLE)
def test_an_order_is_cancelled_whichever_run_holds_it(orders: PostgresOrderStore, status: Status) -> None:
    order = brought_to(orders, status)
    orders.cancel(CLIENT, order.id)
    after, event = orders.get(order.id), orders.events(order.id)[-1]
    assert (after.status, after.seq, after.attempt) == (Status.CANCELLED, order.seq + 1, order.attempt)
    assert (event.status, event.attempt, event.at, event.data) == (
        after.status,
        after.attempt,
        after.updated_at,
        {"version": 1},
    )
    assert seqs(orders.events(order.id)) == list(range(1, after.seq + 1))


def test_a_history_names_its_listeners(orders: PostgresOrderStore) -> None:
    order = new_order(orders, connection_id="c1")
    assert orders.history(order.id) == (orders.events(order.id), ["c1"])
    assert orders.history(order.id, after=1) == ([], ["c1"])


@pytest.mark.parametrize("status", CANCELLABLE)
def test_the_run_of_a_cancelled_order_finds_it_cancelled(orders: PostgresOrderStore, status: Status) -> None:
    order = brought_to(orders, status)
    orders.cancel(CLIENT, order.id)
    after = orders.get(order.id)
    for trigger in set(Trigger) - {Trigger.CANCEL}:
        with pytest.raises(StaleRun, match="was cancelled"):
            orders.move(order.id, RUN, trigger, 2, {})
    assert orders.get(order.id) == after


def test_cancelling_again_changes_nothing(orders: PostgresOrderStore) -> None:
    order = new_order(orders)
    orders.cancel(CLIENT, order.id)
    once = orders.get(order.id)
    orders.cancel(CLIENT, order.id)
    assert orders.get(order.id) == once
    assert seqs(orders.events(order.id)) == [1, 2]


@pytest.mark.parametrize("status", [Status.SUBMITTED, Status.CONFIRMED, Status.FAILED])
def test_a_submitted_or_final_order_is_not_cancelled_in_the_store(orders: PostgresOrderStore, status: Status) -> None:
    order = brought_to(orders, status)
    with pytest.raises(TooLateToCancel, match=f"already {status} and cannot be cancelled"):
        orders.cancel(CLIENT, order.id)
    assert orders.get(order.id) == order


def test_an_unknown_order_can_not_be_cancelled(orders: PostgresOrderStore) -> None:
    with pytest.raises(OrderNotFound):
        orders.cancel(CLIENT, uuid4())


def test_an_order_is_cancelled_once_even_if_the_response_was_lost(
    distant: PostgresOrderStore, line: UnreliableLine, orders: PostgresOrderStore
) -> None:
    order = new_order(orders)
    line.lose_next_answer()
    distant.cancel(CLIENT, order.id)
    assert line.lost == 1
    assert seqs(orders.events(order.id)) == [1, 2]


def test_an_order_is_never_both_cancelled_and_sent(orders: PostgresOrderStore, connect: Connect) -> None:
    stores = [PostgresOrderStore(connect()) for _ in range(2)]
    for round in range(50):
        order = brought_to(orders, Status.BUILDING)

        def race(number: int, id: UUID = order.id, late: int = round % 2) -> bool:
            # They take turns in coming a little later.
            time.sleep(0.001 * (number == late))
            try:
                if number:
                    stores[1].cancel(CLIENT, id)
                else:
                    stores[0].move(id, RUN, Trigger.SUBMIT, 1, {})
            except (StaleRun, TooLateToCancel):
                return False
            return True

        sent, cancelled = at_once(2, race)
        assert sent is not cancelled
        assert orders.get(order.id).status is (Status.SUBMITTED if sent else Status.CANCELLED)
        assert seqs(orders.events(order.id)) == [1, 2, 3, 4]
