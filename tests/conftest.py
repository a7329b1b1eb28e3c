"""Real stores for the tests that need them: one embedded Postgres and Redis for a run, or for each of its workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from emulator import stores
from tests.support.folders import data_folder, remove_data_folders

# How long an example takes says something about the machine only.
settings.register_profile("default", deadline=None)
settings.load_profile("default")


def pytest_sessionfinish(exitstatus: int) -> None:
    """Keeps the data and the logs of a run that failed."""
    if exitstatus == 0:
        remove_data_folders()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with stores.postgres(data_folder() / "postgres") as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with stores.redis(data_folder() / "redis") as url:
        yield url
