"""Open orders that several change at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

import pytest

from order_engine.domain.errors import InsufficientFunds, TooLateToCancel
from order_engine.domain.events import Activated, Activation, Event
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import Order
from order_engine.ports import Moved, Selection
from order_engine.storage.database import Database
from order_engine.storage.open_orders import PostgresOpenOrders
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.standing_orders import PostgresStandingOrders
from tests.support.concurrency import at_once
from tests.support.databases import pass_time
from tests.support.network import UnreliableLine
from tests.support.open_orders import limit, open_order, open_pair, recurring, stop
from tests.support.orders import CLIENT, seqs

Connect = Callable[[], Database]

MET = Activation(Activated.LIMIT_MET, 201_000_000, 7)
ROUNDS = 5


@pytest.fixture
def watchers(connect: Connect) -> list[PostgresOpenOrders]:
    return [PostgresOpenOrders(connect()) for _ in range(20)]


def count_moves(orders: PostgresOrderStore, order: Order) -> int:
    """How often the order has moved since it was accepted. Its events have no gap."""
    found = orders.events(order.id)
    assert seqs(found) == list(range(1, len(found) + 1))
    after = orders.get(order.id)
    assert (found[-1].seq, found[-1].status) == (after.seq, after.status)
    return len(found) - 1


def test_of_twenty_watchers_one_activates_each_order(
    database: Database, orders: PostgresOrderStore, watchers: list[PostgresOpenOrders]
) -> None:
    found = [open_order(database, limit()) for _ in range(30)]

    def activate(number: int) -> list[Order]:
        # Each begins with another order: without the order of locks they would wait for each other.
        batch = found[number:] + found[:number]
        moved = {moved.event.order_id for moved in watchers[number].activate([(order, MET) for order in batch])}
        return [order for order in found if order.id in moved]

    activated = [order for moved in at_once(20, activate) for order in moved]
    assert sorted(activated) == sorted(found)
    assert {count_moves(orders, order) for order in found} == {1}


def test_of_two_linked_orders_one_is_activated_whoever_comes_first(
    database: Database, orders: PostgresOrderStore, watchers: list[PostgresOpenOrders]
) -> None:
    """WHEN half of the watchers have seen the limits met, and half the stops, in batches that cross."""
    pairs = [open_pair(database, limit(), stop()) for _ in range(20)]

    def activate(number: int) -> int:
        batch = [pair[(number + at) % 2] for at, pair in enumerate(pairs)]
        return len(watchers[number].activate([(order, MET) for order in batch]))

    assert sum(at_once(20, activate)) == len(pairs)
    for pair in pairs:
        statuses = sorted(orders.get(order.id).status for order in pair)
        assert statuses == [Status.OPEN, Status.PENDING]
        assert sum(count_moves(orders, order) for order in pair) == 1


class Party(NamedTuple):
    """Who may move an open order, each over a connection of its own."""

    watcher: PostgresOpenOrders
    orders: PostgresOrderStore
    standing: PostgresStandingOrders


@pytest.fixture
def parties(connect: Connect) -> list[Party]:
    connections = [connect() for _ in range(20)]
    return [
        Party(PostgresOpenOrders(database), PostgresOrderStore(database), PostgresStandingOrders(database))
        for database in connections
    ]


SOON, OVERDUE = (datetime.now(UTC) + timedelta(hours=hours) for hours in (1, -1))
REPLACEMENT = stop(limit_price="148", expires_at=SOON)


def cancel(party: Party, order: Order) -> None:
    """Compares no seq, so it may follow another move, and succeeds once more where the order is cancelled already."""
    with suppress(TooLateToCancel):
        party.orders.cancel(CLIENT, order.id)


ACTS: dict[str, Callable[[Party, Order], object]] = {
    "activate": lambda party, order: party.watcher.activate([(order, MET)]),
    "refuse": lambda party, order: party.watcher.refuse(order, InsufficientFunds("too little")),
    "reach": lambda party, order: party.watcher.reach(order),
    "expire": lambda party, order: party.watcher.expire(10),
    "replace": lambda party, order: party.standing.replace(order, REPLACEMENT, {}),
    "cancel": cancel,
}


@pytest.mark.parametrize(
    ("expires_at", "acts"),
    [
        (SOON, ["activate", "refuse", "reach", "expire", "replace"]),
        (SOON, ["activate", "refuse", "reach", "expire", "replace", "cancel"]),
        (OVERDUE, ["activate", "refuse", "expire", "replace"]),
        (OVERDUE, ["activate", "refuse", "expire", "replace", "cancel"]),
    ],
    ids=["before it expires", "cancelled before it expires", "when it is overdue", "cancelled when it is overdue"],
)
def test_of_twenty_moves_of_an_open_order_one_is_made(
    database: Database, orders: PostgresOrderStore, parties: list[Party], expires_at: datetime, acts: list[str]
) -> None:
    for _ in range(ROUNDS):
        order = open_order(database, stop(limit_price="149", expires_at=expires_at))

        def act(number: int, order: Order = order) -> bool:
            return bool(ACTS[acts[number % len(acts)]](parties[number], order))

        won = sum(at_once(20, act))
        is_cancelled = orders.get(order.id).status is Status.CANCELLED
        assert won == 1 or (is_cancelled and won == 0)
        assert count_moves(orders, order) == won + is_cancelled


def test_linked_orders_that_are_cancelled_and_expire_at_once_end_once(
    database: Database, orders: PostgresOrderStore, parties: list[Party]
) -> None:
    """WHEN clients cancel either of two, or all orders, while watchers expire them in batches that cross."""
    pairs = [open_pair(database, limit(expires_at=OVERDUE), stop(expires_at=OVERDUE)) for _ in range(20)]

    def act(number: int) -> None:
        party = parties[number]
        match number % 4:
            case 0:
                party.standing.cancel_all(CLIENT, Selection(), 3 + number)
            case 1:
                for pair in pairs[number:] + pairs[:number]:
                    cancel(party, pair[number // 4 % 2])
            case _:
                party.watcher.expire(3 + number)

    at_once(20, act)
    parties[0].watcher.expire(100)
    for order in (order for pair in pairs for order in pair):
        assert orders.get(order.id).status in (Status.CANCELLED, Status.EXPIRED)
        assert count_moves(orders, order) == 1


def make_slice(watchers: list[PostgresOpenOrders], parent: Order, number: int) -> tuple[Moved, Event] | None:
    return watchers[number].insert_slice(parent, uuid7(), 60)


def test_one_of_twenty_watchers_makes_a_slice(
    database: Database, orders: PostgresOrderStore, watchers: list[PostgresOpenOrders]
) -> None:
    parent = open_order(database, recurring(5))
    for number in range(1, 6):
        seen = orders.get(parent.id)
        made = at_once(20, partial(make_slice, watchers, seen))
        ((moved, event),) = (slice for slice in made if slice)
        assert moved.event.data["slice"]["number"] == number
        assert orders.events(event.order_id) == [event]
        assert count_moves(orders, parent) == number
    assert watchers[0].slice_sums(parent).running == 5


@pytest.fixture
def distant(line: UnreliableLine) -> Iterator[PostgresOpenOrders]:
    """A watcher that is connected through the unreliable line."""
    database = Database(line.url)
    database.fetch("SELECT 1")
    yield PostgresOpenOrders(database)
    database.close()


def test_a_move_whose_answer_was_lost_is_made_once(
    database: Database, orders: PostgresOrderStore, distant: PostgresOpenOrders, line: UnreliableLine
) -> None:
    """THEN the sweep enqueues the order, because nobody knows who has activated it."""
    order = open_order(database, limit())
    line.lose_next_answer()
    assert distant.activate([(order, MET)]) == []
    assert line.lost == 1
    assert orders.get(order.id).status is Status.PENDING
    assert count_moves(orders, order) == 1
    pass_time(database, 60)
    assert orders.take_stalled(45) == [order.id]


def test_a_slice_whose_answer_was_lost_is_made_once(
    database: Database, orders: PostgresOrderStore, distant: PostgresOpenOrders, line: UnreliableLine
) -> None:
    parent, id = open_order(database, recurring()), uuid7()
    line.lose_next_answer()
    assert distant.insert_slice(parent, id, 60) is None
    assert line.lost == 1
    assert orders.get(parent.id).slices_done == 1
    assert seqs(orders.events(id)) == [1]
    assert distant.slice_sums(parent).running == 1
