"""One execution environment, and the invocation that it runs."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.common.trace import continued
from emulator.lambda_.fork_server import ForkServer
from emulator.lambda_.functions import Invocation
from emulator.lambda_.runtime_api import MAX_RESPONSE, Connection

if TYPE_CHECKING:
    from emulator.lambda_.environments import Pool

MEMORY_SAMPLE = 1.0  # seconds between looks at an environment's memory
PROCESSES = Path("/proc")


class Run:
    """One invocation on its way through a function."""

    __slots__ = ("arn", "deadline", "payload", "request_id", "result", "started", "submitted", "trace")

    def __init__(self, arn: str, payload: bytes, request_id: str) -> None:
        self.arn = arn  # the function's, with the version or alias if the caller named one
        self.payload = payload
        self.request_id = request_id
        identity = request_id.replace("-", "")
        self.trace = continued(identity[16:], f"1-{int(time.time()):08x}-{identity[:24]}")
        self.result: asyncio.Future[Invocation] = asyncio.get_running_loop().create_future()
        self.submitted = time.monotonic()
        self.started = 0.0
        self.deadline: asyncio.TimerHandle | None = None


class Environment:
    """One worker process, from its fork until its exit."""

    def __init__(self, pool: Pool, server: ForkServer) -> None:
        self.identity = secrets.token_hex(16)
        self.pid = 0
        self.run: Run | None = None
        self.idle_since = 0.0
        self.killed = False
        self.initialization: float | None = time.perf_counter()
        self.memory = 0
        self.server = server
        self._scheduled = 0.0, 0.0
        self._memory_read = 0.0
        self._pool = pool
        self._connection = Connection(self)
        with self._connection.theirs as theirs:
            server.fork(self, theirs)

    def free(self) -> None:
        self._pool.free(self)

    def give(self, run: Run) -> None:
        """Gives an invocation to the environment, which must be waiting for one."""
        self.run = run
        run.started = time.perf_counter()
        timeout = self._pool.function.timeout
        if run.deadline is not None:
            run.deadline.cancel()
        run.deadline = asyncio.get_running_loop().call_later(timeout, self._time_out, run)
        self._pool.write_log(f"START RequestId: {run.request_id} Version: $LATEST\n")
        deadline = int((time.time() + timeout) * 1000)
        self._connection.give(run.payload, run.request_id, deadline, run.trace, run.arn)

    def answer(self, payload: bytes | None, *, error: bool) -> None:
        run, self.run = self.run, None
        if run is None:  # it has timed out
            return
        if payload is None:
            message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
            self._pool.fail(run, "Function.ResponseSizeTooLarge", message, self)
        else:
            self._pool.finish(run, Invocation(payload, error, run.request_id), self)

    def fail_initialization(self, payload: bytes) -> None:
        self._pool.initialization_failed(self, payload)

    def exited(self, code: int) -> None:
        self._connection.close()
        run, self.run = self.run, None
        if run is not None:
            self._pool.fail(run, "Runtime.ExitError", exit_message(run.request_id, code), self)
        self._pool.remove(self, code)

    def kill(self) -> None:
        self.killed = True
        self.server.kill(self)

    def scheduled(self) -> tuple[float, float]:
        """Returns how many seconds its main thread has run, and waited for a core, since the last call.

        Both are 0 if nothing tells.
        """
        ran, waited = self._scheduled
        with contextlib.suppress(OSError), open(PROCESSES / str(self.pid) / "schedstat", "rb") as schedule:
            now = schedule.read().split()
            self._scheduled = int(now[0]) / 1e9, int(now[1]) / 1e9
        return self._scheduled[0] - ran, self._scheduled[1] - waited

    def sample_memory(self) -> None:
        """Reads the peak memory in MiB, if the system provides it."""
        now = time.perf_counter()
        if now - self._memory_read < MEMORY_SAMPLE:
            return
        self._memory_read = now
        with contextlib.suppress(OSError), open(PROCESSES / str(self.pid) / "status", "rb") as status:
            for line in status:
                if line.startswith(b"VmHWM:"):
                    self.memory = int(line.split()[1]) // 1024

    def _time_out(self, run: Run) -> None:
        self.run = None
        self._pool.time_out(run, self)
        self.kill()


def exit_message(request_id: str, code: int) -> str:
    """Returns Lambda's message for a process that ended with `code`, an exit status or a negative signal number."""
    if code == 0:
        reason = "Runtime exited without providing a reason"
    elif code > 0:
        reason = f"Runtime exited with error: exit status {code}"
    else:
        reason = f"Runtime exited with error: signal: {(signal.strsignal(-code) or str(-code)).lower()}"
    return f"RequestId: {request_id} Error: {reason}"
