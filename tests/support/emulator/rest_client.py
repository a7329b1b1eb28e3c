"""Serves a REST API to a client."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import uvloop
from multidict import CIMultiDict
from yarl import URL

from emulator.apigateway.records import Cors, GatewayResponse, RestApi, Route
from emulator.apigateway.rest_api import RestGateway
from tests.support.emulator.gateways import Event, Functions, serving

ANY_ROUTES = (Route("ANY", "/", "echo"), Route("ANY", "/{proxy+}", "echo"))


def echo(event: Event) -> Event:
    return {"statusCode": 200, "body": json.dumps(event)}


class Client:
    def __init__(self, port: int, session: aiohttp.ClientSession, functions: Functions) -> None:
        self.port = port
        self.session = session
        self.functions = functions

    async def __call__(self, target: str, method: str = "GET", **options: Any) -> tuple[int, CIMultiDict[str], Any]:
        """Returns the status, the headers and the body, which is parsed if it is JSON."""
        url = URL(f"http://127.0.0.1:{self.port}{target}", encoded=True)
        async with self.session.request(method, url, **options) as response:
            body = await response.read()
            with contextlib.suppress(ValueError):
                return response.status, CIMultiDict(response.headers), json.loads(body)
            return response.status, CIMultiDict(response.headers), body


def run(
    scenario: Callable[[Client], Any],
    *,
    routes: tuple[Route, ...] = ANY_ROUTES,
    cors: Cors | None = None,
    responses: dict[str, GatewayResponse] | None = None,
    timeout: float = 29,
    compressed_from: int | None = None,
    binary: tuple[str, ...] = (),
    **functions: Callable[[Event], Any],
) -> Any:
    async def main() -> Any:
        lambda_ = Functions(**{"echo": echo, **functions})
        api = RestApi("Api", "v1", routes, cors, responses or {}, compressed_from, binary)
        gateway = RestGateway(api, lambda_, timeout)
        async with serving(gateway.handle) as port, aiohttp.ClientSession(auto_decompress=False) as session:
            return await scenario(Client(port, session, lambda_))

    return uvloop.run(main())


def answering(result: Any) -> tuple[int, CIMultiDict[str], Any]:
    """Returns the gateway's answer if the function returns `result`. Bytes are returned as they are."""
    answer: tuple[int, CIMultiDict[str], Any] = run(lambda get: get("/"), echo=lambda event: result)
    return answer
