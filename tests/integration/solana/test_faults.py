"""Transactions that are dropped, forked away, late or dead, and nodes that lag behind or do not answer."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from order_engine.domain.errors import QuoteExpired, Reroute, VenueUnavailable
from order_engine.domain.quotes import Quote
from order_engine.domain.transactions import Fill, Transaction
from order_engine.solana.nodes import Nodes
from order_engine.solana.rpc import Rpc
from tests.support.localnet_market import localnet_market
from tests.support.network import closed_port
from tests.support.solana_trader import Trader, booked, pools_of

POOL = [pools_of("SOL", "USDC")["raydium_cp"]]
LIFE, FINALITY = 150, 32
"""In blocks."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with localnet_market(instant=False) as url:
        yield url


@pytest.fixture
def trader(url: str) -> Iterator[Trader]:
    trader = Trader(url)
    trader.advance(3)
    yield trader
    trader.clear()


@pytest.fixture
def order(trader: Trader) -> tuple[Quote, Transaction]:
    quote = trader.quote("SOL", "USDC", 10**9, POOL)
    return quote, trader.build(quote, 1)


def settled(trader: Trader, transaction: Transaction) -> Fill:
    """The fill once the transaction's block is confirmed."""
    trader.advance(3)
    fill = trader.chain.confirm(transaction)
    assert fill is not None
    return fill


def test_a_transaction_is_a_fill_once_its_block_is_confirmed(trader: Trader, order: tuple[Quote, Transaction]) -> None:
    quote, transaction = order
    before = trader.balances()
    trader.chain.submit(transaction)
    assert trader.chain.confirm(transaction) is None
    fill = settled(trader, transaction)
    assert trader.balances() == booked(before, (quote, fill))


def test_a_dropped_transaction_is_sent_again(trader: Trader, order: tuple[Quote, Transaction]) -> None:
    quote, transaction = order
    before = trader.balances()
    trader.fault("drop", times=2)
    for _ in range(3):
        trader.chain.submit(transaction)
        assert trader.chain.confirm(transaction) is None
    fill = settled(trader, transaction)
    assert trader.balances() == booked(before, (quote, fill))


def test_a_transaction_that_is_forked_away_is_sent_again(trader: Trader, order: tuple[Quote, Transaction]) -> None:
    quote, transaction = order
    before = trader.balances()
    trader.chain.submit(transaction)
    trader.fault("fork")
    trader.advance(3)
    assert trader.chain.confirm(transaction) is None
    assert trader.balances() == before
    trader.chain.submit(transaction)
    fill = settled(trader, transaction)
    assert trader.balances() == booked(before, (quote, fill))


def test_a_transaction_that_is_forked_away_and_not_sent_again_dies(
    trader: Trader, order: tuple[Quote, Transaction]
) -> None:
    _, transaction = order
    before = trader.balances()
    trader.chain.submit(transaction)
    trader.fault("fork")
    trader.advance(LIFE)
    assert trader.chain.confirm(transaction) is None
    trader.advance(FINALITY + 3)
    with pytest.raises(QuoteExpired):
        trader.chain.confirm(transaction)
    trader.chain.submit(transaction)
    trader.advance(3)
    assert trader.balances() == before


def test_a_transaction_is_alive_until_a_later_block_is_final(trader: Trader, order: tuple[Quote, Transaction]) -> None:
    _, transaction = order
    left = transaction.last_valid_height - trader.rpc.finalized_block().height
    trader.advance(left)
    assert trader.rpc.finalized_block().height == transaction.last_valid_height
    assert trader.chain.confirm(transaction) is None
    trader.advance(1)
    with pytest.raises(QuoteExpired, match=f"block {transaction.last_valid_height + 1} is final"):
        trader.chain.confirm(transaction)


