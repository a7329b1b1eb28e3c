"""A command that runs beside the stack starts with it, and stops with it."""

from __future__ import annotations

import shlex
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from emulator import stores
from tests.support.concurrency import eventually
from tests.support.folders import data_folder

SERVER = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(str(os.getpid()).encode())
    def do_DELETE(self):
        os._exit(3)
http.server.HTTPServer.allow_reuse_address = True
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
print("it is ready", flush=True)
server.serve_forever()
"""


def command(*arguments: object) -> str:
    return shlex.join([sys.executable, "-c", SERVER, *map(str, arguments)])


def process_id(url: str) -> int:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return int(answer.read())


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_process_runs_in_its_folder_until_the_block_ends() -> None:
    folder = data_folder() / "beside"
    with stores.process("Beside", command(0), folder) as url:
        pid = process_id(url)
        assert Path(psutil.Process(pid).cwd()) == folder.resolve()
    assert not runs(pid)


def test_a_process_that_an_earlier_run_left_behind_is_stopped_first() -> None:
    folder, port = data_folder() / "beside", stores.free_port()
    with stores.process("Beside", command(port), folder) as url:
        left = process_id(url)
        with stores.process("Beside", command(port), folder) as again:
            assert process_id(again) != left
            assert not runs(left)


def test_a_process_that_ends_by_itself_is_started_again() -> None:
    with stores.process("Beside", command(stores.free_port()), data_folder() / "beside") as url:
        first = process_id(url)
        with pytest.raises(OSError, match="Remote end closed"):
            urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=5)

        def has_another() -> bool:
            try:
                return process_id(url) != first
            except OSError:
                return False

        eventually(has_another)


def test_a_process_that_does_not_start_is_refused_with_its_last_words() -> None:
    failing = shlex.join([sys.executable, "-c", "raise SystemExit('the port is taken')"])
    with (
        pytest.raises(stores.StoreError, match="Beside did not start in .*: the port is taken; its log is"),
        stores.process("Beside", failing, data_folder() / "beside"),
    ):
        pass
