"""The moves of the life cycle that runs make."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, cast
from uuid import uuid4

import pytest
from psycopg import errors

from order_engine.domain.errors import OrderNotFound, StaleRun
from order_engine.domain.lifecycle import RUNNING, TRANSITIONS, Status, Trigger, target
from order_engine.domain.markets import LOCALNET
from order_engine.domain.money import U64_MAX
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.concurrency import at_once
from tests.support.databases import terminate
from tests.support.network import UnreliableLine
from tests.support.orders import LEASE, PATHS, RUN, brought_to, claimed, new_order, seqs

Connect = Callable[[], Database]


LEGAL = [edge for edge in TRANSITIONS if edge[0] in RUNNING]
ILLEGAL = [edge for edge in product(PATHS, Trigger) if edge not in LEGAL]
# An order that is open is no run's: the run that has returned it can't tell whether it has done so.
REPEATS = [edge for edge in ILLEGAL if target(edge[1]) is edge[0] is not Status.OPEN]


@pytest.mark.parametrize(("status", "trigger"), LEGAL)
def test_a_legal_move_changes_the_order_and_writes_one_event(
    orders: PostgresOrderStore, status: Status, trigger: Trigger
) -> None:
    order = brought_to(orders, status)
    moved = orders.move(order.id, RUN, trigger, 2, {"why": "test"})
    assert moved is not None
    event, listeners = moved
    after = orders.get(order.id)
    attempt = 1 if trigger is Trigger.RETURN else 2
    assert (after.status, after.seq, after.attempt) == (TRANSITIONS[status, trigger], order.seq + 1, attempt)
    assert after.updated_at > order.updated_at
    assert (event.status, event.seq, event.attempt, event.data) == (after.status, after.seq, attempt, {"why": "test"})
    assert listeners == []
    assert orders.events(order.id)[-1] == event
    assert seqs(orders.events(order.id)) == list(range(1, after.seq + 1))


@pytest.mark.parametrize(("status", "trigger"), ILLEGAL)
def test_an_illegal_move_changes_nothing(orders: PostgresOrderStore, status: Status, trigger: Trigger) -> None:
    order = brought_to(orders, status)
    with pytest.raises(StaleRun, match=f"for run {RUN}, attempt 2, was {status} for {order.run}"):
        orders.move(order.id, RUN, trigger, 2, {}, amount_out=1)
    assert orders.get(order.id) == order
    assert seqs(orders.events(order.id)) == list(range(1, order.seq + 1))


@pytest.mark.parametrize(("status", "trigger"), REPEATS)
def test_a_repeated_move_returns_none_and_writes_no_event(
    orders: PostgresOrderStore, status: Status, trigger: Trigger
) -> None:
    order = brought_to(orders, status)
    assert orders.move(order.id, RUN, trigger, 1, {"second": True}, venue="other") is None
    assert orders.get(order.id) == order
    assert seqs(orders.events(order.id)) == list(range(1, order.seq + 1))


def test_every_status_but_two_has_a_repeatable_move() -> None:
    assert {status for status, _ in REPEATS} == set(PATHS) - {Status.ROUTING, Status.OPEN}


@pytest.mark.parametrize(("status", "trigger"), [edge for edge in LEGAL if edge[0] is not Status.PENDING])
def test_an_earlier_attempt_moves_nothing(orders: PostgresOrderStore, status: Status, trigger: Trigger) -> None:
    order = brought_to(orders, status, attempt=2)
    with pytest.raises(StaleRun):
        orders.move(order.id, RUN, trigger, 1, {})
    assert orders.get(order.id) == order


@pytest.mark.parametrize("status", [Status.BUILDING, Status.SUBMITTED])
def test_a_signed_order_is_quoted_again_only_by_the_next_attempt(orders: PostgresOrderStore, status: Status) -> None:
    """GIVEN a late Route that was retried, while the order was built."""
    order = brought_to(orders, status)
    with pytest.raises(StaleRun):
        orders.move(order.id, RUN, Trigger.ROUTE, 1, {})
    assert orders.get(order.id) == order
    assert orders.move(order.id, RUN, Trigger.ROUTE, 2, {}) is not None


@pytest.mark.parametrize(("status", "trigger"), LEGAL)
def test_a_superseded_run_moves_nothing(orders: PostgresOrderStore, status: Status, trigger: Trigger) -> None:
    order = brought_to(orders, status)
    orders.release(order.id, RUN)
    assert orders.claim(order.id, "run-2", LEASE) is not None
    with pytest.raises(StaleRun, match=f"for run {RUN}, attempt 2, was {status} for run-2"):
        orders.move(order.id, RUN, trigger, 2, {})
    after = orders.get(order.id)
    assert (after.status, after.seq, after.run) == (order.status, order.seq, "run-2")


def test_an_unclaimed_order_can_not_be_moved(orders: PostgresOrderStore) -> None:
    order = new_order(orders)
    with pytest.raises(StaleRun):
        orders.move(order.id, RUN, Trigger.ROUTE, 1, {})


@pytest.mark.parametrize(
    ("status", "trigger", "attempt"), [*((*edge, 2) for edge in LEGAL), *((*edge, 1) for edge in REPEATS)]
)
def test_a_run_moves_nothing_in_another_market(
    orders: PostgresOrderStore, database: Database, status: Status, trigger: Trigger, attempt: int
) -> None:
    """GIVEN a run that goes on after the engine was deployed for another market."""
    order = brought_to(orders, status)
    elsewhere = PostgresOrderStore(database, market=LOCALNET)
    with pytest.raises(StaleRun, match=f"expected an order of Localnet, was order {order.id} of Simulated"):
        elsewhere.move(order.id, RUN, trigger, attempt, {})
    assert orders.get(order.id) == order
    assert seqs(orders.events(order.id)) == list(range(1, order.seq + 1))


def test_an_unknown_order_can_not_be_moved(orders: PostgresOrderStore) -> None:
    with pytest.raises(OrderNotFound):
        orders.move(uuid4(), RUN, Trigger.ROUTE, 1, {})


def test_a_move_sets_the_columns_of_its_step(orders: PostgresOrderStore) -> None:
    order = brought_to(orders, Status.ROUTING)
    transaction = {"signature": "abc", "amount_in": "1"}
    moved = orders.move(
        *(order.id, RUN, Trigger.BUILD, 1, {}),
        venue="raydium",
        quoted_out=U64_MAX,
        min_out=7,
        tx_hash="abc",
        transaction=transaction,
    )
    assert moved is not None
    after = orders.get(order.id)
    assert (after.venue, after.quoted_out, after.min_out) == ("raydium", U64_MAX, 7)
    assert (after.tx_hash, after.transaction) == ("abc", transaction)


@pytest.mark.parametrize("column", ["status", "seq", "lease_until", "venue = 'x', status"])
def test_a_move_refuses_other_columns(orders: PostgresOrderStore, column: str) -> None:
    order, columns = claimed(orders), cast(dict[str, Any], {column: "x"})
    with pytest.raises(ValueError, match="expected columns among"):
        orders.move(order.id, RUN, Trigger.ROUTE, 1, {}, **columns)
    assert orders.get(order.id).status is Status.PENDING


def test_a_move_that_the_database_refuses_writes_no_event(orders: PostgresOrderStore) -> None:
    order = brought_to(orders, Status.ROUTING)
    assert orders.move(order.id, RUN, Trigger.BUILD, 1, {}, min_out=100) is not None
    assert orders.move(order.id, RUN, Trigger.SUBMIT, 1, {}) is not None
    with pytest.raises(errors.CheckViolation):
        orders.move(order.id, RUN, Trigger.CONFIRM, 1, {}, amount_out=99)
    after = orders.get(order.id)
    assert (after.status, after.seq) == (Status.SUBMITTED, 4)
    assert seqs(orders.events(order.id)) == [1, 2, 3, 4]


def test_a_move_returns_the_listeners(orders: PostgresOrderStore) -> None:
    order = new_order(orders, connection_id="c1")
    new_order(orders, connection_id="c2")
    assert orders.claim(order.id, RUN, LEASE) is not None
    moved = orders.move(order.id, RUN, Trigger.ROUTE, 1, {})
    assert moved is not None
    assert moved[1] == ["c1"]


@pytest.mark.parametrize(
    ("status", "trigger"), [edge for edge in LEGAL if edge[1] not in (Trigger.ROUTE, Trigger.RETURN)]
)
def test_one_of_twenty_concurrent_moves_is_made(
    orders: PostgresOrderStore, connect: Connect, status: Status, trigger: Trigger
) -> None:
    order = brought_to(orders, status)
    stores = [PostgresOrderStore(connect()) for _ in range(20)]
    moves = at_once(20, lambda n: stores[n].move(order.id, RUN, trigger, 1, {"by": n}))
    (winner,) = [move[0] for move in moves if move is not None]
    assert orders.events(order.id)[-1] == winner
    assert seqs(orders.events(order.id)) == list(range(1, order.seq + 2))


def test_one_of_different_concurrent_moves_is_made_and_the_others_are_stale(
    orders: PostgresOrderStore, connect: Connect
) -> None:
    order = brought_to(orders, Status.SUBMITTED)
    stores = [PostgresOrderStore(connect()) for _ in range(20)]

    def move(number: int) -> Any:
        trigger = (Trigger.CONFIRM, Trigger.FAIL, Trigger.RETURN)[number % 3]
        try:
            return stores[number].move(order.id, RUN, trigger, 1, {})
        except StaleRun:
            return None

    (won,) = [moved for moved in at_once(20, move) if moved is not None]
    assert orders.get(order.id).status is won[0].status
    assert seqs(orders.events(order.id)) == [1, 2, 3, 4, 5]


def test_seqs_have_no_gap_when_an_order_is_quoted_again_concurrently(
    orders: PostgresOrderStore, connect: Connect
) -> None:
    order = claimed(orders)
    stores = [PostgresOrderStore(connect()) for _ in range(8)]
    at_once(8, lambda n: [stores[n].move(order.id, RUN, Trigger.ROUTE, 1, {}) for _ in range(5)])
    assert seqs(orders.events(order.id)) == list(range(1, 42))


def test_a_move_uses_a_new_connection_when_the_old_one_was_lost(connect: Connect) -> None:
    database = connect()
    orders = PostgresOrderStore(database)
    order = brought_to(orders, Status.ROUTING)
    terminate(database, connect())
    moved = orders.move(order.id, RUN, Trigger.BUILD, 1, {})
    assert moved is not None
    assert moved[0].seq == 3
    assert seqs(orders.events(order.id)) == [1, 2, 3]


def test_a_move_whose_response_was_lost_is_made_once(
    distant: PostgresOrderStore, line: UnreliableLine, orders: PostgresOrderStore
) -> None:
    order = brought_to(orders, Status.ROUTING)
    line.lose_next_answer()
    assert distant.move(order.id, RUN, Trigger.BUILD, 1, {}, venue="raydium") is None
    assert line.lost == 1
    assert (orders.get(order.id).status, orders.get(order.id).venue) == (Status.BUILDING, "raydium")
    assert seqs(orders.events(order.id)) == [1, 2, 3]
