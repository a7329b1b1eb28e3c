"""Transactions that expire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest

from order_engine.domain.errors import QuoteExpired
from order_engine.domain.transactions import Transaction
from order_engine.simulation.chain import SimulatedChain
from order_engine.simulation.market import SLOT_SECONDS, Market
from order_engine.storage.database import Database
from tests.support.concurrency import eventually
from tests.support.simulation import SOL, Clock, landed, live, market_of, pools, signed

Connect = Callable[[], Database]


def test_a_transaction_may_land_until_the_end_of_its_last_slot(
    market: Market, chain: SimulatedChain, database: Database, clock: Clock
) -> None:
    transaction = signed(market)
    clock.now = (transaction.last_valid_height + 1) * SLOT_SECONDS - 0.01
    assert market.slot == transaction.last_valid_height
    assert chain.confirm(transaction) is None
    chain.submit(transaction)
    clock.now += 3600
    chain.submit(transaction)
    assert chain.confirm(transaction) is not None
    assert len(landed(database)) == 1


def test_an_expired_transaction_is_refused_and_can_no_longer_land(
    market: Market, chain: SimulatedChain, database: Database, clock: Clock
) -> None:
    before = pools(database)
    transaction = signed(market)
    clock.now = (transaction.last_valid_height + 1) * SLOT_SECONDS + 0.01
    assert market.slot == transaction.last_valid_height + 1
    with pytest.raises(QuoteExpired, match="expired before it was sent"):
        chain.submit(transaction)
    with pytest.raises(QuoteExpired, match="not seen on chain"):
        chain.confirm(transaction)
    assert pools(database) == before
    assert [(row["swapped"], row["slot"]) for row in landed(database)] == [(False, transaction.last_valid_height + 1)]
    with pytest.raises(QuoteExpired, match="expired before it was sent"):
        chain.submit(transaction)


def test_a_transaction_that_was_never_sent_has_not_landed(market: Market, chain: SimulatedChain) -> None:
    assert chain.confirm(signed(market)) is None


# Senders that are late


@contextmanager
def late(chain: SimulatedChain, transaction: Transaction, database: Database, url: str) -> Iterator[Future[None]]:
    """A call of `submit` that waits for the pools' locks while the block lasts."""
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%market_transactions%%'"
    with ThreadPoolExecutor(1) as threads:
        with psycopg.connect(url) as holder:
            holder.execute("SELECT FROM market_pools FOR UPDATE")
            submitted = threads.submit(chain.submit, transaction)
            eventually(lambda: database.fetch(waiting) != [])
            yield submitted
        submitted.exception(30)


def test_a_transaction_that_waits_past_its_last_slot_does_not_land(
    database: Database, database_url: str, connect: Connect
) -> None:
    before = pools(database)
    market = live(connect())
    transaction = replace(signed(market), last_valid_height=market.slot + 2)
    with late(SimulatedChain(market), transaction, database, database_url) as submitted:
        eventually(lambda: market.slot > transaction.last_valid_height)
    with pytest.raises(QuoteExpired, match="expired before it was sent"):
        submitted.result()
    assert (pools(database), landed(database)) == (before, [])


def test_a_transaction_that_was_declared_expired_can_not_land_later(
    market: Market, chain: SimulatedChain, database: Database, database_url: str, connect: Connect, clock: Clock
) -> None:
    """GIVEN a sender whose clock is behind that of the reader, THEN the reader's answer still holds."""
    before = pools(database)
    transaction, behind = signed(market), Clock()
    with late(SimulatedChain(market_of(connect(), behind)), transaction, database, database_url) as submitted:
        clock.now += 61
        with pytest.raises(QuoteExpired, match="not seen on chain"):
            chain.confirm(transaction)
    with pytest.raises(QuoteExpired, match="expired before it was sent"):
        submitted.result()
    assert pools(database) == before
    assert [row["swapped"] for row in landed(database)] == [False]
    with pytest.raises(QuoteExpired):
        chain.confirm(transaction)


def test_a_transaction_that_landed_is_never_declared_expired(
    market: Market, chain: SimulatedChain, clock: Clock
) -> None:
    transaction = signed(market, SOL)
    chain.submit(transaction)
    for seconds in (3600, -7200):
        clock.now += seconds
        assert chain.confirm(transaction) is not None


@pytest.mark.parametrize("seconds", [5, 3600])
def test_a_transaction_lands_after_the_clock_is_set_back(
    market: Market, chain: SimulatedChain, clock: Clock, seconds: int
) -> None:
    """GIVEN a sender that died before it sent, THEN the next one does not wait for the clock."""
    transaction = signed(market)
    clock.now -= seconds
    assert chain.confirm(transaction) is None
    chain.submit(transaction)
    assert chain.confirm(transaction) is not None
