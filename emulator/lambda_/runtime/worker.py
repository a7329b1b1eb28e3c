"""Imports what functions need, and forks their execution environments.

A standby is started as `python worker.py '{"control": 5, "packages": […], "distributions": […], "ports": […]}'`, for
all functions that have these of the packages installed here; at the ports the emulator speaks plain HTTP. It forks a
server for each function, which imports the handler and then forks environments. A server that has imported installed
modules that its standby lacks names them and ends, so that the standby imports them and forks it again: all functions
share the memory of what they import.

On its control socket each of them reads `fork <id>`, with a socket for the new process, and `kill <id>`, and a standby
`import <module>…`. They write `ready`, `forked <id> <pid>` and `exited <id> <exit code>`, and a server
`imported <module>…`. A server's socket first brings a line of JSON: `handler`, `path`, `environment` and `log`.

A function that cannot share is imported in a process of its own, by the same program: its variables or modules differ
from what the standby has imported, or its import opens a socket or starts a thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import gc
import importlib
import io
import json
import os
import select
import signal
import socket
import stat
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_client import InvocationRequest, LambdaRuntimeClient
from awslambdaric.lambda_runtime_marshaller import to_json
from function_imports import (  # type: ignore[import-not-found]
    comes_from_elsewhere,
    limit_imports,
    recorded_reads,
    top_level,
)

# How the names of variables begin that Python, its libraries in C and the runtime client read when they start.
AT_START = (
    *("AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL"),
    *("GLIBC_", "LANG", "LC_ALL", "LD_", "MALLOC_", "PYTHON", "TZ"),
)


class Log(io.FileIO):
    """A log file that takes every write: on a full disk lines are lost, and the function does not notice."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


class LineStream(io.TextIOWrapper):
    """Writes whole lines regardless of flushes in between, since environments share one log file."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(io.BufferedWriter(Log(descriptor, "w", closefd=False)), "utf-8", "replace")
        self.reconfigure(line_buffering=True)

    def write(self, text: str) -> int:
        # The runtime ends the lines of a traceback with \r, so that CloudWatch takes them as one event.
        return super().write(text.replace("\r", "\n"))

    def flush(self) -> None:
        pass

    def end(self) -> None:
        super().flush()


class Client(LambdaRuntimeClient):  # type: ignore[misc]
    """The official client, over a socket to the emulator instead of HTTP: emulator/lambda_/runtime_api.py.

    Lambda's loop asks for an invocation right after it has answered one, so that both are one message.
    """

    def __init__(self, connection: socket.socket, streams: list[LineStream]) -> None:
        super().__init__(os.environ["AWS_LAMBDA_RUNTIME_API"])
        self.connection = connection
        self.received = io.BufferedReader(io.FileIO(connection.fileno(), closefd=False))
        self.streams = streams
        self.process = os.getpid()
        self.unsent = message(b"y")

    def wait_next_invocation(self) -> InvocationRequest:
        """Exits when the emulator has ended."""
        for stream in self.streams:
            stream.end()
        if os.getpid() != self.process:  # the handler has forked, and returned twice
            sys.exit()
        try:
            self.connection.sendall(self.unsent)
            self.unsent = b""
            head = self.received.readline().decode()
            size, request_id, deadline, trace, arn = head.split()
            event = self.received.read(int(size))
        except (OSError, ValueError):
            sys.exit()
        if len(event) < int(size):
            sys.exit()
        return InvocationRequest(
            invoke_id=request_id,
            x_amzn_trace_id=trace,
            invoked_function_arn=arn,
            deadline_time_in_ms=int(deadline),
            client_context=None,
            cognito_identity=None,
            tenant_id=None,
            content_type="application/json",
            event_body=event,
            invocation_id=None,
        )

    def post_invocation_result(self, _id: str, result: str | bytes, *_: Any) -> None:
        self.unsent = message(b"r", result if isinstance(result, bytes) else result.encode())

    def post_invocation_error(self, _id: str, error: str, *_: Any) -> None:
        self.unsent = message(b"e", error.encode())

    def post_init_error(self, error: dict[str, Any], *_: Any) -> None:
        self.connection.sendall(message(b"n", to_json(error).encode()))


def message(kind: bytes, content: bytes = b"") -> bytes:
    return kind + len(content).to_bytes(8) + content


def seed() -> None:
    """Gives NumPy's global generator, if any, a state of its own. Python's own is seeded by the fork."""
    if (generator := sys.modules.get("numpy.random")) is not None:
        generator.seed()


def run_environment(handler: str, streams: list[LineStream], identity: str, connection: socket.socket) -> None:
    """Serves invocations until the process is killed."""
    code = 1
    try:
        gc.enable()
        seed()
        os.environ["AWS_LAMBDA_LOG_STREAM_NAME"] = time.strftime("%Y/%m/%d/[$LATEST]", time.gmtime()) + identity
        bootstrap.update_xray_env_variable = TraceVariable().set
        bootstrap.run(handler, Client(connection, streams))
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in streams:
            stream.end()
        os._exit(code)


class TraceVariable:
    """Sets `_X_AMZN_TRACE_ID` as `os.environ` does, but in memory that it frees: each invocation has another value.

    `os.environ` calls setenv, and glibc's keeps every value that it was ever given.
    """

    def __init__(self) -> None:
        self.put = ctypes.CDLL(None).putenv

    def set(self, trace: str) -> None:
        name, value = b"_X_AMZN_TRACE_ID", trace.encode()
        entry = name + b"=" + value
        self.put(entry)
        self.entry = entry  # the one before is in use until now
        os.environ._data[name] = value  # type: ignore[attr-defined]


def set_up_logging() -> None:
    """Gives the root logger Lambda's handler, as Lambda does before it imports the function."""
    bootstrap.init_logging()
    bootstrap._setup_logging = lambda *_: None


