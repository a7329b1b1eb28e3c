"""wscat from npm with typed input. `npm ci --prefix tests/npm` installs it."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import IO

import pytest

from emulator.stack import load
from emulator.template.registry import Addresses
from tests.support.market import Market
from tests.support.stack import ROOT, Stack

STATUSES = ["pending", "routing", "building", "submitted", "confirmed"]
WSCAT = ROOT / "tests/npm/node_modules/.bin/wscat"

pytestmark = pytest.mark.skipif(not WSCAT.exists(), reason="wscat is not installed: npm ci --prefix tests/npm")


@contextmanager
def wscat(url: str, key: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A wscat whose input stays open, like a terminal's."""
    command = [str(WSCAT), "--connect", url, "--header", f"Authorization: Bearer {key}", *options]
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


def test_an_order_is_executed_and_watched(stack: Stack) -> None:
    order = {"action": "execute", "type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5"}
    with wscat(stack.websocket, stack.key, "--wait", "60", "--execute", json.dumps(order)) as process:
        assert process.stdout is not None
        events = [json.loads(process.stdout.readline()) for _ in STATUSES]
    assert [event["status"] for event in events] == STATUSES

    order_id = events[0]["orderId"]
    with wscat(f"{stack.websocket}?orderId={order_id}", stack.key) as process:
        assert process.stdout is not None
        replayed = [json.loads(process.stdout.readline()) for _ in STATUSES]
    assert [event["seq"] for event in replayed] == [1, 2, 3, 4, 5]


def test_an_unknown_order_is_refused_at_the_handshake(stack: Stack) -> None:
    with wscat(f"{stack.websocket}?orderId=01890a5d-ac96-774b-bcce-b302099a8057", stack.key) as process:
        assert process.stdout is not None
        assert "Unexpected server response: 404" in process.stdout.read()


def test_a_client_without_a_key_is_refused(stack: Stack) -> None:
    with wscat(stack.websocket, "none") as process:
        assert process.stdout is not None
        assert "Unexpected server response: 401" in process.stdout.read()


@pytest.mark.parametrize("page", ["api.md", "orders.md"])
def test_the_session_in_the_documentation_works_as_written(stack: Stack, market: Market, page: str) -> None:
    """Sends the typed lines of a session and checks the answers, in which `…` stands for anything."""
    (session,) = re.findall(r"```console\n\$ npx wscat (.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    command, *lines = session.splitlines()
    options = shlex.split(command.replace("ws://127.0.0.1:3001", stack.websocket).replace("$ORDERS_KEY", stack.key))
    terminal, end = pty.openpty()
    with (
        open(terminal, "r+b", buffering=0) as keyboard,
        subprocess.Popen([WSCAT, *options], stdin=end, stdout=end, stderr=end) as process,
    ):
        os.close(end)
        giving_up = Timer(60, process.kill)
        giving_up.start()
        shown = printed(keyboard)
        assert "Connected (press CTRL+C to quit)" in next(shown)
        for line in lines:
            if line.startswith("> "):
                keyboard.write(line.removeprefix("> ").encode() + b"\n")
            else:
                parts = map(re.escape, line.split("…"))
                received = next(text for text in shown if text.startswith("< "))
                assert re.fullmatch(".*".join(parts), received), f"expected {line}, was {received}"
        giving_up.cancel()
        process.kill()


def printed(terminal: IO[bytes]) -> Iterator[str]:
    """Returns the lines that a terminal shows, without control sequences."""
    text = ""
    while True:
        text += terminal.read(65536).decode()
        *lines, text = text.split("\n")
        yield from (re.sub(r"\x1b\[[0-9;]*[A-Za-z]|\r", "", line).removeprefix("> ") for line in lines)


@pytest.mark.needs("local")
def test_the_commands_that_the_stack_prints_work(stack: Stack) -> None:
    """Runs the command in a shell, in a folder where npx finds wscat."""
    addresses = Addresses(stack.endpoint, stack.rest, stack.websocket)
    outputs = load(ROOT / "template.yaml", stack.parameters, addresses=addresses).outputs
    environment = {"PATH": os.environ["PATH"], "ORDERS_KEY": stack.key, "HOME": os.environ.get("HOME", "/")}
    for name, expected in (("SubmitAnOrder", '"status": "pending"'), ("WatchAnOrder", '"status": "confirmed"')):
        command = ["sh", "-c", outputs[name].replace("-w 15", "-w 3")]
        # wscat ends with its input, which must therefore stay open.
        with subprocess.Popen(
            command, cwd=WSCAT.parents[2], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            giving_up = Timer(60, process.kill)
            giving_up.start()
            assert process.stdout is not None
            assert expected in process.stdout.read()
            giving_up.cancel()
