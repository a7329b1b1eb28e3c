"""Orders that wait are stored once, with their first event, in pairs too; and found again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from order_engine.domain.errors import TooManySubscriptions
from order_engine.domain.ids import first_uuid7, uuid7
from order_engine.domain.lifecycle import Status
from order_engine.domain.money import U64_MAX
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.terms import Limit, Recurring, Sniper, Stop, Wait
from order_engine.ports import Selection
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.subscriptions import MAX_SUBSCRIPTIONS
from tests.support.concurrency import at_once
from tests.support.open_orders import limit, recurring, sniper, stop
from tests.support.orders import CLIENT, OTHER, REQUEST, new_order

SOON = datetime.now(UTC).replace(microsecond=123456) + timedelta(days=1)
PAIR = replace(limit(expires_at=SOON, client_order_id="pair"), linked=stop(expires_at=SOON))


def insert(
    orders: PostgresOrderStore, request: OrderRequest, key: str | None = None, connection_id: str | None = None
) -> Order:
    linked = (uuid7(), {"n": 2}) if request.linked else None
    return orders.insert(uuid7(), CLIENT, request, {"n": 1}, connection_id, key, linked)


@pytest.mark.parametrize(
    ("request_", "watch"),
    [
        (limit("180", 1_500_000_000, expires_at=SOON), (Wait.AT_LEAST, 270_000_000, 270_000_000)),
        (replace(limit(), terms=Limit(None, U64_MAX)), (Wait.AT_LEAST, U64_MAX, U64_MAX)),
        (stop("150"), (Wait.AT_MOST, 150_000_000, None)),
        (stop("150", limit_price="140"), (Wait.AT_MOST, 150_000_000, 140_000_000)),
        (replace(stop(), terms=Stop(Decimal(150), None, 2)), (Wait.AT_MOST, 150_000_000, None)),
        (sniper(expires_at=SOON), (Wait.POOL, None, None)),
        (replace(sniper(), terms=Sniper(1, Decimal("0.5"), True, True)), (Wait.POOL, None, 10_000_000)),
    ],
)
def test_an_order_that_waits_is_stored_as_requested(
    orders: PostgresOrderStore, request_: OrderRequest, watch: tuple[Any, ...]
) -> None:
    stored = insert(orders, request_)
    assert stored == orders.get(stored.id)
    assert (stored.type, stored.status, stored.seq) == (request_.type, Status.OPEN, 1)
    assert (stored.terms, stored.expires_at) == (request_.terms, request_.expires_at)
    assert (stored.waits_for, stored.trigger_out, stored.limit_out) == watch
    assert (stored.due_at, stored.slices_done, stored.parent_id, stored.linked_id) == (None,) * 4
    (event,) = orders.events(stored.id)
    assert (event.seq, event.status, event.at, event.data) == (1, Status.OPEN, stored.created_at, {"n": 1})


def test_a_recurring_order_is_due_at_once_or_when_it_starts(orders: PostgresOrderStore) -> None:
    now = insert(orders, recurring())
    later = insert(orders, recurring(start_at=SOON))
    assert (now.due_at, now.slices_done) == (now.created_at, 0)
    assert (later.due_at, later.slices_done, later.waits_for) == (SOON, 0, Wait.SCHEDULE)
    assert later.terms == Recurring(3, 60)


def test_a_pair_is_stored_with_both_events_and_both_subscriptions(
    orders: PostgresOrderStore, database: Database
) -> None:
    first = insert(orders, PAIR, connection_id="c1")
    assert first.linked_id is not None
    second = orders.get(first.linked_id)
    assert (first.type, second.type) == ("limit", "stop")
    assert (second.linked_id, second.status, second.terms) == (first.id, Status.OPEN, stop().terms)
    assert (first.expires_at, second.expires_at) == (SOON, SOON)
    assert (first.client_order_id, second.client_order_id) == ("pair", None)
    assert second.created_at == first.created_at
    assert [event.data for id in (first.id, second.id) for event in orders.events(id)] == [{"n": 1}, {"n": 2}]
    listening = database.fetch("SELECT order_id FROM subscriptions WHERE connection_id = 'c1'")
    assert {row["order_id"] for row in listening} == {first.id, second.id}


def test_a_connection_has_room_for_both_orders_of_a_pair_or_for_none(
    orders: PostgresOrderStore, database: Database
) -> None:
    for _ in range(MAX_SUBSCRIPTIONS - 1):
        new_order(orders, connection_id="c1")
    with pytest.raises(TooManySubscriptions):
        insert(orders, replace(PAIR, client_order_id=None), connection_id="c1")
    assert insert(orders, limit(), connection_id="c1").status is Status.OPEN
    assert len(orders.page(CLIENT, 200)[0]) == MAX_SUBSCRIPTIONS


@pytest.mark.parametrize("request_", [limit(client_order_id="pair"), PAIR, recurring(client_order_id="pair")])
@pytest.mark.parametrize("key", ["key", None])
def test_twenty_concurrent_requests_store_one_order_or_pair(
    connect: Callable[[], Database], request_: OrderRequest, key: str | None
) -> None:
    stores = [PostgresOrderStore(connect()) for _ in range(20)]
    answers = at_once(20, lambda n: insert(stores[n], request_, key))
    assert all(answer == answers[0] for answer in answers)
    stored = 2 if request_.linked else 1
    assert len(stores[0].page(CLIENT, 100)[0]) == stored
    assert len(connect().fetch("SELECT FROM order_events")) == stored


def test_each_status_of_a_pair_is_counted(database: Database) -> None:
    counted: list[Status] = []
    orders = PostgresOrderStore(database, counted.append)
    insert(orders, PAIR)
    insert(orders, PAIR)
    new_order(orders)
    assert counted == [Status.OPEN, Status.OPEN, Status.PENDING]


def test_a_list_has_the_orders_that_were_asked_for(orders: PostgresOrderStore) -> None:
    market, sell, buy = new_order(orders), insert(orders, limit()), insert(orders, sniper())
    pair = insert(orders, PAIR)
    orders.insert(uuid7(), OTHER.client_id, limit(client_order_id="pair"), {})
    assert pair.linked_id

    def listed(**selection: Any) -> list[UUID]:
        found: list[UUID] = []
        beyond = None
        while True:
            page, beyond = orders.page(CLIENT, 1, Selection(**{"beyond": beyond, **selection}))
            found += [order.id for order in page]
            if beyond is None:
                return found

    def newest_first(*orders: Order) -> list[UUID]:
        return sorted((order.id for order in orders), reverse=True)

    assert listed() == newest_first(market, sell, buy, pair, orders.get(pair.linked_id))
    assert listed(type="limit") == newest_first(pair, sell)
    assert listed(type="market") == [market.id]
    assert listed(type="recurring") == []
    assert listed(pair=("USDC", "BONK")) == [buy.id]
    assert listed(pair=("BONK", "USDC")) == []
    assert listed(type="limit", pair=("SOL", "USDC"), status=Status.OPEN) == newest_first(pair, sell)
    assert listed(status=Status.PENDING) == [market.id]
    assert listed(client_order_id="pair") == [pair.id]
    assert listed(parent_id=market.id) == []


def test_a_list_may_be_bounded_by_time(orders: PostgresOrderStore, database: Database) -> None:
    """Exact to a microsecond, though the ids were made a little earlier or later, by another clock."""
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    step = timedelta(microseconds=1)
    ids = [UUID(int=first_uuid7(at + timedelta(seconds=n - 60)).int | 7 << 76 | 2 << 62) for n in (0, 1, 120)]
    for n, id in enumerate(ids):
        orders.insert(id, CLIENT, REQUEST, {})
        database.execute("UPDATE orders SET created_at = %(at)s WHERE id = %(id)s", {"id": id, "at": at + n * step})

    def listed(since: datetime | None, until: datetime | None) -> list[UUID]:
        return [order.id for order in orders.page(CLIENT, 10, Selection(since=since, until=until))[0]][::-1]

    assert listed(at, None) == ids
    assert listed(at + step, at + 2 * step) == ids[1:2]
    assert listed(at + step, None) == ids[1:]
    assert listed(None, at) == []
    assert listed(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)) == ids
