"""A localnet with the market's pools, whose JSON-RPC a thread of the test's process serves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

from aiohttp import web

from localnet import server
from localnet.ledger import Ledger
from localnet.node import Node
from localnet.programs import STANDINS
from localnet.runtime import Runtime


@contextmanager
def localnet_market(*, instant: bool = True) -> Iterator[str]:
    """The URL of its JSON-RPC. If `instant`, a slot passes whenever somebody sends; otherwise when a test says so."""
    started = SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Event, str]]()

    async def serve() -> None:
        node = Node(Runtime(STANDINS), Ledger(None), instant=instant)
        # A call that was made to hang ends with the server.
        runner = web.AppRunner(server.application(node, "127.0.0.1"), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        stop = asyncio.Event()
        started.put((asyncio.get_running_loop(), stop, f"http://127.0.0.1:{runner.addresses[0][1]}"))
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    loop, stop, url = started.get(timeout=60)
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
