"""Which quote to take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Priced(Protocol):
    """Anything that pays. Amounts in base units of one and the same token."""

    @property
    def venue(self) -> str: ...
    @property
    def amount_out(self) -> int: ...
    @property
    def depth(self) -> int: ...


Q = TypeVar("Q", bound=Priced)


def best(quotes: Sequence[Q]) -> Q:
    """The quote that pays most after fees and price impact; of equal ones the deepest pool's, then by name."""
    return min(quotes, key=lambda quote: (-quote.amount_out, -quote.depth, quote.venue))


def reason(quotes: Sequence[Priced]) -> str:
    """Why the best of them won, in words."""
    first, *others = sorted(quotes, key=lambda quote: (-quote.amount_out, -quote.depth, quote.venue))
    if not others:
        return f"{first.venue} is the only venue with a quote"
    second = others[0]
    if first.amount_out == second.amount_out:
        return f"{first.venue} pays as much as {second.venue} and has the deeper pool"
    hundredths = (first.amount_out - second.amount_out) * 1_000_000 // max(second.amount_out, 1)
    return f"{first.venue} pays {hundredths // 100}.{hundredths % 100:02d} bps more than {second.venue}"
