"""Manages the execution environments of one function: forks them, reuses them for invocations, and ends them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import signal
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from emulator.lambda_.environment import Environment, Run, exit_message
from emulator.lambda_.fork_server import ForkServer
from emulator.lambda_.functions import Invocation
from emulator.lambda_.records import Function
from emulator.lambda_.standbys import Standbys

INITIALIZATION_LIMIT = 10.0  # seconds for the init phase, in addition to the function's timeout, as in Lambda
IDLE_LIMIT = 60.0  # seconds after which an unused environment is ended
SURPLUS_LIMIT = 5.0  # the same, while more than KEPT are unused: those of a burst
KEPT = 2
PATIENCE = 0.05  # seconds that an invocation waits for a busy environment: a few warm ones do more than many
LONGEST_WAIT = 1.0  # the same where no core is free, since the others may need the answer of this invocation
CONTENDED = 0.15  # part of its time that an environment waits for a core where no core is free for one more
FORKS_AT_ONCE = 2  # more would only slow down those that are starting


@dataclass(slots=True)
class Counters:
    """`duration` in seconds, summed over the invocations; `running` includes those that wait for an environment."""

    invocations: int = 0
    errors: int = 0
    throttles: int = 0
    cold_starts: int = 0
    duration: float = 0.0
    running: int = 0


class Pool:
    """The environments of a function, and the invocations that wait for one of them."""

    def __init__(self, function: Function, log: Path, environment: dict[str, str], standbys: Standbys) -> None:
        self.function = function
        self.environment = environment
        self.counters = Counters()
        self._waiting: deque[Run] = deque()
        self._idle: list[Environment] = []  # the most recently used one last
        self._environments: set[Environment] = set()
        self._starting: set[Environment] = set()
        self._servers: set[ForkServer] = set()
        self._server: ForkServer | None = None
        self._standbys = standbys
        self._missing = 0  # environments to fork for invocations that have waited
        self._forked = 0.0
        self._lookout: asyncio.TimerHandle | None = None
        self._reaper: asyncio.TimerHandle | None = None
        self._settled = asyncio.Event()
        self._settled.set()
        self._closed = False
        self._log_path = log
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def start(self) -> None:
        """Starts importing the handler."""
        self._server = ForkServer(self)
        self._server.start_from(
            self._standbys.of(self.function), self.function, self.environment, self._log_path.resolve()
        )
        self._servers.add(self._server)

    async def prepare(self) -> None:
        """Imports the handler, also again if nothing has used it and it could share more by now."""
        server = self._server
        if server is not None and server.outdated and not server.environments:
            self._server = None
            server.stop()
        if self._server is None:
            self.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(INITIALIZATION_LIMIT):
                while self._server is not None and not self._server.ready:
                    await self._server.settled.wait()

    def submit(self, run: Run) -> None:
        """Runs the invocation in a free environment, or in the first that becomes free."""
        self.counters.invocations += 1
        self.counters.running += 1
        self._settled.clear()
        if self._idle:
            self._idle.pop().give(run)
            return
        limit = INITIALIZATION_LIMIT + self.function.timeout
        run.deadline = asyncio.get_running_loop().call_later(limit, self._expire, run)
        self._waiting.append(run)
        if self._server is None:
            self.start()
        self.grow()
        if self._lookout is None:
            self._blocked()  # what it returns next counts from here
            self._lookout = asyncio.get_running_loop().call_later(PATIENCE, self._look)

    def grow(self) -> None:
        """Forks the first environment for waiting invocations, and those that are missing."""
        server = self._server
        if server is None or not server.forks:
            return
        while (self._missing > 0 or not server.environments) and len(self._starting) < min(
            len(self._waiting), FORKS_AT_ONCE
        ):
            self._missing = max(self._missing - 1, 0)
            self._forked = time.monotonic()
            environment = Environment(self, server)
            self._environments.add(environment)
            self._starting.add(environment)

    def _look(self) -> None:
        """Forks more environments if the others wait for something else than a core, or after a long wait."""
        self._lookout = None
        if not self._waiting:
            return
        if not self._environments:
            self._missing = 0  # the first one starts when the handler has been imported
        elif blocked := self._blocked():
            self._missing = max(1, int(len(self._waiting) * blocked)) - len(self._starting)
        else:
            waited = time.monotonic() - max(self._waiting[0].submitted, self._forked)
            self._missing = int(waited >= LONGEST_WAIT)
        self.grow()
        self._lookout = asyncio.get_running_loop().call_later(PATIENCE, self._look)

    def _blocked(self) -> float:
        """Returns the part of the last PATIENCE in which the environments waited for something else than a core.

        It is 0 if one of them waited for a core for long.
        """
        scheduled = [environment.scheduled() for environment in self._environments]
        if any(waited > CONTENDED * PATIENCE for _, waited in scheduled):
            return 0.0
        busy = sum(ran + waited for ran, waited in scheduled)
        return 1.0 - min(busy / (PATIENCE * max(len(scheduled), 1)), 1.0)

    def free(self, environment: Environment) -> None:
        """Gives the free environment the next invocation, or keeps it for later."""
        started_now = environment in self._starting
        if started_now:
            self._starting.discard(environment)
            self.counters.cold_starts += 1
            started = environment.initialization or 0.0
            environment.initialization = time.perf_counter() - started
        if environment.killed:
            return
        if environment.server is not self._server or self._closed:
            environment.kill()
        elif self._waiting:
            environment.give(self._waiting.popleft())
            if started_now:
                self.grow()
        else:
            environment.idle_since = time.monotonic()
            self._idle.append(environment)
            if self._reaper is None:
                self._reaper = asyncio.get_running_loop().call_later(min(IDLE_LIMIT, SURPLUS_LIMIT), self._reap)

    def initialization_failed(self, environment: Environment, payload: bytes) -> None:
        self._starting.discard(environment)
        if self._waiting:
            run = self._waiting.popleft()
            run.started = time.perf_counter()
            self.write_log(f"START RequestId: {run.request_id} Version: $LATEST\n")
            self.finish(run, Invocation(payload, True, run.request_id), None)

    def remove(self, environment: Environment, code: int) -> None:
        """The environment has exited."""
        self._environments.remove(environment)
        if environment in self._idle:
            self._idle.remove(environment)
        if environment in self._starting:
            self._starting.discard(environment)
            if self._waiting and environment.pid and not environment.killed:
                self._exit_waiting(code)
        if environment.server is not self._server and not environment.server.environments:
            environment.server.stop()
        self.grow()

    def fork_server_ended(self, server: ForkServer, code: int) -> None:
        self._servers.discard(server)
        if server.standby is not None:
            self._standbys.leave(server.standby)
        if server is not self._server:
            return
        self._server = None
        if server.standby is not None and server.missing:
            server.standby.load(server.missing)
            self.start()
            return
        while self._waiting and server.pid and not server.ready:  # without a pid its standby has ended before the fork
            self._exit_waiting(code)
        if self._waiting:
            self.start()

    def reload(self) -> None:
        """Imports the handler again. Environments with the old code finish their invocation, then end."""
        old, self._server = self._server, None
        if self._idle or self.counters.running:
            self.start()  # an unused function is imported at its next invocation
        idle, self._idle = self._idle, []
        for environment in idle:
            environment.kill()
        if old is not None and not old.environments:
            old.stop()

    def finish(self, run: Run, invocation: Invocation, environment: Environment | None, status: str = "") -> None:
        """Passes the result to the caller, and counts and logs it. `environment` is None if no handler ran."""
        if run.deadline is not None:
            run.deadline.cancel()
        duration = time.perf_counter() - run.started if run.started else 0.0
        self.counters.duration += duration
        self.counters.errors += invocation.error
        self.counters.running -= 1
        if not self.counters.running:
            self._settled.set()
        if not run.result.done():  # the caller may have gone
            run.result.set_result(invocation)
        report = [
            f"REPORT RequestId: {run.request_id}",
            f"Duration: {duration * 1000:.2f} ms",
            f"Billed Duration: {math.ceil(duration * 1000)} ms",
            f"Memory Size: {self.function.memory} MB",
        ]
        if environment is not None:
            environment.sample_memory()
            if environment.memory:
                report.append(f"Max Memory Used: {environment.memory} MB")
            if environment.initialization is not None:
                report.append(f"Init Duration: {environment.initialization * 1000:.2f} ms")
                environment.initialization = None
        report.append(f"Ended: {datetime.now(UTC).isoformat(timespec='milliseconds')}")
        self.write_log(f"END RequestId: {run.request_id}\n" + "\t".join(report) + f"\t{status}\n")

    def fail(self, run: Run, error_type: str, message: str, environment: Environment | None) -> None:
        """Ends the invocation with an error of Lambda itself."""
        if error_type == "Sandbox.Timedout":
            status = "Status: timeout"
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            self.write_log(f"{now} {run.request_id} {message.partition('Error: ')[2]}\n")
        else:
            status = f"Status: error\tError Type: {error_type}"
            self.write_log(f"{message}\n{error_type}\n")
        payload = json.dumps({"errorType": error_type, "errorMessage": message}).encode()
        self.finish(run, Invocation(payload, True, run.request_id), environment, status)

    def time_out(self, run: Run, environment: Environment | None) -> None:
        message = f"RequestId: {run.request_id} Error: Task timed out after {self.function.timeout:.2f} seconds"
        self.fail(run, "Sandbox.Timedout", message, environment)

    def write_log(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the disk is full: the invocation goes on
            os.write(self._log, text.encode())

    async def close(self, grace: float) -> None:
        """Lets running invocations finish for up to `grace` seconds, then stops every process."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), grace)
        self._closed = True
        self._server = None
        for timer in (self._reaper, self._lookout):
            if timer is not None:
                timer.cancel()
        while self._waiting:
            self._exit_waiting(-signal.SIGKILL)
        for server in self._servers:
            server.stop()

    async def ended(self) -> None:
        """Waits for the end of every process."""
        await asyncio.gather(*(server.ended for server in self._servers))
        os.close(self._log)

    def _exit_waiting(self, code: int) -> None:
        run = self._waiting.popleft()
        self.fail(run, "Runtime.ExitError", exit_message(run.request_id, code), None)

    def _expire(self, run: Run) -> None:
        """Times out an invocation for which no environment became ready, because the import hangs."""
        self._waiting.remove(run)
        self.time_out(run, None)
        for environment in self._starting:
            environment.kill()
        if self._server is not None and not self._server.ready:
            self._server.stop()

    def _reap(self) -> None:
        now = time.monotonic()
        while self._idle:
            limit = SURPLUS_LIMIT if len(self._idle) > KEPT else IDLE_LIMIT
            if now - self._idle[0].idle_since < limit:
                break
            self._idle.pop(0).kill()
        self._reaper = None
        if self._idle:
            self._reaper = asyncio.get_running_loop().call_later(min(IDLE_LIMIT, SURPLUS_LIMIT), self._reap)
