from __future__ import annotations

import pytest

from order_engine.domain.events import Event
from order_engine.services.execution import Execution
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.simulation import execution_on, live


@pytest.fixture
def published() -> list[Event]:
    return []


@pytest.fixture
def execution(orders: PostgresOrderStore, database: Database, published: list[Event]) -> Execution:
    """An execution on the simulated market."""
    return execution_on(live(database), orders, lambda events, listeners: published.extend(events))
