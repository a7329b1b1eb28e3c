from __future__ import annotations

from collections.abc import Iterator

import pytest

from order_engine.domain.lifecycle import Status
from order_engine.storage.database import Database
from order_engine.storage.open_orders import PostgresOpenOrders
from order_engine.storage.orders import PostgresOrderStore
from tests.support.network import UnreliableLine, unreliable_line


@pytest.fixture
def line(database_url: str) -> Iterator[UnreliableLine]:
    with unreliable_line(database_url) as line:
        yield line


@pytest.fixture
def distant(line: UnreliableLine) -> Iterator[PostgresOrderStore]:
    """A store that is connected through the unreliable line."""
    database = Database(line.url)
    database.fetch("SELECT 1")
    yield PostgresOrderStore(database)
    database.close()


@pytest.fixture
def counted() -> list[Status]:
    """The statuses of the events that `waiting` has committed."""
    return []


@pytest.fixture
def waiting(database: Database, counted: list[Status]) -> PostgresOpenOrders:
    return PostgresOpenOrders(database, counted.append)
