"""CPU counts once, and still counts when the process that used it has ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from bench.meters import ENDED, Part, by_kind, consumed, cpu_seconds

EMULATOR, POSTGRES = Part("emulator"), Part("postgres")
ROUTE, EXECUTE = Part("functions", "route"), Part("functions", "execute")

BURNT = 0.5
FUNCTION = f"""
import os, time
if os.fork() == 0:
    while time.process_time() < {BURNT}:
        pass
    os._exit(0)
os.wait()
print("waiting", flush=True)
time.sleep(60)
"""
THE_EMULATOR = f"""
import subprocess, sys
function = subprocess.Popen([sys.executable, "-c", {FUNCTION!r}], cwd=sys.argv[1], stdout=subprocess.PIPE)
function.stdout.readline()
print("started", flush=True)
sys.stdin.readline()
function.kill()
function.wait()
print("ended", flush=True)
sys.stdin.readline()
"""


class FakeTimes(NamedTuple):
    user: float = 0.0
    system: float = 0.0
    children_user: float = 0.0
    children_system: float = 0.0


def test_what_has_ended_counts_for_its_parent() -> None:
    server = FakeTimes(1.0, 0.5, 4.0, 2.0)
    environment = FakeTimes(0.25, 0.25)
    assert consumed([(ROUTE, server), (ROUTE, environment), (EXECUTE, FakeTimes(1.0))]) == {ROUTE: 8.0, EXECUTE: 1.0}
    assert consumed([(POSTGRES, FakeTimes(1.0, 1.0, 1.0, 1.0))]) == {POSTGRES: 4.0}


def test_what_the_emulator_has_reaped_is_not_its_own() -> None:
    assert consumed([(EMULATOR, FakeTimes(3.0, 1.0, 5.0, 1.0))]) == {EMULATOR: 4.0, ENDED: 6.0}


def test_kinds_are_sums() -> None:
    assert by_kind({EMULATOR: 1.0, ROUTE: 2.0, EXECUTE: 3.0}) == {"emulator": 1.0, "functions": 5.0}


def test_the_cpu_of_processes_that_end_is_not_lost(tmp_path: Path) -> None:
    code, data = tmp_path / "route", tmp_path / "data"
    for folder in (code, data):
        folder.mkdir()
    command = [sys.executable, "-c", THE_EMULATOR, str(code)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as emulator:
        assert emulator.stdin is not None
        assert emulator.stdout is not None
        stack = {"pid": emulator.pid, "data": str(data)}

        # WHEN an environment has ended
        assert emulator.stdout.readline() == "started\n"
        running = cpu_seconds(stack)
        # The kernel counts in hundredths of a second.
        assert BURNT - 0.05 < running[ROUTE] < 2 * BURNT
        assert running[ENDED] == 0

        # and WHEN the process that forked it has ended too
        emulator.stdin.write("\n")
        emulator.stdin.flush()
        assert emulator.stdout.readline() == "ended\n"
        ended = cpu_seconds(stack)
        assert ROUTE not in ended
        assert ended[ENDED] >= running[ROUTE]
        emulator.stdin.write("\n")
