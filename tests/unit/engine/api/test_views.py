from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from order_engine.api.views import event_view, order_view
from order_engine.domain.events import Event
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status
from order_engine.domain.money import U64_MAX
from order_engine.domain.orders import Order

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
        "maxPriceImpactBps": 700,
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
