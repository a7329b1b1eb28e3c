from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from emulator.common.errors import ApiError
from emulator.lambda_ import environments
from emulator.lambda_ import service as functions
from emulator.lambda_.environments import Environment
from emulator.lambda_.functions import Invocation
from emulator.lambda_.records import Function
from emulator.lambda_.runtime_api import MAX_HEAD, RuntimeApi
from emulator.lambda_.service import Lambda

HANDLER = """
import json, os, pathlib, sys, time

class SlippageExceeded(Exception):
    pass

def handler(event, context):
    match event.get("do"):
        case "raise": raise SlippageExceeded("price moved")
        case "sleep": time.sleep(event["seconds"])
        case "exit": os._exit(event["code"])
        case "sys.exit": sys.exit(event["code"])
        case "kill": os.kill(os.getpid(), 9)
        case "answer": return "x" * event["size"]
        case "environment": return dict(os.environ)
        case "print": print("first"); print("last", end="")
        case "block":
            pathlib.Path(event["started"]).touch()
            while not pathlib.Path(event["release"]).exists(): time.sleep(0.005)
        case "context": return [context.function_name, context.invoked_function_arn, context.memory_limit_in_mb,
                                context.get_remaining_time_in_millis(), context.aws_request_id]
    return {"pid": os.getpid(), "version": 1}
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "app.py").write_text(HANDLER)
    return folder


@asynccontextmanager
async def running(code: Path, *, name: str = "F", **options: Any) -> AsyncIterator[Lambda]:
    settings = {key: options.pop(key) for key in ("concurrency", "event_retries") if key in options}
    added = options.pop("added", {})
    function = Function(name, options.pop("handler", "app.handler"), code, **options)
    service = Lambda([function], logs=code.parent / "logs", environment=added, **settings)
    await service.start()
    try:
        yield service
    finally:
        await service.close(0)


def check(code: Path, scenario: Callable[[Lambda], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        async with running(code, **options) as service:
            await scenario(service)

    asyncio.run(main())


async def invoke(service: Lambda, **event: Any) -> Any:
    invocation = await service.invoke("F", json.dumps(event).encode())
    assert not invocation.error, invocation.payload
    return json.loads(invocation.payload)


async def fail(service: Lambda, **event: Any) -> dict[str, Any]:
    invocation = await service.invoke("F", json.dumps(event).encode())
    assert invocation.error, invocation.payload
    result: dict[str, Any] = json.loads(invocation.payload)
    return result


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a process's death sends no event
            await asyncio.sleep(0.005)


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_an_environment_is_reused(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        first = await invoke(service)
        assert await invoke(service) == first
        assert service.counters["F"].cold_starts == 1
        assert service.counters["F"].invocations == 2

    check(code, scenario)


def test_each_concurrent_invocation_has_an_environment_of_its_own(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        results = await asyncio.gather(*(invoke(service, do="sleep", seconds=0.3) for _ in range(5)))
        assert len({result["pid"] for result in results}) == 5

    check(code, scenario)


ARN = "arn:aws:lambda:us-east-1:000000000000:function:F"


@pytest.mark.parametrize("reference", ["F", "function:F", "F:$LATEST", "F:live", ARN, f"{ARN}:live"])
def test_a_function_is_found_by_name_arn_and_alias(code: Path, reference: str) -> None:
    async def scenario(service: Lambda) -> None:
        assert not (await service.invoke(reference, b"")).error

    check(code, scenario, qualifiers=frozenset({"live"}))


@pytest.mark.parametrize("reference", ["G", "F:live", f"{ARN}:live"])
def test_an_unknown_function_or_alias_is_refused(code: Path, reference: str) -> None:
    async def scenario(service: Lambda) -> None:
        with pytest.raises(ApiError) as refused:
            await service.invoke(reference, b"{}")
        assert (refused.value.code, refused.value.status) == ("ResourceNotFoundException", 404)

    check(code, scenario)


def test_an_exception_arrives_under_its_class_name(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        error = await fail(service, do="raise")
        assert (error["errorType"], error["errorMessage"]) == ("SlippageExceeded", "price moved")
        assert "app.py" in error["stackTrace"][0]
        assert service.counters["F"].errors == 1

    check(code, scenario)


def test_an_event_that_is_not_json_is_an_error_of_the_invocation(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        invocation = await service.invoke("F", b"{")
        assert json.loads(invocation.payload)["errorType"] == "Runtime.UnmarshalError"
        await invoke(service)

    check(code, scenario)


def test_a_timeout_ends_the_invocation_and_its_process(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        pid = (await invoke(service))["pid"]
        error = await fail(service, do="sleep", seconds=30)
        assert error["errorType"] == "Sandbox.Timedout"
        assert error["errorMessage"].endswith(" Error: Task timed out after 1.00 seconds")
        await until(lambda: not alive(pid))
        assert (await invoke(service))["pid"] != pid

    check(code, scenario, timeout=1)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"do": "kill"}, "Runtime exited with error: signal: killed"),
        ({"do": "exit", "code": 3}, "Runtime exited with error: exit status 3"),
        ({"do": "sys.exit", "code": 0}, "Runtime exited without providing a reason"),
    ],
)
def test_a_process_that_dies_fails_its_invocation_only(code: Path, event: dict[str, Any], reason: str) -> None:
    async def scenario(service: Lambda) -> None:
        error = await fail(service, **event)
        assert error["errorType"] == "Runtime.ExitError"
        assert error["errorMessage"].startswith("RequestId: ")
        assert error["errorMessage"].endswith(f" Error: {reason}")
        await invoke(service)

    check(code, scenario)


@pytest.mark.parametrize(
    ("source", "error_type"),
    [
        ("import no_such_module", "Runtime.ImportModuleError"),
        ("def handler(:", "Runtime.UserCodeSyntaxError"),
        ("other = 1", "Runtime.HandlerNotFound"),
        ("raise KeyError('X')", "KeyError"),
        ("import os; os._exit(2)", "Runtime.ExitError"),
        ("import sys; sys.exit(2)", "Runtime.ExitError"),
    ],
)
def test_a_handler_that_cannot_be_loaded_fails_each_invocation(code: Path, source: str, error_type: str) -> None:
    (code / "app.py").write_text(source)

    async def scenario(service: Lambda) -> None:
        for _ in range(2):
            assert (await fail(service))["errorType"] == error_type
        assert len(await asyncio.gather(*(fail(service) for _ in range(5)))) == 5
        (code / "app.py").write_text(HANDLER)
        await service.reload("F")
        await invoke(service)

    check(code, scenario)


def test_an_import_that_hangs_times_out(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code / "app.py").write_text("while True: pass")
    monkeypatch.setattr(environments, "INITIALIZATION_LIMIT", -0.5)

    async def scenario(service: Lambda) -> None:
        assert (await fail(service))["errorType"] == "Sandbox.Timedout"

    check(code, scenario, timeout=1)


def test_a_response_over_the_limit_is_an_error(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        assert len(await invoke(service, do="answer", size=6_291_554)) == 6_291_554
        assert (await fail(service, do="answer", size=6_291_555))["errorType"] == "Function.ResponseSizeTooLarge"
        await invoke(service)

    check(code, scenario, timeout=20)


def test_a_payload_over_the_limit_is_refused(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        with pytest.raises(ApiError) as refused:
            await service.invoke("F", b" " * 6_291_457)
        assert (refused.value.code, refused.value.status) == ("RequestTooLargeException", 413)

    check(code, scenario)


def test_reserved_concurrency_throttles(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        running = [asyncio.create_task(invoke(service, do="sleep", seconds=0.3)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(ApiError) as refused:
            await service.invoke("F", b"{}")
        assert (refused.value.code, refused.value.status) == ("TooManyRequestsException", 429)
        assert service.counters["F"].throttles == 1
        await asyncio.gather(*running)
        await invoke(service)

    check(code, scenario, reserved_concurrency=2)


def test_a_function_sees_its_own_variables_and_nothing_of_ours(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "x")

    async def scenario(service: Lambda) -> None:
        seen = await invoke(service, do="environment")
        assert "SECRET_OF_THE_HOST" not in seen
        assert (seen["OWN"], seen["AWS_ENDPOINT_URL"]) == ("1", "http://127.0.0.1:4566")
        assert (seen["AWS_LAMBDA_FUNCTION_NAME"], seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]) == ("F", "256")
        assert (seen["AWS_LAMBDA_LOG_GROUP_NAME"], seen["AWS_REGION"]) == ("/aws/lambda/F", "us-east-1")

    added = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    check(code, scenario, memory=256, environment={"OWN": "1"}, added=added)


def test_the_context_tells_about_the_invocation(code: Path) -> None:
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
def test_what_environments_cannot_share_is_made_anew_in_each(code: Path, resource: str) -> None:
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
        assert "[ERROR] SlippageExceeded: price moved" in lines
        assert lines[-1].startswith("REPORT RequestId: ")

    check(code, scenario)


def test_a_reload_brings_new_code_and_lets_the_old_finish(code: Path, tmp_path: Path) -> None:
    started, release = tmp_path / "started", tmp_path / "release"

    async def scenario(service: Lambda) -> None:
        old = asyncio.create_task(invoke(service, do="block", started=str(started), release=str(release)))
        await until(started.exists)
        (code / "app.py").write_text(HANDLER.replace('"version": 1', '"version": 2 '))
        await service.reload("F")
        assert (await invoke(service))["version"] == 2
        release.touch()
        result = await old
        assert result["version"] == 1
        await until(lambda: not alive(result["pid"]))
        assert (await invoke(service))["version"] == 2

    check(code, scenario, timeout=20)


def reload_from_standby(
    code: Path, scenario: Callable[[Lambda], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs the scenario once a library that the handler needs, and that tells of each import, is imported ahead."""
    library = code.parent / "library"
    library.mkdir()
    imports = code.parent / "imports"
    (library / "slow.py").write_text(f"open({str(imports)!r}, 'a').write('x')")
    (code / "app.py").write_text("import slow\n" + HANDLER)
    monkeypatch.setattr(functions, "STANDBY_DELAY", 0)
    monkeypatch.setattr(functions, "QUIET", 0.1)

    async def main(service: Lambda) -> None:
        assert (await invoke(service))["version"] == 1
        preparing = service._preparing
        assert preparing
        await preparing
        assert imports.read_text() == "xx"
        await scenario(service)
        assert imports.read_text() == "xx"

    check(code, main, added={"PYTHONPATH": str(library)}, timeout=20)


