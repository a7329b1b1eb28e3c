"""The emulator to measure: a fresh one, or one that is running already."""

from __future__ import annotations

import json
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KEY = "oee_" + secrets.token_urlsafe(32)
UNLIMITED = ("OrdersPerMinute=0", "QuotesPerMinute=0", "ConnectionsPerClient=0")
PARAMETERS = ("MarketLatency=instant", *UNLIMITED, f"DevelopmentKey={KEY}")
ENGINE = ("--postgres", "DatabaseUrl", "--redis", "RedisUrl", *(f"--parameter={item}" for item in PARAMETERS))
FREE_PORTS = ("--rest-port", "0", "--websocket-port", "0", "--aws-port", "0")
INSTANT_LOCALNET = ("--instant", "--still")
"""Options of a localnet on which nobody waits and nobody else trades."""


@contextmanager
def fresh_stack(*options: str, localnet: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Starts a stack; yields its `running.json`, its `data` folder and, as `ready`, the seconds that `up` took.

    It trades on a localnet of its own with the options `localnet`, if these are given.
    """
    with data_folder() as folder:
        if localnet is not None:
            options += on_localnet(folder, *localnet)
        command = [sys.executable, "-m", "emulator", "--data", str(folder), "up", *options, *FREE_PORTS]
        started = time.perf_counter()
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as stack:
            try:
                assert stack.stdout is not None
                if not any(line == "Ready.\n" for line in stack.stdout):
                    raise RuntimeError("expected the stack to come up; its own messages say why it did not")
                ready = time.perf_counter() - started
                yield {**running(folder), "ready": ready}
            finally:
                stack.terminate()
                stack.communicate(timeout=60)


def on_localnet(data: Path, *options: str) -> tuple[str, ...]:
    """Options that make a stack with its data here trade on a localnet of its own."""
    # These need the engine on their path, which other benchmarks do without.
    from localnet.market import LOOKUP_TABLE
    from localnet.wallet import wallet

    path = data / "wallet.json"
    address = wallet(path).pubkey()
    up = [sys.executable, "-m", "localnet", "up", "--port", "0", "--data", str(data / "localnet"), *options]
    process = ["env", f"PYTHONPATH={ROOT}:{ROOT / 'layers' / 'common'}", *up, "--wallet", str(path)]
    parameters = {
        "SolanaCluster": "localnet",
        "WalletKey": path,
        "WalletAddress": address,
        "LookupTables": LOOKUP_TABLE,
    }
    return (
        *("--process", f"SolanaRpcUrl={shlex.join(process)}"),
        *(f"--parameter={name}={value}" for name, value in parameters.items()),
    )


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
