"""Ctrl-C while the command `orders` waits for something that cannot be interrupted, or has only just begun."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

SLOW_LOOKUP = """
import runpy, socket, sys, time

def lookup(*arguments, **options):
    print("looking up", flush=True)
    time.sleep(60)

socket.getaddrinfo = lookup
sys.argv = ["orders", "list"]
runpy.run_module("order_engine_cli", run_name="__main__")
"""

INTERRUPTED_IMPORT = """
import runpy, sys

class Interruption:
    def find_spec(self, name, path, target=None):
        if name == "order_engine_cli.app":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interruption())
runpy.run_module("order_engine_cli", run_name="__main__")
"""


def started(program: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": "client",
            "ORDERS_URL": "https://orders.example",
            "ORDERS_KEY": "oee_key",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_does_not_wait_for_the_lookup_of_a_host_name() -> None:
    with started(SLOW_LOOKUP) as command:
        try:
            assert command.stdout is not None
            assert command.stdout.readline() == "looking up\n"
            command.send_signal(signal.SIGINT)
            _, message = command.communicate(timeout=30)
        finally:
            command.kill()
    assert (command.returncode, message) == (130, "")


def test_ctrl_c_during_the_imports_prints_no_traceback() -> None:
    with started(INTERRUPTED_IMPORT) as command:
        _, message = command.communicate(timeout=30)
    assert (command.returncode, message) == (130, "")
