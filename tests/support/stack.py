"""The emulator as its users start it: a process with an embedded Postgres and Redis."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from order_engine.domain.access import new_secret

ROOT = Path(__file__).resolve().parents[2]
STORES = ("--postgres", "DatabaseUrl", "--redis", "RedisUrl")
FREE_PORTS = ("--rest-port", "0", "--websocket-port", "0", "--aws-port", "0")
KEY = new_secret("oee_")
WITH_KEY = ("--parameter", f"DevelopmentKey={KEY}")
UNLIMITED = tuple(
    word
    for limit in ("OrdersPerMinute", "QuotesPerMinute", "ConnectionsPerClient", "MaxOrderValue")
    for word in ("--parameter", f"{limit}=0")
)
STILL_MARKET = ("--parameter", "MarketLatency=instant", "--parameter", "MarketDriftBps=0")
TO_THIS_MACHINE = ("--parameter", "WebhookTargets=any")
ENGINE = (*STORES, *STILL_MARKET, *WITH_KEY, *UNLIMITED, *TO_THIS_MACHINE)
LAYER = ROOT / "layers" / "common"
START_SECONDS = 60.0


def command(data: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "emulator", "--data", str(data), "up", *options]


def start(data: Path, errors: Path, *options: str) -> subprocess.Popen[str]:
    with errors.open("w") as stderr:
        return subprocess.Popen(
            command(data, *options),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            # A process group of its own, like a command in a terminal.
            start_new_session=True,
        )


class Stack:
    """A running emulator. Ends with `stop` or `kill`; another `Stack` on the same folder starts it again."""

    def __init__(self, data: Path, *options: str, application: tuple[str, ...] = ENGINE) -> None:
        self.data = data
        self._errors = data / "stderr.log"
        self.process = start(data, self._errors, *FREE_PORTS, *application, *options)
        try:
            self._await_ready()
        except BaseException:
            self.abandon()
            raise
        running = json.loads((data / "running.json").read_text())
        self.rest: str = running["rest"]
        self.websocket: str = running["websocket"]
        self.endpoint: str = running["endpoint"]
        self.parameters: dict[str, str] = running["parameters"]
        self.key = KEY

    @property
    def origin(self) -> str:
        """The origin of the REST API's pages."""
        return self.rest

    def physical(self, logical_id: str) -> str:
        """Returns the physical name of a resource."""
        return logical_id

    def says(self, beginning: str) -> bool:
        """Waits for an output line with this beginning. Returns False if the process ends without one."""
        assert self.process.stdout is not None
        return any(line.startswith(beginning) for line in self.process.stdout)

    def _await_ready(self) -> None:
        giving_up = threading.Timer(START_SECONDS, self.process.kill)
        giving_up.start()
        ready = self.says("Ready.")
        giving_up.cancel()
        if not ready:
            raise AssertionError(f"expected a stack that is ready, was: {self._errors.read_text()}")

    def stop(self) -> None:
        """Stops it with SIGTERM. Fails unless all its processes end in order."""
        everything = self.processes()
        self.process.send_signal(signal.SIGTERM)
        self.await_clean_exit(everything)

    def await_clean_exit(self, everything: list[psutil.Process]) -> None:
        output, _ = self.process.communicate(timeout=60)
        assert output.endswith("Stopped.\n")
        assert self.process.returncode == 0
        assert survivors(everything) == []
        assert not (self.data / "running.json").exists()
        assert "Traceback" not in self._errors.read_text()

    def kill(self) -> None:
        """Kills the emulator and its functions. The stores are separate processes and continue."""
        # It must not start processes while they are counted.
        self.process.send_signal(signal.SIGSTOP)
        stores = [process for store in self.stores() for process in family(store)]
        others = [process for process in self.processes() if process not in stores]
        self.process.kill()
        self.process.communicate()
        assert survivors(others) == []
        assert len(self.stores()) == 2

    def abandon(self) -> None:
        """Kills every process of the stack."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def processes(self) -> list[psutil.Process]:
        """Returns the processes of the emulator, its functions and its stores."""
        emulator = [psutil.Process(self.process.pid)] if self.process.poll() is None else []
        return list(dict.fromkeys(process for one in emulator + self.stores() for process in family(one)))

    def stores(self) -> list[psutil.Process]:
        found = []
        for file in (self.data / "postgres" / "postmaster.pid", self.data / "redis" / "redis.pid"):
            with suppress(FileNotFoundError, psutil.NoSuchProcess):
                process = psutil.Process(int(file.read_text().split()[0]))
                if process.name().startswith(("postgres", "redis", "valkey")):
                    found.append(process)
        return found


@contextmanager
def running(data: Path, *options: str, application: tuple[str, ...] = ENGINE) -> Iterator[Stack]:
    stack = Stack(data, *options, application=application)
    try:
        yield stack
        if stack.process.poll() is None:
            stack.stop()
    finally:
        stack.abandon()


def family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def survivors(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Returns the processes that do not end within 15 seconds. Zombies have ended."""
    give_up = time.monotonic() + 15
    while alive := [process for process in processes if _alive(process)]:
        if time.monotonic() > give_up:
            break
        time.sleep(0.02)
    return alive


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
