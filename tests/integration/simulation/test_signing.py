"""Transactions that are built and signed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from order_engine.domain.errors import QuoteExpired
from order_engine.domain.quotes import QUOTE_LIFETIME_SECONDS
from order_engine.simulation.chain import TRANSACTION_LIFETIME_SLOTS, SimulatedChain
from order_engine.simulation.market import Market
from order_engine.storage.database import Database
from tests.support.simulation import (
    AMM,
    DLMM,
    ORDER,
    SOL,
    Clock,
    Hops,
    landed,
    pools,
    quoted,
)


@pytest.mark.parametrize(
    ("pair", "hops", "instructions"),
    [
        (
            "SOL-USDC",
            ([AMM],),
            [
                "create the wSOL account",
                "transfer 1.5 SOL to the wSOL account",
                "sync the wSOL account",
                f"swap wSOL for USDC in {AMM}",
                "close the wSOL account",
            ],
        ),
        (
            "USDC-SOL",
            ([AMM],),
            ["create the wSOL account", f"swap USDC for wSOL in {AMM}", "close the wSOL account"],
        ),
        ("wSOL-USDC", ([AMM],), [f"swap wSOL for USDC in {AMM}"]),
        ("USDC-wSOL", ([DLMM],), [f"swap USDC for wSOL in {DLMM}"]),
        ("USDC-USDT", (["raydium-cp:USDC-USDT"],), ["swap USDC for USDT in raydium-cp:USDC-USDT"]),
        (
            "BONK-JUP",
            (["raydium-amm:BONK-SOL", "meteora-dlmm:BONK-SOL"], ["raydium-cp:JUP-SOL"]),
            [
                "swap BONK for wSOL in raydium-amm:BONK-SOL",
                "swap BONK for wSOL in meteora-dlmm:BONK-SOL",
                "swap wSOL for JUP in raydium-cp:JUP-SOL",
            ],
        ),
        (
            "SOL-USDT",
            (["raydium-amm:SOL-USDC", "meteora-dlmm:SOL-USDC"], ["raydium-cp:USDC-USDT"]),
            [
                "create the wSOL account",
                "transfer 1.5 SOL to the wSOL account",
                "sync the wSOL account",
                "swap wSOL for USDC in raydium-amm:SOL-USDC",
                "swap wSOL for USDC in meteora-dlmm:SOL-USDC",
                "swap USDC for USDT in raydium-cp:USDC-USDT",
                "close the wSOL account",
            ],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_native_sol_is_wrapped_before_the_swaps_and_unwrapped_after_them(
    market: Market, chain: SimulatedChain, pair: str, hops: Hops, instructions: list[str]
) -> None:
    assert chain.build(quoted(market, pair, 3 * SOL // 2, *hops), 0, ORDER).instructions == instructions


def test_building_signs_and_sends_nothing(market: Market, chain: SimulatedChain, database: Database) -> None:
    before = pools(database)
    quote = quoted(market, "SOL-USDC", SOL, [AMM, DLMM])
    first, second = chain.build(quote, 7, ORDER), chain.build(quote, 7, ORDER)
    assert first.signature != second.signature
    assert first == replace(second, signature=first.signature)
    assert (first.venue, first.token_in, first.token_out) == ("meteora+raydium", "SOL", "USDC")
    assert (first.amount_in, first.min_out, first.swaps) == (SOL, 7, quote.swaps)
    assert first.last_valid_height == market.slot + TRANSACTION_LIFETIME_SLOTS
    assert (pools(database), landed(database)) == (before, [])


def test_a_signature_looks_like_solanas(market: Market, chain: SimulatedChain) -> None:
    quote = quoted(market, "SOL-USDC", SOL, [AMM])
    for _ in range(50):
        signature = chain.build(quote, 0, ORDER).signature
        assert 86 <= len(signature) <= 88
        assert set(signature) <= set("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")


def test_a_quote_is_signed_until_the_moment_it_expires(market: Market, chain: SimulatedChain, clock: Clock) -> None:
    quote = quoted(market, "SOL-USDC", SOL)
    assert quote.expires_at == clock.now + QUOTE_LIFETIME_SECONDS
    clock.now = quote.expires_at - 0.001
    chain.build(quote, 0, ORDER)
    clock.now = quote.expires_at + 1.5
    with pytest.raises(QuoteExpired, match="the quote expired 1.5 s ago"):
        chain.build(quote, 0, ORDER)
    clock.now = quote.expires_at
    with pytest.raises(QuoteExpired, match="expired 0.0 s ago"):
        chain.build(quote, 0, ORDER)
