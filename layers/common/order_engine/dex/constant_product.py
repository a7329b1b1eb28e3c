"""The base of constant-product pools: x · y = k."""

from __future__ import annotations

from typing import ClassVar

from order_engine.dex.rounding import U64_MAX


class ConstantProduct:
    """A pool that holds `reserve_a` and `reserve_b`, in base units."""

    __slots__: ClassVar[tuple[str, ...]] = ()

    reserve_a: int
    reserve_b: int

    def spot_price(self, a_to_b: bool) -> tuple[int, int]:
        """The price without fee: base units out per base unit in, as a fraction."""
        return (self.reserve_b, self.reserve_a) if a_to_b else (self.reserve_a, self.reserve_b)

    def max_input(self, a_to_b: bool, now: int) -> int:
        """The largest input that the vault can still hold. A constant product is never exhausted."""
        return U64_MAX - (self.reserve_a if a_to_b else self.reserve_b)

    def depth(self, a_to_b: bool) -> int:
        return self.reserve_b if a_to_b else self.reserve_a

    def to_json(self) -> dict[str, str]:
        return {name: str(getattr(self, name)) for name in self.__slots__}
