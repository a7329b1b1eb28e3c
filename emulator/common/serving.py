"""Sockets, HTTP servers and signals, and messages to the user who started the emulator."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from aiohttp import web

from emulator.common.service import Service

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_MAX_HEADERS = 20_480  # bytes; API Gateway applies a lower limit itself

# aiohttp logs a traceback here for every request that is not HTTP.
_protocol_logger = logging.getLogger("emulator.http")
_protocol_logger.setLevel(logging.CRITICAL)


class StartError(Exception):
    """The stack cannot be started. The message says why and what to do about it."""


@contextmanager
def listening(host: str, port: int, what: str, option: str) -> Iterator[socket.socket]:
    """Binds a socket until the block ends; port 0 takes any free port. Raises StartError."""
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, port))
        except OSError as error:
            message = f"port {port} for {what} is not free ({error.strerror}): choose another with {option}"
            raise StartError(message) from None
        yield bound


def http_server(handler: Handler) -> web.Server:
    """Returns an HTTP server. Header sizes, content encodings and logs are up to `handler`, which must not raise."""
    return web.Server(
        handler,
        access_log=None,
        logger=_protocol_logger,
        auto_decompress=False,
        max_line_size=_MAX_HEADERS,
        max_field_size=_MAX_HEADERS,
        max_headers=_MAX_HEADERS // 2,
        lingering_time=1.0,
    )


class HttpServer(Service):
    """Serves HTTP on a bound socket."""

    def __init__(self, handler: Handler, listening: socket.socket) -> None:
        self._runner = web.ServerRunner(http_server(handler), shutdown_timeout=1)
        self._socket = listening

    async def start(self) -> None:
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket, backlog=1024).start()

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
