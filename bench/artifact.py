"""What `make build` has made, and its functions as Lambda starts them: by Python 3.13, and nothing else on the path."""

from __future__ import annotations

import platform
import subprocess
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
"""Nothing connects to them before the first event."""


class NoPython(Exception):
    """Lambda's Python is not on this machine."""


@cache
def python() -> str:
    """Lambda's Python. Raises `NoPython`."""
    # Not by a name that may be a script of a version manager's, whose time would count.
    command = ["python3.13", "-c", "import pip, sys; print(sys.executable)"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoPython("expected python3.13 on PATH, with pip: Lambda's Python") from error


def build(architecture: str) -> Path:
    """Runs `make build`, in a folder of its own for each architecture: what is about to be deployed stays as it is."""
    folder = f".aws-sam/{architecture}"
    command = ["make", "build", f"ARCHITECTURE={architecture}", f"BUILD={folder}", "ARGS="]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return ROOT / folder / "build"


def functions(artifact: Path) -> list[Function]:
    return list(load(artifact / "template.yaml", STORES).of(Function).values())


def run(function: Function, code: str, options: Iterable[str] = ()) -> str:
    """What the code prints in a new environment of the function's."""
    environment = process_environment(function, "localhost", {})
    environment["PYTHONPATH"] = ":".join(map(str, (function.code, *function.search_path)))
    # No site-packages, no current folder, and as on Lambda no way to keep bytecode that is made now.
    command = [python(), "-s", "-S", "-P", "-B", *options, "-c", code]
    done = subprocess.run(command, env=environment, cwd=function.code, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{function.name}: {done.stderr}")
    return done.stdout
