"""Recorded pools whose liquidity is moved to arrays of a test's choice."""

from __future__ import annotations

from collections.abc import Iterable
from struct import pack, pack_into

from order_engine.dex.meteora_dlmm_bins import price_of_bin
from order_engine.dex.raydium_clmm_math import sqrt_price_at_tick
from order_engine.solana.accounts import Account
from order_engine.solana.addresses import SYSTEM, Address, derived
from order_engine.solana.programs import meteora_dlmm, raydium_clmm
from order_engine.solana.programs.program import ProgramPool, Trader
from tests.unit.engine.solana.samples import Sample


def bits(positions: Iterable[int], size: int) -> bytes:
    """A little-endian bitmap of `size` bytes with these bits set."""
    return sum(1 << position for position in positions).to_bytes(size, "little")


def own_bitmap(numbers: Iterable[int]) -> bytes:
    """The bitmap in the pool's account."""
    return bits((number + 512 for number in numbers if -512 <= number < 512), 128)


class ArraySample(Sample):
    """A pool with its price in array `at`, and liquidity in each of the arrays `numbers`."""

    before_arrays: int
    """The accounts of a swap before its arrays."""

    def __init__(self, name: str, numbers: Iterable[int]) -> None:
        super().__init__(name)
        self.numbers = sorted(numbers)

    @property
    def extension(self) -> Address:
        """The address of the bitmap extension."""
        raise NotImplementedError

    def array(self, number: int) -> Address:
        """The address of an array."""
        raise NotImplementedError

    def extend(self) -> None:
        """Writes the bitmap extension."""
        raise NotImplementedError

    def companions(self) -> list[Address]:
        return self.program.companions(self.address, self.account("pool").data)

    def with_arrays(self, known: Iterable[int]) -> ProgramPool:
        """The pool when no other arrays than these were read."""
        unread = {self.array(number): None for number in self.numbers if number not in known}
        return self.program.decode(self.address, self.accounts | unread, self.clock)

    def passed(self, pool: ProgramPool, a_to_b: bool, amount_in: int) -> list[int]:
        """The arrays that a swap passes."""
        addresses = {self.array(number): number for number in self.numbers}
        swap = pool.swap(Trader(SYSTEM, SYSTEM, SYSTEM), a_to_b, amount_in, 1)
        return [addresses[meta.address] for meta in swap.accounts[self.before_arrays :]]

    def _put(self, key: Address, data: bytes) -> None:
        self.accounts[key] = Account(self.program.id, 1, data)


class DlmmSample(ArraySample):
    """A thousand units are in each bin of the arrays."""

    before_arrays = 16

    def __init__(self, at: int, numbers: Iterable[int]) -> None:
        super().__init__("meteora_dlmm", numbers)
        active, bin_step = at * 70 + 35, 1
        self.write("pool", "active_id", active.to_bytes(4, "little", signed=True))
        self.write("pool", "bin_step", bin_step)
        self.write("pool", "bin_array_bitmap", own_bitmap(self.numbers))
        for index in self.numbers:
            bins = bytearray(70 * 144)
            for place, id in enumerate(range(index * 70, index * 70 + 70)):
                price = price_of_bin(id, bin_step).to_bytes(16, "little")
                pack_into("<QQ16s", bins, place * 144, 1_000 * (id >= active), 1_000 * (id <= active), price)
            head = pack("<qq32s", index, 2, self.address)
            self._put(self.array(index), meteora_dlmm.BIN_ARRAY.discriminator + head + bins)

    @property
    def extension(self) -> Address:
        return derived(self.program.id, b"bitmap", self.address)

    def array(self, number: int) -> Address:
        return derived(self.program.id, b"bin_array", self.address, number.to_bytes(8, "little", signed=True))

    def extend(self) -> None:
        above = bits((index - 512 for index in self.numbers if index >= 512), 768)
        below = bits((-513 - index for index in self.numbers if index < -512), 768)
        self._put(self.extension, meteora_dlmm.EXTENSION.discriminator + self.address + above + below)


class ClmmSample(ArraySample):
    """A position of ten million units of liquidity is in each array, around its middle."""

    before_arrays = 14
    span = 60

    def __init__(self, at: int, numbers: Iterable[int]) -> None:
        super().__init__("raydium_clmm", numbers)
        tick = at * self.span + 30
        for field, value in (
            ("tick_spacing", pack("<H", 1)),
            ("tick_current", pack("<i", tick)),
            ("sqrt_price_x64", sqrt_price_at_tick(tick).to_bytes(16, "little")),
            ("liquidity", (10**7 * (at in self.numbers)).to_bytes(16, "little")),
            ("tick_array_bitmap", own_bitmap(self.numbers)),
        ):
            self.write("pool", field, value)
        self.write("config", "tick_spacing", 1)
        for number in self.numbers:
            ticks, start = bytearray(60 * 168), number * self.span
            for place, net in ((5, 10**7), (55, -(10**7))):
                raw = net.to_bytes(16, "little", signed=True)
                pack_into("<i16sQ", ticks, place * 168, start + place, raw, 10**7)
            head = pack("<32si", self.address, start)
            self._put(self.array(number), raydium_clmm.TICK_ARRAY.discriminator + head + ticks + bytes(116))

    @property
    def extension(self) -> Address:
        return derived(self.program.id, b"pool_tick_array_bitmap_extension", self.address)

    def array(self, number: int) -> Address:
        return derived(self.program.id, b"tick_array", self.address, (number * self.span).to_bytes(4, signed=True))

    def extend(self) -> None:
        """Each part of 512 bits begins with its lowest array."""
        above = bits((number - 512 for number in self.numbers if number >= 512), 896)
        below = bits(((-513 - number) // 512 * 512 + number % 512 for number in self.numbers if number < -512), 896)
        self._put(self.extension, raydium_clmm.EXTENSION.discriminator + self.address + above + below)
