"""Tables for a terminal. No word in them is ever cut or broken: ids and addresses are for copying.

A line that is longer than the terminal is wide is left to the terminal, which copies it as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

ENDLESS = 1_000_000
"""The width of what is no terminal: there each record is one line."""

_PROSE = 24
"""The least width of a column that wraps."""


class Facts:
    """A title and a value on each line. Values of several words wrap."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, Text]] = []

    def add(self, title: str, value: str | Text | None) -> None:
        """Adds a line, unless there is no value."""
        if value is not None:
            self._rows.append((title, value if isinstance(value, Text) else Text(value)))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        titles = max(cell_len(title) for title, _ in self._rows)
        for title, value in self._rows:
            row = Table.grid(padding=(0, 2))
            row.add_column(min_width=titles)
            row.add_row(Text(title, "dim"), value)
            least = Measurement.get(console, options.update(width=ENDLESS), row).minimum
            yield from console.render(row, options.update(width=max(least, options.max_width)))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a `Listing`. `rank` 0 is always shown; of the others, the highest is given up first."""

    title: str
    cells: Sequence[str | Text]
    rank: int = 0
    justify: Literal["left", "right"] = "left"
    wraps: bool = False

    @property
    def is_empty(self) -> bool:
        return not any(map(str, self.cells))

    @property
    def width(self) -> int:
        """The least width in which no word is cut."""
        texts = [str(cell) for cell in (self.title, *self.cells)]
        longest = max(map(cell_len, texts))
        if not self.wraps:
            return longest
        return max(min(longest, _PROSE), *(cell_len(word) for text in texts for word in text.split()))


class Listing:
    """A record on each line. Leaves out columns without content, and those for which the terminal is too narrow."""

    def __init__(self, columns: Iterable[Column]) -> None:
        self._columns = [column for column in columns if not column.is_empty]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = list(self._columns)
        left_out: list[str] = []
        while _width(columns) > options.max_width and (least := max(columns, key=lambda column: column.rank)).rank:
            columns.remove(least)
            left_out.insert(0, least.title)
        table = Table(box=None)
        for column in columns:
            table.add_column(column.title, justify=column.justify, no_wrap=not column.wraps, min_width=column.width)
        for row in zip(*(column.cells for column in columns), strict=True):
            table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
        yield from console.render(table, options.update(width=max(_width(columns), options.max_width)))
        if left_out:
            yield Text(f" in a wider terminal, or with --json: {', '.join(left_out)}", "dim")


def _width(columns: Sequence[Column]) -> int:
    """A space stands on both sides of each column."""
    return sum(column.width + 2 for column in columns)
