from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.domain.errors import QuoteExpired
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import Order
from order_engine.domain.quotes import NO_COSTS, Costs, PlannedSwap, Quote
from order_engine.domain.runs import Run
from order_engine.domain.transactions import Transaction

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
units = st.integers(0, 10**39)
names = st.text(max_size=20)
times = st.floats(0, 1e12)

slots = st.integers(0, 2**53)
swaps = st.lists(st.builds(PlannedSwap, names, names, names, names, units, units), max_size=3).map(tuple)
costs = st.builds(Costs, units, units)
quotes = st.builds(Quote, names, names, units, units, swaps, slots, times, costs)
transactions = st.builds(
    Transaction,
    *(names, names, names, names, units, units, swaps, slots),
    instructions=st.lists(names, max_size=3),
    wire=st.none() | names,
)
runs = st.builds(
    Run,
    order_id=st.uuids(),
    run=names,
    status=st.sampled_from(Status),
    attempt=st.integers(1, 3),
    token_in=names,
    token_out=names,
    amount_in=units,
    slippage_bps=st.integers(0, 10_000),
    quote_id=st.none() | st.uuids(),
    quoted_out=st.none() | units,
    quote=st.none() | quotes,
    transaction=st.none() | transactions,
    max_price_impact_bps=st.integers(0, 10_000),
)


@given(runs)
def test_a_run_survives_json(run: Run) -> None:
    assert Run.load(json.loads(json.dumps(run.dump())), run.attempt) == run


@given(runs)
def test_a_record_holds_no_number_beyond_53_bits(run: Run) -> None:
    def check(value: object) -> None:
        if isinstance(value, dict | list):
            for content in value.values() if isinstance(value, dict) else value:
                check(content)
        elif isinstance(value, int):
            assert abs(value) <= 2**53

    check(run.dump())


@given(runs, st.integers(1, 9))
def test_the_attempt_comes_from_the_state_machine(run: Run, attempt: int) -> None:
    assert Run.load(run.dump(), attempt).attempt == attempt


@given(transactions)
def test_a_transaction_survives_json(transaction: Transaction) -> None:
    assert Transaction.load(json.loads(json.dumps(transaction.dump()))) == transaction


@given(transactions)
def test_a_transaction_of_version_1_is_loaded(transaction: Transaction) -> None:
    """GIVEN an order that was running when the engine was updated: its transaction has a slot and no bytes."""
    record = {**transaction.dump(), "version": 1, "last_valid_slot": transaction.last_valid_height}
    del record["last_valid_height"], record["wire"]
    assert Transaction.load(record) == replace(transaction, wire=None)


def test_a_transaction_of_an_unknown_version_is_refused() -> None:
    transaction = Transaction("5deP", "raydium", "SOL", "USDC", 1, 1, (), 7)
    with pytest.raises(ValueError, match="expected a transaction of version 2, was version 3"):
        Transaction.load({**transaction.dump(), "version": 3})


@given(quotes)
def test_a_quote_from_before_there_were_costs_has_none(quote: Quote) -> None:
    record = quote.dump()
    del record["costs"]
    assert Quote.load(record) == replace(quote, costs=NO_COSTS)


def test_a_quote_names_every_venue_of_its_swaps() -> None:
    swaps = tuple(PlannedSwap(venue, "p", "SOL", "USDC", 1, 1) for venue in ("raydium", "meteora", "raydium"))
    assert Quote("SOL", "USDC", 3, 3, swaps, 1, 0).venue == "meteora+raydium"
    assert Quote("SOL", "USDC", 1, 1, swaps[:1], 1, 0).venue == "raydium"


def test_a_quote_is_valid_until_it_expires() -> None:
    quote = Quote("SOL", "USDC", 1, 1, (), 1, expires_at=100.0)
    quote.check(99.999)
    for now, ago in ((100.0, "0.0"), (102.5, "2.5")):
        with pytest.raises(QuoteExpired, match=f"the quote expired {ago} s ago"):
            quote.check(now)


def test_an_order_without_a_run_has_no_run_record() -> None:
    order = Order(uuid7(), "market", "SOL", "USDC", 1, 50, Status.PENDING, 1, 1, AT, AT)
    with pytest.raises(ValueError, match=f"expected order {order.id} to be claimed by a run"):
        Run.of(order)
