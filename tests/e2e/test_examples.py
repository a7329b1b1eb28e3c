"""The Python example as a process."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.market import Market
from tests.support.stack import ROOT, Stack


def run(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "examples/watch.py", *arguments],
        env={
            "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "client"),
            "ORDERS_URL": stack.rest, "ORDERS_KEY": stack.key,
        },
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_example_follows_an_order_to_its_end(stack: Stack, market: Market) -> None:
    ended = run(stack, "SOL", "USDC", "1.5")
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = [line.split(maxsplit=2) for line in ended.stdout.splitlines()]
    assert [line[:2] for line in lines] == [
        [str(seq), status]
        for seq, status in enumerate(["pending", "routing", "building", "submitted", "confirmed"], start=1)
    ]


def test_the_example_prints_the_error_of_a_wrong_order(stack: Stack) -> None:
    ended = run(stack, "SOL", "USDC", "0")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "amountIn: expected an amount above zero, was '0'\n"


def test_the_example_follows_an_order_that_waits(stack: Stack, market: Market) -> None:
    """GIVEN a price that the market pays already."""
    ended = run(stack, "SOL", "USDC", "1.5", "1")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [line.split()[1] for line in ended.stdout.splitlines()] == [
        "open", "pending", "routing", "building", "submitted", "confirmed"
    ]  # fmt: skip
