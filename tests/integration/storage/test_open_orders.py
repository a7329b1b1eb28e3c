"""Moves of orders that wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from order_engine.domain.errors import InsufficientFunds, VenueUnavailable
from order_engine.domain.events import Activated, Activation
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import Order
from order_engine.domain.terms import Stop, Wait
from order_engine.storage.database import Database
from order_engine.storage.open_orders import PostgresOpenOrders
from order_engine.storage.orders import PostgresOrderStore
from tests.support.open_orders import SOL, limit, open_order, open_pair, sniper, stop
from tests.support.orders import RUN, seqs

Connect = Callable[[], Database]

MET = Activation(Activated.LIMIT_MET, 201_000_000, 7)
LATER = datetime.now(UTC) + timedelta(days=1)
PAST = datetime.now(UTC) - timedelta(days=1)


def columns(database: Database, order: Order, names: str) -> dict[str, Any]:
    """Columns that an `Order` lacks."""
    (row,) = database.fetch(f"SELECT {names} FROM orders WHERE id = %(id)s", {"id": order.id})
    return row


def test_an_activated_order_is_pending_and_enqueued_now(
    database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders, counted: list[Status]
) -> None:
    order = open_order(database, limit())
    database.execute(
        "UPDATE orders SET enqueued_at = now() - interval '1 h', enqueue_count = 3, run = 'old', lease_until = now(),"
        " attempt = 3"
    )
    (moved,) = waiting.activate([(order, MET)])
    after = orders.get(order.id)
    assert (after.status, after.seq, after.attempt, after.run) == (Status.PENDING, 2, 1, None)
    assert after.updated_at > order.updated_at
    assert columns(database, order, "enqueue_count, lease_until, enqueued_at = updated_at AS now") == {
        "enqueue_count": 0,
        "lease_until": None,
        "now": True,
    }
    assert moved.event == orders.events(order.id)[-1]
    assert moved.event.data["activation"] == {"reason": "limitMet", "amount_out": "201000000", "slot": 7}
    assert moved.listeners == []
    assert counted == [Status.PENDING]
    assert orders.claim(order.id, RUN) is not None


def test_a_batch_is_activated_with_an_event_each(
    database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders
) -> None:
    found = [open_order(database, limit(amount_in=n * SOL)) for n in range(1, 8)]
    database.execute("INSERT INTO subscriptions VALUES ('c1', %(id)s)", {"id": found[2].id})
    moves = {moved.event.order_id: moved for moved in waiting.activate([(order, MET) for order in found])}
    assert set(moves) == {order.id for order in found}
    for order in found:
        first, second = orders.events(order.id)
        assert (first.seq, second) == (1, moves[order.id].event)
        assert second.data["amount_in"] == str(order.amount_in)
        assert moves[order.id].listeners == (["c1"] if order == found[2] else [])


def test_no_orders_are_activated_without_a_statement(connect: Connect) -> None:
    database = connect()
    assert PostgresOpenOrders(database).activate([]) == []
    assert database._session is None


@pytest.mark.parametrize(
    "change",
    [
        "seq = 2",
        "status = 'cancelled'",
        "status = 'pending'",
        "status = 'submitted'",
        "expires_at = now() - interval '1 s'",
    ],
)
def test_an_order_that_has_changed_is_not_activated(
    database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders, change: str, counted: list[Status]
) -> None:
    order, other = open_order(database, limit()), open_order(database, limit())
    database.execute(f"UPDATE orders SET {change} WHERE id = %(id)s", {"id": order.id})
    before = orders.get(order.id)
    (moved,) = waiting.activate([(order, MET), (other, MET)])
    assert moved.event.order_id == other.id
    assert orders.get(order.id) == before
    assert seqs(orders.events(order.id)) == [1]
    assert counted == [Status.PENDING]


def test_an_order_that_expires_later_is_activated(database: Database, waiting: PostgresOpenOrders) -> None:
    assert len(waiting.activate([(open_order(database, limit(expires_at=LATER)), MET)])) == 1


@pytest.mark.parametrize("status", Status)
def test_an_order_is_activated_while_its_linked_one_neither_runs_nor_is_filled(
    database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders, status: Status
) -> None:
    first, second = open_pair(database, limit(), stop())
    database.execute("UPDATE orders SET status = %(to)s WHERE id = %(id)s", {"to": status, "id": first.id})
    moved = waiting.activate([(second, MET)])
    allowed = status in (Status.OPEN, Status.FAILED, Status.CANCELLED, Status.EXPIRED)
    assert len(moved) == allowed
    assert orders.get(second.id).status is (Status.PENDING if allowed else Status.OPEN)


@pytest.mark.parametrize("first_is", [0, 1])
def test_of_two_linked_orders_in_a_batch_the_first_is_activated(
    database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders, first_is: int
) -> None:
    pair = open_pair(database, limit(), stop())
    batch = [(pair[first_is], MET), (pair[1 - first_is], MET)]
    (moved,) = waiting.activate(batch)
    assert moved.event.order_id == pair[first_is].id
    assert orders.get(pair[1 - first_is].id).status is Status.OPEN


def test_a_stop_that_is_reached_waits_for_its_limit(
    database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders, counted: list[Status]
) -> None:
    order = open_order(database, stop("150", limit_price="149"))
    moved = waiting.reach(order)
    assert moved is not None
    after = orders.get(order.id)
    assert (after.status, after.seq, after.waits_for) == (Status.OPEN, 2, Wait.AT_LEAST)
    assert after.trigger_out == after.limit_out == 149_000_000
    assert isinstance(after.terms, Stop)
    assert after.terms.reached
    assert moved.event == orders.events(order.id)[-1]
    assert moved.event.data["reason"] == "stopReached"
    assert moved.event.data["terms"]["reached"] is True
    assert counted == [Status.OPEN]
    assert waiting.reach(order) is None


def test_only_a_stop_with_a_limit_can_be_reached(database: Database, waiting: PostgresOpenOrders) -> None:
    for request in (limit(), stop()):
        with pytest.raises(ValueError, match=f"to be a stop with a limit, was {request.type}"):
            waiting.reach(open_order(database, request))


def test_orders_whose_time_is_over_expire(
    database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders, counted: list[Status]
) -> None:
    order = open_order(database, limit(expires_at=PAST))
    kept = [open_order(database, request) for request in (limit(), limit(expires_at=LATER))]
    running = open_order(database, limit(expires_at=PAST), status="routing")
    (moved,) = waiting.expire(10)
    assert (moved.event.order_id, moved.event.status, moved.event.seq) == (order.id, Status.EXPIRED, 2)
    assert moved.event.data == {"version": 1, "expires_at": PAST.isoformat()}
    assert orders.events(order.id)[-1] == moved.event
    assert orders.get(order.id).status is Status.EXPIRED
    assert [orders.get(other.id) for other in (*kept, running)] == [*kept, running]
    assert counted == [Status.EXPIRED]
    assert waiting.expire(10) == []


def test_the_longest_overdue_expire_first(database: Database, waiting: PostgresOpenOrders) -> None:
    found = [open_order(database, limit(expires_at=PAST - timedelta(hours=n))) for n in (2, 3, 1)]
    expired = [moved.event.order_id for _ in range(3) for moved in waiting.expire(1)]
    assert expired == [found[1].id, found[0].id, found[2].id]


def test_linked_orders_expire_together(database: Database, waiting: PostgresOpenOrders) -> None:
    pair = open_pair(database, limit(expires_at=PAST), stop(expires_at=PAST))
    assert {moved.event.order_id for moved in waiting.expire(10)} == {order.id for order in pair}


def test_a_refused_order_fails_with_the_reason(
    database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders, counted: list[Status]
) -> None:
    order = open_order(database, sniper())
    moved = waiting.refuse(order, InsufficientFunds("too little"))
    assert moved is not None
    failure = {"version": 1, "code": "InsufficientFunds", "message": "too little", "attempts": 1, "retryable": False}
    assert moved.event.data == failure
    after = orders.get(order.id)
    assert (after.status, after.error) == (Status.FAILED, failure)
    assert orders.events(order.id)[-1] == moved.event
    assert counted == [Status.FAILED]
    assert waiting.refuse(order, InsufficientFunds("too little")) is None


def test_a_refusal_for_a_time_says_so(database: Database, waiting: PostgresOpenOrders) -> None:
    moved = waiting.refuse(open_order(database, sniper()), VenueUnavailable("no answer"))
    assert moved is not None
    assert moved.event.data["retryable"] is True