def import_handler(handler: str) -> bool:
    """Imports the handler's module. If that fails, each environment fails in the same way and reports it."""
    with contextlib.suppress(BaseException):
        try:
            importlib.import_module(handler.rpartition(".")[0].replace("/", "."))
            return True
        except ImportError:
            traceback.print_exc()  # the runtime client reports only the message of this error
    return False


def shares_what_must_not_be_shared(control: socket.socket) -> bool:
    """Whether the import started threads, which a fork loses, or opened sockets, which two processes cannot share."""
    if threading.active_count() > 1:
        return True
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):  # the listing's own descriptor
            if int(name) != control.fileno() and stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                return True
    return False


def serve(
    control: socket.socket,
    run: Callable[[str, socket.socket], None],
    load: Callable[[list[str]], None] = lambda _: None,
) -> list[int]:
    """Forks processes that call `run` with their identifier and socket, and reaps them. `load` imports modules.

    Returns the processes that still run when the emulator ends.
    """
    woken, waker = socket.socketpair()
    woken.setblocking(False)
    waker.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    children: dict[str, int] = {}
    received = b""
    descriptors: list[int] = []
    with contextlib.suppress(OSError):  # a killed emulator may reset the connection
        control.sendall(b"ready\n")
        while True:
            ready, _, _ = select.select([control, woken], [], [])
            if woken in ready:
                woken.recv(4096)
                reap(children, control)
            if control not in ready:
                continue
            data, sent, _, _ = socket.recv_fds(control, 65536, 1)
            if not data:
                break
            descriptors += sent
            *lines, received = (received + data).split(b"\n")
            for line in lines:
                command, *names = line.decode().split(" ")
                identity = names[0]
                if command == "kill" and identity in children:
                    kill_group(children[identity])
                elif command == "import":
                    load(names)
                    control.sendall(b"ready\n")
                elif command == "fork":
                    with socket.socket(fileno=descriptors.pop(0)) as given:
                        given.set_inheritable(False)
                        given.setblocking(True)  # whatever default timeout the import has set
                        pid = os.fork()
                        if pid == 0:
                            begin((control, woken, waker))
                            run(identity, given)
                            os._exit(0)
                    children[identity] = pid
                    control.sendall(b"forked %s %d\n" % (identity.encode(), pid))
    signal.set_wakeup_fd(-1)  # its socket closes now
    return list(children.values())


def begin(inherited: tuple[socket.socket, ...]) -> None:
    """Detaches a forked process from its parent."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for connection in inherited:
        connection.close()


def reap(children: dict[str, int], control: socket.socket) -> None:
    for identity, pid in list(children.items()):
        reaped, status = os.waitpid(pid, os.WNOHANG)
        if reaped:
            del children[identity]
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)  # the processes that it started
            control.sendall(b"exited %s %d\n" % (identity.encode(), os.waitstatus_to_exitcode(status)))


def kill_group(pid: int) -> None:
    """Kills an environment and the processes that it started, even if it has no process group yet."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


