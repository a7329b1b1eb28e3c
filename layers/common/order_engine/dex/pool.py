"""One interface for all kinds of pools. Token a is the program's first token (0, coin, x), token b its second."""

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
    """The immutable state of one pool. Amounts are in base units, `now` in Unix seconds.

    `from_json` checks the state; the constructor does not.
    """

    kind: ClassVar[str]

    def quote(self, amount_in: int, a_to_b: bool, now: int) -> Swap:
        """The swap of exactly `amount_in`.

        Raises `ZeroOutput`, `LiquidityExhausted`, `Overflow`, and `ValueError` for 0 or an amount beyond a u64.
        """

    def output(self, amount_in: int, a_to_b: bool, now: int) -> int:
        """`quote(...).amount_out`, or 0 where `quote` raises `ZeroOutput`. Faster than `quote`."""

    def quote_exact_out(self, amount_out: int, a_to_b: bool, now: int) -> Swap:
        """The swap that pays exactly `amount_out`.

        Raises `LiquidityExhausted`, `Overflow`, and `ValueError` for 0 or an amount beyond a u64.
        """

    def swap(self, amount_in: int, a_to_b: bool, now: int) -> tuple[Swap, Self]:
        """The swap of exactly `amount_in`, and the pool after it. Raises what `quote` raises."""

    def spot_price(self, a_to_b: bool) -> tuple[int, int]:
        """The marginal price without fee, base units out per base unit in, as a fraction."""

    def input_until(self, price: tuple[int, int], a_to_b: bool, now: int) -> int:
        """The largest input after which the marginal price, fees deducted, is still at least `price` (out per in).

        The marginal price is the output for one more base unit of input, before the programs round. Returns 0 if the
        marginal price is below `price` from the start, and never more than `max_input`.
        """

    def max_input(self, a_to_b: bool, now: int) -> int:
        """The largest input that the pool can take: its liquidity and a u64 limit it."""

    def depth(self, a_to_b: bool) -> int:
        """The base units of the output token that the pool holds."""

    def to_json(self) -> object:
        """The state as a JSON object, with every integer as a string."""

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The pool with this state. Integers may be numbers or strings. Raises `CorruptState`."""


KINDS: dict[str, type[Pool]] = {
    pool.kind: pool for pool in (RaydiumCp, RaydiumAmmV4, RaydiumClmm, MeteoraDlmm, MeteoraDammV2)
}


def load(kind: str, value: object) -> Pool:
    """The pool of this kind with this state, as `to_json` returns it. Raises `CorruptState`, which names the field."""
    if kind not in KINDS:
        raise CorruptState("kind", f"one of {', '.join(KINDS)}", kind)
    return KINDS[kind].from_json(value)
