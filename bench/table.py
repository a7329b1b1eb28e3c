"""Tables in Markdown."""

from __future__ import annotations


def markdown(columns: list[str], rows: list[list[str]], text: int = 1) -> str:
    """A table whose columns after the first `text` are figures, aligned right."""
    lines = [columns, ["---"] * text + ["---:"] * (len(columns) - text), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def print_table(columns: list[str], rows: list[list[str]]) -> None:
    """Prints a table to paste into docs/benchmarks.md, with its columns padded."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in (columns, *rows)]
    print(markdown(padded[0], padded[1:]), end="")
