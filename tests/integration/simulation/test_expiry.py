"""Transactions that expire."""

from __future__ import annotations

import pytest

from order_engine.domain.errors import QuoteExpired
from order_engine.simulation.chain import SimulatedChain
from order_engine.simulation.market import SLOT_SECONDS, Market
from order_engine.storage.database import Database
from tests.support.simulation import (
    Clock,
    landed,
    pools,
    signed,
)


def test_a_transaction_may_land_until_the_end_of_its_last_slot(
    market: Market, chain: SimulatedChain, database: Database, clock: Clock
) -> None:
    transaction = signed(market)
    clock.now = (transaction.last_valid_slot + 1) * SLOT_SECONDS - 0.01
    assert market.slot == transaction.last_valid_slot
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
    clock.now = (transaction.last_valid_slot + 1) * SLOT_SECONDS + 0.01
    assert market.slot == transaction.last_valid_slot + 1
    with pytest.raises(QuoteExpired, match="expired before it was sent"):
        chain.submit(transaction)
    with pytest.raises(QuoteExpired, match="not seen on chain"):
        chain.confirm(transaction)
    assert (pools(database), landed(database)) == (before, [])


def test_a_transaction_that_was_never_sent_has_not_landed(market: Market, chain: SimulatedChain) -> None:
    assert chain.confirm(signed(market)) is None
