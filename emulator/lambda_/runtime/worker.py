"""Imports a function's handler once, then forks its execution environments. Each function has one such process.

It imports nothing of the emulator, so that a function finds only its own modules. It is started as
`python -P worker.py '{"control": 5, "handler": "app.handler", "path": [...], …}'`. On the control socket it reads
`fork <id>`, with a socket for the new process, and `kill <id>`, and writes `ready <module>…`, `forked <id> <pid>` and
`exited <id> <exit code>`. The modules are those that the import loaded from outside `path`. `distributions` and
`packages` name what the function has of the packages that are installed here, and `ports` those where the emulator
speaks plain HTTP.

With `"modules": […]` it imports these instead of the handler and stands by: a `fork` then makes a new worker,
which only has to import the function's own code.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import gc
import importlib
import io
import json
import os
import re
import select
import signal
import site
import socket
import stat
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_client import InvocationRequest, LambdaRuntimeClient
from awslambdaric.lambda_runtime_marshaller import to_json


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


class Installed(MetaPathFinder):
    """Finds those of the packages installed here that the function has on AWS. It is asked after all other finders."""

    def __init__(self, folders: list[str], packages: list[str], distributions: list[str]) -> None:
        self.folders = folders
        self.packages = frozenset(packages)
        self.distributions = frozenset(distributions)

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if path is not None:
            return None
        spec = PathFinder.find_spec(name, self.folders)
        if spec is None or name in self.packages:
            return spec
        # importlib.util.find_spec asks too, and expects no exception.
        if sys._getframe(2).f_code.co_name != "_find_and_load_unlocked":
            return None
        raise ModuleNotFoundError(
            f"No module named {name!r}: it is installed on this machine, but the function needs it in its "
            "requirements.txt, or in that of one of its layers",
            name=name,
        )

    def find_distributions(self, context: Any) -> Iterator[Any]:
        """Yields the function's installed distributions, for importlib.metadata."""
        from importlib.metadata import DistributionFinder, MetadataPathFinder

        searched = DistributionFinder.Context(name=context.name, path=self.folders)
        for distribution in MetadataPathFinder.find_distributions(searched):
            name = distribution.metadata["Name"] or ""
            if re.sub(r"[-_.]+", "-", name).lower() in self.distributions:
                yield distribution


class PlainHttp(MetaPathFinder):
    """Lets urllib3, which boto3 and requests use, reach the emulator's APIs at https:// addresses too.

    On AWS a function builds the address of `@connections` as `https://{domainName}/{stage}` from its event.
    """

    def __init__(self, ports: list[int]) -> None:
        self.local = {(host, port) for host in ("127.0.0.1", "localhost", "[::1]") for port in ports}

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "urllib3.poolmanager":
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_change(module: ModuleType) -> None:
                load(module)
                self._change(module.PoolManager)

            spec.loader.exec_module = load_and_change  # type: ignore[method-assign]
        return spec

    def _change(self, manager: Any) -> None:
        connect = manager.connection_from_host

        def connection_from_host(
            self_: Any, host: str, port: int | None = None, scheme: str = "http", *args: Any, **options: Any
        ) -> Any:
            if (host, port) in self.local:
                scheme = "http"
            return connect(self_, host, port, scheme, *args, **options)

        manager.connection_from_host = connection_from_host


def limit_imports(options: dict[str, Any]) -> None:
    """Makes only the function's own modules importable, and those that it has on AWS."""
    folders = {*site.getsitepackages(), site.getusersitepackages()}
    first = next((index for index, folder in enumerate(sys.path) if folder in folders), len(sys.path))
    installed = sys.path[first:]  # what .pth files add comes later too
    sys.path[:] = [*options["path"], *sys.path[:first]]
    sys.meta_path.insert(0, PlainHttp(options["ports"]))
    sys.meta_path.append(Installed(installed, options["packages"], options["distributions"]))


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
        bootstrap.run(handler, Client(connection, streams))
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in streams:
            stream.end()
        os._exit(code)


