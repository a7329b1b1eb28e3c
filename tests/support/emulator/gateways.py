"""Functions that run in the test's process, and an HTTP server for handlers."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiohttp import web

from emulator.common.errors import ApiError
from emulator.common.serving import Handler, http_server
from emulator.lambda_.functions import Invocation
from tests.support.emulator.no_functions import NoFunctions

Event = dict[str, Any]


class Functions(NoFunctions):
    """Runs Python callables as Lambda functions, and records their events."""

    def __init__(self, **functions: Callable[[Event], Any]) -> None:
        self.functions = functions
        self.events: list[Event] = []
        self._moved = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until `condition` is true, and checks it after each start and end of an invocation."""
        async with asyncio.timeout(5):
            while not condition():
                self._moved.clear()
                await self._moved.wait()

    async def invoke(self, name: str, payload: bytes, /) -> Invocation:
        if name not in self.functions:
            raise ApiError("ResourceNotFoundException", f"Function not found: {name}", 404)
        event = json.loads(payload)
        self.events.append(event)
        self._moved.set()
        try:
            result = self.functions[name](event)
            if inspect.isawaitable(result):
                result = await asyncio.shield(result)  # a function runs to its end
        except ApiError:
            raise
        except Exception as error:
            failure = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []}
            return Invocation(json.dumps(failure).encode(), error=True)
        finally:
            self._moved.set()
        return Invocation(result if isinstance(result, bytes) else json.dumps(result).encode())


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """Serves `handler` until the block ends; yields the port."""
    runner = web.ServerRunner(http_server(handler))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
        # Transports close in the loop's next turn.
        await asyncio.sleep(0)
