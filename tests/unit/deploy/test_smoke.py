"""What the smoke test does by the market of the stack. tests/e2e/test_access.py runs it on a stack."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from contract.examples import EXAMPLES
from order_engine_client import Refused
from tests import smoke


async def asked(market: str, trade: bool) -> list[str]:
    """What is asked of a stack in this market, which accepts no orders."""
    paths: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path)
        match request.path:
            case "/api/market":
                return web.json_response({"market": market, "explorer": None, "wallet": None, "tokens": []})
            case "/api/quotes":
                return web.json_response(EXAMPLES["quote"])
        return web.json_response({"error": {"code": "NotNow", "message": "no orders", "details": []}}, status=400)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(application) as server:
        with suppress(Refused):
            await smoke.check_order(str(server.make_url("")).rstrip("/"), "oee_key", trade)
    return paths


@pytest.mark.parametrize(
    ("market", "trade", "last"),
    [
        ("Simulated", False, "/api/orders/execute"),
        ("Devnet", False, "/api/orders/execute"),
        ("Mainnet", False, "/api/quotes"),
        ("Mainnet", True, "/api/orders/execute"),
    ],
)
def test_an_order_is_submitted_on_mainnet_only_if_told_so(market: str, trade: bool, last: str) -> None:
    assert asyncio.run(asked(market, trade)) == ["/api/market", last]
