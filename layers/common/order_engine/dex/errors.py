"""Why a pool cannot carry out a swap, or cannot be loaded."""

from __future__ import annotations


class DexError(Exception):
    """The pool refuses. None of these is worth the same request again; a smaller or larger amount may be."""


class ZeroOutput(DexError):
    """The input is too small to buy a single base unit."""


class LiquidityExhausted(DexError):
    """The pool holds less than the swap needs. Never a partial fill."""


class Overflow(DexError):
    """An amount passes what the program's integers can hold: u64 for amounts, u128 for products and prices."""


class CorruptState(DexError):
    """A pool's state that no pool of its kind can be in. `field` is its path, such as `bins[3].amount_x`."""

    def __init__(self, field: str, expected: str, was: object) -> None:
        super().__init__(f"{field}: expected {expected}, was {str(was)[:80]!r}")
        self.field = field
