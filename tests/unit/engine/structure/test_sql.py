"""SQL contains constants only; all other values are parameters."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

LAYER = Path(__file__).parents[4] / "layers" / "common" / "order_engine"
SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER TABLE|DROP)\b")
# Migrations have no input.
FILES = [path for path in LAYER.rglob("*.py") if "migrations" not in path.parts and SQL.search(path.read_text())]


def composed(source: str) -> Iterator[ast.AST]:
    """Every expression that composes SQL: f-strings, `%`, `+` and `format`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr | ast.BinOp | ast.Call) and SQL.search(ast.unparse(node)):
            if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Add | ast.Mod):
                continue
            if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Attribute) and node.func.attr == "format"):
                continue
            yield node


def is_constant(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id.isupper()


def violations(source: str) -> list[str]:
    return [
        ast.unparse(node)
        for node in composed(source)
        if not isinstance(node, ast.JoinedStr)
        or not all(is_constant(part.value) for part in node.values if isinstance(part, ast.FormattedValue))
    ]


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(LAYER)) for path in FILES])
def test_only_constants_are_put_into_sql(path: Path) -> None:
    assert violations(path.read_text()) == []


def test_the_files_with_sql_are_found() -> None:
    assert {"orders.py", "subscriptions.py", "clients.py", "connections.py"} <= {path.name for path in FILES}


@pytest.mark.parametrize(
    "source",
    [
        'f"SELECT * FROM orders WHERE id = {id}"',
        'f"DELETE FROM {table}"',
        '"SELECT %s" % name',
        '"SELECT " + name',
        '"SELECT {}".format(name)',
    ],
)
def test_a_variable_in_sql_is_reported(source: str) -> None:
    assert violations(source) != []
