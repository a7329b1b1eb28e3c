"""The build runs on Lambda's processor, system and Python, and starts without compiling anything but handlers."""

from __future__ import annotations

import _imp
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from bench import artifact
from emulator.lambda_.records import Function
from tests.artifact import elf
from tests.support.aws import aws
from tests.support.databases import new_database

ROOT = Path(__file__).parents[2]
AMAZON_LINUX_2023_GLIBC = (2, 34)
PYTHON_3_13_MAGIC = (3571).to_bytes(2, "little") + b"\r\n"
UNCHECKED_HASH = 0b01
MIB = 2**20
COMPILED = ("CommonLayer", "MigrateFunction")
FILES = (
    "print(*(file for module in list(sys.modules.values()) if (file := getattr(module, '__file__', None))), sep='\\n')"
)

pytestmark = pytest.mark.timeout(600)  # the first run downloads wheels


PRINT_COMPILED = "import sys; sys.addaudithook(lambda event, args: event == 'compile' and print(args[1]))"


def libraries(built: Path) -> Iterator[Path]:
    return (path for path in built.rglob("*") if re.search(r"\.so(\.|$)", path.name))


def names(paths: Iterable[Path], built: Path) -> list[str]:
    return sorted(str(path.relative_to(built)) for path in paths)


def test_libraries_are_for_the_processor(built: Path, architecture: str) -> None:
    assert {elf.machine(path) for path in libraries(built)} == {architecture}
    assert {"_pydantic_core", "_psycopg", "pq"} <= {path.name.partition(".")[0] for path in libraries(built)}


def test_extension_modules_are_for_python_3_13(built: Path, architecture: str) -> None:
    tag = {"arm64": "aarch64", "x86_64": "x86_64"}[architecture]
    modules = [path for path in libraries(built) if not path.parent.name.endswith(".libs")]
    assert len(modules) > 3
    fitting = (f".cpython-313-{tag}-linux-gnu.so", ".abi3.so")
    assert names((path for path in modules if not path.name.endswith(fitting)), built) == []


def test_libraries_need_no_newer_glibc_than_lambda_has(built: Path) -> None:
    versions = {path.name: elf.glibc(path) for path in libraries(built)}
    assert max(versions.values()) > (2,)  # versions were read
    assert {name: version for name, version in versions.items() if version > AMAZON_LINUX_2023_GLIBC} == {}


@pytest.mark.parametrize("part", COMPILED)
def test_bytecode_is_included_and_used_without_checks(built: Path, part: str) -> None:
    sources = list((built / part).rglob("*.py"))
    assert sources
    for source in sources:
        name = source.relative_to(built)
        code = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
        assert code.is_file(), f"{name} has no bytecode"
        header = code.read_bytes()[:16]
        assert header[:4] == PYTHON_3_13_MAGIC, f"{name} was compiled by another Python"
        assert int.from_bytes(header[4:8], "little") == UNCHECKED_HASH, f"{name}: expected an unchecked hash"
        assert header[8:] == _imp.source_hash(int.from_bytes(header[:4], "little"), source.read_bytes()), (
            f"{name} has changed since it was compiled"
        )


def test_only_handlers_have_no_bytecode(built: Path) -> None:
    uncompiled = (path for path in built.rglob("*.py") if not (path.parent / "__pycache__").is_dir())
    assert {path.name for path in uncompiled} == {"app.py"}


def test_files_for_tools_and_tests_are_left_out(built: Path) -> None:
    unwanted = re.compile(r"(^|/)(tests?|testing|bin|node_modules)/|\.pyi$|/py\.typed$|cpython-(?!313)\d+|/Makefile$")
    assert [name for name in names(built.rglob("*"), built) if unwanted.search(name)] == []


def test_the_layer_contains_the_engine(built: Path) -> None:
    package = built / "CommonLayer" / "python" / "order_engine"
    here = ROOT / "layers" / "common" / "order_engine"
    assert {path.relative_to(package): path.read_bytes() for path in package.rglob("*.py")} == {
        path.relative_to(here): path.read_bytes() for path in here.rglob("*.py")
    }


