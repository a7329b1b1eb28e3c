"""The Lambda Runtime API (version 2018-06-01), from which execution environments fetch invocations.

It does not use aiohttp's server, since every invocation makes two requests here: each takes 0.064 ms of processor time
with aiohttp and 0.031 ms with this protocol. The only client is `awslambdaric`, which sends plain requests with a
Content-Length.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

MAX_PAYLOAD = 6_291_456
MAX_RESPONSE = 6_291_556  # the limit that Lambda enforces and names in its error
MAX_HEAD = 2 * 1024 * 1024  # an error's X-Ray cause travels in a header of up to 1 MiB
REQUEST_SECONDS = 30.0  # in which a request has to arrive; an environment may wait for an invocation for ever
PREFIX = b"/2018-06-01/runtime/"


class Environment(Protocol):
    """An execution environment, for the Runtime API."""

    def wait(self, send: Callable[[dict[str, str], bytes], None]) -> None:
        """Called when the environment is free. `send` gives it one invocation: headers and event."""

    def answer(self, request_id: str, payload: bytes | None, *, error: bool) -> bool:
        """Called with the environment's answer, or None for one over the limit.

        Returns False if the environment does not run this invocation.
        """

    def fail_initialization(self, payload: bytes) -> None:
        """Called when the handler cannot be loaded. `payload` is the error's JSON."""


class RuntimeApi:
    """Serves all environments on the loopback interface, and tells them apart by their user agent."""

    def __init__(self) -> None:
        self.environments: dict[str, Environment] = {}
        self.connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Starts the server; returns the address for AWS_LAMBDA_RUNTIME_API."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0, backlog=1024)
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            for connection in list(self.connections):
                connection.close()
            await self._server.wait_closed()


class Connection(asyncio.Protocol):
    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._received = bytearray()
        self._request: tuple[bytes, bytes, Environment] | None = None
        self._missing = 0
        self._oversized = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._api.connections.add(self)
        self._await_request()

    def connection_lost(self, error: Exception | None) -> None:
        self._api.connections.discard(self)
        self._stop_waiting()

    def close(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._read_requests()
        if self._received or self._request:
            self._await_request()
        else:
            self._stop_waiting()

    def _await_request(self) -> None:
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().call_later(REQUEST_SECONDS, self._transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _read_requests(self) -> None:
        while not self._transport.is_closing():
            if self._request is None and not self._read_head():
                return
            if self._oversized:
                dropped = min(self._missing, len(self._received))
                del self._received[:dropped]
                self._missing -= dropped
            if len(self._received) < self._missing:
                return
            body = bytes(self._received[: self._missing])
            del self._received[: self._missing]
            assert self._request is not None
            (method, path, environment), self._request = self._request, None
            self._handle(method, path, environment, None if self._oversized else body)

    def _read_head(self) -> bool:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            if len(self._received) > MAX_HEAD:
                self._refuse(431, "RequestHeaderTooLarge", f"expected at most {MAX_HEAD} bytes of headers")
            return False
        request, *lines = bytes(self._received[:end]).split(b"\r\n")
        del self._received[: end + 4]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        environment = self._api.environments.get(headers.get(b"user-agent", b"").decode("latin-1"))
        length = headers.get(b"content-length", b"0")
        parts = request.split(b" ")
        if environment is None:
            self._refuse(403, "Forbidden", "expected an environment's identifier as the user agent")
            return False
        if len(parts) != 3 or not length.isdigit() or b"transfer-encoding" in headers:
            self._refuse(400, "InvalidRequest", "expected an HTTP/1.1 request with a Content-Length")
            return False
        if headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._request = parts[0], parts[1], environment
        self._missing = int(length)
        self._oversized = self._missing > MAX_RESPONSE
        return True

    def _handle(self, method: bytes, path: bytes, environment: Environment, body: bytes | None) -> None:
        if not path.startswith(PREFIX):
            return self._refuse(404, "NotFound", f"expected a path under {PREFIX.decode()}")
        match method, *path[len(PREFIX) :].split(b"/"):
            case [b"GET", b"invocation", b"next"]:
                return environment.wait(self._send_invocation)
            case [b"POST", b"invocation", request_id, (b"response" | b"error") as kind]:
                if environment.answer(request_id.decode("latin-1"), body, error=kind == b"error"):
                    return self._send("202 Accepted", {"Content-Type": "application/json"}, b'{"status":"OK"}\n')
                return self._refuse(400, "InvalidRequestID", "Invalid request ID")
            case [b"POST", b"init", b"error"]:
                environment.fail_initialization(body or b"{}")
                return self._send("202 Accepted", {"Content-Type": "application/json"}, b'{"status":"OK"}\n')
        return self._refuse(404, "NotFound", f"no {method.decode('latin-1')} {path.decode('latin-1')} here")

    def _send_invocation(self, headers: dict[str, str], event: bytes) -> None:
        self._send("200 OK", headers, event)

    def _send(self, status: str, headers: dict[str, str], body: bytes) -> None:
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        self._transport.write(
            f"HTTP/1.1 {status}\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body
        )

    def _refuse(self, status: int, code: str, message: str) -> None:
        body = f'{{"errorMessage":"{message}","errorType":"{code}"}}\n'.encode()
        self._send(f"{status} {code}", {"Content-Type": "application/json", "Connection": "close"}, body)
        self._transport.close()
