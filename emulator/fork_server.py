"""The process that has imported a function's handler and forks its environments, as seen from the emulator."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from emulator.stack import Function


class Child(Protocol):
    """An environment that was asked for. `pid` is 0 until it exists."""

    identity: str
    pid: int

    def exited(self, code: int) -> None:
        """Its process has ended with this exit status, or negative signal number."""


class Parent(Protocol):
    """Whoever has environments forked."""

    def grow(self) -> None:
        """The handler is imported: `fork` may be called."""

    def fork_server_ended(self, server: ForkServer, code: int) -> None:
        """The process has ended, and so have its environments."""


class ForkServer(asyncio.Protocol):
    """Speaks with one worker.py over a socket, whose closing ends it and all that it forked."""

    def __init__(self, parent: Parent) -> None:
        self.ready = False
        self.environments: dict[str, Child] = {}
        self.process: subprocess.Popen[bytes]
        self._parent = parent
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._stopping = False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self, function: Function, environment: dict[str, str], log: Path) -> None:
        ours, theirs = socket.socketpair()
        options = {
            "control": theirs.fileno(),
            "handler": function.handler,
            "path": [str(path) for path in (function.code, *function.search_path)],
        }
        with theirs, open(log, "ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__).with_name("worker.py")), json.dumps(options)],
                cwd=function.code,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._connecting = asyncio.get_running_loop().create_task(self._connect(ours))

    async def _connect(self, control: socket.socket) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self, sock=control)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            match line.decode().split(" "):
                case ["ready"]:
                    self.ready = True
                    self._parent.grow()
                case ["forked", identity, pid]:
                    self.environments[identity].pid = int(pid)
                case ["exited", identity, code]:
                    self.environments.pop(identity).exited(int(code))

    def connection_lost(self, error: Exception | None) -> None:
        for environment in self.environments.values():
            if environment.pid:  # orphans, if the process was killed
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(environment.pid, signal.SIGKILL)
        code = self.process.wait()
        environments, self.environments = self.environments, {}
        for environment in environments.values():
            environment.exited(-signal.SIGKILL)
        self.ended.set_result(None)
        self._parent.fork_server_ended(self, code)

    def fork(self, environment: Child) -> None:
        self.environments[environment.identity] = environment
        self._write(f"fork {environment.identity}\n")

    def kill(self, environment: Child) -> None:
        self._write(f"kill {environment.identity}\n")

    def stop(self) -> None:
        """Ends the process and its environments. `ended` is set when none is left."""
        if self._stopping:
            return
        self._stopping = True
        if self.ready and self._transport is not None:
            self._transport.write_eof()
        else:
            self.process.kill()

    def _write(self, command: str) -> None:
        if self._transport is not None and not self._stopping:
            self._transport.write(command.encode())
