"""When a function gets another environment for an invocation that waits."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from emulator.lambda_ import environment as environment_module
from emulator.lambda_ import environments
from emulator.lambda_.environment import Environment
from emulator.lambda_.service import Lambda
from tests.support.emulator.lambda_service import check, invoke


@pytest.fixture
def contended(monkeypatch: pytest.MonkeyPatch) -> None:
    """All environments wait for a core all the time."""
    monkeypatch.setattr(Environment, "scheduled", lambda _: (0.0, environments.PATIENCE))


async def pids(service: Lambda, invocations: int, seconds: float) -> set[int]:
    results = await asyncio.gather(*(invoke(service, do="sleep", seconds=seconds) for _ in range(invocations)))
    return {result["pid"] for result in results}


@pytest.mark.usefixtures("contended")
def test_invocations_wait_for_an_environment_that_waits_for_a_core(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        assert len(await pids(service, 4, seconds=0.15)) == 1
        assert service.counters["F"].cold_starts == 1

    check(code, scenario)


@pytest.mark.usefixtures("contended")
def test_no_invocation_waits_long_for_an_environment_that_waits_for_a_core(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "LONGEST_WAIT", 0.2)

    async def scenario(service: Lambda) -> None:
        assert len(await pids(service, 2, seconds=0.6)) == 2

    check(code, scenario)


@pytest.mark.parametrize("described", [True, False])
def test_invocations_do_not_wait_for_an_environment_that_waits_for_something_else(
    code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, described: bool
) -> None:
    monkeypatch.setattr(environment_module, "PROCESSES", tmp_path)

    async def scenario(service: Lambda) -> None:
        pid = (await invoke(service))["pid"]
        if described:
            (tmp_path / str(pid)).mkdir()
            (tmp_path / str(pid) / "schedstat").write_text("1000000 9000000000 10\n")
        assert len(await pids(service, 3, seconds=0.4)) == 3

    check(code, scenario)


@pytest.mark.parametrize(("ran", "forked"), [(0.0, 6), (0.5, 3), (0.95, 1)])
def test_the_more_environments_use_the_core_the_fewer_are_forked_at_once(
    code: Path, monkeypatch: pytest.MonkeyPatch, ran: float, forked: int
) -> None:
    monkeypatch.setattr(Environment, "scheduled", lambda _: (ran * environments.PATIENCE, 0.0))

    async def scenario(service: Lambda) -> None:
        await invoke(service)
        pool = service._pools["F"]
        running = [asyncio.create_task(invoke(service, do="sleep", seconds=0.3)) for _ in range(7)]
        await asyncio.sleep(0)
        pool._look()
        assert pool._missing + len(pool._starting) == forked
        await asyncio.gather(*running)

    check(code, scenario)


def test_the_time_that_an_environment_runs_and_waits_for_a_core_is_what_linux_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment_module, "PROCESSES", tmp_path)
    environment = Environment.__new__(Environment)
    environment.pid, environment._scheduled = 7, (0.0, 0.0)
    (tmp_path / "7").mkdir()
    times = []
    for ran, waited in ((2_000_000_000, 1_000_000_000), (2_500_000_000, 1_250_000_000), (2_500_000_000, 1_250_000_000)):
        (tmp_path / "7" / "schedstat").write_text(f"{ran} {waited} 10\n")
        times.append(environment.scheduled())
    assert times == [(2.0, 1.0), (0.5, 0.25), (0.0, 0.0)]


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
