"""Tables in Markdown."""

from __future__ import annotations


def markdown(columns: list[str], rows: list[list[str]], text: int = 1, padded: bool = False) -> str:
    """A table whose columns after the first `text` are figures, aligned right. `padded` aligns its source too."""
    lines = [columns, ["---"] * text + ["---:"] * (len(columns) - text), *rows]
    widths = [max(map(len, column)) if padded else 0 for column in zip(*lines, strict=True)]
    return "".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |\n" for line in lines
    )


def print_table(columns: list[str], rows: list[list[str]]) -> None:
    """Prints a table to paste into docs/benchmarks.md."""
    print(markdown(columns, rows, padded=True), end="")
