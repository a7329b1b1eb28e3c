"""The HTTP server: JSON-RPC by POST at `/`, and the explorer's pages."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import MutableMapping

from aiohttp import web
from aiohttp.typedefs import Handler

from localnet.explorer.routes import Explorer
from localnet.node import Node
from localnet.rpc import dispatch
from localnet.rpc.errors import parse_error

_MAX_BODY = 50 * 1024  # bytes, as in Agave
_HANG_SECONDS = 600
_RETRY_AFTER_SECONDS = 1

_LOOPBACK = r"(?:(?:[\w-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\]|host\.docker\.internal)(?::\d+)?"
_HOST = re.compile(_LOOPBACK, re.ASCII | re.IGNORECASE)
_ORIGIN = re.compile(f"https?://{_LOOPBACK}", re.ASCII | re.IGNORECASE)
_NODE = web.AppKey("node", Node)
_HOSTS = web.AppKey("hosts", frozenset[str])


def application(node: Node, host: str) -> web.Application:
    """`host` is the address that the server listens at: a request may name it."""
    app = web.Application(middlewares=[_guard], client_max_size=_MAX_BODY)
    app[_NODE] = node
    app[_HOSTS] = frozenset((host.lower(),))
    app.router.add_post("/", _rpc)
    app.router.add_options("/", _preflight)
    app.router.add_routes(Explorer(node).routes())
    return app


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses pages of other sites, which a browser lets send requests to this machine.

    They show by their Origin; a page whose host name is rebound to this machine, by its Host.
    """
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    if not _HOST.fullmatch(host) and host.rpartition(":")[0].lower() not in request.app[_HOSTS]:
        raise web.HTTPForbidden(text=f"expected a Host of this machine, such as localhost:8899, was {host[:60]!r}\n")
    if origin is not None and not _ORIGIN.fullmatch(origin):
        raise web.HTTPForbidden(text=f"expected no Origin, or one of this machine, was {origin[:60]!r}\n")
    try:
        response = await handler(request)
    except web.HTTPException as refusal:
        _allow(origin, refusal.headers)
        raise
    _allow(origin, response.headers)
    return response


def _allow(origin: str | None, headers: MutableMapping[str, str]) -> None:
    """Lets a page of this machine read the answer."""
    if origin is not None:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Vary"] = "Origin"


async def _preflight(request: web.Request) -> web.Response:
    headers = {
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "content-type, solana-client",
        "Access-Control-Max-Age": "86400",
    }
    return web.Response(status=204, headers=headers)


async def _rpc(request: web.Request) -> web.Response:
    if request.content_type != "application/json":
        # A page may send other types to any site without asking.
        raise web.HTTPUnsupportedMediaType(text="expected Content-Type: application/json\n")
    node = request.app[_NODE]
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        return web.json_response({"jsonrpc": "2.0", "error": parse_error().json(), "id": None})
    is_own = dispatch.is_own(body)
    if not is_own:
        _refuse(node)
    answer = dispatch.answer(node, body)
    if not is_own and node.faults.strike("timeout"):
        await asyncio.sleep(_HANG_SECONDS)
    return web.Response(status=204) if answer is None else web.json_response(answer)


def _refuse(node: Node) -> None:
    """Raises what the faults in force answer instead."""
    if node.faults.strike("429"):
        raise web.HTTPTooManyRequests(headers={"Retry-After": str(_RETRY_AFTER_SECONDS)}, text="Too many requests\n")
    if node.faults.strike("503"):
        raise web.HTTPServiceUnavailable(text="Service unavailable\n")
