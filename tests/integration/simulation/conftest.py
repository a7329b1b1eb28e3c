from __future__ import annotations

import pytest

from order_engine.simulation.chain import SimulatedChain
from order_engine.simulation.market import Market
from order_engine.storage.database import Database
from tests.support.simulation import Clock, market_of


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def market(database: Database, clock: Clock) -> Market:
    return market_of(database, clock)


@pytest.fixture
def chain(market: Market) -> SimulatedChain:
    return SimulatedChain(market)
