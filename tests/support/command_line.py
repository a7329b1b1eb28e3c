"""The command `orders`, and the load tool, as processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

from tests.support.client import FINAL, Json
from tests.support.stack import ROOT, Stack


def environment(stack: Stack, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"], "COLUMNS": "200", "PYTHONWARNINGS": "error",
        "ORDERS_URL": stack.rest, "ORDERS_KEY": stack.key, **more,
    }  # fmt: skip


def orders(stack: Stack, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "orders", *arguments],
        env=environment(stack, **more), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def printed(stack: Stack, *arguments: str) -> str:
    """Returns what a successful command prints."""
    ended = orders(stack, *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Traceback" not in ended.stdout
    return ended.stdout


def as_json(stack: Stack, *arguments: str) -> Json:
    answer: Json = json.loads(printed(stack, *arguments, "--json"))
    return answer


def refused(stack: Stack, *arguments: str, **more: str) -> tuple[int, str]:
    """Returns the exit status and the message of a command that fails without a traceback."""
    ended = orders(stack, *arguments, **more)
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    return ended.returncode, ended.stderr


def end_all(stack: Stack) -> None:
    """Cancels the orders that wait. Those that run end by themselves."""
    printed(stack, "cancel", "--all", "--yes")
    for order in as_json(stack, "list", "--limit", "100")["orders"]:
        if order["status"] not in FINAL:
            orders(stack, "watch", order["orderId"])


@contextmanager
def running(stack: Stack, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [str(ROOT / "orders"), *arguments]
    with subprocess.Popen(
        command, env=environment(stack), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        giving_up = Timer(60, process.kill)
        giving_up.start()
        try:
            yield process
        finally:
            giving_up.cancel()
            process.kill()


def in_a_terminal(stack: Stack, reply: str, *arguments: str) -> tuple[int, str]:
    """Returns the exit status of a command in a terminal where the user replies to its question, and what it prints."""
    ours, its = os.openpty()
    with subprocess.Popen(
        [ROOT / "orders", *arguments], env=environment(stack),
        stdin=its, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as command:  # fmt: skip
        os.close(its)
        os.write(ours, f"{reply}\n".encode())
        printed, _ = command.communicate(timeout=60)
        os.close(ours)
    return command.returncode, printed


def load(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.load", *options]
    environment = {**os.environ, "PYTHONPATH": "client"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)
