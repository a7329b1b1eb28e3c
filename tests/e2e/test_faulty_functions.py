"""Failing functions, as their callers see them and in the log."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.applications import APPS, application
from tests.support.aws_clients import aws
from tests.support.stack import ROOT, Stack

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with application(APPS / "faulty/template.yaml", tmp_path_factory.mktemp("faulty") / "data") as running:
        yield running


def invoke(stack: Stack, name: str, **event: Any) -> tuple[str | None, Any]:
    with aws(stack, "lambda") as functions:
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(event))
        return answer.get("FunctionError"), json.load(answer["Payload"])


def test_an_import_error_reaches_the_caller_and_the_log(faulty: Stack) -> None:
    for _ in range(2):
        error, payload = invoke(faulty, "Unimportable")
        assert error == "Unhandled"
        assert payload["errorType"] == "Runtime.ImportModuleError"
        assert payload["errorMessage"] == (
            "Unable to import module 'unimportable': No module named 'a_module_that_there_is_not'"
        )

    command = [sys.executable, "-m", "emulator", "--data", str(faulty.data), "logs", "Unimportable"]
    logs = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "[ERROR] Runtime.ImportModuleError" in logs
    assert "Traceback (most recent call last):" in logs
    assert "import a_module_that_there_is_not" in logs


def test_a_killed_worker_fails_its_invocation_and_the_next_one_works(faulty: Stack) -> None:
    assert invoke(faulty, "Mortal") == (None, "alive")

    error, payload = invoke(faulty, "Mortal", die=True)
    assert error == "Unhandled"
    assert payload["errorType"] == "Runtime.ExitError"
    assert payload["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")

    assert invoke(faulty, "Mortal") == (None, "alive")
