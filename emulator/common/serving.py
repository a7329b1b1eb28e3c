"""Sockets, HTTP servers and signals, and messages to the user who started the emulator."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_address

from aiohttp import EMPTY_PAYLOAD, StreamReader, web

from emulator.common.service import Service

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Listeners = tuple[socket.socket, ...]
"""Bound sockets with one port; the first one's address is shown."""

HEAD_SECONDS = 10.0  # for a request's first line and headers, from the first byte or the connection
BODY_SECONDS = 30.0
_FREE_PORT_ATTEMPTS = 20
_MAX_HEADERS = 20_480  # bytes; API Gateway applies a lower limit itself

# aiohttp logs a traceback here for every request that is not HTTP.
_protocol_logger = logging.getLogger("emulator.http")
_protocol_logger.setLevel(logging.CRITICAL)


class StartError(Exception):
    """The stack cannot be started. The message says why and what to do about it."""


@contextmanager
def listening(host: str, port: int, what: str, option: str) -> Iterator[Listeners]:
    """Binds the port at `host` until the block ends; port 0 takes any free port. Raises StartError.

    127.0.0.1 stands for this machine: its other address ::1 is bound too, since `localhost` may mean either.
    """
    with ExitStack() as resources:
        try:
            for _ in range(_FREE_PORT_ATTEMPTS):
                first = resources.enter_context(_bound(host, port))
                try:
                    both = (first, *_other_loopback(host, first.getsockname()[1], resources))
                    break
                except OSError:
                    if port:
                        raise
                    first.close()
            else:
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            message = f"port {port} for {what} is not free ({reason}): choose another with {option}"
            raise StartError(message) from None
        yield both


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if bound.family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound


def _other_loopback(host: str, port: int, resources: ExitStack) -> list[socket.socket]:
    if host != "127.0.0.1":
        return []
    try:
        return [resources.enter_context(_bound("::1", port))]
    except OSError as error:
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):  # this machine has no IPv6
            return []
        raise


def url(scheme: str, bound: Listeners) -> str:
    """Returns the base URL of the sockets, without a trailing slash. Sockets at every address are also at loopback."""
    host, port, *_ = bound[0].getsockname()
    if ip_address(host).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


class _HttpConnection(web.RequestHandler):
    """aiohttp's connection, closed if the head of a request does not arrive in time."""

    __slots__ = ("_content", "_deadline", "_started")

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=_protocol_logger,  # its level keeps requests out
            logger=_protocol_logger,
            auto_decompress=False,
            max_line_size=_MAX_HEADERS,
            max_field_size=_MAX_HEADERS,
            max_headers=_MAX_HEADERS // 2,
            lingering_time=1.0,
        )
        self._content: StreamReader = EMPTY_PAYLOAD  # the body of the last request whose head has come
        self._deadline: asyncio.TimerHandle | None = None
        self._started = False  # a byte of the next request has come

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        within_body = not self._content.is_eof()
        heads = self._request_count
        super().data_received(data)
        if self._request_count > heads:
            self._content = self._messages[-1][1]
            self._started = False
            self._stop_waiting()
        elif data and not within_body:  # aiohttp passes b"" on whenever it has read of a body
            self._started = True
            self._await_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._stop_waiting()

    def _await_head(self) -> None:
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self._waiter is None:  # an earlier request is being answered
            self._await_head()
            return
        if self._started and self.transport is not None:
            body = b'{"message": "the request\'s headers did not arrive within %d s"}' % HEAD_SECONDS
            head = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/json\r\n"
            self.transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        self.force_close()


class _HttpServer(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _HttpConnection(self, asyncio.get_running_loop())


def http_server(handler: Handler) -> web.Server:
    """Returns an HTTP server. Header sizes, content encodings and logs are up to `handler`, which must not raise."""
    return _HttpServer(handler)


class HttpServer(Service):
    """Serves HTTP on bound sockets."""

    def __init__(self, handler: Handler, listening: Listeners) -> None:
        self._runner = web.ServerRunner(http_server(handler), shutdown_timeout=1)
        self._sockets = listening

    async def start(self) -> None:
        await self._runner.setup()
        for bound in self._sockets:
            await web.SockSite(self._runner, bound, backlog=1024).start()

    async def close(self, grace: float) -> None:
        await self._runner.cleanup()


def stop_event() -> asyncio.Event:
    """Returns an event that each SIGINT or SIGTERM sets."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop(*_: object) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(stopping.set)

    on_signal(stop)
    return stopping


def on_signal(handle: Callable[..., None] | signal.Handlers) -> None:
    """Handles SIGINT and SIGTERM from here on."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)


def say(text: str) -> None:
    """Prints to standard output at once, unless it is closed or its disk is full."""
    with suppress(OSError):
        print(text, file=sys.stdout, flush=True)
