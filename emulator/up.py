"""Runs a stack with its stores until it is told to stop."""

from __future__ import annotations

import fcntl
import gc
import json
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from emulator import stores
from emulator.common.serving import StartError, listening, on_signal, say, stop_event, url
from emulator.console import service as console
from emulator.emulator import Emulator, Sockets
from emulator.template.registry import Addresses
from emulator.template.stack import Stack

HOST = "127.0.0.1"
_STOP = "Ctrl-C stops everything."


@dataclass(frozen=True)
class Options:
    """Options of `up`.

    `postgres` and `redis` name the parameters for the stores' URLs. `processes` are commands that run beside the stack,
    by the parameters for their URLs. `grace` is in seconds.
    """

    template: Path
    data: Path
    parameters: dict[str, str]
    postgres: str | None
    redis: str | None
    processes: dict[str, str]
    host: str
    rest_port: int
    websocket_port: int
    aws_port: int
    grace: float
    read_only_console: bool


def up(options: Options) -> None:
    """Runs the stack until SIGINT or SIGTERM. Raises StartError, StoreError, TemplateError, CustomResourceError."""
    on_signal(_interrupt)
    # What the data folder holds is for this user only: logs, orders, the addresses and passwords of the stores.
    os.umask(0o077)
    with ExitStack() as resources:
        resources.callback(on_signal, signal.SIG_IGN)
        sockets = Sockets(
            rest=resources.enter_context(listening(options.host, options.rest_port, "the REST API", "--rest-port")),
            websocket=resources.enter_context(
                listening(options.host, options.websocket_port, "the WebSocket API", "--websocket-port")
            ),
            aws=resources.enter_context(listening(options.host, options.aws_port, "AWS clients", "--aws-port")),
        )
        resources.enter_context(_sole_user(options.data))
        parameters = dict(options.parameters)
        if options.postgres:
            parameters[options.postgres] = resources.enter_context(stores.postgres(options.data / "postgres"))
        if options.redis:
            parameters[options.redis] = resources.enter_context(stores.redis(options.data / "redis"))
        for name, command in options.processes.items():
            parameters[name] = resources.enter_context(stores.process(name, command, options.data / name))
        addresses = Addresses(
            rest=url("http", sockets.rest),
            websocket=url("ws", sockets.websocket),
            endpoint=url("http", sockets.aws),
        )
        from emulator.stack import load

        stack = load(options.template, parameters, addresses=addresses)
        resources.enter_context(_announced(options.data, options, parameters, addresses))
        uvloop.run(_run(stack, addresses, sockets, options))


def _interrupt(*_: object) -> None:
    """Stops what has been started if a signal comes before the services listen. Further signals are ignored."""
    on_signal(signal.SIG_IGN)
    raise KeyboardInterrupt


async def _run(stack: Stack, addresses: Addresses, sockets: Sockets, options: Options) -> None:
    # Almost nothing that the emulator drops has cycles, but each collection walks what it keeps: modules, the stack and
    # the last executions.
    gc.freeze()
    gc.set_threshold(10_000)
    emulator = Emulator(
        stack, addresses, sockets, options.data, options.grace, read_only_console=options.read_only_console
    )
    await emulator.run(stop_event(), lambda: _print_ready(stack, options, addresses))
    say("Stopped.")


@contextmanager
def _sole_user(data: Path) -> Iterator[None]:
    with ExitStack() as resources:
        try:
            data.mkdir(parents=True, exist_ok=True)
            # Others may not enter, but Postgres' own user may pass through where the emulator runs as root.
            data.chmod(0o700 | (data.stat().st_mode & stat.S_IXOTH))
            lock = resources.enter_context((data / "lock").open("w"))
        except OSError as error:
            raise StartError(f"{data} cannot be used for data ({error.strerror}): choose another with --data") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = f"{data} is in use by another emulator: stop that one, or choose a folder with --data"
            raise StartError(message) from None
        yield


@contextmanager
def _announced(data: Path, options: Options, parameters: dict[str, str], addresses: Addresses) -> Iterator[None]:
    """Describes the running stack in `running.json`, for other commands. A lock on this file says that it runs."""
    running: dict[str, Any] = {
        "pid": os.getpid(),
        "template": str(options.template.resolve()),
        "parameters": parameters,
        "rest": addresses.rest,
        "websocket": addresses.websocket,
        "endpoint": addresses.endpoint,
    }
    path, new = data / "running.json", data / "running.json.new"
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            json.dump(running, file, indent=2)
            file.flush()
            new.replace(path)
        except OSError as error:
            raise StartError(f"{path} cannot be written: {error.strerror}") from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _print_ready(stack: Stack, options: Options, addresses: Addresses) -> None:
    lines = {
        **stack.outputs,
        "Console": addresses.endpoint + console.PATH,
        "AWS endpoint": addresses.endpoint,
        "Logs": f"{options.data / 'logs'}/*.log",
    }
    width = max(map(len, lines))
    say("\n".join(["Ready.", "", *(f"  {name:<{width}}  {value}" for name, value in lines.items()), "", _STOP]))