class Standby:
    """Imports installed modules, and makes a function's server of a process that it has forked."""

    def __init__(self, options: dict[str, Any], streams: list[LineStream]) -> None:
        self.options = options
        self.streams = streams
        self.variables = dict(os.environ)
        self.read: set[str] = set()  # the variables that the imports have read
        self.first = top_level(sys.modules)
        self.tried = set(sys.modules)

    def load(self, modules: list[str]) -> None:
        with recorded_reads(self.read):
            for module in modules:
                with contextlib.suppress(BaseException):
                    importlib.import_module(module)
        self.tried.update(modules, sys.modules)
        gc.freeze()

    def become_server(self, _: str, control: socket.socket) -> None:
        """Becomes the server of the function that the socket describes, which ends when the socket closes."""
        with control.makefile("rb") as lines:
            function = json.loads(lines.readline() or sys.exit())
        environment, log = function.pop("environment"), function.pop("log")
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for output in (1, 2):
            os.dup2(descriptor, output)
        os.close(descriptor)
        options = self.options | function
        os.chdir(options["path"][0])
        if not self.suits(options["path"], environment):
            run_again(control, options, environment)
        imported = {name: value for name, value in os.environ.items() if self.variables.get(name) != value}
        os.environ.clear()
        os.environ.update(environment | imported)
        sys.path[:0] = options["path"]
        run_function(control, options, self.streams, self.tried)

    def suits(self, path: list[str], environment: dict[str, str]) -> bool:
        """Whether the function would import the same: it sees the same variables, and none of its modules hides one."""
        for name in {*self.variables, *environment}:
            if (name in self.read or name.startswith(AT_START)) and self.variables.get(name) != environment.get(name):
                return False
        own = top_level(entry for folder in path if os.path.isdir(folder) for entry in os.listdir(folder))
        return not own & (top_level(sys.modules) - self.first)


def run_again(control: socket.socket, options: dict[str, Any], environment: dict[str, str]) -> None:
    """Starts the program anew in this process, for the one function."""
    control.set_inheritable(True)
    options = options | {"control": control.fileno()}
    os.execve(sys.executable, [*sys.orig_argv[:-1], json.dumps(options)], environment)


def run_function(
    control: socket.socket, options: dict[str, Any], streams: list[LineStream], tried: set[str] | None = None
) -> None:
    """Imports the handler, unless each environment must do so itself, and forks environments.

    `tried` are the modules that the standby has tried to import, if there is one.
    """
    if "import-in-each" not in options:
        # The emulator sends nothing before `ready`, so a signal here means that it has ended.
        signal.signal(signal.SIGIO, lambda *_: os._exit(1))
        fcntl.fcntl(control, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(control, fcntl.F_GETFL)
        fcntl.fcntl(control, fcntl.F_SETFL, flags | os.O_ASYNC)
        if select.select([control], [], [], 0)[0]:  # it has ended before
            os._exit(1)
        imported = import_handler(options["handler"])
        fcntl.fcntl(control, fcntl.F_SETFL, flags)
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        shared = shares_what_must_not_be_shared(control)
        if shared:
            print("The import opens a socket or starts a thread: each environment imports the handler for itself.")
        for stream in streams:
            stream.end()
        if shared:
            run_again(control, options | {"import-in-each": True}, dict(os.environ))
        if imported and tried is not None:
            modules = [
                name for name in sys.modules if name not in tried and comes_from_elsewhere(name, options["path"])
            ]
            if modules:
                control.sendall(f"imported {' '.join(modules)}\n".encode())
                os._exit(0)
    sys.argv = ["bootstrap"]
    gc.freeze()
    environments = serve(control, functools.partial(run_environment, options["handler"], streams))
    for pid in environments:
        kill_group(pid)
    for pid in environments:
        os.waitpid(pid, 0)


def main() -> None:
    options = json.loads(sys.argv[1])
    control = socket.socket(fileno=options["control"])
    control.set_inheritable(False)
    streams = [LineStream(1), LineStream(2)]
    sys.stdout, sys.stderr = streams
    limit_imports(options["packages"], options["distributions"], options["ports"])
    gc.disable()
    set_up_logging()
    if "handler" in options:
        sys.path[:0] = options["path"]
        run_function(control, options, streams)
    else:
        standby = Standby(options, streams)
        serve(control, standby.become_server, standby.load)


if __name__ == "__main__":
    main()
