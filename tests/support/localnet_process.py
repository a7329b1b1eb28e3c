"""A localnet in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localnet.commands import call

ROOT = Path(__file__).parents[2]


class LocalnetProcess:
    """`python -m localnet up`, which has printed its URL."""

    def __init__(self, data: Path, *options: str) -> None:
        command = [sys.executable, "-m", "localnet", "up", "--port", "0", "--data", str(data), *options]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise AssertionError(self.process.communicate()[1])

    def __call__(self, method: str, *params: Any) -> Any:
        """The result of a method. Raises `CommandError`."""
        return call(self.url, method, *params)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Ends it. Returns its exit code, and what else it has printed and logged."""
        self.process.send_signal(number)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        with self.process:
            output, errors = self.process.stdout.read(), self.process.stderr.read()
        return self.process.returncode, output, errors


@contextmanager
def localnet_process(data: Path, *options: str) -> Iterator[LocalnetProcess]:
    localnet = LocalnetProcess(data, *options)
    try:
        yield localnet
    finally:
        if localnet.process.poll() is None:
            localnet.stop()


def localnet_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `python -m localnet` with these arguments until it ends."""
    command = [sys.executable, "-m", "localnet", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=False)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": "layers/common"}
