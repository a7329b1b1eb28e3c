"""Samples where this process and those that it starts or forks use their CPU, into the file `SAMPLES`.

Python imports this at the start of every process that has this folder on its `PYTHONPATH`. A sample is a line: the
function, or `emulator`, a tab, and the frames from the outermost to the innermost, joined by semicolons. The kernel
takes one for each tick of CPU time, 4 ms with 250 ticks a second.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

_INTERVAL = 0.001  # the kernel's tick is longer
_WAITS = ("threading", "queue", "selectors", "subprocess", "concurrent.futures.thread", "anyio._backends._asyncio")

_SAMPLES = os.environ["SAMPLES"]
_file = os.open(_SAMPLES, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
_in_emulator = "LAMBDA_RUNTIME_DIR" not in os.environ
if not _in_emulator:
    # The functions that are forked from this process have the variable without this folder.
    os.environ["PYTHONPATH"] = os.environ["PYTHONPATH"].partition(os.pathsep)[2]


def _sample(_: int, frame: FrameType | None) -> None:
    # Python handles signals in the main thread, also those for the work of another.
    if threading.active_count() > 1 and _waits(frame):
        others = {id: other for id, other in sys._current_frames().items() if id != threading.get_ident()}
        frame = next((other for other in others.values() if not _waits(other)), frame)
    names = []
    while frame is not None:
        names.append(f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}")
        frame = frame.f_back
    name = "emulator" if _in_emulator else os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "shared")
    # One write, to the end of the file: the lines of several processes do not mix.
    os.write(_file, f"{name}\t{';'.join(reversed(names))}\n".encode())


def _waits(frame: FrameType | None) -> bool:
    return frame is None or frame.f_globals.get("__name__") in _WAITS


def _start() -> None:
    signal.setitimer(signal.ITIMER_PROF, _INTERVAL, _INTERVAL)


def _sampled(variables: dict[str, str]) -> dict[str, str]:
    """The environment of a process in which this module is imported too."""
    path = os.pathsep.join(filter(None, (str(Path(__file__).parent), variables.get("PYTHONPATH"))))
    return {**variables, "PYTHONPATH": path, "SAMPLES": _SAMPLES}


def _start_process(self: Any, *arguments: Any, env: dict[str, str] | None = None, **options: Any) -> None:
    _popen(self, *arguments, env=None if env is None else _sampled(env), **options)


def _run_again(program: str, arguments: list[str], variables: dict[str, str]) -> None:
    # The timer outlives the program, but its handler does not.
    signal.setitimer(signal.ITIMER_PROF, 0)
    _execve(program, arguments, _sampled(variables))


_popen: Any = subprocess.Popen.__init__
_execve: Any = os.execve
subprocess.Popen.__init__ = _start_process  # type: ignore[assignment,method-assign]
os.execve = _run_again  # type: ignore[assignment]
signal.signal(signal.SIGPROF, _sample)
# At its exit Python takes its handler away, and the next signal would kill the process.
atexit.register(signal.setitimer, signal.ITIMER_PROF, 0)
os.register_at_fork(after_in_child=_start)
_start()
