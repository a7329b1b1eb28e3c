"""What the load tool does not send."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bench.load import refused
from tests.support.stack import ROOT


def test_no_load_is_sent_where_it_costs_real_money(tmp_path: Path) -> None:
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({"market": "Mainnet", "explorer": None, "wallet": None, "tokens": []})

    async def loaded() -> subprocess.CompletedProcess[str]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        async with TestServer(app) as server:
            url = str(server.make_url("/"))
            command = [sys.executable, "-m", "bench.load", "--url", url, "--key", "oee_key", "--folder", str(tmp_path)]
            environment = {**os.environ, "PYTHONPATH": "client"}
            return await asyncio.to_thread(
                subprocess.run,
                command,
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )

    ended = asyncio.run(loaded())
    assert ended.returncode == 2
    assert ended.stderr.endswith("expected a market without real money, was Mainnet\n")
    assert asked == ["/api/market"]


@pytest.mark.parametrize(
    ("orders", "rate", "per_minute", "expected"),
    [(500, 50, 0, 0), (100, 50, 100, 0), (500, 50, 100, 384), (500, 1.6, 100, 0), (1, 50, 100, 0)],
)
def test_the_limit_allows_a_minutes_orders_at_once_and_more_with_time(
    orders: int, rate: float, per_minute: int, expected: int
) -> None:
    assert refused(orders, rate, per_minute) == expected
