"""Flat little-endian records, as the programs store them in accounts."""

from __future__ import annotations

import hashlib
from typing import Any

from order_engine.domain.errors import CorruptPool

_INTEGERS = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "u128": 16, "i32": 4, "i64": 8, "i128": 16}
ADDRESS = "address"
_ADDRESS_BYTES = 32


def anchor_discriminator(namespace: str, name: str) -> bytes:
    """The first eight bytes of an Anchor account (`account`) or instruction (`global`)."""
    return hashlib.sha256(f"{namespace}:{name}".encode()).digest()[:8]


class Layout:
    """The named fields of an account of `size` bytes that begins with `discriminator`.

    A field is an integer such as `u64`, an `address`, or a number of bytes. Fields named `_` are padding.
    """

    def __init__(self, name: str, discriminator: bytes, *fields: tuple[str, str | int]) -> None:
        self.name = name
        self.discriminator = discriminator
        self.offsets: dict[str, int] = {}
        self._fields: list[tuple[str, str | int, int, int]] = []
        at = len(discriminator)
        for field, kind in fields:
            size = kind if isinstance(kind, int) else _INTEGERS.get(kind, _ADDRESS_BYTES)
            if field != "_":
                self._fields.append((field, kind, at, at + size))
                self.offsets[field] = at
            at += size
        self.size = at

    def decode(self, data: bytes) -> dict[str, Any]:
        """The fields by name: integers, and bytes for everything else. Raises `CorruptPool`."""
        if len(data) < self.size:
            raise CorruptPool(f"expected {self.name} of {self.size} bytes, was {len(data)} bytes")
        if not data.startswith(self.discriminator):
            was = data[: len(self.discriminator)].hex()
            raise CorruptPool(f"expected {self.name} with discriminator {self.discriminator.hex()}, was {was}")
        return {
            field: int.from_bytes(data[start:end], "little", signed=kind[0] == "i")
            if isinstance(kind, str) and kind in _INTEGERS
            else data[start:end]
            for field, kind, start, end in self._fields
        }
