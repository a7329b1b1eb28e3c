from __future__ import annotations

import asyncio
import inspect
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from order_engine.domain.markets import LOCALNET
from tests.e2e import targets
from tests.e2e.targets import slowness
from tests.support.client import TooSlow
from tests.support.market import Localnet, Market
from tests.support.stack import Stack

HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "process: starts and stops emulators of its own; takes seconds")
    config.addinivalue_line("markers", "needs(capability, …): what of tests/e2e/targets the test needs of its target")


def pytest_report_header() -> str:
    return f"target of the end-to-end tests: {targets.name()}, market: {targets.chosen().market}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what the target cannot do and expects its known gaps to fail."""
    target = targets.chosen()
    for item in items:
        if HERE in item.path.parents:
            missing = _needed(item) - target.capabilities
            if missing:
                what = " and ".join(targets.CAPABILITIES[capability] for capability in sorted(missing))
                item.add_marker(pytest.mark.skip(reason=f"{what}: not with TARGET={targets.name()}"))
            if target.may_be_slow and "load" in _needed(item):
                # The test, and then one order alone.
                item.add_marker(pytest.mark.timeout(120 + 2 * slowness.PATIENCE))
            test = f"{item.path.name}::{item.nodeid.partition('::')[2]}"
            gap = target.gaps.get(test) or target.gaps.get(test.partition("[")[0])
            if gap:
                item.add_marker(pytest.mark.xfail(strict=gap.runs, run=gap.runs, reason=gap.reason))


def _needed(item: pytest.Item) -> set[str]:
    needed = {capability for marker in item.iter_markers("needs") for capability in marker.args}
    if item.get_closest_marker("process"):
        needed.add("processes")
    fixtures = getattr(item, "fixturenames", ())
    return needed | {capability for fixture, capability in _FIXTURES.items() if fixture in fixtures}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Expects a test of load to fail on a target that is too slow for it, but confirms an order alone."""
    report = yield
    error = call.excinfo and call.excinfo.value
    if not isinstance(error, TooSlow) or "load" not in _needed(item) or not targets.chosen().may_be_slow:
        return report
    stack: Stack = cast(Any, item).funcargs["stack"]
    if reason := slowness.reason_if_slow(stack, error):
        report.outcome, report.wasxfail = "skipped", reason
    return report


_FIXTURES = {"_market": "database", "active_orders": "redis"}


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs tests that are coroutines."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in arguments}))
    return True


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with targets.chosen().opened() as stack:
        yield stack


@pytest.fixture(scope="session")
def _market(stack: Stack) -> Iterator[Market | Localnet]:
    parameters = stack.parameters
    market: Market | Localnet
    if targets.chosen().market == LOCALNET:
        market = Localnet(parameters["DatabaseUrl"], parameters["SolanaRpcUrl"], parameters["WalletAddress"])
    else:
        market = Market(parameters["DatabaseUrl"])
    yield market
    market.close()


@pytest.fixture
def market(_market: Market | Localnet) -> Iterator[Market | Localnet]:
    _market.reset()
    yield _market
    _market.clear_faults()
    _market.assert_in_order()


@pytest.fixture(scope="session")
def active_orders(stack: Stack) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(stack.parameters["RedisUrl"], decode_responses=True) as active_orders:
        yield active_orders
