"""wscat from npm, as a person types into it. `npm ci --prefix tests/npm` installs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

import pytest

from tests.e2e.stack import ROOT, Stack

STATUSES = ["pending", "routing", "building", "submitted", "confirmed"]
WSCAT = ROOT / "tests/npm/node_modules/.bin/wscat"

pytestmark = pytest.mark.skipif(not WSCAT.exists(), reason="wscat is not installed: npm ci --prefix tests/npm")


@contextmanager
def wscat(url: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A wscat whose input stays open, as a terminal's does."""
    command = [str(WSCAT), "--connect", url, *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        giving_up = Timer(60, process.kill)
        giving_up.start()
        try:
            yield process
        finally:
            giving_up.cancel()
            process.kill()


def test_an_order_executed_and_watched(stack: Stack) -> None:
    order = {"action": "execute", "type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5"}
    with wscat(stack.websocket, "--wait", "60", "--execute", json.dumps(order)) as process:
        assert process.stdout is not None
        events = [json.loads(process.stdout.readline()) for _ in STATUSES]
    assert [event["status"] for event in events] == STATUSES

    order_id = events[0]["orderId"]
    with wscat(f"{stack.websocket}?orderId={order_id}") as process:
        assert process.stdout is not None
        replayed = [json.loads(process.stdout.readline()) for _ in STATUSES]
    assert [event["seq"] for event in replayed] == [1, 2, 3, 4, 5]


def test_an_unknown_order_is_refused_at_the_handshake(stack: Stack) -> None:
    with wscat(f"{stack.websocket}?orderId=01890a5d-ac96-774b-bcce-b302099a8057") as process:
        assert process.stdout is not None
        assert "Unexpected server response: 404" in process.stdout.read()
