"""A stack to measure: a fresh one with the instant market, or the one that is up."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def running_stack(data: Path | None) -> Iterator[dict[str, Any]]:
    """What `running.json` says of it: `pid`, `rest`, `websocket`, `endpoint`."""
    if data is not None:
        yield json.loads((data / "running.json").read_text())
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        command = [
            *(
                sys.executable,
                "-m",
                "emulator",
                "--data",
                folder,
                "up",
                "--postgres",
                "DatabaseUrl",
                "--redis",
                "RedisUrl",
            ),
            *("--parameter", "MarketLatency=instant", "--rest-port", "0", "--websocket-port", "0", "--aws-port", "0"),
        ]
        started = time.perf_counter()
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as stack:
            try:
                assert stack.stdout is not None
                if not any(line == "Ready.\n" for line in stack.stdout):
                    raise RuntimeError("the stack did not come up")
                print(f"ready after {time.perf_counter() - started:.2f} s\n")
                yield json.loads((Path(folder) / "running.json").read_text())
            finally:
                stack.terminate()
                stack.communicate(timeout=60)
