"""When a function gets another environment for an invocation that waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from emulator.lambda_ import environments
from emulator.lambda_.service import Lambda
from tests.support.emulator.lambda_service import check, invoke


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the system describes processes, here for a test to write."""
    folder = tmp_path / "processes"
    folder.mkdir()
    monkeypatch.setattr(environments, "PROCESSES", folder)
    return folder


async def wait_for_a_core(processes: Path, pid: int) -> None:
    """Describes the process as one that needs a core and has none for half of its time."""
    (processes / str(pid)).mkdir()
    while True:
        waited = int(time.monotonic() * 0.5e9)
        new = processes / str(pid) / "new"
        new.write_text(f"1000000 {waited} 10\n")
        new.rename(processes / str(pid) / "schedstat")
        await asyncio.sleep(0.005)


def with_contention(
    processes: Path, scenario: Callable[[Lambda], Awaitable[None]]
) -> Callable[[Lambda], Awaitable[None]]:
    """Runs the scenario while the function's first environment waits for a core."""

    async def main(service: Lambda) -> None:
        pid = (await invoke(service))["pid"]
        waiting = asyncio.create_task(wait_for_a_core(processes, pid))
        try:
            await scenario(service)
        finally:
            waiting.cancel()

    return main


async def pids(service: Lambda, invocations: int, seconds: float) -> set[int]:
    results = await asyncio.gather(*(invoke(service, do="sleep", seconds=seconds) for _ in range(invocations)))
    return {result["pid"] for result in results}


def test_invocations_wait_for_an_environment_that_waits_for_a_core(code: Path, processes: Path) -> None:
    async def scenario(service: Lambda) -> None:
        assert len(await pids(service, 4, seconds=0.15)) == 1
        assert service.counters["F"].cold_starts == 1

    check(code, with_contention(processes, scenario))


def test_no_invocation_waits_long_for_an_environment_that_waits_for_a_core(
    code: Path, processes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "LONGEST_WAIT", 0.2)

    async def scenario(service: Lambda) -> None:
        assert len(await pids(service, 2, seconds=0.6)) == 2

    check(code, with_contention(processes, scenario))


@pytest.mark.parametrize("described", [True, False])
def test_invocations_do_not_wait_for_an_environment_that_waits_for_something_else(
    code: Path, processes: Path, described: bool
) -> None:
    async def scenario(service: Lambda) -> None:
        pid = (await invoke(service))["pid"]
        if described:
            (processes / str(pid)).mkdir()
            (processes / str(pid) / "schedstat").write_text("1000000 9000000000 10\n")
        assert len(await pids(service, 3, seconds=0.4)) == 3

    check(code, scenario)


def test_a_function_can_wait_for_itself(code: Path) -> None:
    (code / "app.py").write_text(
        "import time\nfrom pathlib import Path\n"
        "def handler(event, context):\n"
        "    Path(event['starts']).touch()\n"
        "    while not Path(event['needs']).exists(): time.sleep(0.005)\n"
        "    return True\n"
    )
    files = [str(code.parent / name) for name in ("first", "second", "third")]

    async def scenario(service: Lambda) -> None:
        pairs = zip(files, [*files[1:], files[-1]], strict=True)
        started = [asyncio.create_task(invoke(service, starts=starts, needs=needs)) for starts, needs in pairs]
        assert await asyncio.gather(*started) == [True] * 3

    check(code, scenario, timeout=20)
