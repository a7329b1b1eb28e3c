"""Why a pool cannot carry out a swap, or cannot be loaded."""

from __future__ import annotations


class DexError(Exception):
    """The pool refuses the swap. The same request fails again; another amount may succeed."""


class ZeroOutput(DexError):
    """The input is too small to buy a single base unit."""


class LiquidityExhausted(DexError):
    """The pool holds less than the swap needs. A swap is never filled in part."""


class Overflow(DexError):
    """A value exceeds the program's integers: u64 for amounts, u128 for products and prices."""


class CorruptState(DexError):
    """No pool of this kind can have this state. `field` is the path of the wrong value, such as `bins[3].amount_x`."""

    def __init__(self, field: str, expected: str, was: object) -> None:
        super().__init__(f"{field}: expected {expected}, was {str(was)[:80]!r}")
        self.field = field
