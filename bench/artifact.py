"""Builds the functions and runs code in them as Lambda does: in Python 3.13 with only their own files on the path."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from bench.stack import ROOT
from emulator.lambda_.records import Function
from emulator.lambda_.service import process_environment
from emulator.stack import load

HERE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
"""This machine's architecture, by Lambda's name."""

STORES = {"DatabaseUrl": "postgresql://user@localhost/orders", "RedisUrl": "redis://localhost"}
"""Functions do not connect to them before their first event."""

SOLANA = {
    "SolanaRpcUrl": "http://localhost:8899",
    "SolanaCluster": "localnet",
    "WalletKey": "/wallet.json",
    "WalletAddress": "So11111111111111111111111111111111111111112",
}
"""With these, the stack trades on Solana."""


class NoPython(Exception):
    """Lambda's Python is not installed on this machine."""


@cache
def python() -> str:
    """The path of Lambda's Python. Raises `NoPython` if there is none."""
    # The executable itself: python3.13 may be a script of a version manager, whose time would count.
    command = ["python3.13", "-c", "import pip, sys; print(sys.executable)"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoPython("expected python3.13 on PATH, with pip: Lambda's Python") from error


def build(architecture: str, root: Path = ROOT) -> Path:
    """Runs `make build` in a folder for each architecture, so that the build to deploy stays untouched.

    `root` is the folder of the project, which may be another revision. That is built with this one's tools.
    """
    folder = f".aws-sam/{architecture}"
    tools = () if root == ROOT else (f"VENV={sys.prefix}", f"--old-file={sys.prefix}/.dev")
    command = ["make", "build", f"ARCHITECTURE={architecture}", f"BUILD={folder}", "ARGS=", *tools]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return root / folder / "build"


def functions(artifact: Path, parameters: dict[str, str] | None = None) -> list[Function]:
    return list(load(artifact / "template.yaml", STORES | (parameters or {})).of(Function).values())


def run(function: Function, code: str, options: Iterable[str] = ()) -> str:
    """The output of the code in a new environment of the function."""
    environment = process_environment(function, {})
    environment["PYTHONPATH"] = ":".join(map(str, (function.code, *function.search_path)))
    # Without site-packages and current folder, and like Lambda without writing bytecode.
    command = [python(), "-s", "-S", "-P", "-B", *options, "-c", code]
    done = subprocess.run(command, env=environment, cwd=function.code, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{function.name}: {done.stderr}")
    return done.stdout
