"""A service that sends given messages and closes connections."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from order_engine_client import AsyncClient
from order_engine_client.fields import Json

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ORDER = "01a1fb19-a2ec-7b9b-9c78-6bfaf20752f6"


def event(seq: int, status: str = "routing", order: str = ORDER) -> Json:
    return {"orderId": order, "seq": seq, "status": status, "at": "2026-11-20T22:35:24.154Z", "attempt": 1, "data": {}}


INTERNAL_ERROR = {
    "message": "Internal server error",
    "connectionId": "L0SM9cOFvHcCIhw=",
    "requestId": "WkIN1F4pPHcF0rg=",
}
"""API Gateway's message to a client whose message could not be handled."""

UNKNOWN = [INTERNAL_ERROR, {}, [], 7, None, "text", {"orderId": ORDER}, {"seq": "2"}, {"error": "text"}]
"""Messages that are not the service's."""


async def ticket(request: web.Request) -> web.Response:
    """Answers with the URL of `/socket`."""
    return web.json_response({"webSocketUrl": str(request.url.with_scheme("ws").with_path("/socket"))})


@asynccontextmanager
async def service(
    *connections: list[Any],
    asked: list[Json] | None = None,
    stays_open: bool = False,
    more: dict[str, Handler] | None = None,
) -> AsyncIterator[AsyncClient]:
    """Serves `connections`: each sends its messages, and closes unless it `stays_open`.

    `asked` receives the clients' first messages. `more` answers requests at other paths.
    """
    left = iter(connections)

    async def socket(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        message = await response.receive_json()
        if asked is not None:
            asked.append(message)
        for one in next(left):
            await response.send_json(one)
        if stays_open:
            await response.receive()
        return response

    async with serving({"/api/ws-ticket": ticket, "/socket": socket, **(more or {})}) as engine:
        yield engine


@asynccontextmanager
async def serving(
    handlers: dict[str, Handler],
) -> AsyncIterator[AsyncClient]:
    app = web.Application()
    for path, handler in handlers.items():
        app.router.add_route("*", path, handler)
    async with TestServer(app) as server, AsyncClient(str(server.make_url("/")), "oee_key") as engine:
        yield engine
