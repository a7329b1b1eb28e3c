"""The end-to-end tests trade on a stack that somebody else has deployed only if that costs nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

from tests.e2e.targets.deployed import Deployed, simulated
from tests.support.http_server import serving


@contextmanager
def stack_in(market: str) -> Iterator[Deployed]:
    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = (self.path, self.headers["Authorization"]) == ("/v1/api/market", "Bearer oee_key")
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"market": market}).encode())

        def log_message(self, *arguments: object) -> None:
            pass

    with serving(Api) as address:
        yield Deployed(f"http://{address}/v1", "", "oee_key")


def test_a_stack_in_the_simulated_market_is_tested() -> None:
    with stack_in("Simulated") as stack:
        assert simulated(stack) is stack


@pytest.mark.parametrize("market", ["Devnet", "Mainnet"])
def test_a_stack_that_trades_elsewhere_is_left_alone(market: str) -> None:
    with (
        stack_in(market) as stack,
        pytest.raises(pytest.UsageError, match=f"expected a stack that trades in the simulated market, was {market}"),
    ):
        simulated(stack)