def test_a_transaction_that_lands_in_its_last_block_is_found(trader: Trader, order: tuple[Quote, Transaction]) -> None:
    quote, transaction = order
    before = trader.balances()
    trader.fault("delay", times=1, slots=LIFE - 4)
    trader.chain.submit(transaction)
    for _ in range(5):
        trader.advance((LIFE - 4) // 6)
        assert trader.chain.confirm(transaction) is None
    trader.advance(LIFE)
    fill = settled(trader, transaction)
    assert trader.balances() == booked(before, (quote, fill))


def test_a_result_that_recent_history_has_forgotten_is_found(trader: Trader, order: tuple[Quote, Transaction]) -> None:
    """GIVEN a run that died after it had sent the transaction, and another one that comes much later."""
    quote, transaction = order
    before = trader.balances()
    trader.chain.submit(transaction)
    trader.advance(1_000)
    assert trader.rpc.status(transaction.signature).status is None
    fill = trader.chain.confirm(transaction)
    assert fill is not None
    assert trader.balances() == booked(before, (quote, fill))


def test_a_node_that_lags_behind_says_nothing_yet(trader: Trader, order: tuple[Quote, Transaction]) -> None:
    _, transaction = order
    trader.chain.submit(transaction)
    trader.advance(3)
    trader.fault("lag", slots=20)
    assert trader.chain.confirm(transaction) is None
    trader.clear()
    assert trader.chain.confirm(transaction) is not None


def test_a_node_that_lags_behind_does_not_pronounce_a_transaction_dead(
    trader: Trader, order: tuple[Quote, Transaction]
) -> None:
    _, transaction = order
    trader.advance(LIFE + FINALITY + 3)
    trader.fault("lag", slots=100)
    assert trader.chain.confirm(transaction) is None
    trader.clear()
    with pytest.raises(QuoteExpired):
        trader.chain.confirm(transaction)


def test_a_node_that_lags_behind_the_quote_builds_nothing(trader: Trader) -> None:
    quote = trader.quote("SOL", "USDC", 10**9, POOL)
    trader.fault("lag", slots=20)
    with pytest.raises(VenueUnavailable, match="Minimum context slot has not been reached"):
        trader.build(quote)


def test_a_busy_node_is_asked_again(trader: Trader, order: tuple[Quote, Transaction]) -> None:
    _, transaction = order
    trader.fault("429", times=1)
    before = time.monotonic()
    trader.chain.submit(transaction)
    assert time.monotonic() - before >= 1
    settled(trader, transaction)


@pytest.mark.parametrize("kind", ["503", "timeout"])
def test_a_node_that_does_not_answer_is_unavailable(trader: Trader, kind: str) -> None:
    rpc = Rpc(Nodes(trader.url, deadline=0.3))
    trader.fault(kind, times=1)
    with pytest.raises(VenueUnavailable):
        rpc.finalized_block()
    assert rpc.finalized_block().height > 0


def test_another_node_answers_instead_of_one_that_is_down(url: str) -> None:
    with closed_port() as port:
        rpc = Rpc(Nodes(f"http://127.0.0.1:{port},{url}"))
        assert rpc.finalized_block().height > 0


def test_no_order_is_lost_or_executed_twice_whatever_happens(trader: Trader) -> None:
    """GIVEN a chain and a node that fail in every way, and orders that are sent until their results are known."""
    before = trader.balances()
    pools = pools_of("SOL", "USDC").values()
    waiting = []
    for _ in range(4):
        for id in pools:
            quote = trader.quote("SOL", "USDC", 10**8, [id])
            waiting.append((quote, trader.build(quote, 1)))
    for kind, percent in {"drop": 60, "delay": 30, "lag": 20, "503": 10, "fork": 20}.items():
        trader.fault(kind, percent=percent, slots=5)
    fills, failed = [], 0
    for number in range(400):
        if not waiting:
            break
        quote, transaction = waiting.pop(0)
        try:
            fill = trader.chain.confirm(transaction)
            if fill is None:
                trader.chain.submit(transaction)
        except VenueUnavailable:
            fill = None
        except Reroute:
            failed += 1
            continue
        if fill is None:
            waiting.append((quote, transaction))
        else:
            fills.append((quote, fill))
        trader.advance(1 + number % 2)
    trader.clear()
    trader.advance(3)
    assert waiting == []
    assert len(fills) + failed == 20
    assert len(fills) >= 10
    assert trader.balances() == booked(before, *fills)
