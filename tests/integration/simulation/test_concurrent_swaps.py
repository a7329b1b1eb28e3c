"""Concurrent swaps."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from order_engine.domain.money import U64_MAX
from order_engine.simulation.chain import SimulatedChain
from order_engine.simulation.market import Market
from order_engine.storage.database import Database
from tests.support.concurrency import at_once
from tests.support.simulation import (
    AMM,
    EACH_KIND,
    ORDER,
    ROUTES,
    SOL,
    Clock,
    amount_of,
    carried_out,
    landed,
    market_of,
    pools,
    quoted,
    replayed,
    settings,
    signed,
)

Connect = Callable[[], Database]


def test_the_same_signature_swaps_once(market: Market, chain: SimulatedChain, database: Database) -> None:
    transaction = signed(market)
    chain.submit(transaction)
    after, fill = pools(database), chain.confirm(transaction)
    for _ in range(3):
        chain.submit(transaction)
    assert (pools(database), chain.confirm(transaction), len(landed(database))) == (after, fill, 1)


@pytest.mark.parametrize("min_out", [0, U64_MAX], ids=["swapped", "refused"])
@pytest.mark.parametrize("ids", [[AMM], EACH_KIND], ids=["one", "split"])
def test_a_signature_from_ten_concurrent_senders_lands_once(
    market: Market, database: Database, connect: Connect, clock: Clock, min_out: int, ids: Sequence[str]
) -> None:
    start = settings(database)
    transaction = SimulatedChain(market).build(quoted(market, "SOL-USDC", SOL, ids), min_out, ORDER)
    senders = [SimulatedChain(market_of(connect(), clock)) for _ in range(10)]
    at_once(10, lambda number: senders[number].submit(transaction))
    (row,) = landed(database)
    assert row["swapped"] is (min_out == 0)
    after = carried_out(transaction, start, int(clock.now))[1] if row["swapped"] else start
    assert settings(database) == after


@pytest.mark.parametrize("pool", EACH_KIND)
def test_concurrent_swaps_in_a_pool_never_fill_at_the_same_state(
    market: Market, database: Database, connect: Connect, clock: Clock, pool: str
) -> None:
    start = settings(database)
    transaction = signed(market, 3_000 * SOL, pool)
    transactions = [replace(transaction, signature=f"s{number}") for number in range(12)]
    chains = [SimulatedChain(market_of(connect(), clock)) for _ in transactions]
    at_once(12, lambda number: chains[number].submit(transactions[number]))
    expected, state = [], start
    for _ in transactions:
        paid, state = carried_out(transaction, state, int(clock.now))
        expected.append(paid)
    assert len(set(expected)) == 12
    assert [row["amount_out"] for row in landed(database)] == expected
    assert settings(database) == state


@pytest.mark.parametrize("seed", range(3))
def test_replaying_the_recorded_swaps_gives_the_current_pools(
    market: Market, database: Database, connect: Connect, seed: int
) -> None:
    """GIVEN many concurrent swaps: some are split, some take two hops, and the chain refuses some."""
    chance = random.Random(seed)
    start = settings(database)
    transactions = []
    for _ in range(24):
        pair, hops = chance.choice(ROUTES)
        quote = quoted(market, pair, amount_of(pair) * chance.randrange(1, 400), *hops)
        transactions.append(
            SimulatedChain(market).build(quote, quote.amount_out if chance.random() < 0.3 else 0, ORDER)
        )
    clocks = [Clock() for _ in transactions]
    for clock in clocks:
        clock.now += chance.randrange(20)
    chains = [SimulatedChain(market_of(connect(), clock)) for clock in clocks]
    at_once(24, lambda number: chains[number].submit(transactions[number]))
    assert {row["signature"] for row in landed(database)} == {one.signature for one in transactions}
    assert replayed(database, start) == pools(database)


def test_swaps_over_the_same_pools_in_opposite_order_do_not_deadlock(
    market: Market, database: Database, connect: Connect, clock: Clock
) -> None:
    start = settings(database)
    ways = [EACH_KIND, tuple(reversed(EACH_KIND))]
    transactions = [
        SimulatedChain(market).build(quoted(market, "SOL-USDC", SOL, ways[number % 2]), 0, ORDER)
        for number in range(16)
    ]
    chains = [SimulatedChain(market_of(connect(), clock)) for _ in transactions]
    at_once(16, lambda number: chains[number].submit(transactions[number]))
    assert len(landed(database)) == 16
    assert replayed(database, start) == pools(database)
