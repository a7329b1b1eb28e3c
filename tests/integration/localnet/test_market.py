"""The market on the localnet: a wallet swaps in every pool, beside other traders."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from solders.account import Account
from solders.compute_budget import set_compute_unit_limit
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.token.associated import get_associated_token_address
from solders.transaction import VersionedTransaction

from localnet.execution import Execution
from localnet.ledger import Ledger
from localnet.market import Prices
from localnet.market.pools import market_pools
from localnet.market.pools.pool import MarketPool, amount, route
from localnet.market.traders import EVERY_SLOTS
from localnet.node import Node
from localnet.programs import STANDINS
from localnet.programs.standin import Clock
from localnet.runtime import Runtime
from localnet.transactions import decode
from order_engine.dex.errors import LiquidityExhausted

POOLS = market_pools()


class Market:
    """A localnet whose slots pass when the test says so. Its wallet is the other traders', which holds every token."""

    def __init__(self, prices: Prices | None = None) -> None:
        self.wallet = Keypair()
        self.ledger = Ledger(None)
        self.ledger.set_fact("traders", bytes(self.wallet))
        self.node = Node(Runtime(STANDINS), self.ledger, instant=False, prices=prices)
        self._limits = count(400_000)

    @property
    def clock(self) -> Clock:
        return self.node.chain.runtime.clock

    def read(self, key: Pubkey) -> Account | None:
        return self.node.chain.runtime.get(key)

    def send(self, instruction: Instruction) -> Execution:
        # Equal transactions under one blockhash would be one.
        instructions = [set_compute_unit_limit(next(self._limits)), instruction]
        message = MessageV0.try_compile(self.wallet.pubkey(), instructions, [], self.node.chain.tip.blockhash)
        return self.node.chain.send(decode(bytes(VersionedTransaction(message, [self.wallet]))))


@pytest.fixture
def market() -> Iterator[Market]:
    found = Market()
    yield found
    found.ledger.close()


@pytest.mark.parametrize("a_to_b", [True, False], ids=["a to b", "b to a"])
@pytest.mark.parametrize("pool", POOLS, ids=[pool.name for pool in POOLS])
def test_a_swap_pays_what_is_quoted(market: Market, pool: MarketPool, a_to_b: bool) -> None:
    state = pool.state(market.read, market.clock)
    amount_in = state.depth(not a_to_b) // 300
    quote = state.quote(amount_in, a_to_b, market.clock.unix_timestamp)
    at = route(pool, market.wallet.pubkey(), a_to_b)
    before = amount(market.read, at.source), amount(market.read, at.destination)
    done = market.send(pool.swap(market.wallet.pubkey(), a_to_b, amount_in, quote.amount_out))
    assert done.error is None
    after = amount(market.read, at.source), amount(market.read, at.destination)
    assert (before[0] - after[0], after[1] - before[1]) == (amount_in, quote.amount_out)
    assert pool.state(market.read, market.clock) != state


@pytest.mark.parametrize("pool", POOLS, ids=[pool.name for pool in POOLS])
def test_a_swap_below_its_minimum_changes_nothing(market: Market, pool: MarketPool) -> None:
    state = pool.state(market.read, market.clock)
    quote = state.quote(10**7, True, market.clock.unix_timestamp)
    done = market.send(pool.swap(market.wallet.pubkey(), True, 10**7, quote.amount_out + 1))
    assert done.error in [{"InstructionError": [1, {"Custom": code}]} for code in (6005, 30, 6022, 6003, 6002)]
    assert pool.state(market.read, market.clock) == state


@pytest.mark.parametrize(("prices", "moves"), [(Prices(drift_bps=300), True), (None, False)], ids=["moving", "still"])
def test_other_traders_move_the_pools_unless_the_market_is_still(prices: Prices | None, moves: bool) -> None:
    market = Market(prices)
    before = {pool.name: pool.state(market.read, market.clock) for pool in POOLS}
    market.node.advance(len(POOLS) * EVERY_SLOTS)
    moved = [pool.name for pool in POOLS if pool.state(market.read, market.clock) != before[pool.name]]
    trades = market.ledger.mentions(market.wallet.pubkey(), market.clock.slot, None, None, 1_000)
    assert all(trade.error is None for trade in trades)
    assert len(trades) == len(moved)
    assert len(moved) > len(POOLS) // 2 if moves else not moved
    market.ledger.close()


def test_a_swap_of_somebody_else_s_tokens_is_refused(market: Market) -> None:
    pool, thief = POOLS[0], Keypair()
    swap = pool.swap(market.wallet.pubkey(), True, 10**6, 0)
    accounts = [
        type(account)(thief.pubkey(), True, False) if account.pubkey == market.wallet.pubkey() else account
        for account in swap.accounts
    ]
    market.node.chain.runtime.put(thief.pubkey(), Account(10**9, b"", Pubkey.default()))
    held = amount(market.read, get_associated_token_address(market.wallet.pubkey(), pool.tokens[0].mint))
    market.wallet, owner = thief, market.wallet
    done = market.send(Instruction(swap.program_id, swap.data, accounts))
    assert done.error == {"InstructionError": [1, {"Custom": 4}]}  # owner does not match, says the Token program
    assert amount(market.read, get_associated_token_address(owner.pubkey(), pool.tokens[0].mint)) == held


def test_more_than_the_pool_takes_is_refused_by_the_program(market: Market) -> None:
    pool = next(pool for pool in POOLS if pool.kind == "meteora_dlmm")
    most = pool.state(market.read, market.clock).max_input(True, market.clock.unix_timestamp)
    with pytest.raises(LiquidityExhausted):
        pool.state(market.read, market.clock).quote(most + 1, True, market.clock.unix_timestamp)
    done = market.send(pool.swap(market.wallet.pubkey(), True, most + 1, 0))
    assert done.error == {"InstructionError": [1, {"Custom": 6036}]}
    assert any("BitmapExtensionAccountIsNotProvided" in line for line in done.logs)
