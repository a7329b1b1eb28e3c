"""A localnet in a process of its own, which keeps its port and its folder whatever happens to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from localnet.commands import CommandError, call
from tests.support.network import closed_port
from tests.support.stack import LAYER, ROOT, START_SECONDS


class LocalnetNode:
    """Runs from the start. Other traders, with this seed, move the pools. A slot takes 0.4 seconds."""

    def __init__(self, data: Path, seed: int) -> None:
        with closed_port() as port:
            self.url = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, "-m", "localnet", "up", "--port", str(port), "--data", str(data)]
        self._command += ["--seed", str(seed)]
        self._log = data.with_suffix(".log")
        self._process = self._start()

    def call(self, method: str, *params: Any) -> Any:
        return call(self.url, method, *params)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def start(self) -> None:
        self._process = self._start()

    def pause(self, seconds: float) -> None:
        """Stops it for a while. It accepts connections and answers none."""
        self._process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._process.send_signal(signal.SIGCONT)

    def errors(self) -> list[str]:
        """The errors that it has logged in all its lives."""
        return [line for line in self._log.read_text().splitlines() if " ERROR " in line or "Traceback" in line]

    def _start(self) -> subprocess.Popen[bytes]:
        """Starts it until it answers: something may use its port while it is down."""
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            with self._log.open("ab") as log:
                process = subprocess.Popen(
                    self._command,
                    cwd=ROOT,
                    env={**os.environ, "PYTHONPATH": f"{ROOT}:{LAYER}"},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    start_new_session=True,
                )
            while process.poll() is None and time.monotonic() < give_up:
                try:
                    self.call("getHealth")
                except CommandError:
                    time.sleep(0.05)
                else:
                    return process
            process.kill()
            time.sleep(0.1)
        raise AssertionError(f"expected a localnet that starts, was {self._command}")
