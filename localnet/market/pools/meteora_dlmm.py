"""Pairs of Meteora DLMM: liquidity spread evenly over 70 bins on either side of the price."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from solders.account import Account
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from localnet.addresses import MEMO, TOKEN
from localnet.market.accounts import owned, token_account
from localnet.market.pools.pool import MarketPool, Pair, Reserves, readonly, record, route, signer, u64s, writable
from localnet.programs.meteora_dlmm import EVENT_AUTHORITY, ID, ORACLE, PAIR, state
from localnet.programs.meteora_dlmm_bins import (
    ARRAYS_ASIDE,
    BIN,
    BIN_ARRAY,
    BINS_PER_ARRAY,
    BITMAP_EXTENSION,
    EXTENSION_BYTES,
    bins_of,
)
from localnet.programs.records import Record, bitmap
from localnet.programs.standin import Clock, Reader
from order_engine.dex.errors import Overflow
from order_engine.dex.meteora_dlmm import LIMIT_ORDER, MAX_BIN_ID, MIN_BIN_ID
from order_engine.dex.meteora_dlmm_bins import price_of_bin
from order_engine.dex.pool import Pool
from order_engine.dex.rounding import Q64

_SWAP2 = bytes.fromhex("414b3f4ceb5b5b88")
_WIDTH = 70
_BASE_FACTOR = 10_000
"""The base fee is one bin step."""
_OBSERVATIONS = 100


class MeteoraDlmmPool(MarketPool):
    """The price of each bin is `bin_step` basis points above that of the bin before it."""

    kind = "meteora_dlmm"
    program = ID

    def __init__(self, pair: Pair | Reserves, bin_step: int) -> None:
        super().__init__(pair)
        self._bin_step = bin_step
        mints = [bytes(token.mint) for token in self.tokens]
        seeds = [*sorted(mints), bin_step.to_bytes(2, "little"), _BASE_FACTOR.to_bytes(2, "little")]
        self.address, self._bump = Pubkey.find_program_address(seeds, ID)
        self.vaults = self.derived(self.address, mints[0]), self.derived(self.address, mints[1])
        self.oracle = self.derived(b"oracle", self.address)
        self.bitmap_extension = self.derived(b"bitmap", self.address)

    @cached_property
    def _active_id(self) -> int:
        """The highest bin whose price is not above that of the tokens."""
        amount_x, amount_y = self.pair.amounts
        low, high = -(1 << 17), 1 << 17
        while high - low > 1:
            middle = (low + high) // 2
            try:
                above = price_of_bin(middle, self._bin_step) * amount_x > amount_y * Q64
            except Overflow:
                above = middle > 0
            low, high = (low, middle) if above else (middle, high)
        return low

    @property
    def _bins(self) -> dict[int, tuple[int, int]]:
        """The base units of x and y by bin. The active bin holds both."""
        each_x, each_y = (held // _WIDTH for held in self.pair.amounts)
        active = self._active_id
        return {
            id: (each_x if id >= active else 0, each_y if id <= active else 0)
            for id in range(active - _WIDTH, active + _WIDTH + 1)
        }

    @property
    def _indexes(self) -> range:
        """The numbers of the bin arrays."""
        first, last = self._active_id - _WIDTH, self._active_id + _WIDTH
        return range(first // BINS_PER_ARRAY, last // BINS_PER_ARRAY + 1)

    @property
    def _is_extended(self) -> bool:
        """Whether bin arrays are beyond the pair's own bitmap, and the pair has an extension for them."""
        return any(not -ARRAYS_ASIDE <= index < ARRAYS_ASIDE for index in self._indexes)

    def _array(self, index: int) -> Pubkey:
        return self.derived(b"bin_array", self.address, index.to_bytes(8, "little", signed=True))

    def accounts(self) -> Iterator[tuple[Pubkey, Account]]:
        token_x, token_y = self.tokens
        pair = Record.new(
            PAIR,
            base_factor=_BASE_FACTOR,
            filter_period=30,
            decay_period=600,
            reduction_factor=5_000,
            variable_fee_control=40_000 if self._bin_step > 1 else 0,
            max_volatility_accumulator=350_000,
            min_bin_id=MIN_BIN_ID,
            max_bin_id=MAX_BIN_ID,
            protocol_share=500,
            function_type=LIMIT_ORDER,
            index_reference=self._active_id,
            bump_seed=self._bump,
            bin_step_seed=self._bin_step,
            active_id=self._active_id,
            bin_step=self._bin_step,
            require_base_factor_seed=1,
            base_factor_seed=_BASE_FACTOR,
            mint_x=token_x.mint,
            mint_y=token_y.mint,
            reserve_x=self.vaults[0],
            reserve_y=self.vaults[1],
            oracle=self.oracle,
            bin_array_bitmap=bitmap(self._indexes, -ARRAYS_ASIDE, ARRAYS_ASIDE // 4),
            version=1,
        )
        yield self.address, owned(ID, pair.data())
        yield self.oracle, owned(ID, Record.new(ORACLE, length=_OBSERVATIONS).data())
        if self._is_extended:
            extension = Record.new(
                BITMAP_EXTENSION,
                pair=self.address,
                positive=bitmap(self._indexes, ARRAYS_ASIDE, EXTENSION_BYTES),
                negative=bitmap((-1 - index for index in self._indexes), ARRAYS_ASIDE, EXTENSION_BYTES),
            )
            yield self.bitmap_extension, owned(ID, extension.data())
        for index in self._indexes:
            yield self._array(index), owned(ID, self._bin_array(index).data())
        held = (sum(amounts) for amounts in zip(*self._bins.values(), strict=True))
        for vault, token, amount in zip(self.vaults, self.tokens, held, strict=True):
            yield vault, token_account(token.mint, self.address, amount)

    def _bin_array(self, index: int) -> Record:
        array = Record.new(BIN_ARRAY, index=index, version=2, pair=self.address)
        bins = self._bins
        for place in range(BINS_PER_ARRAY):
            id = index * BINS_PER_ARRAY + place
            if id in bins:
                bin, price = array.part(BIN, "bins", place), price_of_bin(id, self._bin_step)
                bin["amount_x"], bin["amount_y"] = bins[id]
                bin["price"], bin["liquidity_supply"] = price, bins[id][0] * price + (bins[id][1] << 64)
        return array

    def state(self, read: Reader, clock: Clock) -> Pool:
        arrays = (record(read, self._array(index), BIN_ARRAY) for index in self._indexes)
        return state(
            record(read, self.address, PAIR), (bin for array in arrays for bin in bins_of(array, self._bin_step))
        )

    def swap(self, trader: Pubkey, a_to_b: bool, amount_in: int, min_out: int) -> Instruction:
        at = route(self, trader, a_to_b)
        no_slices, none = bytes(4), readonly(ID)
        return self.instruction(
            _SWAP2 + u64s(amount_in, min_out) + no_slices,
            writable(self.address),
            writable(self.bitmap_extension) if self._is_extended else none,
            writable(self.vaults[0]),
            writable(self.vaults[1]),
            writable(at.source),
            writable(at.destination),
            readonly(self.tokens[0].mint),
            readonly(self.tokens[1].mint),
            writable(self.oracle),
            none,
            signer(trader),
            readonly(TOKEN),
            readonly(TOKEN),
            readonly(MEMO),
            readonly(EVENT_AUTHORITY),
            readonly(ID),
            *(writable(self._array(index)) for index in (reversed(self._indexes) if a_to_b else self._indexes)),
        )
