from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
LAYER = ROOT / "layers" / "common"
HANDLERS = sorted((ROOT / "functions").glob("*/app.py"))
STORES = {"alembic", "boto3", "botocore", "psycopg", "redis", "sqlalchemy"}


def imported_by(statement: str, **environment: str) -> set[str]:
    """The top-level packages that a new process has loaded after the statement."""
    program = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{LAYER}", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(answer.stdout.split())


def modules(package: str) -> list[str]:
    folder = LAYER / "order_engine" / package
    return [f"order_engine.{package}.{path.stem}" for path in folder.glob("*.py") if path.stem != "__init__"]


@pytest.mark.parametrize("path", HANDLERS, ids=[path.parent.name for path in HANDLERS])
def test_a_handler_has_fewer_than_70_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 70


def test_every_function_has_a_handler() -> None:
    folders = {path.name for path in (ROOT / "functions").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {path.parent.name for path in HANDLERS} != set()


@pytest.mark.parametrize("package", ["domain", "dex"])
def test_domain_and_dex_import_no_store_and_no_aws(package: str) -> None:
    found = imported_by(f"import {', '.join(modules(package))}")
    assert not found & STORES
    assert "order_engine" in found


def test_dex_imports_only_the_standard_library() -> None:
    outside = imported_by(f"import {', '.join(modules('dex'))}") - imported_by("") - sys.stdlib_module_names
    assert outside == {"order_engine"}


def test_submission_imports_no_alembic_boto3_or_redis() -> None:
    program = "import order_engine.services.submission, order_engine.storage.orders, order_engine.bootstrap.services"
    assert not imported_by(program, POWERTOOLS_SERVICE_NAME="t") & {"alembic", "sqlalchemy", "boto3", "redis"}
