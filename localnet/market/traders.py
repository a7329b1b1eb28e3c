"""Other traders: arbitrage that brings one pool after another to prices that move."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import NamedTuple

from solders.compute_budget import set_compute_unit_limit
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from localnet.market.pools import market_pools
from localnet.market.pools.pool import MarketPool, amount, route
from localnet.market.prices import Prices
from localnet.programs.standin import Clock, Reader
from order_engine.dex.errors import DexError
from order_engine.dex.pool import Pool
from order_engine.dex.swaps import min_out

EVERY_SLOTS = 4
"""How often one pool is traded in."""

_COMPUTE_UNITS = 600_000
_SLIPPAGE_BPS = 50
_MOST_OF_POOL = 20
"""A trade's input is at most this part of what the pool holds of it."""


class Trade(NamedTuple):
    """A swap of exactly `amount_in` for at least `min_out`, in base units."""

    pool: MarketPool
    a_to_b: bool
    amount_in: int
    min_out: int


class Traders:
    """The traders, who share one wallet. What they do is a function of the seed, the time and the pools."""

    def __init__(self, wallet: Keypair, prices: Prices) -> None:
        self._wallet, self._prices = wallet, prices
        self._pools = market_pools()
        random.Random(prices.seed).shuffle(self._pools)

    @property
    def address(self) -> Pubkey:
        """The wallet's."""
        return self._wallet.pubkey()

    def transactions(self, clock: Clock, blockhash: Hash, read: Reader) -> list[VersionedTransaction]:
        """What they send in this slot: a signed swap in every fourth, unless its pool is at its price."""
        turn, rest = divmod(clock.slot, EVERY_SLOTS)
        trade = None if rest else self._trade(self._pools[turn % len(self._pools)], clock, read)
        return [self._signed(trade, blockhash)] if trade else []

    def _trade(self, pool: MarketPool, clock: Clock, read: Reader) -> Trade | None:
        """The swap that brings the pool's price, b for one a, to the market's."""
        try:
            state = pool.state(read, clock)
            numerator, denominator = self._prices.price(pool.name, *pool.tokens, clock.unix_timestamp)
            return self._toward(pool, state, (numerator, denominator), clock.unix_timestamp, read)
        except (DexError, LookupError):
            # Nothing to trade with on that side, or somebody has taken the pool away.
            return None

    def _toward(self, pool: MarketPool, state: Pool, price: tuple[int, int], now: int, read: Reader) -> Trade | None:
        spot = state.spot_price(True)
        a_to_b = spot[0] * price[1] > price[0] * spot[1]
        target = price if a_to_b else (price[1], price[0])
        kept, gross = _kept(state, a_to_b, now)
        held = amount(read, route(pool, self.address, a_to_b).source)
        most = min(held, state.depth(not a_to_b) // _MOST_OF_POOL)
        amount_in = min(state.input_until((target[0] * kept, target[1] * gross), a_to_b, now), most)
        if not amount_in:
            return None
        swap, after = state.swap(amount_in, a_to_b, now)
        # A bin is traded as a whole. If that would overshoot by more than the price differs, the pool stays.
        if _distance(after, price) >= _distance(state, price):
            return None
        return Trade(pool, a_to_b, amount_in, min_out(swap.amount_out, _SLIPPAGE_BPS))

    def _signed(self, trade: Trade, blockhash: Hash) -> VersionedTransaction:
        swap = trade.pool.swap(self.address, trade.a_to_b, trade.amount_in, trade.min_out)
        instructions = [set_compute_unit_limit(_COMPUTE_UNITS), swap]
        return VersionedTransaction(MessageV0.try_compile(self.address, instructions, [], blockhash), [self._wallet])


def _kept(state: Pool, a_to_b: bool, now: int) -> tuple[int, int]:
    """What remains of a small amount after the fee, and that amount: traders bring the price before fees to theirs."""
    swap = state.quote(max(state.depth(not a_to_b) // 1_000_000, 10_000), a_to_b, now)
    if swap.fee_in:
        return swap.amount_in - swap.fee_in, swap.amount_in
    return swap.amount_out, swap.amount_out + swap.fee_out


def _distance(state: Pool, price: tuple[int, int]) -> Fraction:
    return abs(Fraction(*state.spot_price(True)) - Fraction(*price))
