"""Signed requests to an endpoint of AWS, on connections that are kept."""

from __future__ import annotations

import os
import select
import socket
import time
import weakref
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from order_engine.aws.signing import Signer

if TYPE_CHECKING:
    from ssl import SSLContext

CONNECT_SECONDS = 1.0
"""How long a new connection may take to open, for each address of the host."""

TRUSTED_SECONDS = 30
"""A connection that was idle for longer is not used again: it may be lost without a sign, as while Lambda sleeps."""

MAX_LINE = 64 * 1024
"""The longest line before the body of a response, in bytes."""

NOTHING: Mapping[str, str] = {}


class Response(NamedTuple):
    status: int
    body: bytes


class Endpoint:
    """The service at `url`, by http:// or https://. A call waits for each part of its response for at most `seconds`.

    An order makes six calls, each on its way, so that their CPU counts: the SDK takes fifteen times as much, urllib3
    five times, http.client twice. Several threads may call at once, each on a connection of its own.
    """

    def __init__(self, url: str, signer: Signer, seconds: float) -> None:
        self._idle: list[_Connection] = []
        # As __del__ it might come after the end of the sockets themselves.
        weakref.finalize(self, _close, self._idle)
        parts = urlsplit(url)
        self._host = parts.netloc
        self._folder = parts.path.rstrip("/")
        self._signer = signer
        # At the start of an environment, which has a full processor: reading the certificates takes a while.
        tls = _tls() if parts.scheme == "https" else None
        self._address = (parts.hostname or "", parts.port or (443 if tls else 80))
        self._tls = tls
        self._seconds = seconds

    def call(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = NOTHING, fresh: bool = False
    ) -> Response:
        """Sends a request once. `path` is percent-encoded, and `headers` are named in lower case.

        It goes out on a kept connection, unless that may have been lost meanwhile or a `fresh` one is asked for. Raises
        `TimeoutError`, and another `OSError` if there is no connection, or it breaks: the request may have arrived.
        """
        path = self._folder + path
        lines = [f"{method} {path} HTTP/1.1"]
        signed = self._signer.headers(method, self._host, path, body, headers)
        lines += [f"{name}: {value}" for name, value in signed.items()]
        # Lambda's, by which AWS follows a trace and notices functions that call themselves. On its way it may change.
        if trace := os.environ.get("_X_AMZN_TRACE_ID"):
            lines.append(f"x-amzn-trace-id: {trace}")
        request = "\r\n".join((*lines, f"content-length: {len(body)}", "", "")).encode() + body
        connection = (None if fresh else self._kept()) or _Connection(self._address, self._tls, self._seconds)
        try:
            response, keep = connection.exchange(request)
        except BaseException:
            connection.close()
            raise
        if keep:
            self._idle.append(connection)
        else:
            connection.close()
        return response

    def _kept(self) -> _Connection | None:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if connection.is_usable():
                return connection
            connection.close()


class _Connection:
    """A connection of HTTP/1.1."""

    def __init__(self, address: tuple[str, int], tls: SSLContext | None, seconds: float) -> None:
        self._socket = socket.create_connection(address, min(CONNECT_SECONDS, seconds))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self._socket = tls.wrap_socket(self._socket, server_hostname=address[0])
        self._socket.settimeout(seconds)
        self._stream = self._socket.makefile("rb")
        self._used = 0.0
        self._readable = select.poll()
        self._readable.register(self._socket, select.POLLIN)

    def is_usable(self) -> bool:
        """Whether it was in use lately, and the server has neither closed it nor sent what nobody asked for."""
        return time.monotonic() - self._used < TRUSTED_SECONDS and not self._readable.poll(0)

    def exchange(self, request: bytes) -> tuple[Response, bool]:
        """The response, and whether another request may follow. Raises `OSError`."""
        self._socket.sendall(request)
        try:
            answer = self._response()
        except ValueError as error:
            raise ConnectionError(f"expected an HTTP response: {error}") from error
        self._used = time.monotonic()
        return answer

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def _response(self) -> tuple[Response, bool]:
        version, status, *_ = self._line().split(None, 2)
        headers: dict[bytes, bytes] = {}
        while line := self._line():
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip().lower()
        keep = version == b"HTTP/1.1" and headers.get(b"connection") != b"close"
        if status == b"204":
            body = b""
        elif headers.get(b"transfer-encoding") == b"chunked":
            body = self._chunks()
        elif length := headers.get(b"content-length"):
            body = self._bytes(int(length))
        else:
            body, keep = self._stream.read(), False
        return Response(int(status), body), keep

    def _chunks(self) -> bytes:
        chunks = []
        while size := int(self._line().partition(b";")[0], 16):
            chunks.append(self._bytes(size))
            self._line()
        while self._line():
            pass  # A trailer.
        return b"".join(chunks)

    def _bytes(self, count: int) -> bytes:
        read = self._stream.read(count)
        if len(read) < count:
            raise ConnectionResetError(f"expected {count} bytes, was {len(read)} and the end of the connection")
        return read

    def _line(self) -> bytes:
        line = self._stream.readline(MAX_LINE)
        if not line.endswith(b"\n"):
            raise ConnectionResetError("expected a line of an HTTP response, was the end of the connection")
        return line.rstrip(b"\r\n")


def _close(connections: list[_Connection]) -> None:
    for connection in connections:
        connection.close()


@cache
def _tls() -> SSLContext:
    from ssl import create_default_context

    return create_default_context()
