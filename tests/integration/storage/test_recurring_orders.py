"""Slices of recurring orders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import Order
from order_engine.ports import SliceSums
from order_engine.storage.database import Database
from order_engine.storage.open_orders import PostgresOpenOrders
from order_engine.storage.orders import PostgresOrderStore
from tests.support.open_orders import SOL, limit, open_order, recurring
from tests.support.orders import CLIENT, RUN, seqs


def slices(orders: PostgresOrderStore, parent: Order) -> list[Order]:
    page, _ = orders.page(CLIENT, 100)
    return sorted(order for order in page if order.parent_id == parent.id)


def test_a_slice_is_a_market_order_of_its_own(
    database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders, counted: list[Status]
) -> None:
    request = recurring(user_id="u", slippage_bps=70, max_price_impact_bps=90)
    parent = open_order(database, request, client_order_id="mine")
    database.execute("INSERT INTO subscriptions VALUES ('c1', %(id)s)", {"id": parent.id})
    id = uuid7()
    made = waiting.insert_slice(parent, id, 60)
    assert made is not None
    (moved, event) = made
    slice = orders.owned(CLIENT, id)
    assert (slice.type, slice.status, slice.parent_id) == ("market", Status.PENDING, parent.id)
    assert (slice.token_in, slice.token_out, slice.amount_in) == ("SOL", "USDC", 3_333_333_333)
    assert (slice.user_id, slice.slippage_bps, slice.max_price_impact_bps) == ("u", 70, 90)
    assert (slice.terms, slice.client_order_id, slice.waits_for, slice.expires_at) == (None, None, None, None)
    assert orders.events(id) == [event]
    assert event.data["parent_id"] == str(parent.id)
    after = orders.get(parent.id)
    assert (after.status, after.seq, after.slices_done) == (Status.OPEN, 2, 1)
    assert orders.events(parent.id)[-1] == moved.event
    assert moved.event.data["reason"] == "slice"
    assert moved.event.data["slice"] == {"number": 1, "order_id": str(id), "amount_in": "3333333333"}
    assert moved.listeners == ["c1"]
    assert counted == [Status.OPEN, Status.PENDING]
    assert orders.claim(id, RUN) is not None


def test_the_slices_sum_up_to_the_amount(
    database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders
) -> None:
    parent = open_order(database, recurring(7, 10 * SOL))
    for _ in range(7):
        assert waiting.insert_slice(orders.get(parent.id), uuid7(), 60) is not None
    assert sum(order.amount_in for order in slices(orders, parent)) == 10 * SOL
    assert seqs(orders.events(parent.id)) == list(range(1, 9))
    assert [event.data["slice"]["number"] for event in orders.events(parent.id, 1)] == list(range(1, 8))


@pytest.mark.parametrize(
    "change",
    [
        "seq = 2",
        "slices_done = 1",
        "status = 'cancelled'",
        "expires_at = now() - interval '1 s'",
    ],
)
def test_an_order_that_has_changed_makes_no_slice(
    database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders, change: str, counted: list[Status]
) -> None:
    parent = open_order(database, recurring())
    database.execute(f"UPDATE orders SET {change}")
    before = orders.get(parent.id)
    assert waiting.insert_slice(parent, uuid7(), 60) is None
    assert orders.get(parent.id) == before
    assert slices(orders, parent) == []
    assert seqs(orders.events(parent.id)) == [1]
    assert counted == []


@pytest.mark.parametrize(("late", "interval"), [(0.0, 60), (59.0, 60), (3 * 86_400 + 90, 60), (1.0, 3600)])
def test_after_an_outage_one_slice_is_made_up_and_the_grid_goes_on(
    database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders, late: float, interval: int
) -> None:
    (row,) = database.fetch("SELECT now() AS now")
    due_at: datetime = row["now"] - timedelta(seconds=late)
    parent = open_order(database, recurring(interval_seconds=interval), due_at=due_at)
    assert waiting.insert_slice(parent, uuid7(), interval) is not None
    after = orders.get(parent.id)
    assert after.due_at is not None
    assert (after.due_at - due_at) % timedelta(seconds=interval) == timedelta(0)
    assert after.due_at - timedelta(seconds=interval) <= after.updated_at < after.due_at
    assert waiting.due(None, 10) == []


def test_only_a_recurring_order_makes_slices(database: Database, waiting: PostgresOpenOrders) -> None:
    with pytest.raises(ValueError, match="expected a recurring order, was limit order"):
        waiting.insert_slice(open_order(database, limit()), uuid7(), 60)


def test_a_postponed_order_is_due_later(
    database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders
) -> None:
    order, changed = (open_order(database, recurring()) for _ in range(2))
    database.execute("UPDATE orders SET seq = 2 WHERE id = %(id)s", {"id": changed.id})
    for postponed in (order, changed):
        waiting.postpone(postponed, 3600)
    assert [due.id for due in waiting.due(None, 10)] == [changed.id]
    after = orders.get(order.id)
    assert after.due_at is not None
    assert timedelta(minutes=59) < after.due_at - datetime.now(UTC) <= timedelta(hours=1)
    assert seqs(orders.events(order.id)) == [1]


def with_slices(database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders, *ends: str) -> Order:
    """A recurring order whose slices have come to these statuses."""
    parent = open_order(database, recurring(max(len(ends), 2), 10 * SOL))
    for status in ends:
        id = uuid7()
        assert waiting.insert_slice(orders.get(parent.id), id, 60) is not None
        database.execute(
            "UPDATE orders SET status = %(status)s, amount_spent = amount_in - 1, amount_out = 700 WHERE id = %(id)s",
            {"status": status, "id": id},
        )
    return orders.get(parent.id)


@pytest.mark.parametrize(
    ("ends", "sums"),
    [
        ([], SliceSums(0, 0, 0, 0)),
        (["failed", "cancelled"], SliceSums(0, 0, 0, 0)),
        (["pending", "submitted", "confirmed", "failed"], SliceSums(2, 1, 10 * SOL // 4 - 1, 700)),
        (["confirmed", "confirmed"], SliceSums(0, 2, 10 * SOL - 2, 1400)),
    ],
)
def test_the_sums_are_of_the_slices_that_were_filled(
    database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders, ends: list[str], sums: SliceSums
) -> None:
    with_slices(database, orders, waiting, "confirmed")
    assert waiting.slice_sums(with_slices(database, orders, waiting, *ends)) == sums


def test_a_complete_order_is_confirmed_with_its_sums(
    database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders, counted: list[Status]
) -> None:
    parent = with_slices(database, orders, waiting, "confirmed", "failed", "confirmed")
    counted.clear()
    sums = waiting.slice_sums(parent)
    moved = waiting.complete(parent, sums)
    assert moved is not None
    after = orders.get(parent.id)
    assert (after.status, after.amount_spent, after.amount_out) == (Status.CONFIRMED, sums.amount_spent, 1400)
    assert orders.events(parent.id)[-1] == moved.event
    data: dict[str, Any] = moved.event.data
    assert (data["amount_in"], data["amount_out"], data["signature"]) == (str(sums.amount_spent), "1400", None)
    assert counted == [Status.CONFIRMED]
    assert waiting.complete(parent, sums) is None


def test_an_order_whose_slices_are_all_made_does_not_expire(
    database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders
) -> None:
    """GIVEN two orders whose time is over: one slice of the second is not made."""
    parents = [with_slices(database, orders, waiting, *ends) for ends in (["confirmed", "submitted"], ["confirmed"])]
    database.execute("UPDATE orders SET expires_at = now() WHERE parent_id IS NULL")
    assert [moved.event.order_id for moved in waiting.expire(10)] == [parents[1].id]
    assert waiting.expire(10) == []
    assert waiting.complete(orders.get(parents[0].id), waiting.slice_sums(parents[0])) is not None


def test_an_order_without_a_filled_slice_fails(
    database: Database, orders: PostgresOrderStore, waiting: PostgresOpenOrders
) -> None:
    parent = with_slices(database, orders, waiting, "failed", "cancelled")
    moved = waiting.complete(parent, waiting.slice_sums(parent))
    assert moved is not None
    assert (moved.event.status, moved.event.data["code"]) == (Status.FAILED, "NoSliceFilled")
    assert (orders.get(parent.id).status, orders.get(parent.id).amount_out) == (Status.FAILED, None)
