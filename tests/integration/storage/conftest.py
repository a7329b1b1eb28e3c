from __future__ import annotations

from collections.abc import Iterator

import pytest

from order_engine.storage.database import Database
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
