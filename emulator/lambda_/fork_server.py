"""Controls the process that has imported a function's handler and forks its environments.

It is forked from a standby, which has imported what functions use of the installed packages.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, cast

from emulator.lambda_.records import Function
from emulator.lambda_.requirements import Provided, provided

WORKER = str(Path(__file__).parent / "runtime" / "worker.py")


def packages_of(function: Function) -> Provided:
    """Returns which of the packages installed here the function has on AWS."""
    return provided((function.code / "requirements.txt", *function.requirements))


class Child(Protocol):
    """A process that a fork server forks. `pid` is 0 until it exists."""

    identity: str
    pid: int

    def exited(self, code: int) -> None:
        """Called when the process has ended, with its exit status or negative signal number."""


class Parent(Protocol):
    """The owner of a fork server."""

    def grow(self) -> None:
        """Called when a server is ready to fork."""

    def fork_server_ended(self, server: ForkServer, code: int) -> None:
        """Called when the server's process has ended, and every process that it forked."""


class ForkServer(asyncio.Protocol):
    """Controls one worker.py over a socket. Closing the socket ends the worker and its environments."""

    def __init__(self, parent: Parent) -> None:
        self.identity = secrets.token_hex(8)
        self.pid = 0
        self.ready = False
        self.missing: list[str] = []  # installed modules that the handler imports and the standby has not
        self.standby: ForkServer | None = None
        self.environments: dict[str, Child] = {}
        self.loads = 0  # how often a standby has imported more, until it forked this server or until now
        self._parent = parent
        self._process: subprocess.Popen[bytes] | None = None
        self._description = b""
        self._code: int | None = None
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._stopping = False
        self.lost = False  # its connection has closed, and it forks nothing any more
        self.settled = asyncio.Event()  # ready, or ended
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self, packages: Provided, environment: dict[str, str], ports: Sequence[int]) -> None:
        """Starts a standby for functions that have these packages.

        At these `ports` of this machine, an https address reaches the emulator too.
        """
        self._socket, theirs = socket.socketpair()
        options = {
            "control": theirs.fileno(),
            "packages": packages.modules,
            "distributions": packages.distributions,
            "ports": ports,
        }
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, WORKER, json.dumps(options)],
                cwd="/",
                env=environment,
                stdin=subprocess.DEVNULL,
                # It imports only what a function has imported, with the output in the function's log.
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def start_from(self, standby: ForkServer, function: Function, environment: dict[str, str], log: Path) -> None:
        """Forks a server of the function from the standby. Its `environment` are all its variables."""
        self.standby = standby
        self.loads = standby.loads
        description = {
            "handler": function.handler,
            "path": [str(path) for path in (function.code, *function.search_path)],
            "environment": environment,
            "log": str(log),
        }
        self._description = json.dumps(description).encode() + b"\n"
        self._socket, theirs = socket.socketpair()
        with theirs:
            standby.fork(self, theirs)
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def load(self, modules: Iterable[str]) -> None:
        """Makes a standby import these modules."""
        self.ready = False
        self.loads += 1
        self._write(f"import {' '.join(modules)}\n")

    @property
    def outdated(self) -> bool:
        """Whether the standby has imported more since it forked this server."""
        return self.standby is not None and self.standby.loads > self.loads

    async def _connect(self) -> None:
        # uvloop loses the socket if a write fails before this returns.
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: self, sock=self._socket)
        if not self.lost:
            transport.write(self._description)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            match line.decode().split(" "):
                case ["ready"]:
                    self.ready = True
                    self.settled.set()
                    self._parent.grow()
                case ["imported", *modules]:
                    self.missing = modules
                case ["forked", identity, pid]:
                    self.environments[identity].pid = int(pid)
                case ["exited", identity, code]:
                    self.environments.pop(identity).exited(int(code))

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        for environment in self.environments.values():
            # They are orphans if the worker was killed. A standby's servers have sockets of their own.
            if environment.pid and self.standby is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(environment.pid, signal.SIGKILL)
        environments, self.environments = self.environments, {}
        for environment in environments.values():
            environment.exited(-signal.SIGKILL)
        if self._process is not None:
            self.exited(self._process.wait())
        elif self._code is not None:
            self.exited(self._code)

    def exited(self, code: int) -> None:
        self._code = code
        if self.lost:
            self.settled.set()
            self.ended.set_result(None)
            self._parent.fork_server_ended(self, code)

    @property
    def forks(self) -> bool:
        """Whether the process can fork: it has imported what it must, and its end is not known."""
        return self.ready and not self.lost

    def fork(self, environment: Child, connection: socket.socket) -> None:
        """Forks a process that is given the socket."""
        self.environments[environment.identity] = environment
        with contextlib.suppress(OSError):  # the process has just ended
            socket.send_fds(self._socket, [f"fork {environment.identity}\n".encode()], [connection.fileno()])

    def kill(self, environment: Child) -> None:
        self._write(f"kill {environment.identity}\n")

    def stop(self) -> None:
        """Ends the process and its environments. `ended` is set when all have ended."""
        if self._stopping:
            return
        self._stopping = True
        if self.forks and self._transport is not None:
            self._transport.write_eof()
        elif self._process is not None:
            self._process.kill()
        elif self.standby is not None:
            self.standby.kill(self)

    def _write(self, command: str) -> None:
        if self._transport is not None and not self._stopping and not self.lost:
            self._transport.write(command.encode())
