"""The commands in README and docs/, as they are written there, typed in a terminal beside a running engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.command_line import as_json, end_all, environment
from tests.support.documents import Command, shown
from tests.support.market import Market
from tests.support.stack import ROOT, Stack

ELSEWHERE = {
    r"make ": "tests/unit/tools/test_documented_targets.py reads them: most install, build or measure",
    r"docker ": "needs Docker",
    r"npx wscat ": "tests/e2e/test_wscat.py types the sessions that it begins",
    r"(export|curl) .*\$?(ORDERS_URL|API)\b|aws |\.venv/bin/sam ": "needs a deployed stack, or an AWS account",
    r"solana |spl-token |solana-keygen ": "needs Solana's tools, and a cluster",
    r"dig ": "asks a name server",
    r"curl \S* ?localhost:3003": "needs sam local, which needs Docker",
    r"(\w+=\S+ )+\.venv/bin/pytest ": "runs the tests themselves",
    r"PYTHONPATH=layers/common \.venv/bin/python -m localnet ": "starts a localnet at the default port",
    r"\./orders snipe ": "tests/e2e/test_cli_open_orders.py makes the token that it buys",
    r"\./orders market && .* && make pools ": "needs a cluster",
}
"""Why a command is not run here."""

WALLET = re.compile(r"\./orders wallet")
UNTIL_INTERRUPTED = re.compile(r"--stop 140 --watch|logs -f")
SUBMITS = re.compile(r"submit|execute|\bID\b")
SECONDS = 10


def runs_here(command: Command) -> bool:
    return not any(re.match(pattern, command.text) for pattern in ELSEWHERE)


def bare(command: Command) -> str:
    """Without its comment, and without what it shows as optional."""
    return re.sub(r" \[[A-Z]+\]", "", command.text.partition("  #")[0].strip())


HERE = list({bare(command): command for command in shown() if runs_here(command)}.items())


@pytest.fixture
def ends_orders(stack: Stack, market: Market, text: str) -> Iterator[None]:
    yield
    if SUBMITS.search(text):
        end_all(stack)


@pytest.mark.needs("local")
@pytest.mark.usefixtures("ends_orders")
@pytest.mark.parametrize("text", [text for text, _ in HERE], ids=[f"{where.page}-{text}" for text, where in HERE])
def test_a_command_works_as_written(stack: Stack, text: str) -> None:
    if WALLET.search(text) and as_json(stack, "market")["wallet"] is None:
        pytest.skip("the simulated market has no wallet")
    command = on_this_stack(stack, with_ids(stack, text))
    expected = 0
    if UNTIL_INTERRUPTED.search(text):
        command, expected = f"timeout --preserve-status --signal INT {SECONDS} {command}", 130
    # A user who is asked agrees.
    ours, its = os.openpty()
    os.write(ours, b"y\n")
    try:
        ended = subprocess.run(
            ["bash", "-c", f"{command}\nexit"], cwd=ROOT, env=environment(stack), stdin=its,
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
    finally:
        os.close(its)
        os.close(ours)
    assert ended.returncode == expected, ended.stdout + ended.stderr
    assert not ended.stdout.startswith('{"error": {')


def on_this_stack(stack: Stack, command: str) -> str:
    """The command for the stack's ports and data instead of the usual ones."""
    command = command.replace(".venv/bin/python -m emulator", f"{sys.executable} -m emulator --data {stack.data}")
    return command.replace("http://127.0.0.1:3000", stack.rest)


def with_ids(stack: Stack, command: str) -> str:
    """The command with the id of a quote, of an order that waits, or of one that ends, in place of `ID`."""
    if "--quote ID" in command:
        quoted = as_json(stack, "quote", "SOL", "USDC", "1.5", "--slippage-bps", "30")
        return command.replace("ID", quoted["quoteId"])
    if not re.search(r"\bID\b", command):
        return command
    waits = () if re.search(r"orders (show|watch) ID", command) else ("--limit", "100000")
    return re.sub(r"\bID\b", as_json(stack, "submit", "SOL", "USDC", "1.5", *waits)["orderId"], command)


def test_every_reason_still_has_a_command() -> None:
    texts = [command.text for command in shown()]
    assert [pattern for pattern in ELSEWHERE if not any(re.match(pattern, text) for text in texts)] == []
    assert len(HERE) > 30
