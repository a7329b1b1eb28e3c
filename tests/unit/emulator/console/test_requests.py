from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from emulator.apigateway.traffic import Call
from emulator.console.parts import Parts
from tests.support.emulator.console import Site, parts
from tests.support.emulator.console import run as serve


def made(folder: Path, *calls: Call) -> Parts:
    shown = parts(folder)
    for call in calls:
        shown.traffic.ended(call, 200)
    return shown


def run(folder: Path, scenario: Callable[[Site], Awaitable[Any]], *calls: Call) -> Any:
    return serve(lambda: made(folder, *calls), scenario)


def test_requests_are_shown_newest_first_and_found_by_any_text(tmp_path: Path) -> None:
    calls = (
        Call("REST", "POST", "/orders", "limit=1", at=1.5, function="Submit:live", request_id="abc"),
        Call("WebSocket", "subscribe", connection_id="xyz=", at=2.5, function="WsConnect"),
        Call("REST", "GET", "/health", at=3.5),
    )

    async def scenario(site: Site) -> None:
        async def moments(**query: str) -> list[float]:
            return [request["at"] for request in (await site.get("requests", **query))["requests"]]

        assert await moments() == [3.5, 2.5, 1.5]
        assert await moments(limit="2") == [3.5, 2.5]
        assert await moments(find="ORDERS") == [1.5]
        assert await moments(find="abc") == [1.5]
        assert await moments(find="xyz=") == [2.5]
        assert await moments(find="rest", limit="1") == [3.5]
        assert await moments(find="nothing") == []
        first = (await site.get("requests"))["requests"][-1]
        assert first.pop("milliseconds") >= 0
        assert first == {
            "at": 1.5,
            "api": "REST",
            "method": "POST",
            "path": "/orders?limit=1",
            "status": 200,
            "function": "Submit",
            "requestId": "abc",
            "connectionId": "",
        }

    run(tmp_path, scenario, *calls)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("token=abc&limit=1", "token=****&limit=1"),
        ("limit=1&ticket=abc%3D", "limit=1&ticket=****"),
        ("key=abc;limit=1", "key=****;limit=1"),
        ("apiKey=abc&Access_Token=def", "apiKey=****&Access_Token=****"),
        ("%6Bey=abc", "%6Bey=****"),
        ("key&x=1", "key&x=1"),
        ("orderId=0191&after=3", "orderId=0191&after=3"),
        ("tokenIn=SOL&tokenOut=USDC", "tokenIn=SOL&tokenOut=USDC"),
        ("key=", "key="),
    ],
)
def test_secrets_in_a_query_string_are_masked_and_not_found(tmp_path: Path, sent: str, shown: str) -> None:
    async def scenario(site: Site) -> None:
        (request,) = (await site.get("requests"))["requests"]
        assert request["path"] == f"/?{shown}"
        assert bool((await site.get("requests", find="abc"))["requests"]) == ("abc" in shown)

    run(tmp_path, scenario, Call("REST", "GET", "/", sent))


def test_without_connections_there_are_none(tmp_path: Path) -> None:
    assert run(tmp_path, lambda site: site.get("connections")) == []
