"""Accounts as the programs lay them out: named fields at fixed offsets, little-endian."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from solders.pubkey import Pubkey

_INTEGERS = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "u128": 16, "u256": 32, "i32": 4, "i64": 8, "i128": 16}
_KEY = "key"
_KEY_BYTES = 32


class Layout:
    """The fields of a record of `size` bytes that begins with `discriminator`, in hex.

    A field is its offset and its type: an integer such as `u64`, a `key`, or a number of bytes.
    """

    def __init__(self, size: int, discriminator: str = "", **fields: tuple[int, str | int]) -> None:
        self.size = size
        self.discriminator = bytes.fromhex(discriminator)
        self.fields = {
            name: (offset, offset + (kind if isinstance(kind, int) else _INTEGERS.get(kind, _KEY_BYTES)), kind)
            for name, (offset, kind) in fields.items()
        }

    def span(self, name: str) -> slice:
        start, end, _ = self.fields[name]
        return slice(start, end)


class Record:
    """The data of an account, or a part of it, that is read and changed in place by the names of its fields."""

    def __init__(self, layout: Layout, data: memoryview) -> None:
        self.layout = layout
        self._data = data

    @classmethod
    def of(cls, layout: Layout, data: bytes) -> Self:
        """A copy of an account's data."""
        return cls(layout, memoryview(bytearray(data)))

    @classmethod
    def new(cls, layout: Layout, **fields: int | bytes | Pubkey) -> Self:
        """A new account with these fields, and zeros elsewhere."""
        record = cls.of(layout, layout.discriminator.ljust(layout.size, b"\0"))
        for name, value in fields.items():
            record.set(name, value)
        return record

    def __getitem__(self, name: str) -> int:
        start, end, kind = self.layout.fields[name]
        return int.from_bytes(self._data[start:end], "little", signed=str(kind).startswith("i"))

    def __setitem__(self, name: str, value: int) -> None:
        """A value beyond the field's integers wraps around."""
        start, end, _ = self.layout.fields[name]
        size = end - start
        self._data[start:end] = (value % (1 << 8 * size)).to_bytes(size, "little")

    def set(self, name: str, value: int | bytes | Pubkey) -> None:
        if isinstance(value, int):
            self[name] = value
        else:
            self._data[self.layout.span(name)] = bytes(value)

    def key(self, name: str) -> Pubkey:
        return Pubkey(bytes(self._data[self.layout.span(name)]))

    def raw(self, name: str) -> bytes:
        return bytes(self._data[self.layout.span(name)])

    def part(self, layout: Layout, name: str, index: int) -> Record:
        """One of the records that the field `name` holds side by side. A change to it changes this record."""
        start = self.layout.fields[name][0] + index * layout.size
        return Record(layout, self._data[start : start + layout.size])

    def data(self) -> bytes:
        return bytes(self._data)


def set_bits(bitmap: bytes, first: int) -> list[int]:
    """The numbers of the bits that are set in a bitmap whose lowest bit is number `first`."""
    bits = int.from_bytes(bitmap, "little")
    return [first + bit for bit in range(bits.bit_length()) if bits >> bit & 1]


def bitmap(numbers: Iterable[int], first: int, size: int) -> bytes:
    """The bitmap of `size` bytes in which the bits with these numbers are set; others' numbers are not in it."""
    bits = (number - first for number in numbers)
    return sum(1 << bit for bit in bits if 0 <= bit < 8 * size).to_bytes(size, "little")
