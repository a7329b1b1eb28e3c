"""Orders that no run holds, which the sweep finds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from order_engine.domain.lifecycle import Status, Trigger
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.concurrency import at_once
from tests.support.databases import pass_time
from tests.support.orders import LEASE, NOT_RUNNING, PATHS, RUN, brought_to, claimed, new_order

Connect = Callable[[], Database]


def test_an_order_without_a_run_stalls_after_a_while(orders: PostgresOrderStore, database: Database) -> None:
    order = new_order(orders)
    assert orders.take_stalled(45) == []
    pass_time(database, 46)
    assert orders.take_stalled(45) == [order.id]


def test_a_stalled_order_is_returned_once_per_interval(orders: PostgresOrderStore, database: Database) -> None:
    new_order(orders)
    pass_time(database, 46)
    assert len(orders.take_stalled(45)) == 1
    assert orders.take_stalled(45) == []


def test_the_wait_doubles_with_each_message_and_has_a_limit(orders: PostgresOrderStore, database: Database) -> None:
    order = new_order(orders)
    for wait in (45, 90, 180, 360, 360, 360):
        pass_time(database, wait - 1)
        assert orders.take_stalled(45, doublings=3) == []
        pass_time(database, 2)
        assert orders.take_stalled(45, doublings=3) == [order.id]
    pass_time(database, 46)
    assert orders.take_stalled(45, doublings=0) == [order.id]


@pytest.mark.parametrize("again", ["claimed", "not enqueued"])
def test_the_wait_starts_again_when_a_run_claims_the_order_or_its_message_was_not_sent(
    orders: PostgresOrderStore, database: Database, again: str
) -> None:
    order = new_order(orders)
    for _ in range(4):
        pass_time(database, 3600)
        assert orders.take_stalled(45, doublings=5) == [order.id]
    if again == "claimed":
        assert orders.claim(order.id, RUN) is not None
        pass_time(database, LEASE + 1)
    else:
        orders.not_enqueued([order.id])
        pass_time(database, 46)
    assert orders.take_stalled(45, doublings=5) == [order.id]


def test_after_the_clock_is_set_back_an_order_is_enqueued_at_once(
    orders: PostgresOrderStore, database: Database
) -> None:
    """GIVEN an hour by which the clock is set back: what was written before is an hour ahead."""
    waiting, run_died, moved = new_order(orders), claimed(orders), brought_to(orders, Status.BUILDING)
    pass_time(database, -3600)
    assert orders.take_stalled(45) == sorted([waiting.id, run_died.id, moved.id])
    assert orders.take_stalled(45) == []
    for order in (waiting, run_died, moved):
        assert orders.claim(order.id, "run-2") is not None


def test_a_run_that_lives_on_keeps_its_order_after_the_clock_is_set_back(
    orders: PostgresOrderStore, database: Database
) -> None:
    order = brought_to(orders, Status.ROUTING)
    pass_time(database, -3600)
    assert orders.move(order.id, RUN, Trigger.BUILD, 1, {}) is not None
    assert orders.claim(order.id, "run-2") is None


def test_a_clock_that_is_corrected_by_seconds_changes_nothing(orders: PostgresOrderStore, database: Database) -> None:
    order = claimed(orders)
    new_order(orders)
    pass_time(database, -20)
    assert (orders.take_stalled(45), orders.claim(order.id, "run-2")) == ([], None)


def test_a_running_order_is_not_stalled_until_its_lease_lapses(orders: PostgresOrderStore, database: Database) -> None:
    order = claimed(orders)
    pass_time(database, LEASE - 10)
    assert orders.take_stalled(45) == []
    pass_time(database, 11)
    assert orders.take_stalled(45) == [order.id]


@pytest.mark.parametrize("status", list(PATHS))
def test_every_order_stalls_unless_it_has_ended_or_is_open(
    orders: PostgresOrderStore, database: Database, status: Status
) -> None:
    order = brought_to(orders, status)
    pass_time(database, 3600)
    assert orders.take_stalled(45) == ([] if status in NOT_RUNNING else [order.id])


def test_a_move_renews_the_lease(orders: PostgresOrderStore, database: Database) -> None:
    order = brought_to(orders, Status.ROUTING)
    pass_time(database, LEASE - 10)
    assert orders.move(order.id, RUN, Trigger.BUILD, 1, {}) is not None
    pass_time(database, LEASE - 10)
    assert (orders.take_stalled(45), orders.claim(order.id, "run-2")) == ([], None)
    pass_time(database, 11)
    assert orders.take_stalled(45) == [order.id]


def test_the_oldest_stalled_orders_come_first(orders: PostgresOrderStore, database: Database) -> None:
    ids = sorted(new_order(orders).id for _ in range(5))
    pass_time(database, 46)
    assert [orders.take_stalled(45, limit=2) for _ in range(4)] == [ids[:2], ids[2:4], ids[4:], []]


def test_concurrent_sweeps_return_a_stalled_order_once(
    orders: PostgresOrderStore, database: Database, connect: Connect
) -> None:
    ids = [new_order(orders).id for _ in range(5)]
    pass_time(database, 46)
    stores = [PostgresOrderStore(connect()) for _ in range(4)]
    woken = at_once(4, lambda n: stores[n].take_stalled(45))
    assert sorted(id for found in woken for id in found) == sorted(ids)


def test_no_more_orders_are_returned_than_the_limit_whatever_the_plan(
    orders: PostgresOrderStore, database: Database
) -> None:
    """GIVEN a nested loop: it repeats a subquery, which then finds rows beyond its limit."""
    ids = sorted(new_order(orders).id for _ in range(5))
    pass_time(database, 46)
    for way in ("hashagg", "hashjoin", "material", "mergejoin", "sort", "indexscan", "bitmapscan"):
        database.execute(f"SET enable_{way} = off")
    assert orders.take_stalled(45, limit=2) == ids[:2]
