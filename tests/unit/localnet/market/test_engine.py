"""The engine's instructions on the market: the stand-ins pay what it quotes, and it knows why they refuse."""

from __future__ import annotations

import pytest
from solders.pubkey import Pubkey
from solders.token.associated import get_associated_token_address

from localnet.market.pools import market_pools
from localnet.market.pools.pool import MarketPool
from localnet.programs import STANDINS
from localnet.programs.standin import ProgramError
from order_engine.domain.errors import SlippageExceeded
from order_engine.solana.accounts import Account, Clock
from order_engine.solana.instructions import Instruction
from order_engine.solana.programs.program import ProgramPool, Trader
from tests.support.deployments import LOCALNET
from tests.support.extended_pools import EXTENDED_POOLS
from tests.unit.localnet.market.bank import CLOCK, TRADERS, Bank

POOLS = [*market_pools(), *EXTENDED_POOLS]
# A stand-in changes no accounts, it says what to change.
BANK = Bank()
BANK.accounts |= dict(entry for pool in EXTENDED_POOLS for entry in pool.accounts())
ACCOUNTS = {
    bytes(key): Account(bytes(account.owner), account.lamports, account.data) for key, account in BANK.accounts.items()
}
each_pool = pytest.mark.parametrize("pool", POOLS, ids=[f"{pool.name} {str(pool.address)[:4]}" for pool in POOLS])
each_way = pytest.mark.parametrize("a_to_b", [True, False], ids=["a to b", "b to a"])


class Desk:
    """A pool as the engine decodes it, and a trader."""

    def __init__(self, pool: MarketPool, a_to_b: bool) -> None:
        self.program = LOCALNET.programs[bytes(pool.program)]
        clock = Clock(CLOCK.slot, CLOCK.unix_timestamp)
        self.pool: ProgramPool = self.program.decode(bytes(pool.address), ACCOUNTS, clock)
        source, destination = (
            bytes(get_associated_token_address(TRADERS.pubkey(), token.mint)) for token in pool.tokens
        )
        ends = (source, destination) if a_to_b else (destination, source)
        self.trader = Trader(bytes(TRADERS.pubkey()), *ends)

    def run(self, instruction: Instruction) -> tuple[int, int]:
        """Carries out an instruction. Returns what is paid and what is received. Raises `ProgramError`."""
        keys = [Pubkey(account.address) for account in instruction.accounts]
        outcome = STANDINS[Pubkey(instruction.program)](keys, instruction.data, BANK.read, CLOCK)
        paid, received = outcome.transfers
        assert (bytes(paid.source), bytes(received.destination)) == (self.trader.source, self.trader.destination)
        writable = {account.address for account in instruction.accounts if account.writable}
        assert {bytes(key) for key in (*outcome.writes, *received[:2], *paid[:2])} <= writable
        return paid.amount, received.amount

    def reaction(self, error: ProgramError) -> object:
        """The engine's to an error of the program."""
        name = error.name or self.program.codes[error.code]
        return self.program.errors.get(name)


@each_pool
@each_way
@pytest.mark.parametrize("part", [10_000_000, 1_000, 4])
def test_an_exact_input_pays_what_is_quoted(pool: MarketPool, a_to_b: bool, part: int) -> None:
    desk = Desk(pool, a_to_b)
    amount_in = desk.pool.state.depth(not a_to_b) // part
    quote = desk.pool.state.quote(amount_in, a_to_b, CLOCK.unix_timestamp)
    swap = desk.pool.swap(desk.trader, a_to_b, amount_in, quote.amount_out)
    assert desk.run(swap) == (amount_in, quote.amount_out)


@each_pool
@each_way
@pytest.mark.parametrize("part", [1_000_000, 1_000, 4])
def test_an_exact_output_costs_what_is_quoted(pool: MarketPool, a_to_b: bool, part: int) -> None:
    desk = Desk(pool, a_to_b)
    amount_out = desk.pool.state.depth(a_to_b) // part
    quote = desk.pool.state.quote_exact_out(amount_out, a_to_b, CLOCK.unix_timestamp)
    swap = desk.pool.swap_exact_out(desk.trader, a_to_b, amount_out, quote.amount_in)
    assert desk.run(swap) == (quote.amount_in, amount_out)


@each_pool
@each_way
@pytest.mark.parametrize("part", [10_000_000, 1_000, 4])
def test_a_price_that_has_moved_is_slippage(pool: MarketPool, a_to_b: bool, part: int) -> None:
    desk = Desk(pool, a_to_b)
    amount_in = desk.pool.state.depth(not a_to_b) // part
    quote = desk.pool.state.quote(amount_in, a_to_b, CLOCK.unix_timestamp)
    with pytest.raises(ProgramError) as error:
        desk.run(desk.pool.swap(desk.trader, a_to_b, amount_in, quote.amount_out + 1))
    assert desk.reaction(error.value) is SlippageExceeded


@each_pool
@each_way
@pytest.mark.parametrize("part", [1_000_000, 1_000, 4])
@pytest.mark.parametrize("share", [2, 10_000], ids=["half of the input", "almost all of it"])
def test_an_exact_output_that_costs_more_is_slippage(pool: MarketPool, a_to_b: bool, part: int, share: int) -> None:
    desk = Desk(pool, a_to_b)
    amount_out = desk.pool.state.depth(a_to_b) // part
    most = desk.pool.state.quote_exact_out(amount_out, a_to_b, CLOCK.unix_timestamp).amount_in * (share - 1) // share
    with pytest.raises(ProgramError) as error:
        desk.run(desk.pool.swap_exact_out(desk.trader, a_to_b, amount_out, most))
    assert desk.reaction(error.value) is SlippageExceeded
