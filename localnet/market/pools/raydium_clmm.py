"""Pools of Raydium CLMM: three positions around the price, each narrower than the one before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from math import isqrt
from typing import NamedTuple

from solders.account import Account
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from localnet.addresses import MEMO, TOKEN, TOKEN_2022
from localnet.market.accounts import owned, token_account
from localnet.market.pools.pool import MarketPool, Pair, Reserves, readonly, record, route, signer, u64s, writable
from localnet.programs.raydium_clmm import CONFIG, ID, OBSERVATIONS, POOL, state
from localnet.programs.raydium_clmm_ticks import (
    ARRAYS_ASIDE,
    BITMAP_EXTENSION,
    EXTENSION_BYTES,
    TICK,
    TICK_ARRAY,
    TICKS_PER_ARRAY,
)
from localnet.programs.records import Record, bitmap
from localnet.programs.standin import Clock, Reader
from order_engine.dex.pool import Pool
from order_engine.dex.raydium_clmm_math import delta_amounts, sqrt_price_at_tick, tick_at_sqrt_price

_SWAP_V2 = bytes.fromhex("2b04ed0b1ac91e62")
_HALF_WIDTHS = (9_000, 1_500, 300)
"""Of the positions, in ticks of a hundredth of a percent. Each holds a third of the pool's tokens."""


class Config(NamedTuple):
    """What pools share. `fee_rate` is in millionths of the input."""

    number: int
    tick_spacing: int
    fee_rate: int


class _Position(NamedTuple):
    lower: int
    upper: int
    liquidity: int


