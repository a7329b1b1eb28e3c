"""Other traders bring the pools to prices that move."""

from __future__ import annotations

from fractions import Fraction

import pytest
from solders.hash import Hash
from solders.transaction import VersionedTransaction

from localnet.market import TOKENS, Prices, Traders
from localnet.market.pools import market_pools
from localnet.market.traders import EVERY_SLOTS
from localnet.programs.standin import Clock
from tests.unit.localnet.market.bank import CLOCK, TRADERS, Bank

BLOCKHASH = Hash(bytes(range(32)))
TURNS = len(market_pools())


def later(slots: int) -> Clock:
    return CLOCK._replace(slot=CLOCK.slot + slots, unix_timestamp=CLOCK.unix_timestamp + slots * 2 // 5)


def trade(bank: Bank, prices: Prices, slots: range) -> list[VersionedTransaction]:
    """Carries out what the traders send in these slots from the first on."""
    traders = Traders(TRADERS, prices)
    sent = []
    for slot in slots:
        clock = later(slot)
        for transaction in traders.transactions(clock, BLOCKHASH, bank.read):
            bank.run(transaction, clock)
            sent.append(transaction)
    return sent


def test_prices_stay_within_the_drift_and_move() -> None:
    prices = Prices(seed=3, drift_bps=80)
    sol, usdc = TOKENS["SOL"], TOKENS["USDC"]
    first = Fraction(sol.micro_usd, usdc.micro_usd * 1000)
    ratios = {Fraction(*prices.price("pool", sol, usdc, now)) / first for now in range(0, 20_000, 7)}
    assert max(ratios) - min(ratios) > Fraction(40, 10_000)
    assert all(abs(ratio - 1) < Fraction(81, 10_000) for ratio in ratios)


def test_prices_without_drift_do_not_move() -> None:
    prices = Prices(drift_bps=0)
    found = {Fraction(*prices.price("pool", TOKENS["RAY"], TOKENS["SOL"], now)) for now in range(0, 2_000, 13)}
    assert found == {Fraction(2_400_000 * 1000, 170_000_000)}


def test_every_pool_comes_to_its_price_in_its_turn() -> None:
    bank, prices = Bank(), Prices(drift_bps=100)
    sent = trade(bank, prices, range(TURNS * EVERY_SLOTS))
    assert len(sent) > TURNS // 2
    far = [pool.name for pool in market_pools() if distance(bank, pool.name, prices) > Fraction(60, 10_000)]
    assert not far


def distance(bank: Bank, name: str, prices: Prices) -> Fraction:
    """How far a pool is from its price at the end, as a part of it. Prices have moved since its turn."""
    pool = next(pool for pool in market_pools() if pool.name == name)
    clock = later(TURNS * EVERY_SLOTS)
    spot = Fraction(*pool.state(bank.read, clock).spot_price(True))
    return abs(spot / Fraction(*prices.price(name, *pool.tokens, clock.unix_timestamp)) - 1)


def test_a_trade_leaves_the_pool_closer_to_its_price() -> None:
    prices = Prices(seed=5, drift_bps=300)
    traders = Traders(TRADERS, prices)
    bank = Bank()
    moved = 0
    for slot in range(0, 3 * TURNS * EVERY_SLOTS, EVERY_SLOTS):
        clock = later(slot)
        for transaction in traders.transactions(clock, BLOCKHASH, bank.read):
            keys = set(transaction.message.account_keys)
            pool = next(pool for pool in market_pools() if pool.address in keys)
            price = Fraction(*prices.price(pool.name, *pool.tokens, clock.unix_timestamp))
            before = Fraction(*pool.state(bank.read, clock).spot_price(True))
            bank.run(transaction, clock)
            after = Fraction(*pool.state(bank.read, clock).spot_price(True))
            assert abs(after - price) < abs(before - price), pool.name
            moved += 1
    assert moved > TURNS


def test_between_their_turns_they_send_nothing() -> None:
    assert not trade(Bank(), Prices(), range(1, EVERY_SLOTS))


def test_the_same_seed_sends_the_same() -> None:
    first, second, other = (trade(Bank(), Prices(seed=seed), range(40)) for seed in (1, 1, 2))
    assert first == second
    assert first != other


def test_a_transaction_is_signed_and_fits_a_packet() -> None:
    for transaction in trade(Bank(), Prices(drift_bps=300), range(TURNS * EVERY_SLOTS)):
        assert all(transaction.verify_with_results())
        assert len(bytes(transaction)) <= 1232


def test_one_trade_is_at_most_a_twentieth_of_the_pool() -> None:
    bank = Bank()
    before = {pool.name: pool.state(bank.read, CLOCK) for pool in market_pools()}
    trade(bank, Prices(drift_bps=1_000), range(TURNS * EVERY_SLOTS))
    for pool in market_pools():
        for a_to_b in (True, False):
            grown = Fraction(pool.state(bank.read, CLOCK).depth(a_to_b), before[pool.name].depth(a_to_b))
            assert Fraction(9, 10) < grown < Fraction(11, 10), pool.name


@pytest.mark.parametrize("missing", ["pool", "wallet"])
def test_what_is_gone_is_not_traded(missing: str) -> None:
    bank = Bank()
    if missing == "pool":
        for pool in market_pools():
            del bank.accounts[pool.address]
    else:
        owner = bytes(TRADERS.pubkey())
        bank.accounts = {key: account for key, account in bank.accounts.items() if account.data[32:64] != owner}
    assert not trade(bank, Prices(drift_bps=500), range(TURNS * EVERY_SLOTS))
