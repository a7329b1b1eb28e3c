"""Orders that are stored, read and listed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import errors

from order_engine.domain.errors import OrderNotFound, StoreUnavailable
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status, Trigger
from order_engine.domain.money import U64_MAX
from order_engine.domain.orders import OrderRequest
from order_engine.ports import Selection
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.concurrency import eventually
from tests.support.network import UnreliableLine, closed_port
from tests.support.orders import CLIENT, LEASE, REQUEST, RUN, brought_to, new_order, seqs


def test_an_order_is_stored_as_requested(orders: PostgresOrderStore) -> None:
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


def test_an_order_is_stored_with_its_first_event(orders: PostgresOrderStore) -> None:
    order = orders.insert(uuid7(), CLIENT, REQUEST, {"amountIn": "1.5"})
    (event,) = orders.events(order.id)
    assert (event.order_id, event.seq, event.status, event.attempt) == (order.id, 1, Status.PENDING, 1)
    assert (event.at, event.data) == (order.created_at, {"amountIn": "1.5"})


def test_an_order_is_stored_with_its_listening_connection(orders: PostgresOrderStore, database: Database) -> None:
    order = new_order(orders, connection_id="c1")
    new_order(orders)
    assert database.fetch("SELECT * FROM subscriptions") == [{"connection_id": "c1", "order_id": order.id}]


def test_a_refused_order_stores_nothing(orders: PostgresOrderStore, database: Database) -> None:
    refused = OrderRequest("market", "SOL", "USDC", 0)
    with pytest.raises(errors.CheckViolation):
        new_order(orders, refused, connection_id="c1")
    for table in ("orders", "order_events", "subscriptions"):
        assert database.fetch(f"SELECT * FROM {table}") == []


def test_an_order_is_stored_once_even_if_the_response_was_lost(
    distant: PostgresOrderStore, line: UnreliableLine, orders: PostgresOrderStore, database: Database
) -> None:
    id = uuid7()
    line.lose_next_answer()
    order = distant.insert(id, CLIENT, REQUEST, {}, "c1")
    assert line.lost == 1
    assert order == orders.get(id)
    assert seqs(orders.events(id)) == [1]
    assert len(database.fetch("SELECT * FROM subscriptions")) == 1


def test_an_unknown_order_is_reported_with_its_id(orders: PostgresOrderStore) -> None:
    id = uuid4()
    with pytest.raises(OrderNotFound, match=str(id)):
        orders.get(id)
    assert orders.events(id) == []


def test_events_can_be_read_after_any_seq(orders: PostgresOrderStore) -> None:
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


def test_pages_go_from_newest_to_oldest_without_gaps(orders: PostgresOrderStore) -> None:
    ids = sorted((new_order(orders).id for _ in range(7)), reverse=True)
    found: list[UUID] = []
    before, sizes = None, []
    while True:
        page, before = orders.page(CLIENT, 3, Selection(beyond=before))
        sizes.append(len(page))
        found += [order.id for order in page]
        if before is None:
            break
    assert (found, sizes) == (ids, [3, 3, 1])


def test_a_later_order_comes_first(orders: PostgresOrderStore) -> None:
    first = new_order(orders)
    eventually(lambda: uuid7().bytes[:6] > first.id.bytes[:6])
    second = new_order(orders)
    page, _ = orders.page(CLIENT, 10)
    assert [order.id for order in page] == [second.id, first.id]


def test_an_exactly_full_last_page_has_no_cursor(orders: PostgresOrderStore) -> None:
    for _ in range(3):
        new_order(orders)
    page, cursor = orders.page(CLIENT, 3)
    assert (len(page), cursor) == (3, None)


def test_a_page_without_orders_is_empty(orders: PostgresOrderStore) -> None:
    assert orders.page(CLIENT, 20) == ([], None)


def test_an_order_that_arrives_between_pages_does_not_shift_them(orders: PostgresOrderStore) -> None:
    ids = sorted((new_order(orders).id for _ in range(4)), reverse=True)
    _, before = orders.page(CLIENT, 2)
    new_order(orders)
    page, _ = orders.page(CLIENT, 2, Selection(beyond=before))
    assert [order.id for order in page] == ids[2:]


def test_a_page_may_hold_one_status_only(orders: PostgresOrderStore) -> None:
    failed = [brought_to(orders, Status.FAILED).id for _ in range(3)]
    for _ in range(3):
        new_order(orders)
    page, cursor = orders.page(CLIENT, 2, Selection(status=Status.FAILED))
    rest, end = orders.page(CLIENT, 2, Selection(status=Status.FAILED, beyond=cursor))
    assert [order.id for order in page + rest] == sorted(failed, reverse=True)
    assert end is None
    assert orders.page(CLIENT, 2, Selection(status=Status.CONFIRMED)) == ([], None)


@pytest.mark.parametrize(
    "use",
    [
        lambda orders: new_order(orders),
        lambda orders: orders.get(uuid4()),
        lambda orders: orders.events(uuid4()),
        lambda orders: orders.page(CLIENT, 10),
        lambda orders: orders.claim(uuid4(), RUN, LEASE),
        lambda orders: orders.release(uuid4(), RUN),
        lambda orders: orders.move(uuid4(), RUN, Trigger.ROUTE, 1, {}),
        lambda orders: orders.cancel(CLIENT, uuid4()),
        lambda orders: orders.take_stalled(45),
    ],
    ids=["insert", "get", "events", "page", "claim", "release", "move", "cancel", "take_stalled"],
)
def test_without_postgres_every_call_is_unavailable(use: Callable[[PostgresOrderStore], Any]) -> None:
    with closed_port() as port, pytest.raises(StoreUnavailable):
        use(PostgresOrderStore(Database(f"host=127.0.0.1 port={port} user=postgres")))
