from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator

import pytest
import redis

from tests.e2e.market import Market
from tests.e2e.stack import Stack, data_folder, running


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "process: starts and stops emulators of its own; takes seconds")


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs the tests that are coroutines."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in arguments}))
    return True


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(data_folder(tmp_path_factory)) as stack:
        yield stack


@pytest.fixture(scope="session")
def _market(stack: Stack) -> Iterator[Market]:
    market = Market(stack.parameters["DatabaseUrl"])
    yield market
    market.close()


@pytest.fixture
def market(_market: Market) -> Iterator[Market]:
    _market.reset()
    yield _market
    _market.clear_faults()
    _market.assert_in_order()


@pytest.fixture(scope="session")
def active_orders(stack: Stack) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(stack.parameters["RedisUrl"], decode_responses=True) as active_orders:
        yield active_orders
