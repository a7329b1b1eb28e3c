"""What a tick of the watcher reads does not grow with the number of open orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from bench.filling import fill_open
from order_engine.domain.events import Activated, Activation
from order_engine.domain.terms import Wait
from order_engine.storage.database import Database
from order_engine.storage.open_orders import PostgresOpenOrders
from order_engine.storage.schema import migrate
from tests.integration.storage.test_large_tables import read
from tests.support.databases import new_database
from tests.support.open_orders import limit, open_order, recurring, sniper, stop
from tests.support.orders import CLIENT

TOKENS = ("SOL", "mSOL", "RAY", "BONK", "JUP")
PAIRS = [(token, stable) for token in TOKENS for stable in ("USDC", "USDT")]
EACH = 5_000
"""How many limit orders and how many stops each pair has."""

SIZES = 4
"""Amounts of one to seven SOL are of so many sizes."""

GROUPS = len(PAIRS) * 2 * SIZES


def reading_pages(waiting: PostgresOpenOrders) -> None:
    """Two pages of the first orders of a group, and the rest of a bound that has none."""
    group = next(group for group in waiting.groups() if group.waits_for is Wait.AT_LEAST)
    first = waiting.candidates(group, Fraction(10**9), None, 10)
    assert len(first) == 10
    assert len(waiting.candidates(group, Fraction(10**9), first[-1], 10)) == 10
    assert waiting.candidates(group, Fraction(group.trigger_out, group.amount_in) / 2, None, 10) == []


def activating(waiting: PostgresOpenOrders) -> None:
    group = waiting.groups()[0]
    found = waiting.candidates(group, Fraction(10**9 if group.waits_for is Wait.AT_LEAST else 0), None, 3)
    moved = waiting.activate([(order, Activation(Activated.LIMIT_MET, 1, 1)) for order in found])
    assert len(moved) == 3


USES: dict[str, tuple[int, Callable[[PostgresOpenOrders], object]]] = {
    "groups": (GROUPS, lambda waiting: waiting.groups()),
    "pages of candidates": (GROUPS + 20, reading_pages),
    "activation": (GROUPS + 3 * 4, activating),
    "orders that are due": (0, lambda waiting: waiting.due(None, 100)),
    "orders that wait for a pool": (1, lambda waiting: waiting.waiting_for_pools()),
    "overdue orders": (0, lambda waiting: waiting.expire(100)),
}
"""What a tick does, and how many orders it has to read."""

MORE = 40
"""How many it may read besides: some that Postgres looks up to plan."""


@pytest.fixture(scope="module")
def large(postgres_url: str) -> Iterator[Database]:
    url = new_database(postgres_url)
    migrate(url)
    database = Database(url)
    database.execute("INSERT INTO clients (id, name) VALUES (%(id)s, 'client')", {"id": CLIENT})
    for token_in, token_out in PAIRS:
        for request in (limit("300"), stop("100")):
            open_order(database, replace(request, token_in=token_in, token_out=token_out))
    fill_open(url, EACH - 1)
    open_order(database, sniper())
    open_order(database, recurring(), due_at=datetime.now(UTC) + timedelta(days=1))
    yield database
    database.close()


def test_the_groups_are_those_of_the_orders(large: Database) -> None:
    groups = PostgresOpenOrders(large).groups()
    assert len(groups) == len(set(groups)) == GROUPS
    assert {(group.token_in, group.token_out) for group in groups} == set(PAIRS)
    assert PostgresOpenOrders(large).waiting().open == len(PAIRS) * 2 * EACH + 2


@pytest.mark.parametrize("use", USES)
def test_what_is_read_does_not_grow_with_the_number_of_open_orders(large: Database, use: str) -> None:
    waiting = PostgresOpenOrders(large)
    expected, act = USES[use]
    # Often enough for Postgres to have chosen between plans for these parameters and for any.
    for _ in range(8):
        act(waiting)
    before = read(large)
    act(waiting)
    assert read(large) - before <= expected + MORE
