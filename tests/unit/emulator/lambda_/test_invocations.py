from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from emulator.common.errors import ApiError
from emulator.common.trace import TRACE
from emulator.lambda_ import environments
from emulator.lambda_.service import Lambda
from tests.support.emulator.lambda_service import HANDLER, alive, check, fail, invoke, until


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


@pytest.mark.parametrize(
    ("reference", "invoked"),
    [
        ("F", ARN),
        (ARN, ARN),
        ("F:live", f"{ARN}:live"),
        (f"{ARN}:live", f"{ARN}:live"),
        ("F:$LATEST", f"{ARN}:$LATEST"),
    ],
)
def test_the_context_has_the_arn_with_the_qualifier_that_was_invoked(code: Path, reference: str, invoked: str) -> None:
    source = "import pathlib\ndef handler(event, context):\n"
    source += "    if event: pathlib.Path(event).write_text(context.invoked_function_arn)\n"
    source += "    return context.invoked_function_arn"
    (code / "app.py").write_text(source)

    async def scenario(service: Lambda) -> None:
        assert json.loads((await service.invoke(reference, b"")).payload) == invoked
        written = code / "written"
        await service.invoke_event(reference, json.dumps(str(written)).encode())
        await until(lambda: written.exists() and written.read_text() == invoked)

    check(code, scenario, qualifiers=frozenset({"live"}))


@pytest.mark.parametrize("reference", ["G", "F:live", f"{ARN}:live"])
def test_an_unknown_function_or_alias_is_refused(code: Path, reference: str) -> None:
    async def scenario(service: Lambda) -> None:
        with pytest.raises(ApiError) as refused:
            await service.invoke(reference, b"{}")
        assert (refused.value.code, refused.value.status) == ("ResourceNotFoundException", 404)

    check(code, scenario)


def test_an_invocation_continues_the_trace_of_its_request(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        root = "1-3152b799-8954dae64eda91bc9a23a7e8"
        for given, pattern in (
            (f"Root={root};Parent=7fa8c0f79203be72;Sampled=1", f"Root={root};Parent=7fa8c0f79203be72;Sampled=1"),
            (f"Root={root}", rf"Root={root};Parent=[0-9a-f]{{16}};Sampled=0"),
            (None, r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0"),
        ):
            TRACE.set(given)
            environment = await invoke(service, do="environment")
            assert re.fullmatch(pattern, environment["_X_AMZN_TRACE_ID"])

    check(code, scenario)


def test_the_trace_is_that_of_the_invocation_for_the_processes_that_a_function_starts_too(code: Path) -> None:
    (code / "app.py").write_text(
        "import os, subprocess, sys\n"
        'SHOW = \'import os; print(os.environ["_X_AMZN_TRACE_ID"], end="")\'\n'
        "def handler(event, context):\n"
        "    seen = [os.environ['_X_AMZN_TRACE_ID'], subprocess.check_output([sys.executable, '-c', SHOW]).decode()]\n"
        "    if event['change']: os.environ['_X_AMZN_TRACE_ID'] = 'changed'\n"
        "    else: del os.environ['_X_AMZN_TRACE_ID']\n"
        "    return seen\n"
    )

    async def scenario(service: Lambda) -> None:
        for number, change in enumerate([True, False, True]):
            trace = f"Root=1-3152b799-8954dae64eda91bc9a23a7e{number};Parent=7fa8c0f79203be72;Sampled=1"
            TRACE.set(trace)
            assert await invoke(service, change=change) == [trace, trace]

    check(code, scenario)


def test_an_exceptions_class_name_is_its_error_type(code: Path) -> None:
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


@pytest.mark.parametrize(("retries", "times"), [({}, 3), ({"event_retries": 1}, 2), ({"event_retries": 0}, 1)])
def test_a_failed_event_is_retried_twice_unless_the_function_says_otherwise(
    code: Path, caplog: pytest.LogCaptureFixture, retries: dict[str, int], times: int
) -> None:
    async def scenario(service: Lambda) -> None:
        await service.invoke_event("F", b'{"do": "raise"}')
        await until(lambda: "dropped" in caplog.text)
        assert service.counters["F"].errors == times
        request_ids = {line for line in (code.parent / "logs" / "F.log").read_text().splitlines() if "START" in line}
        assert len(request_ids) == 1

    check(code, scenario, retry_after=(0.01, 0.01), **retries)


def test_an_event_runs_once_when_it_succeeds(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        await service.invoke_event("F", b"{}")
        await until(lambda: service.counters["F"].duration > 0)
        assert (service.counters["F"].invocations, service.counters["F"].errors) == (1, 0)

    check(code, scenario)


def test_an_invocation_continues_when_its_caller_disconnects(code: Path, tmp_path: Path) -> None:
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
