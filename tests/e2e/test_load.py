"""The load tool."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.client import Json
from tests.support.command_line import load
from tests.support.market import Market
from tests.support.stack import Stack

pytestmark = pytest.mark.needs("load")

PNG = b"\x89PNG\r\n\x1a\n"


def loaded(stack: Stack, folder: Path, *options: str) -> tuple[Json, str]:
    """Returns what the tool writes and prints."""
    ended = load("--url", stack.rest, "--key", stack.key, "--folder", str(folder), *options)
    assert ended.returncode == 0, ended.stderr
    assert (folder / "load.png").read_bytes().startswith(PNG)
    written: Json = json.loads((folder / "load.json").read_text())
    return written, ended.stdout


@pytest.mark.parametrize("via", ["rest", "websocket"])
def test_every_order_is_watched_to_its_end(stack: Stack, market: Market, tmp_path: Path, via: str) -> None:
    before = market.confirmed()

    written, printed = loaded(stack, tmp_path, "--orders", "40", "--rate", "40", "--via", via)

    assert (written["via"], written["confirmed"], written["failures"]) == (via, 40, {})
    assert market.confirmed() == before + 40
    assert written["seconds"] >= 39 / 40
    assert written["confirmedPerSecond"] == pytest.approx(40 / written["seconds"], abs=0.1)
    steps = written["milliseconds"]
    assert list(steps) == ["accept", "wait and route", "build", "submit", "confirm", "from due to end"]
    for cuts in steps.values():
        assert 0 <= cuts["p50"] <= cuts["p95"] <= cuts["p99"] <= cuts["max"]
    assert steps["from due to end"]["p50"] > steps["accept"]["p50"]
    assert len(written["orders"]) == 40
    for order in written["orders"]:
        assert order["due"] < order["accepted"] < order["ended"]
    assert printed.startswith(f"40 orders by {via} on {written['market']}, 40 a second: 40 confirmed in ")


@pytest.mark.needs("simulation")
@pytest.mark.parametrize("via", ["rest", "websocket"])
def test_failures_are_counted_by_code(stack: Stack, market: Market, tmp_path: Path, via: str) -> None:
    for venue in ("raydium", "meteora"):
        market.fault(venue, "submit", "slip")

    written, printed = loaded(stack, tmp_path, "--orders", "3", "--rate", "1000", "--via", via)

    assert (written["confirmed"], written["failures"]) == (0, {"SlippageExceeded": 3})
    assert list(written["milliseconds"]) == ["accept"]
    assert "| SlippageExceeded |" in printed


def test_a_refused_key_ends_the_tool(stack: Stack) -> None:
    ended = load("--url", stack.rest, "--key", "none", "--orders", "2")
    assert ended.returncode == 1
    assert "expected an engine that accepts orders: expected a valid API key" in ended.stderr


def test_another_machine_needs_an_option() -> None:
    ended = load("--url", "https://example.com", "--key", "none", "--orders", "2")
    assert ended.returncode == 2
    assert "expected a URL on this machine or --elsewhere, was https://example.com" in ended.stderr
