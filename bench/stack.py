"""The emulator to measure: a fresh one, or one that is running already."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from emulator.stores import free_port

ROOT = Path(__file__).resolve().parent.parent
KEY = "oee_" + secrets.token_urlsafe(32)
UNLIMITED = ("OrdersPerMinute=0", "QuotesPerMinute=0", "ConnectionsPerClient=0")
PARAMETERS = ("MarketLatency=instant", *UNLIMITED, f"DevelopmentKey={KEY}")
ENGINE = ("--postgres", "DatabaseUrl", "--redis", "RedisUrl", *(f"--parameter={item}" for item in PARAMETERS))
FREE_PORTS = ("--rest-port", "0", "--websocket-port", "0", "--aws-port", "0")
INSTANT_LOCALNET = ("--instant", "--still")
"""Options of a localnet on which nobody waits and nobody else trades."""


@contextmanager
def fresh_stack(
    *options: str,
    localnet: Sequence[str] | None = None,
    root: Path = ROOT,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[dict[str, Any]]:
    """Starts a stack; yields its `running.json`, its `data` folder and, as `ready`, the seconds that `up` took.

    It trades on a localnet of its own with the options `localnet`, if these are given. `root` is the folder of the
    project, which may be another revision. The emulator gets these variables besides its environment.
    """
    with data_folder() as folder:
        if localnet is not None:
            # It needs the engine on its path, which other benchmarks do without.
            from tools.run import on_localnet

            options += tuple(on_localnet(folder, None, None, free_port(), *localnet, root=root))
        command = [sys.executable, "-m", "emulator", "--data", str(folder), "up", *options, *FREE_PORTS]
        # Python finds the emulator in the current folder, unless an inherited path comes first.
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | dict(environment)
        started = time.perf_counter()
        with subprocess.Popen(command, cwd=root, env=variables, stdout=subprocess.PIPE, text=True) as stack:
            try:
                assert stack.stdout is not None
                if not any(line == "Ready.\n" for line in stack.stdout):
                    raise RuntimeError("expected the stack to come up; its own messages say why it did not")
                ready = time.perf_counter() - started
                yield {**running(folder), "ready": ready}
            finally:
                stack.terminate()
                stack.communicate(timeout=60)


@contextmanager
def data_folder() -> Iterator[Path]:
    """Yields a temporary folder in which the embedded Postgres can run."""
    with tempfile.TemporaryDirectory() as folder:
        # Postgres does not run as root: it runs as another user, who must be able to reach the folder.
        Path(folder).chmod(0o755)
        yield Path(folder)


def running(data: Path) -> dict[str, Any]:
    """The running stack that has its data here: its `running.json`, and its `data` folder."""
    return {**json.loads((data / "running.json").read_text()), "data": str(data.resolve())}
