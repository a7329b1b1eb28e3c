from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from emulator.lambda_ import environments
from emulator.lambda_.service import Lambda
from tests.support.emulator.lambda_service import HANDLER, alive, check, fail, invoke, until, workers


def test_a_reload_runs_new_code_and_lets_the_old_finish(code: Path, tmp_path: Path) -> None:
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


def reload_from_standby(code: Path, scenario: Callable[[Lambda], Awaitable[None]]) -> None:
    """Runs the scenario after a standby has imported a library of the handler that logs each import."""
    library = code.parent / "library"
    library.mkdir()
    imports = code.parent / "imports"
    (library / "slow.py").write_text(f"open({str(imports)!r}, 'a').write('x')")
    (code / "app.py").write_text("import slow\n" + HANDLER)

    async def main(service: Lambda) -> None:
        assert (await invoke(service))["version"] == 1
        assert imports.read_text() == "xx"
        await scenario(service)
        assert imports.read_text() == "xx"

    check(code, main, added={"PYTHONPATH": str(library)}, timeout=20)


def test_a_reload_does_not_import_dependencies_again(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        for version in (22, 333):
            (code / "app.py").write_text("import slow\n" + HANDLER.replace('"version": 1', f'"version": {version}'))
            await service.reload("F")
            assert (await invoke(service))["version"] == version

    reload_from_standby(code, scenario)


def test_new_code_that_exits_is_reported_and_can_be_fixed(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        (code / "app.py").write_text("import os; os._exit(3)")
        await service.reload("F")
        assert (await fail(service))["errorMessage"].endswith("Runtime exited with error: exit status 3")
        (code / "app.py").write_text("import slow\n" + HANDLER)
        await service.reload("F")
        await invoke(service)

    reload_from_standby(code, scenario)


def test_new_code_that_hangs_times_out_and_can_be_fixed(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(service: Lambda) -> None:
        (code / "app.py").write_text("while True: pass")
        monkeypatch.setattr(environments, "INITIALIZATION_LIMIT", -19.5)
        await service.reload("F")
        assert (await fail(service))["errorType"] == "Sandbox.Timedout"
        monkeypatch.undo()
        (code / "app.py").write_text("import slow\n" + HANDLER)
        await service.reload("F")
        await invoke(service)

    reload_from_standby(code, scenario)


def test_new_code_that_starts_a_thread_is_imported_in_each_environment(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        thread = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        counting = HANDLER.replace('"version": 1', '"version": threading.active_count()')
        (code / "app.py").write_text(thread + counting)
        await service.reload("F")
        assert (await invoke(service))["version"] == 2
        (code / "app.py").write_text("import slow\n" + HANDLER)
        await service.reload("F")
        assert (await invoke(service))["version"] == 1

    reload_from_standby(code, scenario)


def test_a_killed_standby_ends_no_environment_and_is_replaced(code: Path) -> None:
    async def scenario(service: Lambda) -> None:
        pid = (await invoke(service))["pid"]
        (standby,) = workers()
        standby.kill()
        await until(lambda: not workers())
        assert (await invoke(service))["pid"] == pid
        (code / "app.py").write_text(HANDLER.replace('"version": 1', '"version": 2 '))
        await service.reload("F")
        assert (await invoke(service))["version"] == 2
        assert len(workers()) == 1

    check(code, scenario)
