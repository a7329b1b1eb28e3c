"""An HTTP server that answers with the very bytes that it is told to."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.parser import BytesParser
from io import BufferedReader
from typing import Any


@dataclass(frozen=True)
class Received:
    """A request, on the connection with this number, from 0. `headers` has the names in lower case."""

    connection: int
    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


SILENCE = None
"""An answer: none, while the connection stays open."""

HANG_UP = b""
"""An answer: the end of the connection."""


@dataclass
class ScriptedServer:
    """`answers` are given in turn, to the requests of all connections.

    It ends a connection with its answer if this says so by `Connection: close`, and without a word with its last one.
    """

    url: str
    answers: list[bytes | None]
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    """Whether the last answer was given and its connection ended."""

    def serve(self, connection: socket.socket, number: int) -> None:
        with connection, connection.makefile("rb") as stream, suppress(OSError):
            while request := _read(stream, number):
                self.received.append(request)
                answer = self.answers.pop(0)
                if answer is not SILENCE:
                    connection.sendall(answer)
                    if not self.answers or answer == HANG_UP or b"connection: close" in answer.lower():
                        break
        if not self.answers:
            self.ended.set()


def _read(stream: BufferedReader, connection: int) -> Received | None:
    line = stream.readline().decode().strip()
    if not line:
        return None
    head = b""
    while (part := stream.readline()) not in (b"\r\n", b""):
        head += part
    headers = {name.lower(): value for name, value in BytesParser().parsebytes(head + b"\r\n").items()}
    return Received(connection, line, headers, stream.read(int(headers.get("content-length", 0))))


@contextmanager
def scripted_server(*answers: bytes | None, host: str = "127.0.0.1") -> Iterator[ScriptedServer]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listening:
        name = f"[{host}]" if ":" in host else host
        server = ScriptedServer(f"http://{name}:{listening.getsockname()[1]}", list(answers))

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    number, server.connections = server.connections, server.connections + 1
                    threading.Thread(target=server.serve, args=(connection, number), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server
        # Closing alone would leave the thread in accept().
        listening.shutdown(socket.SHUT_RDWR)


def ok(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join((*lines, "", "")).encode() + body