def set_up_logging() -> None:
    """Gives the root logger Lambda's handler, as Lambda does before it imports the function."""
    bootstrap.init_logging()
    bootstrap._setup_logging = lambda *_: None


def import_handler(handler: str) -> None:
    """Imports the handler's module. If that fails, each environment fails in the same way and reports it."""
    with contextlib.suppress(BaseException):
        try:
            importlib.import_module(handler.rpartition(".")[0].replace("/", "."))
        except ImportError:
            traceback.print_exc()  # the runtime client reports only the message of this error


def shares_what_must_not_be_shared(control: socket.socket) -> bool:
    """Whether the import started threads, which a fork loses, or opened sockets, which two processes cannot share."""
    if threading.active_count() > 1:
        return True
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):  # the listing's own descriptor
            if int(name) != control.fileno() and stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                return True
    return False


def serve(control: socket.socket, modules: list[str], run: Callable[[str, socket.socket], None]) -> list[int]:
    """Forks processes that call `run` with their identifier and socket, and reaps them.

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
        control.sendall(f"ready {' '.join(modules)}\n".encode())
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
                command, identity = line.decode().split(" ")
                if command == "kill" and identity in children:
                    kill_group(children[identity])
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


def stand_by(control: socket.socket, options: dict[str, Any], streams: list[LineStream]) -> None:
    """Imports the function's dependencies, and forks workers that import its own code."""
    for module in options["modules"]:
        with contextlib.suppress(BaseException):
            importlib.import_module(module)
    for stream in streams:
        stream.end()
    if shares_what_must_not_be_shared(control):
        return
    gc.freeze()
    # A forked worker has its own socket, and ends when that closes.
    serve(control, [], lambda _, given: run_function(given, options, streams))


def run_function(control: socket.socket, options: dict[str, Any], streams: list[LineStream]) -> None:
    """Imports the handler, unless each environment must do so itself, and forks environments."""
    known = set(sys.modules)
    if "import-in-each" not in sys.argv:
        # The emulator sends nothing before `ready`, so a signal here means that it has ended.
        signal.signal(signal.SIGIO, lambda *_: os._exit(1))
        fcntl.fcntl(control, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(control, fcntl.F_GETFL)
        fcntl.fcntl(control, fcntl.F_SETFL, flags | os.O_ASYNC)
        import_handler(options["handler"])
        fcntl.fcntl(control, fcntl.F_SETFL, flags)
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        shared = shares_what_must_not_be_shared(control)
        if shared:
            print("The import opens a socket or starts a thread: each environment imports the handler for itself.")
        for stream in streams:
            stream.end()
        if shared:
            control.set_inheritable(True)
            again = {name: value for name, value in options.items() if name != "modules"}
            again["control"] = control.fileno()
            os.execv(sys.executable, [*sys.orig_argv[:-1], json.dumps(again), "import-in-each"])
    modules = [name for name in sys.modules if name not in known and comes_from_elsewhere(name, options["path"])]
    sys.argv = ["bootstrap"]
    gc.freeze()
    run = functools.partial(run_environment, options["handler"], streams)
    environments = serve(control, modules, run)
    for pid in environments:
        kill_group(pid)
    for pid in environments:
        os.waitpid(pid, 0)


def comes_from_elsewhere(module: str, path: list[str]) -> bool:
    origin = getattr(getattr(sys.modules[module], "__spec__", None), "origin", None)
    return origin is not None and not origin.startswith(tuple(folder + os.sep for folder in path))


def main() -> None:
    options = json.loads(sys.argv[1])
    control = socket.socket(fileno=options["control"])
    control.set_inheritable(False)
    streams = [LineStream(1), LineStream(2)]
    sys.stdout, sys.stderr = streams
    limit_imports(options)
    gc.disable()
    set_up_logging()
    (stand_by if "modules" in options else run_function)(control, options, streams)


if __name__ == "__main__":
    main()
