from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import errors

from order_engine.domain.errors import InvalidRequest, OrderNotFound, StaleRun, StoreUnavailable, TooLateToCancel
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import FINAL, TRANSITIONS, Status, Trigger, target
from order_engine.domain.money import U64_MAX
from order_engine.domain.orders import OrderRequest
from order_engine.storage.database import Database
from order_engine.storage.orders import OrderStore
from tests.integration.support import (
    CLIENT,
    LEASE,
    PATHS,
    REQUEST,
    RUN,
    UnreliableLine,
    at_once,
    brought_to,
    claimed,
    closed_port,
    eventually,
    new_order,
    seqs,
    terminate,
    unreliable_line,
)

Connect = Callable[[], Database]


@pytest.fixture
def line(database_url: str) -> Iterator[UnreliableLine]:
    with unreliable_line(database_url) as line:
        yield line


@pytest.fixture
def distant(line: UnreliableLine) -> Iterator[OrderStore]:
    """A store at the end of the line, connected."""
    database = Database(line.url)
    database.fetch("SELECT 1")
    yield OrderStore(database)
    database.close()


# Taking an order in


def test_an_order_is_stored_as_it_was_asked_for(orders: OrderStore) -> None:
    request = OrderRequest("market", "BONK", "mSOL", U64_MAX, 10_000, "client-1", "user-1")
    id = uuid7()
    stored = orders.insert(id, CLIENT, request, {})
    assert stored == orders.get(id)
    assert (stored.id, stored.type, stored.status) == (id, "market", Status.PENDING)
    assert (stored.token_in, stored.token_out, stored.amount_in) == ("BONK", "mSOL", U64_MAX)
    assert (stored.slippage_bps, stored.client_order_id, stored.user_id) == (10_000, "client-1", "user-1")
    assert (stored.attempt, stored.seq, stored.run, stored.transaction) == (1, 1, None, None)
    assert stored.created_at == stored.updated_at
    assert abs(datetime.now(UTC) - stored.created_at) < timedelta(minutes=5)


def test_an_order_comes_with_its_first_event(orders: OrderStore) -> None:
    order = orders.insert(uuid7(), CLIENT, REQUEST, {"amountIn": "1.5"})
    (event,) = orders.events(order.id)
    assert (event.order_id, event.seq, event.status, event.attempt) == (order.id, 1, Status.PENDING, 1)
    assert (event.at, event.data) == (order.created_at, {"amountIn": "1.5"})


def test_an_order_comes_with_the_connection_that_listens_to_it(orders: OrderStore, database: Database) -> None:
    order = new_order(orders, connection_id="c1")
    new_order(orders)
    assert database.fetch("SELECT * FROM subscriptions") == [{"connection_id": "c1", "order_id": order.id}]


def test_an_order_that_is_refused_leaves_nothing(orders: OrderStore, database: Database) -> None:
    refused = OrderRequest("market", "SOL", "USDC", 0)
    with pytest.raises(errors.CheckViolation):
        new_order(orders, refused, connection_id="c1")
    for table in ("orders", "order_events", "subscriptions"):
        assert database.fetch(f"SELECT * FROM {table}") == []


def test_an_order_is_stored_once_even_if_the_answer_was_lost(
    distant: OrderStore, line: UnreliableLine, orders: OrderStore, database: Database
) -> None:
    id = uuid7()
    line.lose_next_answer()
    order = distant.insert(id, CLIENT, REQUEST, {}, "c1")
    assert line.lost == 1
    assert order == orders.get(id)
    assert seqs(orders.events(id)) == [1]
    assert len(database.fetch("SELECT * FROM subscriptions")) == 1


def test_an_unknown_order_is_reported_by_its_id(orders: OrderStore) -> None:
    id = uuid4()
    with pytest.raises(OrderNotFound, match=str(id)):
        orders.get(id)
    assert orders.events(id) == []


def test_events_are_read_from_any_seq_on(orders: OrderStore) -> None:
    order = brought_to(orders, Status.CONFIRMED)
    assert seqs(orders.events(order.id)) == [1, 2, 3, 4, 5]
    assert seqs(orders.events(order.id, after=3)) == [4, 5]
    assert seqs(orders.events(order.id, after=5)) == []
    assert [event.status for event in orders.events(order.id)] == [
        Status.PENDING,
        Status.ROUTING,
        Status.BUILDING,
        Status.SUBMITTED,
        Status.CONFIRMED,
    ]


