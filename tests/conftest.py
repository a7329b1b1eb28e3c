"""Real stores for the tests that need them: one embedded Postgres and Redis for the whole run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from emulator import stores

# How long an example takes says something about the machine only.
settings.register_profile("default", deadline=None)
settings.load_profile("default")


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with stores.postgres(_folder(tmp_path_factory) / "postgres") as url:
        yield url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with stores.redis(_folder(tmp_path_factory) / "redis") as url:
        yield url


def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stores")
    # Run by root, Postgres runs as another user, who must be able to get there.
    for path in (folder, *folder.parents[:2]):
        path.chmod(0o755)
    return folder
