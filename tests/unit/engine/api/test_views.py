from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from order_engine.api.views import event_view, order_view
from order_engine.domain.events import Activated, Activation, Event, Opened, Slice, cancelled, expired, opened, pending
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status
from order_engine.domain.money import U64_MAX
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.terms import Limit, Recurring, Sniper, Stop, Terms

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


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
        max_price_impact_bps=700,
        run="run-1",
        venue="raydium",
        quoted_out=2_000_000,
        min_out=1_990_000,
        tx_hash="sig",
        amount_out=1_995_000,
        amount_spent=2**63,
        market="Devnet",
    )
    assert order_view(order) == {
        "orderId": "01890a5d-ac96-774b-bcce-b302099a8057",
        "type": "market",
        "status": "confirmed",
        "market": "Devnet",
        "tokenIn": "SOL",
        "tokenOut": "USDC",
        "amountIn": "18446744073.709551615",
        "amountInBaseUnits": "18446744073709551615",
        "slippageBps": 50,
        "maxPriceImpactBps": 700,
        "attempt": 2,
        "venue": "raydium",
        "quotedOut": "2",
        "quotedOutBaseUnits": "2000000",
        "minOut": "1.99",
        "minOutBaseUnits": "1990000",
        "amountOut": "1.995",
        "amountOutBaseUnits": "1995000",
        "amountSpent": "9223372036.854775808",
        "amountSpentBaseUnits": "9223372036854775808",
        "executedPrice": "0.00000000021629833341",
        "txHash": "sig",
        "error": None,
        "clientOrderId": "a-1",
        "userId": "u-1",
        "quoteId": "01890a5d-ac96-774b-bcce-b302099a8058",
        "parentId": None,
        "linkedOrderId": None,
        "wallet": None,
        "expiresAt": None,
        "terms": None,
        "createdAt": "2026-01-31T12:00:00.000Z",
        "updatedAt": "2026-01-31T12:00:00.000Z",
    }


def test_an_order_that_recorded_no_spending_has_spent_its_whole_amount() -> None:
    order = Order(
        id=UUID("01890a5d-ac96-774b-bcce-b302099a8057"),
        type="market",
        token_in="SOL",
        token_out="USDC",
        amount_in=1_500_000_000,
        slippage_bps=50,
        status=Status.PENDING,
        attempt=1,
        seq=1,
        created_at=AT,
        updated_at=AT,
    )
    assert order_view(order)["amountSpent"] is None
    confirmed = order_view(order._replace(status=Status.CONFIRMED, amount_out=254_704_944))
    assert (confirmed["amountSpent"], confirmed["executedPrice"]) == ("1.5", "169.803296")


def test_an_event_of_the_time_before_there_were_markets_is_of_the_simulated_one() -> None:
    request = OrderRequest(type="market", token_in="SOL", token_out="USDC", amount_in=1)
    data = pending(request, "Devnet")
    event = Event(UUID("01890a5d-ac96-774b-bcce-b302099a8057"), 1, Status.PENDING, AT, 1, data)
    assert event_view(event)["data"]["market"] == "Devnet"
    del data["market"]
    assert event_view(event)["data"]["market"] == "Simulated"


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


WAITING = Order(
    *(UUID(int=1), "limit", "SOL", "USDC", 1_500_000_000, 50, Status.OPEN, 1, 1, AT, AT),
    terms=Limit(Decimal("180.10")),
    expires_at=AT,
)

LEAST = {"minAmountOut": "270.15", "minAmountOutBaseUnits": "270150000"}
NO_LEAST = {"minAmountOut": None, "minAmountOutBaseUnits": None}


