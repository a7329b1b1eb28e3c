"""Builds the functions for both of Lambda's processors. The first build downloads wheels."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import artifact


@pytest.fixture(scope="session", autouse=True)
def _python() -> None:
    try:
        artifact.python()
    except artifact.NoPython as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session", params=["arm64", "x86_64"])
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def built(architecture: str) -> Path:
    return artifact.build(architecture)


@pytest.fixture(scope="session")
def built_for_here() -> Path:
    return artifact.build(artifact.HERE)
