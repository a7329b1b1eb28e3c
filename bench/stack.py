"""The emulator to measure: a fresh one, or one that is running already."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KEY = "oee_" + secrets.token_urlsafe(32)
UNLIMITED = ("OrdersPerMinute=0", "QuotesPerMinute=0", "ConnectionsPerClient=0")
PARAMETERS = ("MarketLatency=instant", *UNLIMITED, f"DevelopmentKey={KEY}")
ENGINE = ("--postgres", "DatabaseUrl", "--redis", "RedisUrl", *(f"--parameter={item}" for item in PARAMETERS))
FREE_PORTS = ("--rest-port", "0", "--websocket-port", "0", "--aws-port", "0")


@contextmanager
def running_stack(data: Path | None) -> Iterator[dict[str, Any]]:
    """Yields the running stack that has its data here, or starts one with the instant market; as `fresh_stack`."""
    if data is not None:
        yield _running(data)
        return
    with fresh_stack(*ENGINE) as stack:
        print(f"ready after {stack['ready']:.2f} s\n")
        yield stack


@contextmanager
def fresh_stack(*options: str) -> Iterator[dict[str, Any]]:
    """Starts a stack; yields its `running.json`, its `data` folder and, as `ready`, the seconds that `up` took."""
    with data_folder() as folder:
        command = [sys.executable, "-m", "emulator", "--data", str(folder), "up", *options, *FREE_PORTS]
        started = time.perf_counter()
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as stack:
            try:
                assert stack.stdout is not None
                if not any(line == "Ready.\n" for line in stack.stdout):
                    raise RuntimeError("expected the stack to come up; its own messages say why it did not")
                ready = time.perf_counter() - started
                yield {**_running(folder), "ready": ready}
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


def _running(data: Path) -> dict[str, Any]:
    return {**json.loads((data / "running.json").read_text()), "data": str(data.resolve())}