# Pages


def test_pages_go_from_the_newest_to_the_oldest_without_a_gap(orders: OrderStore) -> None:
    ids = sorted((new_order(orders).id for _ in range(7)), reverse=True)
    found: list[UUID] = []
    cursor, sizes = None, []
    while True:
        page, cursor = orders.page(CLIENT, 3, cursor=cursor)
        sizes.append(len(page))
        found += [order.id for order in page]
        if cursor is None:
            break
    assert (found, sizes) == (ids, [3, 3, 1])


def test_an_order_made_later_comes_first(orders: OrderStore) -> None:
    first = new_order(orders)
    eventually(lambda: uuid7().bytes[:6] > first.id.bytes[:6])
    second = new_order(orders)
    page, _ = orders.page(CLIENT, 10)
    assert [order.id for order in page] == [second.id, first.id]


def test_a_page_that_is_exactly_full_is_the_last(orders: OrderStore) -> None:
    for _ in range(3):
        new_order(orders)
    page, cursor = orders.page(CLIENT, 3)
    assert (len(page), cursor) == (3, None)


def test_a_page_of_nothing(orders: OrderStore) -> None:
    assert orders.page(CLIENT, 20) == ([], None)


def test_an_order_that_arrives_meanwhile_shifts_no_page(orders: OrderStore) -> None:
    ids = sorted((new_order(orders).id for _ in range(4)), reverse=True)
    _, cursor = orders.page(CLIENT, 2)
    new_order(orders)
    page, _ = orders.page(CLIENT, 2, cursor=cursor)
    assert [order.id for order in page] == ids[2:]


def test_a_page_may_be_of_one_status(orders: OrderStore) -> None:
    failed = [brought_to(orders, Status.FAILED).id for _ in range(3)]
    for _ in range(3):
        new_order(orders)
    page, cursor = orders.page(CLIENT, 2, Status.FAILED)
    rest, end = orders.page(CLIENT, 2, Status.FAILED, cursor)
    assert [order.id for order in page + rest] == sorted(failed, reverse=True)
    assert end is None
    assert orders.page(CLIENT, 2, Status.CONFIRMED) == ([], None)


