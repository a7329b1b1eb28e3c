"""The commands that inspect a running stack or run a function in it."""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import sys
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

from emulator.console import service as console
from emulator.lambda_.records import Function
from emulator.template.registry import Addresses
from emulator.template.stack import Stack


class CommandError(Exception):
    """A command failed. The message says what it expected."""


def invoke(data: Path, name: str, event: str) -> None:
    """Runs a function's handler in this process, where `breakpoint()` works, and prints its result.

    The handler has its own environment variables and uses the running stack. Raises CommandError.
    """
    from emulator.emulator import aws_environment
    from emulator.lambda_.service import process_environment

    running = _running(data)
    functions = _stack(running).of(Function)
    function = functions.get(name)
    if function is None:
        raise CommandError(f"no function has the name {name!r}; there are {', '.join(functions)}")
    try:
        text = sys.stdin.read() if event == "-" else Path(event).read_text()
        payload = json.loads(text)
    except (OSError, ValueError) as error:
        raise CommandError(f"expected a JSON event in {event}: {error}") from None
    os.environ.clear()
    os.environ.update(process_environment(function, aws_environment(running["endpoint"])))
    time.tzset()
    sys.path[:0] = [str(function.code), *map(str, function.search_path)]
    module, _, attribute = function.handler.rpartition(".")
    handler = getattr(importlib.import_module(module.replace("/", ".")), attribute)
    deadline = time.monotonic() + function.timeout
    json.dump(handler(payload, _Context(name, function.arn, str(function.memory), deadline)), sys.stdout, indent=2)
    print()


def logs(data: Path, name: str | None, follow: bool) -> None:
    """Prints the log of a function, or of all functions with the name before each line. Raises CommandError."""
    folder = data / "logs"
    positions: dict[Path, int] = {}
    while True:
        paths = sorted(folder.glob(f"{name or '*'}.log"))
        if not paths and not follow:
            known = ", ".join(path.stem for path in sorted(folder.glob("*.log"))) or "none yet"
            raise CommandError(
                f"no log of {name!r}; there are logs of {known}" if name else "no function has a log yet"
            )
        for path in paths:
            with path.open(errors="replace") as file:
                file.seek(positions.get(path, 0))
                for line in file:
                    print(line if name else f"{path.stem}: {line}", end="")
                positions[path] = file.tell()
        if not follow:
            return
        sys.stdout.flush()
        time.sleep(0.2)


def executions(data: Path, name: str | None) -> None:
    """Prints the executions, or the events of the newest execution with that name. Raises CommandError."""
    url = f"{_running(data)['endpoint']}{console.PATH}executions"
    found = _get(f"{url}?limit=1000&find={quote(name or '')}")["executions"]
    if name is None:
        for execution in found:
            print(
                f"{time.strftime('%H:%M:%S', time.localtime(execution['started']))}  {execution['status']:<9}"
                f"  {execution['seconds'] * 1000:>9.1f} ms  {execution['stateMachine']}  {execution['name']}"
                f"  {execution['error'] or ''}".rstrip()
            )
        return
    execution = next((execution for execution in found if execution["name"] == name), None)
    if execution is None:
        raise CommandError(f"no execution has the name {name!r}")
    for event in _get(f"{url}?arn={quote(execution['arn'])}")["events"]:
        details: dict[str, Any] = next((value for key, value in event.items() if key.endswith("EventDetails")), {})
        print(f"{event['id']:>4}  {event['type']:<28}  {json.dumps(details)}")


def functions(data: Path) -> None:
    """Prints each function's counters since the start of the stack. Raises CommandError."""
    counters = _get(f"{_running(data)['endpoint']}{console.PATH}functions")
    print(f"{'function':<24} {'invoked':>9} {'errors':>9} {'throttled':>9} {'cold':>9} {'running':>9}   mean ms")
    for name, done in counters.items():
        mean = done["duration"] * 1000 / max(done["invocations"] - done["running"], 1)
        print(
            f"{name:<24} {done['invocations']:>9} {done['errors']:>9} {done['throttles']:>9}"
            f" {done['cold_starts']:>9} {done['running']:>9} {mean:>9.1f}"
        )


def environment(data: Path) -> None:
    """Prints the environment variables of the functions of the running stack. Raises CommandError.

    The output is JSON for `sam local --env-vars`.
    """
    from emulator.emulator import aws_environment

    running = _running(data)
    aws = aws_environment(running["endpoint"])
    found = {name: {**aws, **function.environment} for name, function in _stack(running).of(Function).items()}
    print(json.dumps(found, indent=2))


def parameter(data: Path, name: str) -> None:
    """Prints a parameter of the running stack. Raises CommandError."""
    parameters = _running(data)["parameters"]
    if name not in parameters:
        raise CommandError(f"no parameter has the name {name!r}; there are {', '.join(parameters)}")
    print(parameters[name])


@dataclass
class _Context:
    """The context object that a handler gets. `deadline` is a time of the monotonic clock."""

    function_name: str
    invoked_function_arn: str
    memory_limit_in_mb: str
    deadline: float

    def __post_init__(self) -> None:
        self.aws_request_id = str(uuid.uuid4())
        self.function_version = "$LATEST"
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = "invoke"
        self.identity = None
        self.client_context = None

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - time.monotonic()) * 1000))


def _running(data: Path) -> dict[str, Any]:
    with suppress(FileNotFoundError), (data / "running.json").open() as file:
        try:
            # The emulator holds a lock on this file. After it was killed, its addresses may be those of others.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            running: dict[str, Any] = json.load(file)
            return running
    raise CommandError(f"no stack is running with its data in {data}")


def _stack(running: dict[str, Any]) -> Stack:
    from emulator.stack import load

    addresses = Addresses(running["endpoint"], running["rest"], running["websocket"])
    return load(Path(running["template"]), running["parameters"], addresses=addresses)


def _get(url: str) -> Any:
    try:
        with urlopen(url, timeout=10) as response:
            return json.load(response)
    except URLError as error:
        raise CommandError(f"the stack does not answer at {url}: {error}") from None
