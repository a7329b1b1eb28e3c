"""Posts to addresses that clients choose, and takes nothing from there but the status of the answer."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Mapping
from ssl import create_default_context

from order_engine.outbound.targets import Address, Target, Targets

MAX_STATUS_LINE = 1024
"""How much of an answer is read at most, in bytes."""

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?\r?\n")


class Posting:
    """A post may take `seconds` from the connection to the status, after the host's name was resolved."""

    def __init__(self, targets: Targets, seconds: float) -> None:
        self._targets = targets
        self._seconds = seconds
        # At the start of an environment, which has a full processor: reading the certificates takes a while.
        self._tls = create_default_context()

    def post(self, url: str, headers: Mapping[str, str], body: str) -> str | None:
        """`None` if the receiver has answered 2xx, or else why it has not taken the message.

        The host's name is resolved once: the address that is connected to is the one that was checked. A redirect is
        not followed.
        """
        try:
            target = self._targets.parse(url)
            status = self._exchange(target, self._targets.resolve(target), headers, body.encode())
        except TimeoutError:
            return f"expected an answer within {self._seconds:g} s"
        except (OSError, ValueError) as error:
            return str(error)
        return None if 200 <= status < 300 else f"expected status 2xx, was {status}"

    def _exchange(self, target: Target, addresses: list[Address], headers: Mapping[str, str], body: bytes) -> int:
        deadline = time.monotonic() + self._seconds
        with _connected(addresses, target.port, deadline) as plain:
            plain.settimeout(_left(deadline))
            with self._tls.wrap_socket(plain, server_hostname=target.host) if target.secure else plain as connection:
                connection.settimeout(_left(deadline))
                connection.sendall(_request(target, headers, body))
                return _status(connection, deadline)


def _connected(addresses: list[Address], port: int, deadline: float) -> socket.socket:
    """A connection to the first address that takes one. Each but the last may use half of the time that is left."""
    *others, last = addresses
    for address in others:
        try:
            return socket.create_connection((str(address), port), _left(deadline) / 2)
        except OSError:
            continue
    return socket.create_connection((str(last), port), _left(deadline))


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    host = f"[{target.host}]" if ":" in target.host else target.host
    if target.port != (443 if target.secure else 80):
        host += f":{target.port}"
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"host: {host}",
        "connection: close",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "user-agent: order-engine",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join((*lines, "", "")).encode() + body


def _status(connection: socket.socket, deadline: float) -> int:
    """The status of the answer, which may come in parts. An answer before the final one, such as 100, is one too."""
    read = b""
    while b"\n" not in read and len(read) < MAX_STATUS_LINE:
        connection.settimeout(_left(deadline))
        part = connection.recv(MAX_STATUS_LINE - len(read))
        if not part:
            break
        read += part
    answer = _STATUS_LINE.match(read)
    if answer is None:
        raise ValueError("expected an HTTP/1.1 response, was something else or the end of the connection")
    return int(answer[1])


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