@pytest.mark.parametrize(
    "cursor",
    ["", "abc", "not base64!", "ü" * 22, base64.urlsafe_b64encode(b"x" * 15).decode(), "A" * 200, str(uuid4())],
)
def test_a_foreign_cursor_is_refused(orders: OrderStore, cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor: expected the nextCursor of an earlier page, was"):
        orders.page(CLIENT, 10, cursor=cursor)


# Claiming


def test_a_claimed_order_is_its_runs_alone(orders: OrderStore) -> None:
    order = new_order(orders)
    claim = orders.claim(order.id, "run-1", LEASE)
    assert claim is not None
    assert (claim.id, claim.run, claim.status) == (order.id, "run-1", Status.PENDING)
    assert orders.claim(order.id, "run-2", LEASE) is None
    assert orders.get(order.id).run == "run-1"


def test_a_run_may_claim_its_own_order_again(orders: OrderStore) -> None:
    order = claimed(orders)
    again = orders.claim(order.id, RUN, LEASE)
    assert again is not None
    assert again.run == RUN


def test_an_order_whose_lease_is_over_goes_to_the_next_run(orders: OrderStore) -> None:
    order = new_order(orders)
    assert orders.claim(order.id, "run-1", 0.05) is not None
    eventually(lambda: orders.claim(order.id, "run-2", LEASE))
    assert orders.get(order.id).run == "run-2"


def test_a_released_order_goes_to_the_next_run(orders: OrderStore) -> None:
    order = claimed(orders)
    orders.release(order.id, RUN)
    claim = orders.claim(order.id, "run-2", LEASE)
    assert claim is not None
    assert claim.run == "run-2"


def test_a_run_releases_only_its_own_order(orders: OrderStore) -> None:
    order = claimed(orders)
    orders.release(order.id, "run-2")
    assert orders.claim(order.id, "run-2", LEASE) is None


@pytest.mark.parametrize("status", sorted(FINAL))
def test_an_order_that_has_ended_is_nobodys(orders: OrderStore, status: Status) -> None:
    order = brought_to(orders, status)
    orders.release(order.id, RUN)
    assert orders.claim(order.id, RUN, LEASE) is None
    assert orders.claim(order.id, "run-2", LEASE) is None


def test_an_unknown_order_can_not_be_claimed(orders: OrderStore) -> None:
    assert orders.claim(uuid4(), RUN, LEASE) is None


def test_of_many_runs_that_claim_an_order_at_once_one_gets_it(orders: OrderStore, connect: Connect) -> None:
    order = new_order(orders)
    stores = [OrderStore(connect()) for _ in range(10)]
    claims = at_once(10, lambda n: stores[n].claim(order.id, f"run-{n}", LEASE))
    (winner,) = [claim for claim in claims if claim is not None]
    assert orders.get(order.id).run == winner.run


def test_a_claim_whose_answer_was_lost_is_still_had(
    distant: OrderStore, line: UnreliableLine, orders: OrderStore
) -> None:
    order = new_order(orders)
    line.lose_next_answer()
    claim = distant.claim(order.id, RUN, LEASE)
    assert line.lost == 1
    assert claim is not None
    assert claim.run == RUN


# Moving

LEGAL = list(TRANSITIONS)
ILLEGAL = [edge for edge in product(Status, Trigger) if edge not in TRANSITIONS]
REPEATS = [(status, trigger) for status, trigger in ILLEGAL if target(trigger) is status]


@pytest.mark.parametrize(("status", "trigger"), LEGAL)
def test_a_legal_move_changes_the_order_and_writes_one_event(
    orders: OrderStore, status: Status, trigger: Trigger
) -> None:
    order = brought_to(orders, status)
    moved = orders.move(order.id, RUN, trigger, 2, {"why": "test"})
    assert moved is not None
    event, listeners = moved
    after = orders.get(order.id)
    assert (after.status, after.seq, after.attempt) == (TRANSITIONS[status, trigger], order.seq + 1, 2)
    assert after.updated_at > order.updated_at
    assert (event.status, event.seq, event.attempt, event.data) == (after.status, after.seq, 2, {"why": "test"})
    assert listeners == []
    assert orders.events(order.id)[-1] == event
    assert seqs(orders.events(order.id)) == list(range(1, after.seq + 1))


@pytest.mark.parametrize(("status", "trigger"), ILLEGAL)
def test_an_illegal_move_changes_nothing(orders: OrderStore, status: Status, trigger: Trigger) -> None:
    order = brought_to(orders, status)
    with pytest.raises(StaleRun, match=f"for run {RUN}, attempt 2, was {status} for {RUN}"):
        orders.move(order.id, RUN, trigger, 2, {}, amount_out=1)
    assert orders.get(order.id) == order
    assert seqs(orders.events(order.id)) == list(range(1, order.seq + 1))


@pytest.mark.parametrize(("status", "trigger"), REPEATS)
def test_a_move_made_before_is_none_and_writes_no_second_event(
    orders: OrderStore, status: Status, trigger: Trigger
) -> None:
    order = brought_to(orders, status)
    assert orders.move(order.id, RUN, trigger, 1, {"second": True}, venue="other") is None
    assert orders.get(order.id) == order
    assert seqs(orders.events(order.id)) == list(range(1, order.seq + 1))


def test_every_status_but_two_has_a_move_that_can_be_repeated() -> None:
    assert {status for status, _ in REPEATS} == set(Status) - {Status.PENDING, Status.ROUTING}


@pytest.mark.parametrize(("status", "trigger"), [edge for edge in LEGAL if edge[0] is not Status.PENDING])
def test_an_earlier_attempt_moves_nothing(orders: OrderStore, status: Status, trigger: Trigger) -> None:
    order = brought_to(orders, status, attempt=2)
    with pytest.raises(StaleRun):
        orders.move(order.id, RUN, trigger, 1, {})
    assert orders.get(order.id) == order


@pytest.mark.parametrize("status", [Status.BUILDING, Status.SUBMITTED])
def test_a_signed_order_is_quoted_again_only_by_the_next_attempt(orders: OrderStore, status: Status) -> None:
    """GIVEN a step that quoted the order, but so late that it was tried again, and the order built meanwhile."""
    order = brought_to(orders, status)
    with pytest.raises(StaleRun):
        orders.move(order.id, RUN, Trigger.QUOTED, 1, {})
    assert orders.get(order.id) == order
    assert orders.move(order.id, RUN, Trigger.QUOTED, 2, {}) is not None


@pytest.mark.parametrize(("status", "trigger"), LEGAL)
def test_a_run_that_was_superseded_moves_nothing(orders: OrderStore, status: Status, trigger: Trigger) -> None:
    order = brought_to(orders, status)
    orders.release(order.id, RUN)
    assert orders.claim(order.id, "run-2", LEASE) is not None
    with pytest.raises(StaleRun, match=f"for run {RUN}, attempt 2, was {status} for run-2"):
        orders.move(order.id, RUN, trigger, 2, {})
    after = orders.get(order.id)
    assert (after.status, after.seq, after.run) == (order.status, order.seq, "run-2")


def test_an_order_that_no_run_has_claimed_can_not_be_moved(orders: OrderStore) -> None:
    order = new_order(orders)
    with pytest.raises(StaleRun):
        orders.move(order.id, RUN, Trigger.QUOTED, 1, {})


def test_moving_an_unknown_order(orders: OrderStore) -> None:
    with pytest.raises(OrderNotFound):
        orders.move(uuid4(), RUN, Trigger.QUOTED, 1, {})


def test_a_move_sets_what_the_step_found_out(orders: OrderStore) -> None:
    order = brought_to(orders, Status.ROUTING)
    transaction = {"signature": "abc", "amount_in": "1"}
    moved = orders.move(
        *(order.id, RUN, Trigger.BUILT, 1, {}),
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
def test_only_what_a_step_finds_out_can_be_set(orders: OrderStore, column: str) -> None:
    order = claimed(orders)
    with pytest.raises(ValueError, match="expected columns among"):
        orders.move(order.id, RUN, Trigger.QUOTED, 1, {}, None, **{column: "x"})
    assert orders.get(order.id).status is Status.PENDING


def test_a_move_that_the_database_refuses_writes_no_event(orders: OrderStore) -> None:
    order = brought_to(orders, Status.ROUTING)
    assert orders.move(order.id, RUN, Trigger.BUILT, 1, {}, min_out=100) is not None
    assert orders.move(order.id, RUN, Trigger.SENT, 1, {}) is not None
    with pytest.raises(errors.CheckViolation):
        orders.move(order.id, RUN, Trigger.FILLED, 1, {}, amount_out=99)
    after = orders.get(order.id)
    assert (after.status, after.seq) == (Status.SUBMITTED, 4)
    assert seqs(orders.events(order.id)) == [1, 2, 3, 4]


def test_a_move_names_those_who_listen(orders: OrderStore) -> None:
    order = new_order(orders, connection_id="c1")
    new_order(orders, connection_id="c2")
    assert orders.claim(order.id, RUN, LEASE) is not None
    moved = orders.move(order.id, RUN, Trigger.QUOTED, 1, {})
    assert moved is not None
    assert moved[1] == ["c1"]


@pytest.mark.parametrize(("status", "trigger"), [edge for edge in LEGAL if edge[1] is not Trigger.QUOTED])
def test_of_twenty_threads_that_make_a_move_at_once_one_makes_it(
    orders: OrderStore, connect: Connect, status: Status, trigger: Trigger
) -> None:
    order = brought_to(orders, status)
    stores = [OrderStore(connect()) for _ in range(20)]
    moves = at_once(20, lambda n: stores[n].move(order.id, RUN, trigger, 1, {"by": n}))
    (winner,) = [move[0] for move in moves if move is not None]
    assert orders.events(order.id)[-1] == winner
    assert seqs(orders.events(order.id)) == list(range(1, order.seq + 2))


def test_of_different_moves_at_once_one_is_made_and_the_others_are_stale(orders: OrderStore, connect: Connect) -> None:
    order = brought_to(orders, Status.SUBMITTED)
    stores = [OrderStore(connect()) for _ in range(20)]

    def move(number: int) -> Any:
        trigger = (Trigger.FILLED, Trigger.GAVE_UP)[number % 2]
        try:
            return stores[number].move(order.id, RUN, trigger, 1, {})
        except StaleRun:
            return None

    (won,) = [moved for moved in at_once(20, move) if moved is not None]
    assert orders.get(order.id).status is won[0].status
    assert seqs(orders.events(order.id)) == [1, 2, 3, 4, 5]


def test_seqs_have_no_gap_however_often_an_order_is_quoted_again(orders: OrderStore, connect: Connect) -> None:
    order = claimed(orders)
    stores = [OrderStore(connect()) for _ in range(8)]
    at_once(8, lambda n: [stores[n].move(order.id, RUN, Trigger.QUOTED, 1, {}) for _ in range(5)])
    assert seqs(orders.events(order.id)) == list(range(1, 42))


def test_a_move_is_made_on_a_new_connection_when_the_old_one_was_lost(connect: Connect) -> None:
    database = connect()
    orders = OrderStore(database)
    order = brought_to(orders, Status.ROUTING)
    terminate(database, connect())
    moved = orders.move(order.id, RUN, Trigger.BUILT, 1, {})
    assert moved is not None
    assert moved[0].seq == 3
    assert seqs(orders.events(order.id)) == [1, 2, 3]


def test_a_move_whose_answer_was_lost_is_made_once(
    distant: OrderStore, line: UnreliableLine, orders: OrderStore
) -> None:
    order = brought_to(orders, Status.ROUTING)
    line.lose_next_answer()
    assert distant.move(order.id, RUN, Trigger.BUILT, 1, {}, venue="raydium") is None
    assert line.lost == 1
    assert (orders.get(order.id).status, orders.get(order.id).venue) == (Status.BUILDING, "raydium")
    assert seqs(orders.events(order.id)) == [1, 2, 3]


# Cancelling

CANCELLABLE = [Status.PENDING, Status.ROUTING, Status.BUILDING]


@pytest.mark.parametrize("status", CANCELLABLE)
def test_an_order_is_cancelled_whichever_run_holds_it(orders: OrderStore, status: Status) -> None:
    order = brought_to(orders, status)
    orders.cancel(CLIENT, order.id)
    after, event = orders.get(order.id), orders.events(order.id)[-1]
    assert (after.status, after.seq, after.attempt) == (Status.CANCELLED, order.seq + 1, order.attempt)
    assert (event.status, event.attempt, event.at, event.data) == (after.status, after.attempt, after.updated_at, {})
    assert seqs(orders.events(order.id)) == list(range(1, after.seq + 1))


def test_a_history_names_those_who_listen(orders: OrderStore) -> None:
    order = new_order(orders, connection_id="c1")
    assert orders.history(order.id) == (orders.events(order.id), ["c1"])
    assert orders.history(order.id, after=1) == ([], ["c1"])


@pytest.mark.parametrize("status", CANCELLABLE)
def test_the_run_of_a_cancelled_order_finds_it_ended(orders: OrderStore, status: Status) -> None:
    order = brought_to(orders, status)
    orders.cancel(CLIENT, order.id)
    after = orders.get(order.id)
    for trigger in set(Trigger) - {Trigger.CALLED_OFF}:
        with pytest.raises(StaleRun, match="was cancelled"):
            orders.move(order.id, RUN, trigger, 2, {})
    assert orders.get(order.id) == after


def test_cancelling_again_changes_nothing(orders: OrderStore) -> None:
    order = new_order(orders)
    orders.cancel(CLIENT, order.id)
    once = orders.get(order.id)
    orders.cancel(CLIENT, order.id)
    assert orders.get(order.id) == once
    assert seqs(orders.events(order.id)) == [1, 2]


@pytest.mark.parametrize("status", [Status.SUBMITTED, Status.CONFIRMED, Status.FAILED])
def test_an_order_whose_transaction_may_be_sent_or_that_has_ended_is_not_cancelled(
    orders: OrderStore, status: Status
) -> None:
    order = brought_to(orders, status)
    with pytest.raises(TooLateToCancel, match=f"expected order {order.id} in pending/routing/building, was {status}"):
        orders.cancel(CLIENT, order.id)
    assert orders.get(order.id) == order


def test_cancelling_an_unknown_order(orders: OrderStore) -> None:
    with pytest.raises(OrderNotFound):
        orders.cancel(CLIENT, uuid4())


def test_an_order_is_cancelled_once_even_if_the_answer_was_lost(
    distant: OrderStore, line: UnreliableLine, orders: OrderStore
) -> None:
    order = new_order(orders)
    line.lose_next_answer()
    distant.cancel(CLIENT, order.id)
    assert line.lost == 1
    assert seqs(orders.events(order.id)) == [1, 2]


def test_an_order_is_either_cancelled_or_sent_and_never_both(orders: OrderStore, connect: Connect) -> None:
    stores = [OrderStore(connect()) for _ in range(2)]
    for round in range(50):
        order = brought_to(orders, Status.BUILDING)

        def race(number: int, id: UUID = order.id, late: int = round % 2) -> bool:
            # In turns one of them comes a little later.
            time.sleep(0.001 * (number == late))
            try:
                if number:
                    stores[1].cancel(CLIENT, id)
                else:
                    stores[0].move(id, RUN, Trigger.SENT, 1, {})
            except (StaleRun, TooLateToCancel):
                return False
            return True

        sent, cancelled = at_once(2, race)
        assert sent is not cancelled
        assert orders.get(order.id).status is (Status.SUBMITTED if sent else Status.CANCELLED)
        assert seqs(orders.events(order.id)) == [1, 2, 3, 4]


# Waking


def age(database: Database, seconds: float) -> None:
    database.execute(
        "UPDATE orders SET woken_at = woken_at - make_interval(secs => %(s)s),"
        " lease_until = lease_until - make_interval(secs => %(s)s)",
        {"s": seconds},
    )


def test_an_order_that_nobody_runs_is_asleep_after_a_while(orders: OrderStore, database: Database) -> None:
    order = new_order(orders)
    assert orders.asleep(45) == []
    age(database, 46)
    assert orders.asleep(45) == [order.id]


def test_an_order_is_woken_once_in_a_while(orders: OrderStore, database: Database) -> None:
    new_order(orders)
    age(database, 46)
    assert len(orders.asleep(45)) == 1
    assert orders.asleep(45) == []


def test_an_order_that_is_run_is_awake_until_its_lease_is_over(orders: OrderStore, database: Database) -> None:
    order = claimed(orders)
    age(database, LEASE - 10)
    assert orders.asleep(45) == []
    age(database, 11)
    assert orders.asleep(45) == [order.id]


@pytest.mark.parametrize("status", list(PATHS))
def test_only_an_order_that_has_ended_is_left_to_sleep(orders: OrderStore, database: Database, status: Status) -> None:
    order = brought_to(orders, status)
    age(database, 3600)
    assert orders.asleep(45) == ([] if status in FINAL else [order.id])


def test_a_move_shows_that_the_run_is_alive(orders: OrderStore, database: Database) -> None:
    order = brought_to(orders, Status.ROUTING)
    age(database, LEASE - 10)
    assert orders.move(order.id, RUN, Trigger.BUILT, 1, {}) is not None
    age(database, LEASE - 10)
    assert (orders.asleep(45), orders.claim(order.id, "run-2")) == ([], None)
    age(database, 11)
    assert orders.asleep(45) == [order.id]


def test_the_oldest_orders_are_woken_first(orders: OrderStore, database: Database) -> None:
    ids = sorted(new_order(orders).id for _ in range(5))
    age(database, 46)
    assert [orders.asleep(45, limit=2) for _ in range(4)] == [ids[:2], ids[2:4], ids[4:], []]


def test_two_sweeps_at_once_wake_an_order_once(orders: OrderStore, database: Database, connect: Connect) -> None:
    ids = [new_order(orders).id for _ in range(5)]
    age(database, 46)
    stores = [OrderStore(connect()) for _ in range(4)]
    woken = at_once(4, lambda n: stores[n].asleep(45))
    assert sorted(id for found in woken for id in found) == sorted(ids)


# Outages


@pytest.mark.parametrize(
    "use",
    [
        lambda orders: new_order(orders),
        lambda orders: orders.get(uuid4()),
        lambda orders: orders.events(uuid4()),
        lambda orders: orders.page(CLIENT, 10),
        lambda orders: orders.claim(uuid4(), RUN, LEASE),
        lambda orders: orders.release(uuid4(), RUN),
        lambda orders: orders.move(uuid4(), RUN, Trigger.QUOTED, 1, {}),
        lambda orders: orders.cancel(CLIENT, uuid4()),
        lambda orders: orders.asleep(45),
    ],
    ids=["insert", "get", "events", "page", "claim", "release", "move", "cancel", "asleep"],
)
def test_without_postgres_everything_is_unavailable(use: Callable[[OrderStore], Any]) -> None:
    with closed_port() as port, pytest.raises(StoreUnavailable):
        use(OrderStore(Database(f"host=127.0.0.1 port={port} user=postgres")))
