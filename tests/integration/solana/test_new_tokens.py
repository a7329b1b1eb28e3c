"""Tokens without a symbol on the localnet: their pools are found, traded in, and what is bought can be sold."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import pytest

from localnet.commands import call, create_pool
from localnet.market.new_tokens import PROGRAMS
from order_engine.domain.errors import NoRoute, NotAMint, RiskyMint
from order_engine.domain.money import BPS
from order_engine.domain.pools import Source
from order_engine.domain.tokens import Token, connect, token, tradable_token
from order_engine.services.tokens import Tokens
from order_engine.solana.mints import SolanaMints
from order_engine.storage.database import Database
from order_engine.storage.tokens import PostgresTokenStore
from tests.integration.solana.test_market import Market
from tests.support.deployments import LOCALNET
from tests.support.localnet_market import localnet_market

RENT = 2_039_280


@pytest.fixture
def market(database: Database) -> Iterator[Market]:
    """A market whose tokens without a symbol are found on chain, and then in the database."""
    with localnet_market() as url:
        market = Market(url, database)
        tokens = Tokens(PostgresTokenStore(database, LOCALNET.market), SolanaMints(market.rpc, LOCALNET))
        connect(lambda: tokens)
        yield market
    connect()


def new_mint(market: Market, decimals: int = 6, *, can_freeze: bool = False) -> str:
    mint: str = call(market.url, "localnet_createMint", {"decimals": decimals, "freezeAuthority": can_freeze})
    return mint


@pytest.mark.parametrize("paired", ["SOL", "USDC"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_new_pool_is_found_and_what_is_bought_in_it_can_be_sold(market: Market, program: str, paired: str) -> None:
    mint = new_mint(market, decimals=4)
    assert tradable_token(mint) == Token(mint, 4)
    assert market.discovery.find(mint, paired, 60).found == 0
    with pytest.raises(NoRoute, match=f"^no pools for {paired}-{mint}, neither directly nor over SOL, USDC, USDT$"):
        market.quote(paired, mint, 10**6)
    pool = create_pool(market.url, mint, paired, "0.004", "500", program)
    assert market.discovery.find(mint, paired, 60).found == 1
    (known,) = market.registry.enabled([mint, paired])
    assert (known.address, known.program, known.source) == (pool, program, Source.DISCOVERED)
    before = market.wallet.balances()
    units = 10 ** token(paired).decimals

    bought = market.swap(market.quote(paired, mint, units), 1)
    held = market.wallet.balances()[mint]
    assert held == bought.amount_out
    assert abs(Fraction(held, 250 * 10**4) - 1) < Fraction(2, 100)
    assert bought.costs.rent_lamports == RENT

    quote = market.quote(mint, paired, held)
    sold = market.swap(quote, quote.amount_out)
    after = market.wallet.balances()
    assert mint not in after
    spent = units - sold.amount_out
    assert 0 < spent < units * 2 // 100
    fees = sum(bought.costs) + sum(sold.costs)
    assert before["SOL"] - after["SOL"] == fees + (spent if paired == "SOL" else 0)


def test_a_token_is_traded_over_a_hub(market: Market) -> None:
    market.discovery.run(60)
    mint = new_mint(market)
    create_pool(market.url, mint, "SOL", "0.01", "1000")
    assert market.discovery.find(mint, "USDC", 60).found == 1
    quote = market.quote("USDC", mint, 170 * 10**6)
    assert [swap.token_out for swap in quote.swaps][-1] == mint
    fill = market.swap(quote, 1)
    assert market.wallet.balances()[mint] == fill.amount_out == pytest.approx(100 * 10**6, rel=0.03)
    back = market.quote(mint, "JUP", fill.amount_out)
    assert market.swap(back, 1).amount_out > 0


def test_its_liquidity_is_what_the_pool_holds_of_the_other_token(market: Market) -> None:
    market.discovery.run(60)
    mint = new_mint(market)
    assert market.router.read((mint, "SOL")).liquidity(mint, "SOL") == 0
    create_pool(market.url, mint, "SOL", "0.01", "20")
    create_pool(market.url, mint, "USDC", "1.7", "1700", "meteora_dlmm")
    market.discovery.find(mint, "wSOL", 60)
    snapshot = market.router.read((mint, "SOL"))
    assert snapshot.liquidity(mint, "SOL") == snapshot.liquidity(mint, "wSOL") == 20 * 10**9
    assert snapshot.liquidity(mint, "USDC") == pytest.approx(20 * 170 * 10**6, rel=0.01)


def test_a_pool_is_added_by_hand(market: Market) -> None:
    mint = new_mint(market)
    pool = market.discovery.add(create_pool(market.url, mint, "USDC", "2", "1000"))
    assert {pool.token_a, pool.token_b} == {mint, "USDC"}
    assert market.swap(market.quote("USDC", mint, 10**6), 1).amount_out == pytest.approx(500_000, rel=0.01)


def test_a_mint_that_can_freeze_says_so(market: Market) -> None:
    mints = SolanaMints(market.rpc, LOCALNET)
    harmless, risky = new_mint(market), new_mint(market, can_freeze=True)
    mints.facts(harmless).check(allow_freeze_authority=False, allow_extensions=False)
    with pytest.raises(RiskyMint, match="was one with a freeze authority"):
        mints.facts(risky).check(allow_freeze_authority=False, allow_extensions=False)
    with pytest.raises(NotAMint, match=f"^{market.wallet.address}: expected a mint, owned by a token program"):
        mints.facts(market.wallet.address)


def test_every_process_knows_a_token_that_one_has_found(market: Market, database: Database) -> None:
    mint = new_mint(market, decimals=2)
    assert tradable_token(mint).decimals == 2
    elsewhere = Tokens(PostgresTokenStore(database, "Devnet"), SolanaMints(market.rpc, LOCALNET))
    connect(lambda: elsewhere)
    assert token(mint) == Token(mint, 2)


def test_the_mint_of_a_token_with_a_symbol_stands_for_it(market: Market) -> None:
    assert tradable_token("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v") == token("USDC")
    with pytest.raises(ValueError, match=f"^{market.wallet.address}: expected a mint"):
        tradable_token(market.wallet.address)


def test_prices_are_exact_to_the_last_unit(market: Market) -> None:
    """A quote for a token without a symbol is what its swap pays, as for any other."""
    mint = new_mint(market, decimals=9)
    create_pool(market.url, mint, "SOL", "0.00001", "10")
    market.discovery.find(mint, "SOL", 60)
    quote = market.router.best("SOL", mint, 123_456_789, BPS)[0]
    assert market.swap(quote, quote.amount_out).amount_out == quote.amount_out