@pytest.mark.parametrize(
    ("type", "terms", "shown"),
    [
        ("limit", Limit(Decimal("180.10")), {"limitPrice": "180.10", **LEAST}),
        ("limit", Limit(None, 270_150_000), {"limitPrice": None, **LEAST}),
        (
            "stop",
            Stop(Decimal("0.00000001")),
            {"stopPrice": "0.00000001", "limitPrice": None, **NO_LEAST, "stopReached": False, "confirmTicks": 1},
        ),
        (
            "stop",
            Stop(Decimal(190), Decimal("180.1"), 2, True),
            {"stopPrice": "190", "limitPrice": "180.1", **LEAST, "stopReached": True, "confirmTicks": 2},
        ),
        (
            "recurring",
            Recurring(10, 60, Decimal(1), None),
            {"slices": 10, "intervalSeconds": 60, "minPrice": "1", "maxPrice": None},
        ),
        (
            "sniper",
            Sniper(2_000_000_000, None, True),
            {
                "maxPrice": None,
                **NO_LEAST,
                "minLiquidity": "2",
                "minLiquidityBaseUnits": "2000000000",
                "allowFreezeAuthority": True,
                "allowExtensions": False,
            },
        ),
    ],
)
def test_the_terms_of_an_order_and_of_its_event_are_shown_alike(type: str, terms: Terms, shown: Any) -> None:
    order = WAITING._replace(type=type, terms=terms)
    assert order_view(order)["terms"] == shown
    assert order_view(order)["expiresAt"] == "2026-01-31T12:00:00.000Z"
    data = event_view(Event(order.id, 1, Status.OPEN, AT, 1, opened(order, "Devnet")))["data"]
    assert (data["terms"], data["expiresAt"]) == (shown, "2026-01-31T12:00:00.000Z")


def test_a_recurring_order_is_shown_with_its_progress_and_links() -> None:
    order = WAITING._replace(type="recurring", terms=Recurring(10, 60), slices_done=3, due_at=AT, expires_at=None)
    shown = order_view(order._replace(parent_id=UUID(int=2), linked_id=UUID(int=3)))
    assert shown["terms"]["slicesDone"] == 3
    assert shown["terms"]["nextSliceAt"] == "2026-01-31T12:00:00.000Z"
    assert (shown["parentId"], shown["linkedOrderId"]) == (str(UUID(int=2)), str(UUID(int=3)))


def test_an_open_order_says_why_it_is_open() -> None:
    order = WAITING._replace(type="recurring", terms=Recurring(10, 60), expires_at=None)
    made = Slice(2, UUID(int=9), 150_000_000)
    data = opened(order, "Devnet", Opened.SLICE, "a note", made)
    shown = event_view(Event(order.id, 3, Status.OPEN, AT, 1, data))["data"]
    assert shown.items() >= {"reason": "slice", "message": "a note", "expiresAt": None, "market": "Devnet"}.items()
    assert shown["slice"] == {
        "number": 2,
        "orderId": str(UUID(int=9)),
        "amountIn": "0.15",
        "amountInBaseUnits": "150000000",
    }


def test_a_pending_order_says_what_has_activated_it() -> None:
    data = pending(WAITING, "Devnet", Activation(Activated.LIMIT_MET, 300_000_000, 7))
    shown = event_view(Event(WAITING.id, 2, Status.PENDING, AT, 1, data))["data"]
    assert shown["activation"] == {
        "reason": "limitMet",
        "price": "200",
        "slot": 7,
        "amountOut": "300",
        "amountOutBaseUnits": "300000000",
    }
    slice = WAITING._replace(type="market", terms=None, parent_id=UUID(int=2))
    shown = event_view(Event(slice.id, 1, Status.PENDING, AT, 1, pending(slice, "Devnet")))["data"]
    assert (shown["parentId"], shown["activation"]) == (str(UUID(int=2)), None)


@pytest.mark.parametrize(
    ("status", "data", "shown"),
    [
        (Status.EXPIRED, expired(AT), {"expiresAt": "2026-01-31T12:00:00.000Z"}),
        (Status.CANCELLED, cancelled(), {}),
        (Status.CANCELLED, cancelled("its linked order was filled"), {"reason": "its linked order was filled"}),
    ],
)
def test_an_end_without_a_fill_says_why(status: Status, data: dict[str, Any], shown: dict[str, Any]) -> None:
    assert event_view(Event(uuid7(), 2, status, AT, 1, data))["data"] == shown
