"""The slow modules that each function imports. `make cold-start` measures the time; this names the module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.artifact import SOLANA, STORES
from emulator.lambda_.records import Function
from emulator.lambda_.service import process_environment
from emulator.stack import load

ROOT = Path(__file__).parents[4]
LAYER = ROOT / "layers" / "common"
MARKETS = {
    market: load(ROOT / "template.yaml", STORES | parameters).of(Function)
    for market, parameters in (("simulated", {}), ("solana", SOLANA))
}

HEAVY = {
    "alembic", "aws_lambda_powertools.event_handler", "aws_xray_sdk", "boto3", "botocore.session", "psycopg",
    "psycopg_pool", "pydantic", "redis", "requests", "sqlalchemy", "urllib3",
}  # fmt: skip
"""Each takes 10 to 100 milliseconds of CPU."""

REST = {"aws_lambda_powertools.event_handler"}
ALLOWED = {
    "AuthorizeFunction": {"psycopg"},
    "TicketFunction": {"psycopg"} | REST,
    "DashboardFunction": REST,
    "MarketFunction": REST,
    "WebhooksFunction": {"psycopg"} | REST,
    "DeliverFunction": {"psycopg"},
    "PostFunction": set(),
    "DiscoverFunction": {"psycopg"},
    "DescribeFunction": REST,
    "SubmitFunction": {"psycopg", "pydantic", "redis"} | REST,
    "WsConnectFunction": {"psycopg", "pydantic", "redis"},
    "DispatchFunction": {"psycopg"},
    "RouteFunction": {"psycopg", "redis"},
    "ExecuteFunction": {"psycopg", "redis"},
    "WatchFunction": {"psycopg", "redis"},
    "RecoverFunction": {"psycopg", "redis"},
    "KeysFunction": {"psycopg"},
    "MigrateFunction": {"psycopg", "alembic", "sqlalchemy"},
}


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("name", ALLOWED)
def test_a_function_imports_only_the_slow_modules_it_needs(name: str, market: str) -> None:
    function = MARKETS[market][name]
    path = [str(function.code), str(LAYER)]
    code = f"import sys; sys.path[:0] = {path}; import app; print(*sys.modules)"
    environment = process_environment(function, {})
    command = [sys.executable, "-P", "-B", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert HEAVY & set(done.stdout.split()) == ALLOWED[name]


def test_every_function_is_looked_at() -> None:
    assert all(functions.keys() == ALLOWED.keys() for functions in MARKETS.values())