def test_a_function_and_its_layer_are_well_below_lambdas_limit(built: Path) -> None:
    sizes = {
        folder.name: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for folder in built.iterdir()
        if folder.is_dir()
    }
    layer = sizes.pop("CommonLayer")
    assert layer < 64 * MIB
    assert layer + max(sizes.values()) < 100 * MIB  # of 250


def test_every_function_starts_with_deployed_files_only(built_for_here: Path) -> None:
    functions = artifact.functions(built_for_here)
    assert len(functions) >= 11
    for function in functions:
        module, _, handler = function.handler.rpartition(".")
        code = f"import {module}, sys; print(callable({module}.{handler})); {FILES}"
        answer, *files = artifact.run(function, code).splitlines()
        assert answer == "True", function.name
        elsewhere = [file for file in files if "site-packages" in file or file.startswith(f"{ROOT}/layers")]
        assert elsewhere == [], function.name


def test_starting_a_function_compiles_only_its_handler(built_for_here: Path) -> None:
    for function in artifact.functions(built_for_here):
        module = function.handler.rpartition(".")[0]
        compiled = artifact.run(function, f"{PRINT_COMPILED}; import {module}").splitlines()
        handler = str(function.code / f"{module}.py")
        assert [file for file in compiled if file.endswith(".py") and file != handler] == [], function.name


def deployed(built: Path, name: str, environment: dict[str, str]) -> Function:
    function = next(function for function in artifact.functions(built) if function.name == name)
    return replace(function, environment=function.environment | environment)


def test_the_migrations_run_from_the_deployed_files(built_for_here: Path, postgres_url: str) -> None:
    url = new_database(postgres_url)
    artifact.run(deployed(built_for_here, "MigrateFunction", {"DATABASE_URL": url}), "import app; app.migrate('')")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM market_pools").fetchone() == (True,)


def test_the_layer_sends_messages(built_for_here: Path) -> None:
    with aws() as services:
        environment = {"AWS_ENDPOINT_URL": services.url, "ORDER_QUEUE_URL": services.queue_url("OrderQueue")}
        artifact.run(
            deployed(built_for_here, "RecoverFunction", environment),
            "from order_engine.bootstrap import aws; aws.order_queue().enqueue('an-order')",
        )
        assert services.messages("OrderQueue") == [{"orderId": "an-order", "publishedSeq": 0}]


def test_the_layers_sdk_asks_for_signatures_and_secrets(built_for_here: Path) -> None:
    """Both services are unknown here, and say so."""
    code = """
from order_engine.bootstrap import aws
from order_engine.domain.errors import VenueUnavailable
for ask in (lambda: aws.kms_key("key").sign(b"a message"), lambda: aws.secret("secret")):
    try:
        ask()
    except VenueUnavailable as error:
        print(error)
"""
    with aws() as services:
        answers = artifact.run(deployed(built_for_here, "ExecuteFunction", {"AWS_ENDPOINT_URL": services.url}), code)
    signing, reading = answers.splitlines()
    assert "AWS does not sign with the key key: An error occurred (" in signing
    assert "when calling the Sign operation" in signing
    assert "AWS does not serve the secret secret: An error occurred (" in reading
    assert "when calling the GetSecretValue operation" in reading


def test_a_missing_python_3_13_is_named(tmp_path: Path) -> None:
    make = subprocess.run(
        ["/usr/bin/make", "-f", ROOT / "layers/common/Makefile", "build-CommonLayer", f"ARTIFACTS_DIR={tmp_path}"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert make.returncode
    assert "expected python3.13 on PATH, with pip" in make.stderr


def test_an_unknown_processor_is_refused(tmp_path: Path) -> None:
    make = subprocess.run(
        ["make", "-f", ROOT / "layers/common/Makefile", "build-CommonLayer", "ARCHITECTURE=mips"],
        capture_output=True,
        text=True,
    )
    assert make.returncode
    assert "expected ARCHITECTURE arm64 or x86_64, was mips" in make.stderr
