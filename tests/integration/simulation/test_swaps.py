"""What a swap pays, how it moves its pools, and when it is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from order_engine.dex.meteora_dlmm import MeteoraDlmm
from order_engine.domain.errors import CorruptPool, NoRoute, SlippageExceeded
from order_engine.domain.money import U64_MAX, describe
from order_engine.domain.tokens import TOKENS
from order_engine.domain.transactions import Fill
from order_engine.simulation.chain import SimulatedChain
from order_engine.simulation.market import Market
from order_engine.storage.database import Database
from tests.support.simulation import (
    AMM,
    DLMM,
    EACH_KIND,
    ORDER,
    SOL,
    Hops,
    amount_of,
    carried_out,
    landed,
    pools,
    quoted,
    routes,
    sent,
    settings,
    signed,
    store,
)


@routes
def test_a_swap_pays_and_moves_its_pools_as_their_formulas_say(
    market: Market, chain: SimulatedChain, database: Database, pair: str, hops: Hops
) -> None:
    start = settings(database)
    quote = quoted(market, pair, amount_of(pair), *hops)
    transaction = chain.build(quote, quote.amount_out, ORDER)
    paid, after = carried_out(transaction, start, int(market.now()))
    assert paid == quote.amount_out > 0
    assert sent(market, transaction) == Fill(transaction.signature, quote.amount_in, paid, market.slot)
    assert settings(database) == after
    used = {pool for hop in hops for pool in hop}
    assert {id for id in start if after[id] != start[id]} == used
    (row,) = landed(database)
    assert (row["slot"], row["landed_at"], row["swapped"]) == (market.slot, int(market.now()), True)
    assert (row["amount_in"], row["amount_out"]) == (quote.amount_in, paid)
    assert row["swaps"] == [swap.dump() for swap in quote.swaps]


@routes
def test_a_swap_uses_the_state_that_the_previous_one_left(
    market: Market, chain: SimulatedChain, database: Database, pair: str, hops: Hops
) -> None:
    """Each hop is split as quoted and passes on the amount that it really pays."""
    quote = quoted(market, pair, amount_of(pair), *hops)
    first, second = chain.build(quote, 0, ORDER), chain.build(quote, 0, ORDER)
    chain.submit(first)
    moved = settings(database)
    paid, after = carried_out(second, moved, int(market.now()))
    chain.submit(second)
    fills = [chain.confirm(first), chain.confirm(second)]
    assert [fill.amount_out for fill in fills if fill] == [quote.amount_out, paid]
    assert settings(database) == after
    # Within one bin the second swap may be paid as much.
    assert paid < quote.amount_out or pair != "SOL-USDC" or DLMM in hops[0]


@routes
@pytest.mark.parametrize("missing", [0, 1])
def test_a_swap_pays_min_out_or_changes_nothing(
    market: Market, chain: SimulatedChain, database: Database, pair: str, hops: Hops, missing: int
) -> None:
    before = pools(database)
    quote = quoted(market, pair, amount_of(pair), *hops)
    transaction = chain.build(quote, quote.amount_out + missing, ORDER)
    chain.submit(transaction)
    if missing:
        for _ in range(2):
            token = TOKENS[quote.token_out]
            least, paid = describe(transaction.min_out, token), describe(quote.amount_out, token)
            with pytest.raises(SlippageExceeded, match=f"^expected at least {least}, was {paid}$"):
                chain.confirm(transaction)
        chain.submit(transaction)
        assert pools(database) == before
        (row,) = landed(database)
        assert (row["swapped"], row["amount_out"]) == (False, quote.amount_out)
    else:
        assert chain.confirm(transaction) == Fill(transaction.signature, quote.amount_in, quote.amount_out, market.slot)
        assert pools(database) != before


@pytest.mark.parametrize(
    "hops",
    [
        (["raydium-amm:RAY-SOL"], ["meteora-dlmm:SOL-USDT"]),
        (["raydium-amm:RAY-SOL", "meteora-dlmm:RAY-SOL"], ["raydium-amm:SOL-USDT", "meteora-dlmm:SOL-USDT"]),
    ],
)
def test_a_refusing_pool_undoes_the_swaps_before_it(
    market: Market, chain: SimulatedChain, database: Database, hops: Hops
) -> None:
    transaction = chain.build(quoted(market, "RAY-USDT", 10**9, *hops), 0, ORDER)
    pool = pools(database)["meteora-dlmm:SOL-USDT"]
    assert isinstance(pool, MeteoraDlmm)
    empty = replace(pool, bins=tuple(bin._replace(amount_x=0, amount_y=0) for bin in pool.bins))
    store(database, "meteora-dlmm:SOL-USDT", empty)
    before = pools(database)
    chain.submit(transaction)
    with pytest.raises(SlippageExceeded, match="expected at least 0.000001 USDT, was 0 USDT"):
        chain.confirm(transaction)
    assert pools(database) == before
    (row,) = landed(database)
    assert (row["swapped"], row["swaps"]) == (False, [])


@pytest.mark.parametrize("pool", EACH_KIND)
def test_the_largest_amount_does_not_empty_a_pool(market: Market, database: Database, pool: str) -> None:
    """The router would not plan such a swap. The pool's program refuses it too, and nothing changes."""
    transaction = replace(signed(market, pool=pool), amount_in=U64_MAX)
    before = pools(database)
    with pytest.raises(SlippageExceeded):
        sent(market, transaction)
    assert pools(database) == before


def test_a_transaction_for_a_missing_pool_is_refused(market: Market, database: Database) -> None:
    transaction = SimulatedChain(market).build(quoted(market, "SOL-USDC", SOL, [AMM, DLMM]), 0, ORDER)
    database.execute("DELETE FROM market_pools WHERE id = %(id)s", {"id": DLMM})
    before = pools(database)
    with pytest.raises(NoRoute, match=f"no pools named {DLMM}"):
        sent(market, transaction)
    assert (pools(database), landed(database)) == (before, [])


def test_a_transaction_for_a_corrupt_pool_is_refused(market: Market, database: Database) -> None:
    transaction = SimulatedChain(market).build(quoted(market, "SOL-USDC", SOL, [AMM, DLMM]), 0, ORDER)
    database.execute("UPDATE market_pools SET state = '{}' WHERE id = %(id)s", {"id": DLMM})
    with pytest.raises(CorruptPool, match=f"pool {DLMM}: "):
        sent(market, transaction)
    assert landed(database) == []
