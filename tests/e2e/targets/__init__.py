"""The targets of the end-to-end tests: `TARGET=emulator`, `localnet`, `ministack`, `localstack`, `sam-local`, `aws` or
`addresses`.

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

from order_engine.domain.markets import SIMULATED

NAMES = ("emulator", "localnet", "ministack", "localstack", "sam-local", "aws", "addresses")

CAPABILITIES = {
    "processes": "starts and stops processes of the emulator",
    "console": "asks the emulator's console what the state machine did",
    "database": "looks into Postgres",
    "simulation": "sets up the pools or the faults of the simulated market",
    "localnet": "looks at the chain of a localnet, or switches its faults on",
    "redis": "looks into Redis",
    "clients": "calls Lambda, SQS or Step Functions as an operator would",
    "load": "sends more at once than a shared stack, or one with a container for each request, should take",
    "local": "expects what the emulator alone does",
}
"""The capabilities that a test may need, by their names in `@pytest.mark.needs`."""


@dataclass(frozen=True)
class Gap:
    """The reason why a test fails. `runs` is false if it takes minutes or makes later tests fail."""

    reason: str
    runs: bool = True


@dataclass(frozen=True)
class Target:
    """A target. `opened` starts it and yields the `stack` of the tests, which trades in `market`.

    `gaps` are by a test's file and name, with or without its parameters. Tests of load send at most
    `at_once` requests at the same time. A target that `may_be_slow` may not answer even these in time.
    """

    opened: Callable[[], AbstractContextManager[Any]]
    capabilities: frozenset[str]
    gaps: Mapping[str, Gap] = field(default_factory=dict)
    at_once: int = 50
    may_be_slow: bool = False
    market: str = SIMULATED


def gaps(tests: Mapping[Gap, Iterable[str]]) -> dict[str, Gap]:
    """Returns the gaps by test."""
    return {test: gap for gap, names in tests.items() for test in names}


def name() -> str:
    """Returns the chosen target's name."""
    return os.environ.get("TARGET") or ("addresses" if "REST_URL" in os.environ else "emulator")


def chosen() -> Target:
    if name() not in NAMES:
        raise pytest.UsageError(f"expected TARGET to be one of {', '.join(NAMES)}, was {name()!r}")
    target: Target = importlib.import_module(f"{__name__}.{name().replace('-', '_')}").TARGET
    return target


def setting(variable: str) -> str:
    """Returns an environment variable that the target needs."""
    value = os.environ.get(variable)
    if not value:
        raise pytest.UsageError(f"expected {variable} in the environment for TARGET={name()}")
    return value
