"""`order_engine.solana` needs no SDK: urllib3 to call nodes, and cryptography where a key signs, when they do."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

LAYER = Path(__file__).parents[4] / "layers" / "common"
FILES = sorted((LAYER / "order_engine" / "solana").rglob("*.py"))

IMPORT_ALL = """
import sys
sys.path.append(sys.argv[1])
from importlib import import_module
from pkgutil import walk_packages
import order_engine.solana
names = [module.name for module in walk_packages(order_engine.solana.__path__, "order_engine.solana.")]
for name in names:
    import_module(name)
print(len(names))
"""


def packages(source: str) -> set[str]:
    """The packages that a module imports, wherever it does, beside the standard library and the engine."""
    names = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"order_engine"}


def test_solana_needs_two_packages() -> None:
    found = {file.stem: needed for file in FILES if (needed := packages(file.read_text()))}
    assert found == {"nodes": {"urllib3"}, "signing": {"cryptography"}}


def test_all_of_solana_can_be_imported_without_any_package() -> None:
    command = [sys.executable, "-I", "-S", "-B", "-c", IMPORT_ALL, str(LAYER)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(FILES) - 1  # without the package itself
