"""The client as others install it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "client/pyproject.toml").read_text())["project"]


def pip(*arguments: str | Path) -> None:
    """Runs pip without a network: the backend that builds is this environment's."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    subprocess.run(command, timeout=100, check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # The build leaves files beside the sources.
    left = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    copy = shutil.copytree(ROOT / "client", folder / "client", ignore=left)
    pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, copy)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_has_all_modules_and_their_types(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        headers = HeaderParser().parsestr(archive.read(metadata).decode())
    packages = [ROOT / "client" / package for package in ("order_engine_client", "order_engine_cli")]
    sources = {str(file.relative_to(ROOT / "client")) for folder in packages for file in folder.glob("*.py")}
    assert packed == {*sources, "order_engine_client/py.typed"}
    assert (headers["Name"], headers["Version"]) == ("order-engine-client", PROJECT["version"])
    needed = {required.partition(";")[0].strip() for required in headers.get_all("Requires-Dist", [])}
    assert needed == {*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["cli"]}


def test_the_installed_client_needs_nothing_else_of_this_project(wheel: Path, tmp_path: Path) -> None:
    pip("install", "--no-index", "--no-deps", "--target", tmp_path / "installed", wheel)
    program = "import order_engine_client as client, sys; print(client.__file__, 'order_engine' in sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "installed")}, capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    assert ended.stdout == f"{tmp_path}/installed/order_engine_client/__init__.py False\n"
    command = subprocess.run(
        [tmp_path / "installed/bin/orders", "--help"],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "installed")}, capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    assert "Quotes, submits and watches swaps" in command.stdout
