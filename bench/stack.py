"""Emulators to measure: fresh ones, or the one that is up."""

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
PARAMETERS = ("MarketLatency=instant", "OrdersPerMinute=0", "ConnectionsPerClient=0", f"DevelopmentKey={KEY}")
ENGINE = ("--postgres", "DatabaseUrl", "--redis", "RedisUrl", *(f"--parameter={item}" for item in PARAMETERS))
FREE_PORTS = ("--rest-port", "0", "--websocket-port", "0", "--aws-port", "0")


@contextmanager
def running_stack(data: Path | None) -> Iterator[dict[str, Any]]:
    """What `running.json` says of the engine, with the instant market or as it is up: `pid`, `rest`, `websocket`, …"""
    if data is not None:
        yield json.loads((data / "running.json").read_text())
        return
    with fresh_stack(*ENGINE) as stack:
        print(f"ready after {stack['ready']:.2f} s\n")
        yield stack


@contextmanager
def fresh_stack(*options: str) -> Iterator[dict[str, Any]]:
    """What `running.json` says of a stack of its own, and `ready`: the seconds that `up` took."""
    with tempfile.TemporaryDirectory() as folder:
        # Run by root, Postgres runs as another user, who must be able to get there.
        Path(folder).chmod(0o755)
        command = [sys.executable, "-m", "emulator", "--data", folder, "up", *options, *FREE_PORTS]
        started = time.perf_counter()
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as stack:
            try:
                assert stack.stdout is not None
                if not any(line == "Ready.\n" for line in stack.stdout):
                    raise RuntimeError("the stack did not come up")
                ready = time.perf_counter() - started
                yield {**json.loads((Path(folder) / "running.json").read_text()), "ready": ready}
            finally:
                stack.terminate()
                stack.communicate(timeout=60)
