"""Ports that do not answer, and a connection to Postgres that loses responses."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg.conninfo import make_conninfo

# What a server tells its clients when another of its processes has crashed.
_CRASH = b"SWARNING\0VWARNING\0C57P02\0Mterminating connection because of crash of another server process\0\0"


class UnreliableLine:
    """A relay to Postgres that can lose a response after the server has done the work.

    It listens on a port, or on a Unix socket in a folder.
    """

    def __init__(self, postgres_url: str, folder: str | None = None) -> None:
        parameters = psycopg.conninfo.conninfo_to_dict(postgres_url)
        self._server = f"{parameters['host']}/.s.PGSQL.{parameters.get('port', 5432)}"
        self._clients: list[socket.socket] = []
        self._losing = threading.Event()
        self.lost = 0
        if folder is None:
            self._listening = socket.create_server(("127.0.0.1", 0))
            host, port = self._listening.getsockname()
        else:
            self._listening = socket.socket(socket.AF_UNIX)
            host, port = folder, 5432
            self._listening.bind(f"{folder}/.s.PGSQL.{port}")
            self._listening.listen()
        self.url = make_conninfo(postgres_url, host=host, port=port, sslmode="disable", gssencmode="disable")
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_next_answer(self) -> None:
        self._losing.set()

    def crash(self) -> None:
        """Ends the open connections as a crash of the server does."""
        while self._clients:
            client = self._clients.pop()
            client.sendall(b"N" + (len(_CRASH) + 4).to_bytes(4, "big") + _CRASH)
            self._end(client)

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._clients.append(client)
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        self._end(source, target)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if self._losing.is_set():
                    self._losing.clear()
                    self.lost += 1
                    break
                client.sendall(data)
        self._end(server, client)

    def _end(self, *sockets: socket.socket) -> None:
        for end in sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def unreliable_line(postgres_url: str, folder: str | None = None) -> Iterator[UnreliableLine]:
    line = UnreliableLine(postgres_url, folder)
    try:
        yield line
    finally:
        line.close()


@contextmanager
def closed_port() -> Iterator[int]:
    """Reserves a loopback port on which nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


def unused_port() -> int:
    """A loopback port for a server that must know it before it starts. The system gives none of them to a client."""
    while True:
        port = random.randrange(20_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextmanager
def silent_port() -> Iterator[int]:
    """Opens a loopback port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]
