"""What the emulator and an execution environment say to each other: Lambda's Runtime API, over a socket pair.

The pair is made for one environment and closes with it, so nothing listens, and no message says whose it is. An
environment says that it is ready, or that its handler cannot be loaded. Then it receives one invocation at a time, and
each of its answers also asks for the next one. HTTP would take four times the processor time.

To the emulator a message is a letter, the length of the content as 8 bytes, and the content: READY, RESULT, ERROR or
NOT_LOADED. To the environment it is a line of the event's length in bytes, request id, deadline in milliseconds since
1970, trace header and the function's ARN, and then the event.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Protocol

MAX_PAYLOAD = 6_291_456
MAX_RESPONSE = 6_291_556  # the limit that Lambda enforces and names in its error
HEAD = struct.Struct("!cQ")
READY, RESULT, ERROR, NOT_LOADED = b"y", b"r", b"e", b"n"
READ_SIZE = 65536


class Environment(Protocol):
    """An execution environment, for its connection."""

    def free(self) -> None:
        """Called when the environment asks for an invocation."""

    def answer(self, payload: bytes | None, *, error: bool) -> None:
        """Called with the answer to the invocation, or None for one over the limit."""

    def fail_initialization(self, payload: bytes) -> None:
        """Called when the handler cannot be loaded. `payload` is the error's JSON."""


class Connection:
    """The emulator's end of an environment's socket pair. `theirs` is the other end, which the caller hands over."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._socket, self.theirs = socket.socketpair()
        self._socket.setblocking(False)
        self._received = bytearray()
        self._dropped = 0  # bytes of an answer over the limit
        self._unsent = memoryview(b"")
        self._ended = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read)

    def give(self, event: bytes, request_id: str, deadline: int, trace: str, arn: str) -> None:
        """Sends an invocation to the environment, which must have asked for one. `deadline` is in ms since 1970."""
        self._unsent = memoryview(f"{len(event)} {request_id} {deadline} {trace} {arn}\n".encode() + event)
        self._send()
        if self._unsent:
            self._loop.add_writer(self._socket, self._send_rest)

    def close(self) -> None:
        """Closes the connection of a process that has ended, after reading its last message."""
        self._ended = True
        while self._read():
            pass
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except OSError:  # the process has ended
            self._unsent = memoryview(b"")

    def _send_rest(self) -> None:
        self._send()
        if not self._unsent:
            self._loop.remove_writer(self._socket)

    def _read(self) -> bool:
        """Reads what has come; returns False at the end."""
        try:
            received = self._socket.recv(READ_SIZE)
        except OSError:
            received = b""
        if received:
            self._received += received
            self._handle()
        else:  # the process has ended
            self._loop.remove_reader(self._socket)
        return bool(received)

    def _handle(self) -> None:
        if len(self._received) < HEAD.size:
            return
        kind, length = HEAD.unpack_from(self._received)
        if length > MAX_RESPONSE:
            self._dropped += len(self._received) - HEAD.size
            del self._received[HEAD.size :]
        # The environment waits after each message, so that nothing follows this one.
        if self._dropped + len(self._received) < HEAD.size + length:
            return
        payload = None if self._dropped else bytes(self._received[HEAD.size :])
        self._received.clear()
        self._dropped = 0
        if kind == NOT_LOADED:
            self._environment.fail_initialization(payload or b"{}")
            return
        if kind in (RESULT, ERROR):
            self._environment.answer(payload, error=kind == ERROR)
        if not self._ended:
            self._environment.free()
