"""The tokens that orders have named by the addresses of their mints."""

from __future__ import annotations

import pytest

from order_engine.domain.tokens import Token
from order_engine.storage.database import Database
from order_engine.storage.tokens import PostgresTokenStore

TOKEN = Token("mint", 6, "program")


@pytest.fixture
def store(database: Database) -> PostgresTokenStore:
    return PostgresTokenStore(database, "Localnet")


def test_a_token_comes_back_as_it_was_added(store: PostgresTokenStore) -> None:
    assert store.get("mint", here=True) is None
    store.add(TOKEN)
    store.add(Token("other", 255, "program"))
    assert store.get("mint", here=True) == store.get("mint", here=False) == TOKEN
    assert store.get("other", here=True) == Token("other", 255, "program")


def test_what_is_known_of_a_mint_stays(store: PostgresTokenStore) -> None:
    store.add(TOKEN)
    store.add(TOKEN._replace(decimals=9))
    assert store.get("mint", here=True) == TOKEN


def test_a_market_has_its_own_mints_and_knows_those_of_others(database: Database, store: PostgresTokenStore) -> None:
    other = PostgresTokenStore(database, "Devnet")
    other.add(TOKEN._replace(decimals=9))
    assert store.get("mint", here=True) is None
    assert store.get("mint", here=False) == TOKEN._replace(decimals=9)
    store.add(TOKEN)
    assert store.get("mint", here=False) == TOKEN
    assert other.get("mint", here=False) == TOKEN._replace(decimals=9)
