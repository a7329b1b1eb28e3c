"""Loads templates that a test writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emulator.common.errors import TemplateError
from emulator.stack import load
from emulator.template.stack import R, Stack

ROOT = Path(__file__).parents[3]

FUNCTION = """
  Worker:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: code, Handler: app.handler, Runtime: python3.13}
"""


def write(folder: Path, resources: str, rest: str = "") -> Path:
    (folder / "code").mkdir(exist_ok=True)
    path = folder / "template.yaml"
    path.write_text(f"Transform: AWS::Serverless-2016-10-31\n{rest}\nResources:\n{resources}")
    return path


def loaded(folder: Path, resources: str, rest: str = "", **parameters: str) -> Stack:
    return load(write(folder, resources, rest), parameters)


def only(stack: Stack, kind: type[R]) -> R:
    (record,) = stack.of(kind).values()
    return record


def problems(folder: Path, resources: str, rest: str = "", **parameters: str) -> list[str]:
    with pytest.raises(TemplateError) as refused:
        loaded(folder, resources, rest, **parameters)
    return refused.value.problems


def resolved(folder: Path, expression: str, rest: str = "", resources: str = "", **parameters: str) -> Any:
    outputs = f"{rest}\nOutputs:\n  Value:\n    Value: {expression}\n"
    return loaded(folder, f"{FUNCTION}{resources}", outputs, **parameters).outputs["Value"]
