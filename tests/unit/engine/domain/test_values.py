from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.api.views import event_view, order_view
from order_engine.domain.errors import QuoteExpired
from order_engine.domain.events import Event
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status
from order_engine.domain.money import U64_MAX
from order_engine.domain.orders import Order
from order_engine.domain.quotes import PlannedSwap, Quote
from order_engine.domain.runs import Run
from order_engine.domain.timestamps import rfc3339
from order_engine.domain.transactions import Transaction

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
units = st.integers(0, 10**39)
names = st.text(max_size=20)
times = st.floats(0, 1e12)

slots = st.integers(0, 2**53)
swaps = st.lists(st.builds(PlannedSwap, names, names, names, names, units, units), max_size=3).map(tuple)
quotes = st.builds(Quote, names, names, units, units, swaps, slots, times)
transactions = st.builds(
    Transaction,
    *(names, names, names, names, units, units, swaps, slots),
    instructions=st.lists(names, max_size=3),
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


def test_an_id_is_a_uuid_of_version_7() -> None:
    for _ in range(100):
        id = uuid7()
        assert (id.version, id.variant) == (7, "specified in RFC 4122")
        assert UUID(str(id)) == id


def test_an_id_begins_with_its_time_of_creation() -> None:
    before = datetime.now(UTC)
    made = datetime.fromtimestamp((uuid7().int >> 80) / 1000, UTC)
    assert before - timedelta(milliseconds=1) <= made <= datetime.now(UTC)


def test_ids_are_unique_even_within_a_millisecond() -> None:
    assert len({uuid7() for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (AT, "2026-01-31T12:00:00.000Z"),
        (AT.replace(microsecond=999_999), "2026-01-31T12:00:00.999Z"),
        (AT.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-01-31T12:00:00.000Z"),
    ],
)
def test_a_time_is_shown_in_utc_with_milliseconds(time: datetime, text: str) -> None:
    assert rfc3339(time) == text


def test_an_order_is_shown_in_decimal_strings() -> None:
    order = Order(
        id=UUID("01890a5d-ac96-774b-bcce-b302099a8057"),
        type="market",
        token_in="SOL",
        token_out="USDC",
        amount_in=U64_MAX,
        slippage_bps=50,
        status=Status.CONFIRMED,
        attempt=2,
        seq=5,
        created_at=AT,
        updated_at=AT,
        client_order_id="a-1",
        user_id="u-1",
        quote_id=UUID("01890a5d-ac96-774b-bcce-b302099a8058"),
        run="run-1",
        venue="raydium",
        quoted_out=2_000_000,
        min_out=1_990_000,
        tx_hash="sig",
        amount_out=1_995_000,
    )
    assert order_view(order) == {
        "orderId": "01890a5d-ac96-774b-bcce-b302099a8057",
        "type": "market",
        "status": "confirmed",
        "tokenIn": "SOL",
        "tokenOut": "USDC",
        "amountIn": "18446744073.709551615",
        "amountInBaseUnits": "18446744073709551615",
        "slippageBps": 50,
        "attempt": 2,
        "venue": "raydium",
        "quotedOut": "2",
        "quotedOutBaseUnits": "2000000",
        "minOut": "1.99",
        "minOutBaseUnits": "1990000",
        "amountOut": "1.995",
        "amountOutBaseUnits": "1995000",
        "executedPrice": "0.000000000108149166705",
        "txHash": "sig",
        "error": None,
        "clientOrderId": "a-1",
        "userId": "u-1",
        "quoteId": "01890a5d-ac96-774b-bcce-b302099a8058",
        "createdAt": "2026-01-31T12:00:00.000Z",
        "updatedAt": "2026-01-31T12:00:00.000Z",
    }


def test_an_order_that_has_not_been_filled_shows_no_price() -> None:
    shown = order_view(Order(uuid7(), "market", "SOL", "USDC", 1, 50, Status.PENDING, 1, 1, AT, AT))
    filled_in_later = ("quotedOut", "minOut", "amountOut", "amountOutBaseUnits", "executedPrice", "txHash", "quoteId")
    assert [shown[name] for name in filled_in_later] == [None] * 7


def test_an_event_is_shown_with_its_place_in_the_orders_life() -> None:
    id = uuid7()
    assert event_view(Event(id, 3, Status.BUILDING, AT, 2, {"minOut": "1"})) == {
        "orderId": str(id),
        "seq": 3,
        "status": "building",
        "at": "2026-01-31T12:00:00.000Z",
        "attempt": 2,
        "data": {"minOut": "1"},
    }
