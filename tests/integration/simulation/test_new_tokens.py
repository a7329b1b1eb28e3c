"""Tokens and pools that an operator makes on the simulated market: they are traded in like any other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from order_engine.domain.errors import NoRoute, NotAMint
from order_engine.domain.money import BPS
from order_engine.domain.tokens import TOKENS, Mint, Token, connect, is_address, token, tradable_token
from order_engine.services.tokens import Tokens
from order_engine.simulation.chain import SimulatedChain
from order_engine.simulation.market import Market
from order_engine.simulation.mints import SimulatedMints
from order_engine.simulation.new_tokens import create_mint, create_pool
from order_engine.simulation.pools import NEW_POOLS
from order_engine.simulation.traders import Flow
from order_engine.storage.database import Database
from order_engine.storage.tokens import PostgresTokenStore
from tests.support.simulation import ORDER, Clock, landed, market_of, quoted, router_on

ROOT = Path(__file__).parents[3]
SOL, USDC = TOKENS["SOL"], TOKENS["USDC"]


@pytest.fixture(autouse=True)
def tokens(database: Database) -> Iterator[None]:
    tokens = Tokens(PostgresTokenStore(database, "Simulated"), SimulatedMints(database))
    connect(lambda: tokens)
    yield
    connect()


def swap(market: Market, token_in: str, token_out: str, amount: int) -> int:
    """What a swap at the best quote pays. It pays what was quoted."""
    for name in (token_in, token_out):
        tradable_token(name)
    chain = SimulatedChain(market)
    quote = quoted(market, f"{token_in}-{token_out}", amount)
    transaction = chain.build(quote, quote.amount_out, ORDER)
    chain.submit(transaction)
    fill = chain.confirm(transaction)
    assert fill is not None
    assert (fill.amount_in, fill.amount_out) == (amount, quote.amount_out)
    return fill.amount_out


@pytest.mark.parametrize("paired", ["SOL", "USDC"])
@pytest.mark.parametrize("kind", NEW_POOLS)
def test_what_is_bought_in_a_new_pool_can_be_sold(database: Database, clock: Clock, kind: str, paired: str) -> None:
    """GIVEN other traders, who leave the pool alone."""
    market = market_of(database, clock, Flow(500))
    mint = create_mint(database, 4)
    assert is_address(mint)
    assert tradable_token(mint) == token(mint) == Token(mint, 4)
    with pytest.raises(NoRoute, match=f"^no pools for {paired}-{mint}, neither directly"):
        quoted(market, f"{paired}-{mint}", 10**6)
    units = 10 ** TOKENS[paired].decimals
    create_pool(database, mint, TOKENS[paired], Decimal("0.004"), 500 * units, kind)
    bought = swap(market, paired, mint, units)
    assert bought == pytest.approx(250 * 10**4, rel=0.02)
    sold = swap(market, mint, paired, bought)
    assert 0.97 * units < sold < units
    clock.now += 1_000
    assert quoted(market, f"{paired}-{mint}", units).amount_out == pytest.approx(bought, rel=0.005)


def test_a_new_token_is_traded_over_a_hub(database: Database, clock: Clock) -> None:
    mint = create_mint(database, 6)
    create_pool(database, mint, SOL, Decimal("0.01"), 1_000 * 10**9, "raydium_cp")
    market = market_of(database, clock)
    bought = swap(market, "USDC", mint, 170 * 10**6)
    assert bought == pytest.approx(100 * 10**6, rel=0.02)
    assert swap(market, mint, "JUP", bought) > 0
    assert [row["swapped"] for row in landed(database)] == [True, True]


def test_its_liquidity_is_what_the_pool_holds_of_the_other_token(database: Database, clock: Clock) -> None:
    mint = create_mint(database, 6)
    router = router_on(market_of(database, clock))
    assert router.read((mint, "SOL")).liquidity(mint, "SOL") == 0
    create_pool(database, mint, SOL, Decimal("0.01"), 20 * 10**9, "raydium_cp")
    create_pool(database, mint, USDC, Decimal("1.7"), 1_700 * 10**6, "meteora_dlmm")
    snapshot = router.read((mint, "SOL"))
    assert snapshot.liquidity(mint, "SOL") == snapshot.liquidity(mint, "wSOL") == 20 * 10**9
    assert snapshot.liquidity(mint, "USDC") == pytest.approx(20 * 170 * 10**6, rel=0.01)
    assert snapshot.best("SOL", mint, 10**9, BPS)[0].amount_out == pytest.approx(100 * 10**6, rel=0.02)


def test_a_pool_is_made_once(database: Database) -> None:
    mint = create_mint(database, 6)
    pool = create_pool(database, mint, SOL, Decimal(1), 10**9, "raydium_cp")
    with pytest.raises(ValueError, match=f"^expected no pool {pool} yet, was one$"):
        create_pool(database, mint, SOL, Decimal(2), 10**9, "raydium_cp")
    create_pool(database, mint, SOL, Decimal(1), 10**9, "raydium_amm_v4")
    create_pool(database, mint, USDC, Decimal(1), 10**9, "raydium_cp")


@pytest.mark.parametrize("decimals", [-1, 19])
def test_decimals_are_those_of_a_token(database: Database, decimals: int) -> None:
    with pytest.raises(ValueError, match=f"^expected decimals from 0 to 18, was {decimals}$"):
        create_mint(database, decimals)


def test_a_pool_that_can_not_be_is_refused(database: Database) -> None:
    mint = create_mint(database, 6)
    with pytest.raises(ValueError, match="^expected a price at which the pool holds 1 to"):
        create_pool(database, mint, SOL, Decimal(10**9), 1, "raydium_cp")
    with pytest.raises(ValueError, match="^expected amounts that a pool of raydium_clmm can hold, was 1 and"):
        create_pool(database, mint, SOL, Decimal(9 * 10**15), 9 * 10**18, "raydium_clmm")
    with pytest.raises(NotAMint, match="^expected a mint, was nothing, where nothing is$"):
        create_pool(database, "nothing", SOL, Decimal(1), 1, "raydium_cp")


def command(database_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "order_engine.commands.market", *arguments]
    environment = {**os.environ, "DATABASE_URL": database_url, "PYTHONPATH": str(ROOT / "layers/common")}
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_makes_a_mint_and_pools(database_url: str, database: Database) -> None:
    def run(*arguments: str) -> list[str]:
        done = command(database_url, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()

    (mint,) = run("create-mint", "--decimals", "3", "--freeze-authority", "--extension", "TransferHook")
    assert SimulatedMints(database).facts(mint) == Mint(Token(mint, 3), True, ("TransferHook",))
    made = run("create-pool", "--mint", mint, "--with", "USDC", "--program", "meteora_damm_v2")
    assert made == ["mint", mint, "pool", f"meteora-damm:{mint}-USDC"]
    assert run("create-pool")[1] != mint


def test_the_command_says_what_it_expects(database_url: str) -> None:
    for arguments, complaint in (
        (("create-mint", "--decimals", "77"), "expected decimals from 0 to 18, was 77\n"),
        (("create-pool", "--mint", "nothing"), "expected a mint, was nothing, where nothing is\n"),
        (("create-pool", "--price", "0"), "expected a price above zero, was '0'\n"),
        (("create-pool", "--liquidity", "-1"), "expected a positive decimal number like \"1.5\", was '-1'\n"),
    ):
        done = command(database_url, *arguments)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", complaint)
