"""Real stores for the tests that need them: one embedded Postgres and Redis for a run, or for each of its workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from emulator import stores
from tests.support.folders import data_folder

# How long an example takes says something about the machine only.
settings.register_profile("default", deadline=None)
settings.load_profile("default")


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with stores.postgres(data_folder(tmp_path_factory) / "postgres") as url:
        yield url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with stores.redis(data_folder(tmp_path_factory) / "redis") as url:
        yield url
