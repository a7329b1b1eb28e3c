"""Functions share what they import of the installed packages, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from emulator.lambda_.records import Function
from emulator.lambda_.service import Lambda
from emulator.lambda_.standbys import common
from tests.support.emulator.lambda_service import alive, until, workers

NAMES = ("A", "B", "C")


def share(folder: Path, sources: dict[str, str], scenario: Callable[[Lambda], Awaitable[None]], **options: Any) -> None:
    """Runs the scenario with functions of these names and sources, which find modules in the folder `library`."""
    (folder / "library").mkdir(exist_ok=True)
    functions = []
    for name, source in sources.items():
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "app.py").write_text(source)
        functions.append(Function(name, "app.handler", folder / name, environment=options.get(name, {}), timeout=20))

    async def main() -> None:
        service = Lambda(functions, logs=folder / "logs", environment={"PYTHONPATH": str(folder / "library")})
        await service.start()
        try:
            await scenario(service)
        finally:
            await service.close(0)

    asyncio.run(main())


async def call(service: Lambda, name: str) -> Any:
    invocation = await service.invoke(name, b"{}")
    assert not invocation.error, invocation.payload
    return json.loads(invocation.payload)


@pytest.fixture
def imports(tmp_path: Path) -> Path:
    """A file with a line for each process that has imported the module `dependency`."""
    (tmp_path / "library").mkdir()
    path = tmp_path / "imports"
    source = (
        f"import os\nimported_by = os.getpid()\nwith open({str(path)!r}, 'a') as file: print(imported_by, file=file)"
    )
    (tmp_path / "library" / "dependency.py").write_text(source + "\nvariable = os.environ.get('VARIABLE')\n")
    return path


HANDLER = (
    "import os, dependency\ndef handler(event, context): return [dependency.imported_by, os.environ.get('VARIABLE')]"
)


def imported_by(imports: Path) -> list[str]:
    return imports.read_text().split()


def test_functions_share_what_they_import(tmp_path: Path, imports: Path) -> None:
    async def scenario(service: Lambda) -> None:
        by = {(await call(service, name))[0] for name in NAMES}
        (standby,) = workers()
        assert by == {standby.pid}
        # The first function imports it too, so that the standby knows what to import.
        assert len(imported_by(imports)) == 2
        assert standby.cwd() == "/"

    share(tmp_path, dict.fromkeys(NAMES, HANDLER), scenario)


def test_a_function_that_came_before_others_shares_what_they_import(tmp_path: Path, imports: Path) -> None:
    late = "def handler(event, context):\n    import dependency\n    return dependency.imported_by"

    async def scenario(service: Lambda) -> None:
        assert service._preparing is not None
        await service._preparing
        (standby,) = workers()
        assert await call(service, "A") == standby.pid

    share(tmp_path, {"A": late, "B": HANDLER}, scenario)


def test_each_function_has_its_own_folder_log_and_modules(tmp_path: Path) -> None:
    source = (
        "import os, own\nprint('imported', own.value)\ndef handler(event, context): return [own.value, os.getcwd()]"
    )
    for name in NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "own.py").write_text(f"value = {name!r}")

    async def scenario(service: Lambda) -> None:
        for name in NAMES:
            assert await call(service, name) == [name, str(tmp_path / name)]
            assert f"imported {name}" in (tmp_path / "logs" / f"{name}.log").read_text()

    share(tmp_path, dict.fromkeys(NAMES, source), scenario)


def test_a_variable_that_a_dependency_reads_is_the_functions_own(tmp_path: Path, imports: Path) -> None:
    source = (
        "import os, dependency\ndef handler(event, context): return [dependency.variable, os.environ.get('VARIABLE')]"
    )

    async def scenario(service: Lambda) -> None:
        await asyncio.gather(*(call(service, name) for name in NAMES))
        assert await call(service, "A") == [None, None]
        assert await call(service, "B") == ["b", "b"]
        assert await call(service, "C") == [None, None]

    share(tmp_path, dict.fromkeys(NAMES, source), scenario, B={"VARIABLE": "b"})


def test_what_a_dependency_sets_during_its_import_stays(tmp_path: Path, imports: Path) -> None:
    with (tmp_path / "library" / "dependency.py").open("a") as file:
        file.write("os.environ['VARIABLE'] = 'set'\n")

    async def scenario(service: Lambda) -> None:
        assert [(await call(service, name))[1] for name in NAMES] == ["set"] * 3

    share(tmp_path, dict.fromkeys(NAMES, HANDLER), scenario)


def test_a_functions_own_module_hides_an_installed_one_from_it_alone(tmp_path: Path, imports: Path) -> None:
    (tmp_path / "B").mkdir()
    (tmp_path / "B" / "dependency.py").write_text("imported_by = 'own'")

    async def scenario(service: Lambda) -> None:
        answers = [(await call(service, name))[0] for name in NAMES]
        assert answers[1] == "own"
        assert answers[0] == answers[2] == workers()[0].pid

    share(tmp_path, dict.fromkeys(NAMES, HANDLER), scenario)


def test_functions_with_other_packages_have_another_standby_until_they_have_the_same(tmp_path: Path) -> None:
    source = "def handler(event, context): return 1"
    for name in NAMES[:2]:
        (tmp_path / name).mkdir()
    (tmp_path / "B" / "requirements.txt").write_text("aiohttp")

    async def scenario(service: Lambda) -> None:
        for name in NAMES[:2]:
            await call(service, name)
        assert len(workers()) == 2
        (tmp_path / "A" / "requirements.txt").write_text("aiohttp")
        await service.reload("A")
        await call(service, "A")
        await until(lambda: len(workers()) == 1)

    share(tmp_path, dict.fromkeys(NAMES[:2], source), scenario)


def test_a_function_that_hangs_or_dies_in_its_import_holds_no_other_up(tmp_path: Path, imports: Path) -> None:
    sources = {"A": "while True: pass", "B": "import os; os._exit(1)", "C": HANDLER}

    async def scenario(service: Lambda) -> None:
        await call(service, "C")
        assert json.loads((await service.invoke("B", b"{}")).payload)["errorType"] == "Runtime.ExitError"
        processes = [process for worker in workers() for process in (worker, *worker.children(recursive=True))]
        await service.close(0)
        # A server that still imports learns from its socket that all has ended.
        await until(lambda: not any(alive(process.pid) for process in processes))

    share(tmp_path, sources, scenario)


def test_the_standby_has_the_variables_that_most_functions_share() -> None:
    environments = [{"HOME": "/a", "NAME": "A"}, {"HOME": "/a", "NAME": "B"}, {"HOME": "/b", "NAME": "C", "QUEUE": "q"}]
    assert common(environments) == {"HOME": "/a"}
    assert common(environments[:1]) == environments[0]
