"""Figures of two revisions that took turns, side by side."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass
class Series:
    """Figures of both revisions by name, one of each revision for each turn, in the same order."""

    before: dict[str, list[float]] = field(default_factory=dict)
    now: dict[str, list[float]] = field(default_factory=dict)

    def add(self, is_base: bool, figures: Mapping[str, float]) -> None:
        """Adds those of one turn. A name that is new counts as 0 in the turns before."""
        series = self.before if is_base else self.now
        turns = max(map(len, series.values()), default=0)
        for name in figures:
            series.setdefault(name, [0.0] * turns)
        for name, values in series.items():
            values.append(figures.get(name, 0.0))

    def rows(self) -> Iterator[list[str]]:
        """A row for each name with a figure other than 0."""
        for name in dict.fromkeys([*self.before, *self.now]):
            before, now = self.before.get(name, []), self.now.get(name, [])
            if any([*before, *now]):
                yield [name, cell(before), cell(now), cell(list(ratios(before, now)), 2)]


def ratios(before: list[float], now: list[float]) -> Iterator[float]:
    """Now to before, turn by turn. A turn in which one of them is missing or 0 has none."""
    for old, new in zip(before, now, strict=False):
        if old and new:
            yield new / old


def cell(values: list[float], digits: int | None = None) -> str:
    """The median, and the least and the most in brackets. Larger figures have fewer digits, unless they are given."""
    if not any(values):
        return ""
    median = statistics.median(values)
    if digits is None:
        digits = 0 if median >= 100 else 1 if median >= 1 else 2
    if len(values) == 1:
        return f"{median:.{digits}f}"
    return f"{median:.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"
