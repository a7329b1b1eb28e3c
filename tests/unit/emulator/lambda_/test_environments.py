from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from emulator.lambda_ import environments
from emulator.lambda_.records import Function
from emulator.lambda_.service import Lambda, other_runtimes
from tests.support.emulator.lambda_service import HANDLER, alive, check, invoke, running, until

RUNTIMES = [("C", 12), ("B", 11), ("A", 12), ("D", 13)]


def test_a_function_gets_only_its_own_environment_variables(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "x")

    async def scenario(service: Lambda) -> None:
        seen = await invoke(service, do="environment")
        assert "SECRET_OF_THE_HOST" not in seen
        assert (seen["OWN"], seen["AWS_ENDPOINT_URL"]) == ("1", "http://127.0.0.1:4566")
        assert (seen["AWS_LAMBDA_FUNCTION_NAME"], seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]) == ("F", "256")
        assert (seen["AWS_LAMBDA_LOG_GROUP_NAME"], seen["AWS_REGION"]) == ("/aws/lambda/F", "us-east-1")

    added = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    check(code, scenario, memory=256, environment={"OWN": "1"}, added=added)


def test_the_variables_are_those_of_lambda_and_not_the_users(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        seen = await invoke(service, do="environment")
        assert seen["HOME"] == "/home/sbx_user1051"
        assert seen["AWS_SESSION_TOKEN"] == "test"
        assert (seen["AWS_XRAY_CONTEXT_MISSING"], seen["AWS_XRAY_DAEMON_ADDRESS"]) == ("LOG_ERROR", "127.0.0.1:2000")
        assert (seen["_AWS_XRAY_DAEMON_ADDRESS"], seen["_AWS_XRAY_DAEMON_PORT"]) == ("127.0.0.1", "2000")
        assert seen["PYTHONPATH"] == seen["LAMBDA_RUNTIME_DIR"]
        assert seen["PWD"] == seen["LAMBDA_TASK_ROOT"] == str(code)
        assert seen["OWN"] == "1"

    check(code, scenario, environment={"OWN": "1"})


def test_a_function_may_set_the_variables_that_lambda_does_not_reserve(code: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "extra.py").write_text("value = 9")
    (code / "app.py").write_text(
        "import os, extra\ndef handler(event, context): return [extra.value, os.environ['HOME']]"
    )

    async def scenario(service: Lambda) -> None:
        assert await invoke(service) == [9, "/tmp"]

    check(code, scenario, environment={"PYTHONPATH": str(tmp_path / "more"), "HOME": "/tmp"})


def test_functions_of_another_runtime_are_named() -> None:
    functions = [Function(name, "app.handler", Path(), runtime=f"python3.{minor}") for name, minor in RUNTIMES]
    assert other_runtimes(functions, (3, 11)) == (
        "Here python3.11 runs every function, also those whose Runtime is another (python3.12: A, C; python3.13: D)."
    )
    assert other_runtimes(functions[1:2], (3, 11)) is None


def test_the_context_describes_the_invocation(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        invocation = await service.invoke("F", b'{"do": "context"}')
        name, arn, memory, remaining, request_id = json.loads(invocation.payload)
        assert (name, memory, request_id) == ("F", "128", invocation.request_id)
        assert arn == "arn:aws:lambda:us-east-1:000000000000:function:F"
        assert 19_000 < remaining <= 20_000

    check(code, scenario, timeout=20)


def test_the_root_logger_has_lambdas_handler_from_the_import_on_and_once(code: Path) -> None:
    (code / "app.py").write_text(
        "import logging\n"
        "at_import = len(logging.getLogger().handlers)\n"
        "def handler(event, context):\n"
        "    logging.getLogger().warning('written once')\n"
        "    return [at_import, len(logging.getLogger().handlers)]\n"
    )

    async def scenario(service: Lambda) -> None:
        assert await invoke(service) == [1, 1]

    check(code, scenario)
    assert (code.parent / "logs" / "F.log").read_text().count("written once") == 1


def test_layers_are_importable(code: Path, tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    layer.mkdir()
    (layer / "shared.py").write_text("value = 7")
    (code / "app.py").write_text("import shared\ndef handler(event, context): return shared.value")

    async def scenario(service: Lambda) -> None:
        assert await invoke(service) == 7

    check(code, scenario, search_path=(layer,))


@pytest.mark.parametrize(
    "resource",
    [
        "import socket; held = socket.socket()",
        "import threading, time; threading.Thread(target=time.sleep, args=(9,)).start()",
    ],
)
def test_threads_and_sockets_of_the_import_are_created_in_each_environment(code: Path, resource: str) -> None:
    source = f"import os, time\nimported_by = os.getpid()\n{resource}\n"
    source += "def handler(event, context): time.sleep(0.2); return [imported_by, os.getpid()]"
    (code / "app.py").write_text(source)

    async def scenario(service: Lambda) -> None:
        results = await asyncio.gather(invoke(service), invoke(service))
        assert all(imported_by == pid for imported_by, pid in results)

    check(code, scenario)


def test_the_log_has_what_lambda_and_the_function_write(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        invocation = await service.invoke("F", b'{"do": "print"}')
        await service.invoke("F", b'{"do": "raise"}')
        lines = (code.parent / "logs" / "F.log").read_text().splitlines()
        request_id = invocation.request_id
        assert lines[:3] == [
            f"START RequestId: {request_id} Version: $LATEST",
            "first",
            f"lastEND RequestId: {request_id}",
        ]
        assert lines[3].startswith(f"REPORT RequestId: {request_id}\tDuration: ")
        assert "\tMemory Size: 128 MB\t" in lines[3]
        assert "\tInit Duration: " in lines[3]
        assert re.search(r"\tEnded: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00\t", lines[3])
        assert "[ERROR] SlippageExceeded: price moved" in lines
        assert lines[-1].startswith("REPORT RequestId: ")

    check(code, scenario)


def test_the_environments_of_a_burst_are_ended_soon_but_for_two(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "SURPLUS_LIMIT", 0.2)

    async def scenario(service: Lambda) -> None:
        held = [asyncio.create_task(invoke(service, do="sleep", seconds=0.5)) for _ in range(6)]
        pids = {(await one)["pid"] for one in held}
        assert len(pids) > environments.KEPT
        await until(lambda: sum(alive(pid) for pid in pids) == environments.KEPT)
        await asyncio.sleep(0.5)
        assert sum(alive(pid) for pid in pids) == environments.KEPT

    check(code, scenario)


def test_an_unused_environment_is_ended(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "IDLE_LIMIT", 0.05)

    async def scenario(service: Lambda) -> None:
        pid = (await invoke(service))["pid"]
        await until(lambda: not alive(pid))
        await invoke(service)

    check(code, scenario)


def test_a_full_disk_costs_lines_of_the_log_and_no_invocation(code: Path) -> None:
    log = code.parent / "logs" / "F.log"
    log.parent.mkdir()
    log.symlink_to("/dev/full")  # every write fails with ENOSPC

    async def scenario(service: Lambda) -> None:
        assert (await invoke(service))["version"] == 1
        assert (await invoke(service, do="print"))["version"] == 1
        errors = [
            json.loads((await service.invoke("F", json.dumps(event).encode())).payload)["errorType"]
            for event in ({"do": "raise"}, {"do": "exit", "code": 3}, {"do": "sleep", "seconds": 30})
        ]
        assert errors == ["SlippageExceeded", "Runtime.ExitError", "Sandbox.Timedout"]
        (code / "app.py").write_text(HANDLER.replace('"version": 1', '"version": 2'))
        await service.reload("F")
        assert (await invoke(service, do="print"))["version"] == 2
        assert service.counters["F"].running == 0

    check(code, scenario, timeout=2)


def test_a_fork_server_that_ends_leaves_nothing_in_the_log(code: Path) -> None:
    async def main() -> None:
        async with running(code) as service:
            pids = await asyncio.gather(*(invoke(service, do="sleep", seconds=0.2) for _ in range(8)))
            assert len(pids) == 8

    asyncio.run(main())
    lines = (code.parent / "logs" / "F.log").read_text().splitlines()
    assert [line for line in lines if not line.startswith(("START ", "END ", "REPORT "))] == []
