"""The registry of pools on Solana."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from order_engine.domain.pools import RegisteredPool, Source
from order_engine.storage.database import Database
from order_engine.storage.pools import PostgresPoolRegistry

POOL = RegisteredPool("pool", "raydium_cp", "raydium", "SOL", "USDC", ("vault a", "vault b"), Source.DISCOVERED)
BY_HAND = POOL._replace(source=Source.BY_HAND)


@pytest.fixture
def registry(database: Database) -> PostgresPoolRegistry:
    return PostgresPoolRegistry(database, "cluster")


def test_a_pool_comes_back_as_it_was_added(registry: PostgresPoolRegistry) -> None:
    other = RegisteredPool("other", "meteora_dlmm", "meteora", "JUP", "SOL", (), Source.BY_HAND, enabled=False)
    for pool in (POOL, other):
        registry.add(pool)
    assert registry.all() == [other, POOL]


def test_a_pool_added_twice_is_there_once(registry: PostgresPoolRegistry) -> None:
    for _ in range(2):
        registry.add(POOL)
    assert registry.all() == [POOL]


def test_the_pools_of_tokens_trade_only_these(registry: PostgresPoolRegistry) -> None:
    pairs = {"1": ("SOL", "USDC"), "2": ("USDC", "USDT"), "3": ("JUP", "SOL"), "4": ("USDT", "SOL")}
    for address, (token_a, token_b) in pairs.items():
        registry.add(POOL._replace(address=address, token_a=token_a, token_b=token_b))
    assert {pool.address for pool in registry.enabled(["SOL", "USDC", "USDT"])} == {"1", "2", "4"}
    assert {pool.address for pool in registry.enabled(["SOL", "USDC"])} == {"1"}
    assert registry.enabled([]) == []


def test_a_cluster_has_its_own_pools(database: Database, registry: PostgresPoolRegistry) -> None:
    """GIVEN one pool in two clusters, WHEN it is changed in one of them."""
    other = PostgresPoolRegistry(database, "other cluster")
    for each in (registry, other):
        each.add(POOL)
    other.set_companions("pool", ["another"])
    other.disable(["pool"])
    assert registry.all() == [POOL]
    assert other.all() == [POOL._replace(companions=("another",), enabled=False)]
    assert registry.remove("pool")
    assert other.all()[0].source is Source.DISCOVERED


def test_a_disabled_pool_is_listed_but_not_traded_in(registry: PostgresPoolRegistry) -> None:
    registry.add(POOL)
    registry.disable(["pool", "unknown"])
    assert registry.enabled(["SOL", "USDC"]) == []
    assert registry.all() == [POOL._replace(enabled=False)]


def test_a_discovery_enables_a_pool_that_a_discovery_disabled(registry: PostgresPoolRegistry) -> None:
    registry.add(POOL)
    registry.disable(["pool"])
    registry.add(POOL)
    assert registry.enabled(["SOL", "USDC"]) == [POOL]


def test_a_discovery_changes_no_pool_that_was_added_by_hand(registry: PostgresPoolRegistry) -> None:
    registry.add(BY_HAND)
    registry.add(POOL._replace(companions=()))
    registry.disable(["pool"])
    assert registry.all() == [BY_HAND]


def test_a_pool_that_was_removed_by_hand_comes_back_only_by_hand(registry: PostgresPoolRegistry) -> None:
    registry.add(POOL)
    assert registry.remove("pool")
    registry.add(POOL)
    assert registry.all() == [BY_HAND._replace(enabled=False)]
    registry.add(BY_HAND)
    assert registry.enabled(["SOL", "USDC"]) == [BY_HAND]


def test_an_unknown_pool_can_not_be_removed(registry: PostgresPoolRegistry) -> None:
    assert not registry.remove("unknown")


def test_companions_are_replaced(registry: PostgresPoolRegistry) -> None:
    registry.add(POOL)
    registry.set_companions("pool", ["vault a", "array 3"])
    registry.set_companions("unknown", ["array"])
    assert registry.all() == [POOL._replace(companions=("vault a", "array 3"))]


def test_a_source_that_no_one_is_is_refused(database_url: str, registry: PostgresPoolRegistry) -> None:
    registry.add(POOL)
    with psycopg.connect(database_url) as connection, pytest.raises(errors.CheckViolation):
        connection.execute("UPDATE solana_pools SET source = 'guessed'")
