"""A table to paste into docs/benchmarks.md."""

from __future__ import annotations


def print_table(columns: list[str], rows: list[list[str]]) -> None:
    """Figures to the right: every column but the first."""
    table = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("|", " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)), "|")
