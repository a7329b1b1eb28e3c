"""Real stores: one embedded Postgres and Redis for each test process."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from emulator import stores
from tests.support.folders import data_folder, remove_data_folders

# The duration of an example depends on the machine.
settings.register_profile("default", deadline=None)
settings.load_profile("default")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in a shell's background job. Every process that a test starts and interrupts would ignore it too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
