"""Which open orders the watcher looks at."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from order_engine.domain.markets import LOCALNET
from order_engine.domain.money import U64_MAX
from order_engine.domain.orders import Order
from order_engine.domain.terms import Wait
from order_engine.ports import Group
from order_engine.storage.database import Database
from order_engine.storage.open_orders import PostgresOpenOrders
from tests.support.open_orders import SOL, limit, open_order, recurring, sniper, stop

MICRO = 10**6
"""Base units of a USDC."""


def pages(waiting: PostgresOpenOrders, group: Group, bound: Fraction, limit: int = 1_000) -> Iterator[Order]:
    after: Order | None = None
    while page := waiting.candidates(group, bound, after, limit):
        assert len(page) <= limit
        yield from page
        after = page[-1]


def test_the_open_orders_of_a_market_are_counted(database: Database, waiting: PostgresOpenOrders) -> None:
    assert waiting.waiting().open == 0
    for request in (limit(), stop(), recurring(), sniper()):
        open_order(database, request)
    open_order(database, limit(), market=LOCALNET)
    open_order(database, limit(), status="pending")
    assert waiting.waiting().open == 4
    assert PostgresOpenOrders(database, market=LOCALNET).waiting().open == 1


def test_without_orders_that_wait_for_a_price_there_is_no_group(
    database: Database, waiting: PostgresOpenOrders
) -> None:
    for request in (recurring(), sniper()):
        open_order(database, request)
    open_order(database, limit(), market=LOCALNET)
    open_order(database, limit(), status="routing")
    assert waiting.groups() == []


def test_a_group_is_of_one_direction_and_one_size_and_names_the_trigger_that_is_reached_first(
    database: Database, waiting: PostgresOpenOrders
) -> None:
    for price in ("210", "200", "220"):
        open_order(database, limit(price))
    for price in ("150", "170", "160"):
        open_order(database, stop(price))
    open_order(database, limit("190", 3 * SOL))
    open_order(database, replace(limit("0.005", 200 * MICRO), token_in="USDC", token_out="SOL"))
    assert waiting.groups() == [
        Group("SOL", "USDC", Wait.AT_LEAST, 29, 200 * MICRO, SOL),
        Group("SOL", "USDC", Wait.AT_LEAST, 31, 570 * MICRO, 3 * SOL),
        Group("SOL", "USDC", Wait.AT_MOST, 29, 170 * MICRO, SOL),
        Group("USDC", "SOL", Wait.AT_LEAST, 27, SOL, 200 * MICRO),
    ]


@pytest.mark.parametrize("size", [0, 1, 10, 51, 62, 63])
def test_a_size_begins_at_a_power_of_two(database: Database, waiting: PostgresOpenOrders, size: int) -> None:
    for amount_in in (2**size, 2 ** (size + 1) - 1 if size < 51 else 2**size + 1):
        open_order(database, limit("1", amount_in))
    (group,) = waiting.groups()
    assert group.size == size


def test_the_largest_amounts_have_a_group(database: Database, waiting: PostgresOpenOrders) -> None:
    """The size of an amount just below a power of two may be rounded up from 2 ** 52 on."""
    open_order(database, limit(amount_in=U64_MAX), trigger_out=U64_MAX, limit_out=U64_MAX)
    (group,) = waiting.groups()
    assert (group.size, group.trigger_out, group.amount_in) == (64, U64_MAX, U64_MAX)
    assert len(list(pages(waiting, group, Fraction(1)))) == 1
    assert list(pages(waiting, group, Fraction(U64_MAX - 1, U64_MAX))) == []


def test_candidates_are_those_within_the_bound_the_first_reached_first(
    database: Database, waiting: PostgresOpenOrders
) -> None:
    limits = [open_order(database, limit(price)) for price in ("203", "200", "202", "201")]
    stops = [open_order(database, stop(price)) for price in ("153", "150", "152", "151")]
    open_order(database, limit("100", 5 * SOL))
    at_least, at_most = (group for group in waiting.groups() if group.size == 29)
    in_reach = waiting.candidates(at_least, Fraction(202 * MICRO, SOL), None, 10)
    assert in_reach == [limits[1], limits[3], limits[2]]
    in_reach = waiting.candidates(at_most, Fraction(151 * MICRO, SOL), None, 10)
    assert in_reach == [stops[0], stops[2], stops[3]]


@pytest.mark.parametrize("waits_for", [Wait.AT_LEAST, Wait.AT_MOST])
@pytest.mark.parametrize("size", [1, 3, 7, 1_000])
def test_pages_leave_out_no_candidate_and_repeat_none(
    database: Database, waiting: PostgresOpenOrders, waits_for: Wait, size: int
) -> None:
    """GIVEN orders of different amounts, many of whose triggers are the same ratio, WHEN some end meanwhile."""
    chosen = random.Random(1)
    make = limit if waits_for is Wait.AT_LEAST else stop
    orders = [
        open_order(database, make(str(150 + chosen.randrange(4)), SOL + chosen.randrange(SOL // 20))) for _ in range(40)
    ]
    (group,) = waiting.groups()
    bound = Fraction(152 * MICRO, SOL)

    def reached(order: Order) -> Fraction:
        return Fraction(order.trigger_out or 0, order.amount_in)

    def is_within(order: Order) -> bool:
        return reached(order) <= bound if waits_for is Wait.AT_LEAST else reached(order) >= bound

    found: list[Order] = []
    for order in pages(waiting, group, bound, size):
        found.append(order)
        database.execute("UPDATE orders SET status = 'cancelled' WHERE id = %(id)s", {"id": order.id})
    assert sorted(found) == sorted(order for order in orders if is_within(order))
    ratios = [reached(order) for order in found]
    assert ratios == sorted(ratios, reverse=waits_for is Wait.AT_MOST)


def test_orders_that_wait_for_a_pool_come_by_age(database: Database, waiting: PostgresOpenOrders) -> None:
    orders = [open_order(database, sniper()) for _ in range(3)]
    open_order(database, sniper(), market=LOCALNET)
    open_order(database, sniper(), status="cancelled")
    open_order(database, limit())
    assert waiting.waiting_for_pools() == orders


def test_due_orders_come_in_pages_the_longest_due_first(database: Database, waiting: PostgresOpenOrders) -> None:
    now = datetime.now(UTC)
    due = [open_order(database, recurring(), due_at=now - timedelta(seconds=n)) for n in (20, 30, 20, 10)]
    open_order(database, recurring(), due_at=now + timedelta(hours=1))
    open_order(database, recurring(), due_at=now, status="cancelled")
    open_order(database, recurring(), due_at=now, market=LOCALNET)
    first = waiting.due(None, 2)
    assert first == [due[1], due[0]]
    assert waiting.due(first[-1], 2) == [due[2], due[3]]
    assert waiting.due(due[3], 2) == []
