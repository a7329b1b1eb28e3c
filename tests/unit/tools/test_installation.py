"""`make` and `./orders` on an installation that is not complete, and with data elsewhere."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from order_engine.domain.access import KEY_PREFIX, is_secret
from tests.support.network import closed_port

ROOT = Path(__file__).resolve().parents[3]


def output(*command: str | Path, folder: Path = ROOT) -> tuple[int, str]:
    ended = subprocess.run(
        command, cwd=folder, env={"PATH": os.environ["PATH"]}, text=True, timeout=60, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return ended.returncode, ended.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "orders", tmp_path)
    shutil.copytree(ROOT / "client", tmp_path / "client", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_orders_without_an_installation_says_how_to_install(checkout: Path) -> None:
    assert output(checkout / "orders") == (
        4,
        f"orders: {checkout}/.venv is missing or not complete; make run installs it\n",
    )


def test_orders_says_that_an_installation_was_cut_short(checkout: Path) -> None:
    # GIVEN an environment without packages, and without the stamp that comes last
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    assert output(checkout / "orders") == (
        4,
        f"orders: {checkout}/.venv is missing or not complete; make run installs it\n",
    )

    # AND one that has lost packages since
    (checkout / ".venv" / ".run").touch()
    status, text = output(checkout / "orders")
    assert status == 4
    assert text.startswith(f"orders: the installation in {checkout}/.venv is not complete (No module named ")
    assert text.endswith("; make run completes it\n")


@pytest.mark.parametrize("setting", ["DATA=/else where", "ORDERS_DATA=/else where"])
def test_make_takes_a_data_folder(setting: str) -> None:
    for target in ("run", "user", "market", "sam-local"):
        status, text = output("make", "--dry-run", target, setting)
        assert status == 0
        assert '--data "/else where"' in text


def test_make_runs_on_a_localnet_unless_it_is_told_another_market() -> None:
    for settings, market in (
        ((), "localnet"),
        (("MARKET=simulated",), "simulated"),
        (("SOLANA_RPC_URL=https://node.example/0123456789abcdef", "WALLET=id.json"), "cluster"),
        (("SOLANA_RPC_URL=https://node.example/0123456789abcdef", "MARKET=simulated"), "simulated"),
    ):
        status, text = output("make", "--dry-run", "run", *settings)
        assert status == 0
        assert f'--market "{market}"' in text


@pytest.mark.parametrize("target", ["run", "pools", "programs"])
def test_make_puts_no_url_of_a_node_on_a_command_line(target: str) -> None:
    """Other users can read command lines."""
    url = "SOLANA_RPC_URL=https://node.example/0123456789abcdef"
    status, text = output("make", "--dry-run", target, url, "WALLET=id.json")
    assert status == 0
    assert "0123456789abcdef" not in text


def test_the_data_folder_may_follow_the_action() -> None:
    for data in (("--data", "/else where", "functions"), ("functions", "--data", "/else where")):
        status, text = output(sys.executable, "-m", "emulator", *data)
        assert (status, text) == (1, "emulator: no stack is running with its data in /else where\n")


def test_a_key_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    # GIVEN an installation whose Python is killed, with make, while it writes the key
    for file in ("requirements/uv.txt", "requirements/run.txt", ".venv/.uv", ".venv/.run"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir()
    python.touch(mode=0o755)
    make = ("make", "-f", ROOT / "Makefile", ".local/development-key")
    python.write_text("#!/bin/sh\nprintf oee_ha\nkill -9 0\n")
    killed = subprocess.run(make, cwd=tmp_path, start_new_session=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / ".local" / "development-key").exists()

    # WHEN make runs again
    (tmp_path / "layers").symlink_to(ROOT / "layers")
    python.unlink()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    subprocess.run(make, cwd=tmp_path, timeout=60, check=True)

    # THEN the key is whole, and for its owner only
    key = tmp_path / ".local" / "development-key"
    assert is_secret(KEY_PREFIX, key.read_text().strip())
    assert key.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in key.parent.iterdir()] == ["development-key"]


def installed(folder: Path) -> None:
    """Makes a checkout there that is installed, with the packages of this environment."""
    for file in ("requirements/uv.txt", "requirements/run.txt", ".venv/bin/uv", ".venv/.uv", ".venv/.run"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    python = folder / ".venv/bin/python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    for package in ("layers", "localnet"):
        (folder / package).symlink_to(ROOT / package)


def test_make_writes_a_development_key(tmp_path: Path) -> None:
    installed(tmp_path)
    make = ("make", "-f", ROOT / "Makefile", ".local/development-key")
    subprocess.run(make, cwd=tmp_path, timeout=60, check=True)
    assert is_secret(KEY_PREFIX, (tmp_path / ".local/development-key").read_text().strip())


def test_make_calls_the_localnet_at_its_port(tmp_path: Path) -> None:
    installed(tmp_path)
    with closed_port() as port:
        status, text = output(
            *("make", "-f", ROOT / "Makefile", "localnet", "ARGS=fault drop --times 3", f"LOCALNET_PORT={port}"),
            folder=tmp_path,
        )
    assert status == 2
    assert text.startswith(f"localnet: no localnet answers at http://127.0.0.1:{port} ")
