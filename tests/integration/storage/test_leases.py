"""The lease that makes a watcher the only one of its market."""

from __future__ import annotations

from collections.abc import Callable

from order_engine.domain.markets import LOCALNET
from order_engine.ports import Lease, Waiting
from order_engine.storage.database import Database
from order_engine.storage.open_orders import PostgresOpenOrders
from tests.support.concurrency import at_once

Connect = Callable[[], Database]

HELD = Lease(True, False, {})
INHERITED = HELD._replace(is_inherited=True)
REFUSED = Lease(False, False, {})


def pass_time(database: Database, seconds: float) -> None:
    database.execute(
        "UPDATE leases SET held_until = held_until - make_interval(secs => %(seconds)s)", {"seconds": seconds}
    )


def test_one_watcher_holds_the_lease(waiting: PostgresOpenOrders) -> None:
    assert not waiting.is_watched()
    assert waiting.take_lease("a", 100) == HELD
    assert waiting.is_watched()
    assert waiting.take_lease("b", 100) == REFUSED
    assert waiting.take_lease("a", 100) == HELD


def test_of_twenty_watchers_one_takes_the_lease(connect: Connect) -> None:
    stores = [PostgresOpenOrders(connect()) for _ in range(20)]
    leases = at_once(20, lambda n: stores[n].take_lease(f"watcher {n}", 100))
    assert sorted(leases) == sorted([REFUSED] * 19 + [HELD])


def test_a_lease_that_has_ended_is_taken_by_another(database: Database, waiting: PostgresOpenOrders) -> None:
    waiting.take_lease("a", 100)
    pass_time(database, 60)
    waiting.take_lease("a", 100)
    pass_time(database, 60)
    assert waiting.take_lease("b", 100) == REFUSED
    pass_time(database, 60)
    assert not waiting.is_watched()
    assert waiting.waiting() == Waiting(0, is_abandoned=True)
    assert waiting.take_lease("b", 100) == INHERITED
    assert waiting.take_lease("b", 100) == HELD
    assert waiting.take_lease("a", 100) == REFUSED
    waiting.release_lease("b", {})
    assert waiting.waiting() == Waiting(0)
    assert waiting.take_lease("a", 100) == HELD


def test_a_lease_from_before_the_clock_was_set_back_is_over(database: Database, waiting: PostgresOpenOrders) -> None:
    waiting.take_lease("a", 100)
    pass_time(database, -3600)
    assert waiting.take_lease("b", 100) == INHERITED


def test_a_released_lease_is_free_at_once_and_carries_notes(waiting: PostgresOpenOrders) -> None:
    waiting.take_lease("a", 100)
    waiting.release_lease("b", {"by": "b"})
    assert waiting.take_lease("b", 100) == REFUSED
    waiting.release_lease("a", {"by": "a"})
    assert not waiting.is_watched()
    assert waiting.take_lease("b", 100) == Lease(True, False, {"by": "a"})
    assert waiting.take_lease("b", 100) == Lease(True, False, {"by": "a"})


def test_a_watcher_learns_that_another_one_waits(waiting: PostgresOpenOrders) -> None:
    waiting.take_lease("a", 100)
    assert waiting.take_lease("b", 100, wait=True) == Lease(False, True, {})
    assert waiting.take_lease("a", 100) == Lease(True, True, {})
    assert waiting.take_lease("a", 100) == Lease(True, True, {})
    waiting.release_lease("a", {})
    assert waiting.take_lease("b", 100, wait=True) == HELD


def test_no_watcher_waits_for_one_that_has_taken_the_lease_since(
    database: Database, waiting: PostgresOpenOrders
) -> None:
    """GIVEN a watcher that was killed while it waited."""
    waiting.take_lease("a", 100)
    waiting.take_lease("b", 100, wait=True)
    pass_time(database, 200)
    assert waiting.take_lease("c", 100) == INHERITED
    assert waiting.take_lease("c", 100) == HELD


def test_each_market_has_a_lease(database: Database, waiting: PostgresOpenOrders) -> None:
    waiting.take_lease("a", 100)
    elsewhere = PostgresOpenOrders(database, market=LOCALNET)
    assert not elsewhere.is_watched()
    assert elsewhere.take_lease("b", 100) == HELD
