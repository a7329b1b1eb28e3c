"""What every command that serves something needs: sockets, servers, signals, a word to whoever started it."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiohttp import web

from emulator.apigateway import gateway

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class StartError(Exception):
    """The stack can't be started. Says why, and what to do about it."""


@contextmanager
def listening(host: str, port: int, what: str, option: str) -> Iterator[socket.socket]:
    """A bound socket; 0 means any free port."""
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, port))
        except OSError as error:
            message = f"Port {port} for {what} is not free ({error.strerror}): choose another with {option}"
            raise StartError(message) from None
        yield bound


@asynccontextmanager
async def server(handler: Handler, listening: socket.socket) -> AsyncIterator[None]:
    runner = web.ServerRunner(gateway.server(handler), shutdown_timeout=1)
    await runner.setup()
    try:
        await web.SockSite(runner, listening, backlog=1024).start()
        yield
    finally:
        await runner.cleanup()


def on_signal(handle: Callable[..., None] | signal.Handlers) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)


def say(text: str) -> None:
    print(text, file=sys.stdout, flush=True)