def test_what_the_code_imports_from_elsewhere_is_not_imported_again(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(service: Lambda) -> None:
        for version in (22, 333):
            (code / "app.py").write_text("import slow\n" + HANDLER.replace('"version": 1', f'"version": {version}'))
            await service.reload("F")
            assert (await invoke(service))["version"] == version

    reload_from_standby(code, scenario, monkeypatch)


def test_new_code_that_ends_its_process_is_reported_and_mended(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(service: Lambda) -> None:
        (code / "app.py").write_text("import os; os._exit(3)")
        await service.reload("F")
        assert (await fail(service))["errorMessage"].endswith("Runtime exited with error: exit status 3")
        (code / "app.py").write_text("import slow\n" + HANDLER)
        await service.reload("F")
        await invoke(service)

    reload_from_standby(code, scenario, monkeypatch)


def test_new_code_that_hangs_times_out_and_is_mended(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(service: Lambda) -> None:
        (code / "app.py").write_text("while True: pass")
        monkeypatch.setattr(environments, "INITIALIZATION_LIMIT", -19.5)
        await service.reload("F")
        assert (await fail(service))["errorType"] == "Sandbox.Timedout"
        monkeypatch.undo()
        (code / "app.py").write_text("import slow\n" + HANDLER)
        await service.reload("F")
        await invoke(service)

    reload_from_standby(code, scenario, monkeypatch)


def test_new_code_that_starts_a_thread_is_imported_in_each_environment(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(service: Lambda) -> None:
        thread = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        counting = HANDLER.replace('"version": 1', '"version": threading.active_count()')
        (code / "app.py").write_text(thread + counting)
        await service.reload("F")
        assert (await invoke(service))["version"] == 2
        (code / "app.py").write_text("import slow\n" + HANDLER)
        await service.reload("F")
        assert (await invoke(service))["version"] == 1

    reload_from_standby(code, scenario, monkeypatch)


def test_a_standby_that_was_killed_is_done_without(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "STANDBY_DELAY", 0)
    monkeypatch.setattr(functions, "QUIET", 0.1)

    async def scenario(service: Lambda) -> None:
        await invoke(service)
        (code / "app.py").write_text(HANDLER.replace('"version": 1', '"version": 2 '))
        await until(lambda: len(workers()) == 2)
        (standby,) = (worker for worker in workers() if '"modules"' in " ".join(worker.cmdline()))
        standby.kill()
        await until(lambda: len(workers()) == 1)
        await service.reload("F")
        assert (await invoke(service))["version"] == 2

    check(code, scenario)


def workers() -> list[psutil.Process]:
    """Fork servers and standbys; other tests' stores may run beside them."""
    return [child for child in psutil.Process().children() if alive(child.pid) and "worker.py" in str(child.cmdline())]


def test_an_unused_environment_is_ended(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "IDLE_LIMIT", 0.05)

    async def scenario(service: Lambda) -> None:
        pid = (await invoke(service))["pid"]
        await until(lambda: not alive(pid))
        await invoke(service)

    check(code, scenario)


def test_a_failed_event_is_tried_twice_more(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        await service.invoke_event("F", b'{"do": "raise"}')
        await until(lambda: service.counters["F"].errors == 3)
        request_ids = {line for line in (code.parent / "logs" / "F.log").read_text().splitlines() if "START" in line}
        assert len(request_ids) == 1

    check(code, scenario, event_retries=(0.01, 0.01))


def test_an_event_runs_once_when_it_succeeds(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        await service.invoke_event("F", b"{}")
        await until(lambda: service.counters["F"].duration > 0)
        assert (service.counters["F"].invocations, service.counters["F"].errors) == (1, 0)

    check(code, scenario)


def test_an_invocation_goes_on_when_its_caller_has_gone(code: Path, tmp_path: Path) -> None:
    started, release = tmp_path / "started", tmp_path / "release"

    async def scenario(service: Lambda) -> None:
        caller = asyncio.create_task(invoke(service, do="block", started=str(started), release=str(release)))
        await until(started.exists)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert service.counters["F"].running == 1
        release.touch()
        await until(lambda: service.counters["F"].running == 0)
        assert service.counters["F"].cold_starts == 1

    check(code, scenario, timeout=20)


def test_a_killed_fork_server_is_replaced(code: Path) -> None:
    (code / "app.py").write_text("import os\ndef handler(event, context): return [os.getpid(), os.getppid()]")

    async def scenario(service: Lambda) -> None:
        pid, parent = await invoke(service)
        os.kill(parent, signal.SIGKILL)
        await until(lambda: not alive(pid))
        assert (await invoke(service))[1] != parent

    check(code, scenario)


def test_close_lets_running_invocations_finish_and_leaves_no_process(code: Path) -> None:
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


def test_close_ends_what_outlasts_its_grace(code: Path) -> None:
    async def main() -> None:
        async with running(code, timeout=20) as service:
            last = asyncio.create_task(service.invoke("F", b'{"do": "sleep", "seconds": 30}'))
            await until(lambda: service.counters["F"].cold_starts == 1)
            started = time.monotonic()
            await service.close(0.05)
            assert time.monotonic() - started < 5
            assert json.loads((await last).payload)["errorType"] == "Runtime.ExitError"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nUser-Agent: someone\r\n\r\n", b"403"),
        (b"\x00\xff\r\n\r\n", b"403"),
        (b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nUser-Agent: known\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"GET\r\nUser-Agent: known\r\n\r\n", b"400"),
        (b"GET /elsewhere HTTP/1.1\r\nUser-Agent: known\r\n\r\n", b"404"),
        (b"x" * (MAX_HEAD + 1), b"431"),
    ],
)
def test_the_runtime_api_refuses_what_is_not_an_environments_request(request_: bytes, status: bytes) -> None:
    async def main() -> None:
        api = RuntimeApi()
        host, port = (await api.start()).split(":")
        api.environments["known"] = Environment.__new__(Environment)
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request_)
        answer = await reader.readline()
        assert answer.split(b" ")[1] == status
        writer.close()
        await api.close()

    asyncio.run(main())


EMULATOR = """
import asyncio, pathlib, sys
from emulator.lambda_ import service as lambda_service
from emulator.lambda_.service import Lambda
from emulator.lambda_.records import Function

async def main(code):
    service = Lambda([Function("F", "app.handler", code, timeout=60)], logs=code.parent / "logs", environment={})
    lambda_service.STANDBY_DELAY = lambda_service.QUIET = 0.1
    await service.start()
    await service.invoke("F", b"{}")
    await service._preparing
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
    # The one that stands by, the one that it forked to import the handler, and the environment of this.
    assert len(processes) >= 3
    emulator.kill()
    emulator.wait()
    asyncio.run(until(lambda: not any(alive(process.pid) for process in processes)))
