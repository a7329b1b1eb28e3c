"""The flow of other traders, which moves the prices."""

from __future__ import annotations

import pytest

from order_engine.domain.errors import SlippageExceeded
from order_engine.simulation.chain import SimulatedChain
from order_engine.simulation.traders import PERIOD_SECONDS, Flow
from order_engine.simulation.venue import SimulatedVenue
from order_engine.storage.database import Database
from tests.support.simulation import (
    AMM,
    ORDER,
    ROUTES,
    SOL,
    Clock,
    amount_of,
    landed,
    market_of,
    pools,
    quoted,
    sent,
    signed,
)


@pytest.mark.parametrize("pair", sorted({pair for pair, _ in ROUTES}))
def test_within_a_period_a_swap_pays_what_was_quoted(database: Database, clock: Clock, pair: str) -> None:
    market = market_of(database, clock, Flow(80))
    quote = quoted(market, pair, amount_of(pair))
    clock.now += PERIOD_SECONDS - 0.001
    transaction = SimulatedChain(market).build(quote, quote.amount_out, ORDER)
    fill = sent(market, transaction)
    assert fill is not None
    assert fill.amount_out == quote.amount_out


def test_slippage_protection_triggers(database: Database, clock: Clock) -> None:
    """GIVEN volatile prices and no slippage tolerance, THEN a quote a few seconds old is often refused."""
    market = market_of(database, clock, Flow(1_000))
    chain = SimulatedChain(market)
    refused = 0
    for _ in range(40):
        quote = quoted(market, "SOL-USDC", SOL)
        transaction = chain.build(quote, quote.amount_out, ORDER)
        clock.now += 4
        before = pools(database)
        chain.submit(transaction)
        try:
            fill = chain.confirm(transaction)
        except SlippageExceeded:
            refused += 1
            # Other traders have moved the pool; the order has not.
            assert landed(database)[-1]["swapped"] is False
        else:
            assert fill is not None
            assert fill.amount_out >= quote.amount_out
            assert pools(database) != before
    assert 5 <= refused <= 35


def test_other_traders_reverse_a_swap_over_time(database: Database, clock: Clock) -> None:
    market = market_of(database, clock, Flow(1))
    before = quoted(market, "SOL-USDC", SOL, [AMM]).amount_out
    SimulatedChain(market).submit(signed(market, 5_000 * SOL))
    moved = quoted(market, "SOL-USDC", SOL, [AMM]).amount_out
    assert moved < before * 95 // 100
    clock.now += PERIOD_SECONDS
    assert quoted(market, "SOL-USDC", SOL).amount_out > before * 99 // 100


def test_prices_move_on_after_the_clock_is_set_back(database: Database, clock: Clock) -> None:
    """GIVEN a swap of an hour ahead, THEN the pool does not stand still for that hour."""
    market = market_of(database, clock, Flow(1_000))

    def paid() -> int:
        listings = SimulatedVenue(market).pools(["SOL", "USDC"]).listings
        (pool,) = [listing.pool for listing in listings if listing.id == AMM]
        return pool.output(SOL, True, int(clock.now))

    sent(market, signed(market))
    clock.now -= 3600
    first = paid()
    # A swap counts within its period, and other traders come in the next.
    SimulatedChain(market).submit(signed(market, 5_000 * SOL))
    assert paid() < first * 95 // 100
    seen = set()
    for _ in range(5):
        clock.now += PERIOD_SECONDS
        seen.add(paid())
    assert len(seen) == 5
    assert min(seen) > first * 85 // 100
