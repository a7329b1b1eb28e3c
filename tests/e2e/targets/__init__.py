"""Where the end-to-end tests run: `TARGET=emulator`, `ministack`, `localstack`, `sam-local`, `aws`, or addresses.

Each target is a module here with a `TARGET`.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest

NAMES = ("emulator", "ministack", "localstack", "sam-local", "aws", "addresses")

CAPABILITIES = {
    "processes": "starts and stops processes of the emulator",
    "console": "asks the emulator's console what the state machine did",
    "database": "looks into Postgres, or sets the simulated market up there",
    "redis": "looks into Redis",
    "clients": "calls Lambda, SQS or Step Functions as an operator would",
    "load": "sends more at once than a shared stack, or one with a container for each request, should take",
    "local": "expects what the emulator alone does",
}
"""What a test may need, by the name under which it says so with `@pytest.mark.needs`."""


@dataclass(frozen=True)
class Gap:
    """Why a test fails. It is not run where it takes minutes, or leaves behind what fails the tests after it."""

    reason: str
    runs: bool = True


@dataclass(frozen=True)
class Target:
    """`opened` starts it, and yields what tests take for `stack`.

    `gaps` are known, by the test's file and name, with or without its parameters.
    """

    opened: Callable[[], AbstractContextManager[Any]]
    capabilities: frozenset[str]
    gaps: Mapping[str, Gap] = field(default_factory=dict)


def gaps(tests: Mapping[Gap, Iterable[str]]) -> dict[str, Gap]:
    """By test."""
    return {test: gap for gap, names in tests.items() for test in names}


def name() -> str:
    """The chosen target's."""
    return os.environ.get("TARGET") or ("addresses" if "REST_URL" in os.environ else "emulator")


def chosen() -> Target:
    if name() not in NAMES:
        raise pytest.UsageError(f"expected TARGET to be one of {', '.join(NAMES)}, was {name()!r}")
    target: Target = importlib.import_module(f"{__name__}.{name().replace('-', '_')}").TARGET
    return target


def setting(variable: str) -> str:
    """An environment variable that the target cannot do without."""
    value = os.environ.get(variable)
    if not value:
        raise pytest.UsageError(f"expected {variable} in the environment for TARGET={name()}")
    return value
