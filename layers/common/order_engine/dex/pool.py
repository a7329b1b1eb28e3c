"""The pools, behind one interface: a is the program's first token (0, coin, x), b its second."""

from __future__ import annotations

from typing import ClassVar, Protocol, Self

from order_engine.dex.errors import CorruptState
from order_engine.dex.meteora_damm_v2 import MeteoraDammV2
from order_engine.dex.meteora_dlmm import MeteoraDlmm
from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.dex.raydium_clmm import RaydiumClmm
from order_engine.dex.raydium_cp import RaydiumCp
from order_engine.dex.swaps import Fees, Swap, min_out

__all__ = ["KINDS", "Fees", "Pool", "Swap", "load", "min_out"]


class Pool(Protocol):
    """The immutable state of one pool. Amounts in base units, `now` in unix seconds, no names in it.

    A pool that is built by hand is trusted; `from_json` checks it.
    """

    kind: ClassVar[str]

    def quote(self, amount_in: int, a_to_b: bool, now: int) -> Swap:
        """Exact in. Raises `ZeroOutput`, `LiquidityExhausted`, `Overflow`, and `ValueError` for an amount not a u64."""

    def output(self, amount_in: int, a_to_b: bool, now: int) -> int:
        """`quote(...).amount_out` without the details, and 0 instead of `ZeroOutput`."""

    def swap(self, amount_in: int, a_to_b: bool, now: int) -> tuple[Swap, Self]:
        """`quote(...)`, and the pool after it."""

    def spot_price(self, a_to_b: bool) -> tuple[int, int]:
        """The marginal price without fee, base units out per base unit in, as a fraction."""

    def input_until(self, price: tuple[int, int], a_to_b: bool, now: int) -> int:
        """The largest input after which the marginal price, fees deducted, is still at least `price` (out per in).

        The marginal price is what one more base unit would buy, the programs' roundings aside. 0 where it starts
        below, and never more than `max_input`.
        """

    def max_input(self, a_to_b: bool, now: int) -> int:
        """The largest input that the pool takes: bounded by its liquidity and by a u64."""

    def depth(self, a_to_b: bool) -> int:
        """Base units of the output token that the pool holds."""

    def to_json(self) -> object:
        """An object of strings, arrays and objects: every integer is a string."""

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Integers as numbers or strings. Raises `CorruptState`, naming the field."""


KINDS: dict[str, type[Pool]] = {
    pool.kind: pool for pool in (RaydiumCp, RaydiumAmmV4, RaydiumClmm, MeteoraDlmm, MeteoraDammV2)
}


def load(kind: str, value: object) -> Pool:
    """The pool of that kind in that state, as `to_json` writes it. Raises `CorruptState`, naming the field."""
    if kind not in KINDS:
        raise CorruptState("kind", f"one of {', '.join(KINDS)}", kind)
    return KINDS[kind].from_json(value)