class RaydiumClmmPool(MarketPool):
    """The mint of token a has the smaller address."""

    kind = "raydium_clmm"
    program = ID

    def __init__(self, pair: Pair | Reserves, config: Config) -> None:
        super().__init__(pair)
        self._config = config
        mint_0, mint_1 = (token.mint for token in self.tokens)
        self.config, self._config_bump = Pubkey.find_program_address(
            [b"amm_config", config.number.to_bytes(2, "big")], ID
        )
        self.address, self._bump = Pubkey.find_program_address(
            [b"pool", bytes(self.config), bytes(mint_0), bytes(mint_1)], ID
        )
        self.vaults = (
            self.derived(b"pool_vault", self.address, mint_0),
            self.derived(b"pool_vault", self.address, mint_1),
        )
        self.observation = self.derived(b"observation", self.address)
        self.bitmap_extension = self.derived(b"pool_tick_array_bitmap_extension", self.address)

    @property
    def _sqrt_price(self) -> int:
        amount_0, amount_1 = self.pair.amounts
        return isqrt((amount_1 << 128) // amount_0)

    @cached_property
    def _positions(self) -> list[_Position]:
        """A third of the tokens in each: all of token 0 or of token 1, and as much of the other as belongs to it."""
        price, spacing = self._sqrt_price, self._config.tick_spacing
        tick = tick_at_sqrt_price(price)
        amount_0, amount_1 = (held // len(_HALF_WIDTHS) for held in self.pair.amounts)
        positions = []
        for width in _HALF_WIDTHS:
            lower, upper = (tick - width) // spacing * spacing, (tick + width) // spacing * spacing
            low, high = sqrt_price_at_tick(lower), sqrt_price_at_tick(upper)
            of_0 = (amount_0 * price * high) // (high - price << 64)
            of_1 = (amount_1 << 64) // (price - low)
            positions.append(_Position(lower, upper, min(of_0, of_1)))
        return positions

    @cached_property
    def _arrays(self) -> dict[int, dict[int, tuple[int, int]]]:
        """The net and the gross liquidity of each initialized tick, by the first ticks of their arrays."""
        span = TICKS_PER_ARRAY * self._config.tick_spacing
        arrays: dict[int, dict[int, tuple[int, int]]] = defaultdict(dict)
        for position in self._positions:
            for tick, net in ((position.lower, position.liquidity), (position.upper, -position.liquidity)):
                ticks = arrays[tick // span * span]
                before_net, before_gross = ticks.get(tick, (0, 0))
                ticks[tick] = before_net + net, before_gross + position.liquidity
        return dict(sorted(arrays.items()))

    def _array(self, start: int) -> Pubkey:
        return self.derived(b"tick_array", self.address, start.to_bytes(4, "big", signed=True))

    def accounts(self) -> Iterator[tuple[Pubkey, Account]]:
        token_0, token_1 = self.tokens
        price = self._sqrt_price
        config = Record.new(
            CONFIG,
            bump=self._config_bump,
            index=self._config.number,
            protocol_fee_rate=120_000,
            trade_fee_rate=self._config.fee_rate,
            tick_spacing=self._config.tick_spacing,
            fund_fee_rate=40_000,
        )
        pool = Record.new(
            POOL,
            bump=self._bump,
            config=self.config,
            mint_0=token_0.mint,
            mint_1=token_1.mint,
            vault_0=self.vaults[0],
            vault_1=self.vaults[1],
            observation=self.observation,
            decimals_0=token_0.decimals,
            decimals_1=token_1.decimals,
            tick_spacing=self._config.tick_spacing,
            liquidity=sum(position.liquidity for position in self._positions),
            sqrt_price=price,
            tick_current=tick_at_sqrt_price(price),
            tick_array_bitmap=bitmap(self._numbers, -ARRAYS_ASIDE, ARRAYS_ASIDE // 4),
        )
        yield self.config, owned(ID, config.data())
        yield self.address, owned(ID, pool.data())
        yield self.observation, owned(ID, Record.new(OBSERVATIONS, pool=self.address).data())
        yield self.bitmap_extension, owned(ID, self._extension().data())
        for start, ticks in self._arrays.items():
            yield self._array(start), owned(ID, self._tick_array(start, ticks).data())
        for vault, token, held in zip(self.vaults, self.tokens, self._held(), strict=True):
            yield vault, token_account(token.mint, self.address, held)

    @property
    def _numbers(self) -> list[int]:
        """The numbers of the tick arrays. Array n begins with tick n · span."""
        return [start // (TICKS_PER_ARRAY * self._config.tick_spacing) for start in self._arrays]

    def _extension(self) -> Record:
        # Its bitmaps are of 512 arrays each, those nearest to tick 0 first.
        parts = range(2, 2 + EXTENSION_BYTES * 8 // ARRAYS_ASIDE)
        return Record.new(
            BITMAP_EXTENSION,
            pool=self.address,
            positive=bitmap(self._numbers, ARRAYS_ASIDE, EXTENSION_BYTES),
            negative=b"".join(bitmap(self._numbers, -ARRAYS_ASIDE * part, ARRAYS_ASIDE // 8) for part in parts),
        )

    def _tick_array(self, start: int, ticks: dict[int, tuple[int, int]]) -> Record:
        array = Record.new(TICK_ARRAY, pool=self.address, start=start, initialized_count=len(ticks))
        for tick, (net, gross) in ticks.items():
            place = array.part(TICK, "ticks", (tick - start) // self._config.tick_spacing)
            place["tick"], place["liquidity_net"], place["liquidity_gross"] = tick, net, gross
        return array

    def _held(self) -> tuple[int, int]:
        """The tokens in the positions, rounded up."""
        price, held_0, held_1 = self._sqrt_price, 0, 0
        for lower, upper, liquidity in self._positions:
            held_0 += delta_amounts(price, sqrt_price_at_tick(upper), liquidity, zero_for_one=True)[0]
            held_1 += delta_amounts(sqrt_price_at_tick(lower), price, liquidity, zero_for_one=False)[0]
        return held_0, held_1

    def state(self, read: Reader, clock: Clock) -> Pool:
        arrays = (record(read, self._array(start), TICK_ARRAY) for start in self._arrays)
        return state(record(read, self.address, POOL), record(read, self.config, CONFIG), arrays)

    def swap(self, trader: Pubkey, a_to_b: bool, amount_in: int, min_out: int) -> Instruction:
        at = route(self, trader, a_to_b)
        no_price_limit, exact_in = bytes(16), b"\x01"
        # The program skips the arrays behind the price.
        arrays = sorted(self._arrays, reverse=a_to_b)
        return self.instruction(
            _SWAP_V2 + u64s(amount_in, min_out) + no_price_limit + exact_in,
            signer(trader),
            readonly(self.config),
            writable(self.address),
            writable(at.source),
            writable(at.destination),
            writable(at.vault_in),
            writable(at.vault_out),
            writable(self.observation),
            readonly(TOKEN),
            readonly(TOKEN_2022),
            readonly(MEMO),
            readonly(at.mint_in),
            readonly(at.mint_out),
            readonly(self.bitmap_extension),
            *(writable(self._array(start)) for start in arrays),
        )
