"""The market begins with accounts that its programs, and the engine, can read and trade with."""

from __future__ import annotations

from collections import Counter

import pytest
from solders.pubkey import Pubkey
from solders.token import ID as TOKEN
from solders.token.state import Mint

from localnet.market import LOOKUP_TABLE, TOKENS, genesis
from localnet.market.lookup_table import MAX_ADDRESSES, lookup_table
from localnet.market.pools import market_pools
from localnet.market.pools.pool import MarketPool
from localnet.programs.tokens import token_account
from order_engine.domain import tokens
from order_engine.simulation.pools import MICRO_USD, STABLE, pool_settings
from order_engine.solana import messages
from order_engine.solana.accounts import Account, Clock
from tests.support.deployments import LOCALNET
from tests.unit.localnet.market.bank import CLOCK, FAUCET, TRADERS, Bank

POOLS = market_pools()
each_pool = pytest.mark.parametrize("pool", POOLS, ids=[pool.name for pool in POOLS])


def test_the_tokens_are_those_of_the_engine() -> None:
    assert {symbol: (bytes(token.mint), token.decimals) for symbol, token in TOKENS.items()} == {
        symbol: (mint, tokens.TOKENS[symbol].decimals) for mint, symbol in LOCALNET.symbols.items()
    }


def test_prices_are_those_of_the_simulated_market() -> None:
    assert {symbol: token.micro_usd for symbol, token in TOKENS.items()} == MICRO_USD
    assert {symbol for symbol, token in TOKENS.items() if token.stable} == set(STABLE)


def test_every_pair_of_the_simulated_market_has_the_pools_that_it_has_there() -> None:
    ours = Counter((pool.kind, frozenset(token.symbol for token in pool.tokens)) for pool in POOLS)
    theirs = Counter((pool.pool.kind, frozenset((pool.token_a, pool.token_b))) for pool in pool_settings())
    assert theirs <= ours


def test_there_are_pools_of_all_kinds_under_addresses_of_their_own() -> None:
    assert {pool.program for pool in POOLS} == {Pubkey(id) for id in LOCALNET.programs}
    assert len({pool.address for pool in POOLS}) == len(POOLS)


@each_pool
def test_the_engine_reads_the_same_state(pool: MarketPool) -> None:
    bank = Bank()
    accounts = {
        bytes(key): Account(bytes(account.owner), account.lamports, account.data)
        for key, account in bank.accounts.items()
    }
    program = LOCALNET.programs[bytes(pool.program)]
    address = bytes(pool.address)
    found = program.decode(address, accounts, Clock(CLOCK.slot, CLOCK.unix_timestamp))
    assert found.state == pool.state(bank.read, CLOCK)
    assert found.mints == tuple(bytes(token.mint) for token in pool.tokens)
    assert found.vaults == tuple(bytes(vault) for vault in pool.vaults)
    needed = {address, *program.companions(address, accounts[address].data)}
    assert (
        program.decode(address, {key: accounts.get(key) for key in needed}, Clock(*CLOCK[::2])).vaults == found.vaults
    )


def test_the_lookup_table_has_the_addresses_of_all_pools_and_tokens() -> None:
    account = Bank().accounts[LOOKUP_TABLE]
    table = messages.lookup_table(bytes(LOOKUP_TABLE), Account(bytes(account.owner), account.lamports, account.data))
    named = {key for pool in POOLS for key, _ in pool.accounts()} | {token.mint for token in TOKENS.values()}
    assert {bytes(key) for key in named} < set(table.addresses)
    assert len(table.addresses) == len(set(table.addresses)) <= MAX_ADDRESSES


def test_a_table_for_too_many_addresses_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 256 addresses, was 3"):
        lookup_table(Pubkey.new_unique() for _ in range(300))


@each_pool
def test_the_price_is_the_market_s(pool: MarketPool) -> None:
    out, into = pool.state(Bank().read, CLOCK).spot_price(True)
    amount_a, amount_b = pool.pair.amounts
    # A bin's price is up to a bin step below it.
    assert 0.997 < out * amount_a / (into * amount_b) <= 1.0001


@each_pool
def test_the_vaults_hold_what_the_pool_can_pay(pool: MarketPool) -> None:
    bank = Bank()
    state = pool.state(bank.read, CLOCK)
    for vault, a_to_b, planned in zip(pool.vaults, (False, True), pool.pair.amounts, strict=True):
        held = token_account(bank.read(vault))
        assert held is not None
        assert state.depth(a_to_b) <= held.amount
        assert 0.5 < held.amount / planned < 1.1


def test_every_account_is_free_of_rent_and_wrapped_sol_is_there_in_lamports() -> None:
    for key, account in Bank().accounts.items():
        if account.owner == Pubkey.default():
            continue
        rent = (128 + len(account.data)) * 6960
        held = token_account(account)
        wrapped = held.amount if held and held.mint == TOKENS["SOL"].mint else 0
        assert account.lamports == rent + wrapped, key


def test_the_faucet_may_mint_every_token_and_supplies_are_what_there_is() -> None:
    accounts = Bank().accounts
    held = Counter[Pubkey]()
    for account in accounts.values():
        if account.owner == TOKEN and (found := token_account(account)):
            held[found.mint] += found.amount
    for symbol, token in TOKENS.items():
        mint = Mint.from_bytes(accounts[token.mint].data)
        assert (mint.decimals, mint.is_initialized) == (token.decimals, True)
        expected = (None, 0) if symbol == "SOL" else (FAUCET, held[token.mint])
        assert (mint.mint_authority, mint.supply) == expected, symbol


def test_the_market_begins_the_same_every_time() -> None:
    assert dict(genesis(FAUCET, TRADERS.pubkey())) == Bank().accounts
