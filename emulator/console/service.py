"""Serves the console under `/_emulator/`: a page, what the services have done as JSON, and what one does to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from emulator.common.errors import ApiError
from emulator.common.requests import read_body
from emulator.common.strict_json import parse_json
from emulator.console import executions, functions, logs, queues, requests, stack
from emulator.console.parts import Body, Parts, Query, invalid, unknown

PATH = "/_emulator/"

_PAGE = {path.name: path for path in (Path(__file__).parent / "static").iterdir()}
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_SHOWN: dict[str, Callable[[Parts, Query], Awaitable[Any]]] = {
    "connections": requests.connections,
    "events": functions.events,
    "executions": executions.executions,
    "functions": functions.functions,
    "logs": logs.logs,
    "machines": executions.machines,
    "messages": queues.messages,
    "requests": requests.requests,
    "schedules": stack.schedules,
    "stack": stack.stack,
}
_DONE: dict[str, Callable[[Parts, Body], Awaitable[Any]]] = {
    "executions/start": executions.start,
    "executions/stop": executions.stop,
    "functions/invoke": functions.invoke,
    "queues/purge": queues.purge,
    "queues/redrive": queues.redrive,
    "queues/send": queues.send,
}


class Console:
    """Answers the console's requests. With `read_only` it refuses those that change something."""

    def __init__(self, parts: Parts, *, read_only: bool = False) -> None:
        self._parts = parts
        self._read_only = read_only

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == PATH.rstrip("/"):
            return web.Response(status=308, headers={"Location": PATH})
        name = request.path.removeprefix(PATH) or "index.html"
        response: web.StreamResponse
        try:
            response = web.FileResponse(_PAGE[name]) if name in _PAGE else await self._answer(name, request)
        except ApiError as error:
            response = web.json_response({"message": error.message}, status=error.status)
        response.headers.update(_HEADERS)
        return response

    async def _answer(self, name: str, request: web.BaseRequest) -> web.Response:
        if (act := _DONE.get(name)) and request.method == "POST":
            self._check_permitted(request)
            return web.json_response(await act(self._parts, _object(await read_body(request))))
        if name == "overview":
            return web.json_response(self._overview())
        if (show := _SHOWN.get(name)) is None:
            raise unknown(f"expected {PATH}, GET of overview, {', '.join(_SHOWN)}, or POST of {', '.join(_DONE)}")
        return web.json_response(await show(self._parts, request.query))

    def _check_permitted(self, request: web.BaseRequest) -> None:
        """Raises ApiError unless the console's own page asks, which every browser says, and it may change something."""
        own, origin = f"http://{request.headers.get('Host', '')}", request.headers.get("Origin", "none")
        if origin.lower() != own.lower():
            raise _denied(f"expected the Origin {own}, was {origin:.60}")
        if self._read_only:
            raise _denied("the console is read-only")

    def _overview(self) -> dict[str, Any]:
        """Returns the number of executions by machine and status, the queues, and the functions' counters."""
        return {
            "executions": executions.counts(self._parts),
            "queues": queues.queues(self._parts),
            "functions": functions.counters(self._parts),
            "readOnly": self._read_only,
            "stack": self._parts.stack.name,
        }


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = parse_json(body)
    except ValueError as error:
        raise invalid(f"expected a JSON object: {error}") from None
    if not isinstance(value, dict):
        raise invalid(f"expected a JSON object, was {value!r:.100}")
    return value


def _denied(message: str) -> ApiError:
    return ApiError("AccessDeniedException", message, 403)
