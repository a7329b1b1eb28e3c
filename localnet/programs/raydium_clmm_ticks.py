"""The tick arrays of a Raydium CLMM pool: their accounts, and the ticks that a swap comes to.

Source: raydium-io/raydium-clmm, programs/amm/src/states/{tick_array,tickarray_bitmap_extension}.rs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from solders.pubkey import Pubkey

from localnet.programs.anchor import REQUIRE_KEYS_EQ, AnchorError, Call, load
from localnet.programs.records import Layout, Record, set_bits
from localnet.programs.standin import borrowed, panicked

TICKS_PER_ARRAY = 60

TICK = Layout(
    168,
    tick=(0, "i32"),
    liquidity_net=(4, "i128"),
    liquidity_gross=(20, "u128"),
    fee_growth_outside_0=(36, "u128"),
    fee_growth_outside_1=(52, "u128"),
)
TICK_ARRAY = Layout(
    10240,
    "c09b55cd31f9812a",
    pool=(8, "key"),
    start=(40, "i32"),
    ticks=(44, TICKS_PER_ARRAY * TICK.size),
    initialized_count=(10124, "u8"),
    recent_epoch=(10125, "u64"),
)
EXTENSION_BYTES = 896
"""Of the bitmaps of a bitmap extension, on either side of tick 0."""

BITMAP_EXTENSION = Layout(
    1832, "3c9624db61808b99", pool=(8, "key"), positive=(40, EXTENSION_BYTES), negative=(936, EXTENSION_BYTES)
)

LIQUIDITY_INSUFFICIENT = AnchorError(6019, "LiquidityInsufficient", "Liquidity insufficient")
NOT_ENOUGH_ARRAYS = AnchorError(6027, "NotEnoughTickArrayAccount", "Not enought tick array account")
INVALID_FIRST_ARRAY = AnchorError(6028, "InvalidFirstTickArrayAccount", "Invaild first tick array account")
MISSING_EXTENSION = AnchorError(
    6040, "MissingTickArrayBitmapExtensionAccount", "Missing tickarray bitmap extension account"
)
INSUFFICIENT_FOR_DIRECTION = AnchorError(
    6041, "InsufficientLiquidityForDirection", "Insufficient liquidity for this direction"
)

ARRAYS_ASIDE = 512
"""The arrays on either side of tick 0 that the pool's own bitmap covers, and those in a bitmap of the extension."""


class TickAhead(NamedTuple):
    """An initialized tick and the tick array that holds it."""

    array: Record
    tick: Record


class TickArrays:
    """The tick arrays that an instruction passes, by address, and the numbers of those that hold ticks."""

    def __init__(self, call: Call, pool: Record) -> None:
        self._call = call
        self._span = TICKS_PER_ARRAY * pool["tick_spacing"]
        self._arrays: dict[Pubkey, Record] = {}
        self._indexes = set_bits(pool.raw("tick_array_bitmap"), -ARRAYS_ASIDE)
        self._extended = False
        seeds = [b"pool_tick_array_bitmap_extension", bytes(call["pool_state"])]
        extension, _ = Pubkey.find_program_address(seeds, call.program)
        for key in call.remaining:
            if key == extension:
                self._extend(load(call.read, call.program, key, BITMAP_EXTENSION, "tickarray_bitmap_extension"))
            elif key == call["pool_state"] or key in self._arrays:
                raise borrowed()
            else:
                self._arrays[key] = load(call.read, call.program, key, TICK_ARRAY, "tick_array")

    def ticks_ahead(self, tick: int, zero_for_one: bool) -> Iterator[TickAhead]:
        """The initialized ticks from `tick` on in the direction of the swap.

        Raises `ProgramError` where the program does: an array is missing, or there is none.
        """
        if not self._arrays:
            raise panicked()
        arrays = iter(self._arrays.values())
        indexes = self._indexes_ahead(tick // self._span, zero_for_one)
        index = next(indexes, None)
        if index is None:
            raise INSUFFICIENT_FOR_DIRECTION.occurred()
        array = next((array for array in arrays if array["start"] == index * self._span), None)
        if array is None:
            raise INVALID_FIRST_ARRAY.thrown_in("programs/amm/src/instructions/swap.rs:208")
        while True:
            if array.key("pool") != self._call["pool_state"]:
                raise REQUIRE_KEYS_EQ.occurred()
            ticks = ticks_of(array)
            for each in reversed(ticks) if zero_for_one else ticks:
                if each["tick"] <= tick if zero_for_one else each["tick"] > tick:
                    yield TickAhead(array, each)
            index = next(indexes, None)
            if index is None and not self._extended:
                raise MISSING_EXTENSION.occurred()
            if index is None:
                raise LIQUIDITY_INSUFFICIENT.thrown_in("programs/amm/src/instructions/swap.rs:263")
            array = next((array for array in arrays if array["start"] == index * self._span), None)
            if array is None:
                raise NOT_ENOUGH_ARRAYS.occurred()

    def changed(self) -> dict[Pubkey, bytes]:
        """The new data of the arrays that differ from their accounts."""
        written = {key: array.data() for key, array in self._arrays.items()}
        return {
            key: data for key, data in written.items() if (account := self._call.read(key)) and account.data != data
        }

    def _extend(self, extension: Record) -> None:
        self._extended = True
        self._indexes += set_bits(extension.raw("positive"), ARRAYS_ASIDE)
        # Each bitmap of 512 arrays below the pool's own begins with its lowest.
        negative, size = extension.raw("negative"), ARRAYS_ASIDE // 8
        for part in range(EXTENSION_BYTES // size):
            bits = negative[part * size : (part + 1) * size]
            self._indexes += set_bits(bits, -ARRAYS_ASIDE * (part + 2))

    def _indexes_ahead(self, index: int, zero_for_one: bool) -> Iterator[int]:
        """The numbers of the arrays with initialized ticks, from `index` on. Array n begins with tick n · span."""
        if zero_for_one:
            return iter(sorted((each for each in self._indexes if each <= index), reverse=True))
        return iter(sorted(each for each in self._indexes if each >= index))


def ticks_of(array: Record) -> list[Record]:
    """The initialized ticks of an array."""
    ticks = (array.part(TICK, "ticks", place) for place in range(TICKS_PER_ARRAY))
    return [tick for tick in ticks if tick["liquidity_gross"]]
