"""The arrays of bins or ticks around a pool's position, and the bitmaps that say which arrays exist.

Array `n` holds the bins or ticks from `n` times its span on. A pool's own bitmap covers the arrays from -512 to 511. An
account beside it, its bitmap extension, covers the others.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Generic, NamedTuple, Self, TypeVar

from order_engine.solana.accounts import Account

Held = TypeVar("Held")

ARRAYS_AHEAD = 3
"""How many existing arrays a quote reads in each direction. A swap passes as many, or all that it reaches."""

MAX_PARSED = 256
"""Arrays to keep: those of some fifty pools. Each takes about 20 kB."""

OWN = range(-512, 512)
"""The arrays that a pool's own bitmap covers."""


class Arrays(NamedTuple):
    """Arrays that exist on either side of a pool's position, nearest first; that of the position is on both sides."""

    below: Sequence[int]
    above: Sequence[int]

    @classmethod
    def around(cls, position: int, existing: Sequence[int]) -> Self:
        """`position` is the array of the active bin or the current tick, `existing` are arrays in order."""
        return cls(existing[: bisect_right(existing, position)][::-1], existing[bisect_left(existing, position) :])

    @property
    def nearest(self) -> Self:
        """As many as a quote reads."""
        return self._replace(below=self.below[:ARRAYS_AHEAD], above=self.above[:ARRAYS_AHEAD])

    @property
    def are_enough(self) -> bool:
        """Whether there are as many on both sides as a quote reads."""
        return min(len(self.below), len(self.above)) >= ARRAYS_AHEAD

    @property
    def numbers(self) -> list[int]:
        """Those of both sides, in order."""
        return sorted({*self.below, *self.above})

    def known(self, is_known: Callable[[int], bool]) -> Self:
        """Those up to the first on either side that is not known."""
        return self._replace(below=_until(self.below, is_known), above=_until(self.above, is_known))

    def passed(self, a_to_b: bool, last: int) -> Sequence[int]:
        """Those that a swap passes which reaches array `last`: downwards if token a comes in."""
        ahead = self.below if a_to_b else self.above
        reached = sum(number >= last if a_to_b else number <= last for number in ahead)
        return ahead[: max(reached, ARRAYS_AHEAD)]


class Parsed(Generic[Held]):
    """What arrays hold, parsed again only when their accounts have changed: a swap changes few of its pool's arrays."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[Account | None, Held]] = {}

    def of(self, key: Hashable, account: Account | None, parse: Callable[[], Held]) -> Held:
        """What the array holds: `parse` depends on nothing but the account and `key`."""
        kept = self._kept.get(key)
        if kept is None or kept[0] != account:
            if len(self._kept) == MAX_PARSED:
                self._kept.clear()
            kept = self._kept[key] = account, parse()
        return kept[1]


def own_arrays(bitmap: bytes) -> list[int]:
    """The arrays that exist according to a pool's own bitmap, in order."""
    return [OWN.start + bit for bit in set_bits(bitmap)]


def beyond_own_bitmap(position: int) -> list[int]:
    """The arrays next to the position that a pool's own bitmap does not cover, whether they exist or not."""
    return [number for number in range(position - ARRAYS_AHEAD + 1, position + ARRAYS_AHEAD) if number not in OWN]


def set_bits(bitmap: bytes) -> Iterator[int]:
    """The positions of the bits that are set in a little-endian bitmap, lowest first."""
    bits = int.from_bytes(bitmap, "little")
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _until(numbers: Sequence[int], is_known: Callable[[int], bool]) -> Sequence[int]:
    return numbers[: next((index for index, number in enumerate(numbers) if not is_known(number)), len(numbers))]
