from __future__ import annotations

import ast
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from emulator.common.errors import ApiError
from emulator.lambda_ import environments, fork_server
from emulator.lambda_.functions import Invocation
from emulator.lambda_.service import Lambda
from tests.support.emulator.lambda_service import alive, check, fail, invoke, running, until


def test_a_killed_fork_server_is_replaced(code: Path) -> None:
    (code / "app.py").write_text("import os\ndef handler(event, context): return [os.getpid(), os.getppid()]")

    async def scenario(service: Lambda) -> None:
        pid, parent = await invoke(service)
        os.kill(parent, signal.SIGKILL)
        await until(lambda: not alive(pid))
        assert (await invoke(service))[1] != parent

    check(code, scenario)


def test_an_invocation_that_waits_while_the_fork_server_is_killed_runs_in_the_next_one(
    code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "PATIENCE", 60.0)  # no other environment starts meanwhile
    started = tmp_path / "started"

    async def scenario(service: Lambda) -> None:
        parent = psutil.Process((await invoke(service))["pid"]).ppid()
        block = asyncio.create_task(fail(service, do="block", started=str(started), release=str(tmp_path / "never")))
        await until(started.exists)
        waiting = asyncio.create_task(invoke(service))
        await asyncio.sleep(0)
        os.kill(parent, signal.SIGKILL)
        async with asyncio.timeout(10):
            assert (await block)["errorType"] == "Runtime.ExitError"
            await waiting

    check(code, scenario, timeout=60)


def test_close_lets_running_invocations_finish_and_ends_every_process(code: Path) -> None:
    async def main() -> None:
        async with running(code, timeout=20) as service:
            pid = (await invoke(service))["pid"]
            last = asyncio.create_task(service.invoke("F", b'{"do": "sleep", "seconds": 0.2}'))
            await asyncio.sleep(0)
            await service.close(10)
            result: Invocation = await last
            assert not result.error
            assert not alive(pid)
            with pytest.raises(ApiError):
                await service.invoke("F", b"{}")

    asyncio.run(main())


def test_close_ends_invocations_that_outlast_the_grace(code: Path) -> None:
    async def main() -> None:
        async with running(code, timeout=20) as service:
            last = asyncio.create_task(service.invoke("F", b'{"do": "sleep", "seconds": 30}'))
            await until(lambda: service.counters["F"].cold_starts == 1)
            started = time.monotonic()
            await service.close(0.05)
            assert time.monotonic() - started < 5
            assert json.loads((await last).payload)["errorType"] == "Runtime.ExitError"

    asyncio.run(main())


def test_a_default_timeout_of_sockets_does_not_end_an_unused_environment(code: Path) -> None:
    source = "import os, socket\nsocket.setdefaulttimeout(0.05)\ndef handler(event, context): return os.getpid()"
    (code / "app.py").write_text(source)

    async def scenario(service: Lambda) -> None:
        first = await invoke(service)
        await asyncio.sleep(0.2)
        assert await invoke(service) == first

    check(code, scenario)


def test_a_fork_of_an_environment_answers_nothing(code: Path) -> None:
    (code / "app.py").write_text("import os\ndef handler(event, context): return [os.fork(), os.getpid()]")

    async def scenario(service: Lambda) -> None:
        children = [await invoke(service) for _ in range(3)]
        assert len({parent for _, parent in children}) == 1
        await until(lambda: not any(alive(child) for child, _ in children))

    check(code, scenario)


def test_a_program_that_the_function_starts_has_no_part_in_its_connection(code: Path) -> None:
    source = "import subprocess, sys\ncode = 'import os; print(os.listdir(\"/dev/fd\"))'\n"
    source += "def handler(event, context): return subprocess.check_output([sys.executable, '-c', code], text=True)"
    (code / "app.py").write_text(source)

    async def scenario(service: Lambda) -> None:
        assert sorted(ast.literal_eval(await invoke(service))) == ["0", "1", "2", "3"]  # the last is the listing's own

    check(code, scenario)


EMULATOR = """
import asyncio, pathlib, sys
from emulator.lambda_.service import Lambda
from emulator.lambda_.records import Function

async def main(code):
    service = Lambda([Function("F", "app.handler", code, timeout=60)], logs=code.parent / "logs", environment={})
    await service.start()
    await service.invoke("F", b"{}")
    await service.reload("F")
    idle = (await service.invoke("F", b"{}")).payload.decode()
    busy = asyncio.create_task(service.invoke("F", b'{"do": "sleep", "seconds": 60}'))
    print(idle, flush=True)
    await busy

asyncio.run(main(pathlib.Path(sys.argv[1])))
"""


def test_no_process_outlives_a_killed_emulator(code: Path) -> None:
    emulator = subprocess.Popen([sys.executable, "-c", EMULATOR, str(code)], stdout=subprocess.PIPE)
    assert emulator.stdout is not None
    with emulator.stdout as output:
        pid = json.loads(output.readline())["pid"]
    assert alive(pid)
    processes = psutil.Process(emulator.pid).children(recursive=True)
    # The standby, the worker that it forked, and the worker's environment.
    assert len(processes) >= 3
    emulator.kill()
    emulator.wait()
    asyncio.run(until(lambda: not any(alive(process.pid) for process in processes)))


def test_no_worker_outlives_an_emulator_that_ends_before_the_import(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("while True: pass")
    ours, theirs = socket.socketpair()
    ours.close()
    options = {"handler": "app.handler", "path": [str(tmp_path)], "packages": [], "distributions": [], "ports": []}
    with theirs:
        worker = subprocess.Popen(
            [sys.executable, fork_server.WORKER, json.dumps({**options, "control": theirs.fileno()})],
            pass_fds=[theirs.fileno()],
        )
    try:
        assert worker.wait(10) == 1
    finally:
        worker.kill()
