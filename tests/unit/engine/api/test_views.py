from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from order_engine.api.views import event_view, order_view
from order_engine.domain.events import Event, pending
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status
from order_engine.domain.money import U64_MAX
from order_engine.domain.orders import Order, OrderRequest

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
