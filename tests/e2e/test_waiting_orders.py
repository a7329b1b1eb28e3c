"""Orders that wait are taken, replaced and cancelled on both transports, and end like any order, on both markets."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.support.client import Client, Json, Until, client
from tests.support.market import Localnet, Market
from tests.support.orders import LIFE
from tests.support.stack import Stack

pytestmark = pytest.mark.needs("database")

AMOUNT = "0.1"


async def price(at: Client) -> Decimal:
    """Whole USDC that the market pays for one SOL."""
    query = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": AMOUNT}
    return Decimal((await at.request("GET", "/api/quotes", params=query)).body["price"])


def times(value: Decimal, factor: str) -> str:
    """A price as the API writes it: without zeros at its end."""
    return format(round(value * Decimal(factor), 6).normalize(), "f")


def terms(type: str, **fields: Any) -> Json:
    return {"type": type, "amountIn": AMOUNT, **fields}


async def replaced(at: Client, order: Json, **changes: Any) -> Json:
    answer = await at.request("PATCH", f"/api/orders/{order['orderId']}", json=changes)
    assert answer.status == 200, answer
    body: Json = answer.body
    return body


def walked(order: Json) -> list[str]:
    return [event["status"] for event in order["events"]]


async def test_a_limit_order_is_replaced_and_then_filled_for_no_less(stack: Stack, market: Market | Localnet) -> None:
    async with client(stack) as at, at.connected() as socket:
        # GIVEN an order that the market does not meet
        now = await price(at)
        form = terms("limit", limitPrice=times(now, "1.5"), clientOrderId=f"limit {datetime.now(UTC)}")
        order = await at.submit(**form)
        assert (order["status"], order["activation"]) == ("open", None)
        await socket.send(action="subscribe", orderId=order["orderId"])
        assert (await socket.receive())["data"]["reason"] == "accepted"

        # WHEN its price is replaced, first by another one that is too high
        await replaced(at, order, limitPrice=times(now, "1.4"))
        assert (await socket.receive())["data"]["terms"]["limitPrice"] == times(now, "1.4")
        await replaced(at, order, limitPrice=times(now, "0.98"))

        # THEN it runs at once, and receives at least its limit
        heard = await socket.events()
        assert [event["status"] for event in heard] == ["open", *LIFE]
        ended = await at.order(order["orderId"])
        assert ended["events"][2:] == heard
        assert int(ended["amountOutBaseUnits"]) >= int(ended["terms"]["minAmountOutBaseUnits"])
        assert int(ended["minOutBaseUnits"]) >= int(ended["terms"]["minAmountOutBaseUnits"])

        # AND a repeated request gets the first answer
        assert await at.submit(**form) == order
        refused = await at.request("PATCH", f"/api/orders/{order['orderId']}", json={"limitPrice": "1"})
        assert (refused.status, refused.body["error"]["code"]) == (409, "NotOpen")


async def test_a_limit_that_is_met_fills_at_once_and_says_so(stack: Stack, market: Market | Localnet) -> None:
    async with client(stack) as at, at.connected() as socket:
        low = times(await price(at), "0.97")
        order = await at.submit(**terms("limit", limitPrice=low))
        assert (order["status"], order["activation"]["reason"]) == ("pending", "limitMet")
        assert Decimal(order["activation"]["price"]) > Decimal(low)
        assert walked(await at.ended(order["orderId"])) == ["open", *LIFE]

        await socket.send(action="execute", tokenPair="SOL-USDC", amount=0.1, type="limit", limitPrice=low)
        assert [event["status"] for event in await socket.events()] == ["open", *LIFE]


async def test_of_a_pair_one_is_filled_and_the_other_cancelled(stack: Stack, market: Market | Localnet) -> None:
    async with client(stack) as at, at.connected() as socket:
        now = await price(at)
        pair = terms("oco", limitPrice=times(now, "1.3"), stopPrice=times(now, "0.7"))
        await socket.send(action="execute", tokenIn="SOL", tokenOut="USDC", **pair)
        limit, stop = await socket.receive(), await socket.receive()
        assert [event["data"]["type"] for event in (limit, stop)] == ["limit", "stop"]
        await replaced(at, limit, limitPrice=times(now, "0.98"))
        filled, other = await at.ended(limit["orderId"]), await at.ended(stop["orderId"])
    assert (filled["status"], filled["linkedOrderId"]) == ("confirmed", other["orderId"])
    assert walked(other) == ["open", "cancelled"]
    assert other["events"][-1]["data"] == {"reason": "its linked order was filled"}


async def test_a_stop_sells_once_the_market_has_fallen(stack: Stack, market: Market | Localnet) -> None:
    """GIVEN a stop just below the market, WHEN orders push the price down, THEN the watcher sells."""
    async with client(stack) as at:
        stop = await at.submit(**terms("stop", stopPrice=times(await price(at), "0.99995")))
        assert stop["status"] == "open"
        # What the localnet's wallet has, and what moves the simulated pools.
        amount_in = "5" if isinstance(market, Localnet) else "50"
        async for _ in Until("the stop is reached"):
            assert (await at.executed(amountIn=amount_in))["status"] == "confirmed"
            if (await at.order(stop["orderId"]))["status"] != "open":
                break
        sold = await at.ended(stop["orderId"])
    assert walked(sold) == ["open", *LIFE]
    assert sold["events"][1]["data"]["activation"]["reason"] == "stopReached"


async def test_a_recurring_order_makes_slices_that_add_up(stack: Stack, market: Market | Localnet) -> None:
    async with client(stack) as at:
        whole = terms("recurring", amountIn="0.100000001", slices=2, intervalSeconds=1)
        order = await at.ended((await at.submit(**whole))["orderId"])
        answer = await at.request("GET", "/api/orders", params={"parentId": order["orderId"]})
    slices = answer.body["orders"]
    assert walked(order) == ["open", "open", "open", "confirmed"]
    assert [slice["amountIn"] for slice in slices] == ["0.050000001", "0.05"]
    assert order["amountSpent"] == "0.100000001"
    assert int(order["amountOutBaseUnits"]) == sum(int(slice["amountOutBaseUnits"]) for slice in slices)


async def test_an_order_expires(stack: Stack, market: Market | Localnet) -> None:
    async with client(stack) as at:
        soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        high = times(await price(at), "1.5")
        order = await at.ended((await at.submit(**terms("limit", limitPrice=high, expiresAt=soon)))["orderId"])
    assert walked(order) == ["open", "expired"]
    assert order["events"][-1]["data"] == {"expiresAt": order["expiresAt"]}


async def test_all_orders_are_cancelled_by_pair_and_type(stack: Stack, market: Market | Localnet) -> None:
    async with client(stack) as at:
        now = await price(at)
        high, low = times(now, "1.5"), times(now, "0.5")
        orders = await asyncio.gather(
            at.submit(**terms("limit", limitPrice=high)),
            at.submit(**terms("limit", limitPrice=high, tokenOut="USDT")),
            at.submit(**terms("stop", stopPrice=low)),
        )
        limit, other, stop = (order["orderId"] for order in orders)
        for query, cancelled in (
            ({"type": "limit", "tokenPair": "SOL-USDC"}, [limit]),
            ({"type": "stop"}, [stop]),
            ({}, [other]),
        ):
            page = await at.request("GET", "/api/orders", params={"status": "open", **query})
            assert {order["orderId"] for order in page.body["orders"]} >= {*cancelled}
            answer = await at.request("DELETE", "/api/orders", params=query)
            assert (answer.status, answer.body) == (200, {"cancelled": cancelled, "complete": True})


async def test_bad_input_says_what_was_expected(stack: Stack, market: Market | Localnet) -> None:
    past = "2020-01-01T00:00:00Z"
    async with client(stack) as at, at.connected() as socket:
        now = await price(at)
        bad: list[tuple[Json, str, str]] = [
            (terms("limit"), "limitPrice", "expected either limitPrice or minAmountOut, was neither"),
            (terms("limit", limitPrice=times(1 / now, "1")), "limitPrice", "expected whole USDC for one SOL, about "),
            (terms("limit", limitPrice="1", expiresAt=past), "expiresAt", "expected a time in the future"),
            (terms("limit", limitPrice="1", stopPrice="1"), "stopPrice", "expected no such field for a limit order"),
            (terms("stop", stopPrice=times(now, "1.1")), "stopPrice", "expected a price below the market's, "),
            (terms("stop", stopPrice="2", limitPrice="3"), "limitPrice", "expected at most stopPrice, 2, was 3"),
            (terms("oco", limitPrice="1", stopPrice="1"), "stopPrice", "expected less than limitPrice, 1, was 1"),
            (terms("recurring", slices=2, intervalSeconds=0), "intervalSeconds", "expected an integer from 1 to "),
            (
                terms("recurring", amountIn="0.000000001", slices=2, intervalSeconds=1),
                *("slices", "expected at most 1, one for each base unit of amountIn, was 2"),
            ),
            (terms("sniper", tokenOut="x" * 40, minLiquidity="1", expiresAt=past), "expiresAt", "in the future"),
        ]
        for form, field, message in bad:
            answer = await at.request(
                "POST", "/api/orders/execute", json={"tokenIn": "SOL", "tokenOut": "USDC", **form}
            )
            await socket.send(action="execute", **{"tokenIn": "SOL", "tokenOut": "USDC", **form})
            for body in (answer.body, await socket.receive()):
                assert body["error"]["code"] == "InvalidOrder"
                (problem,) = body["error"]["details"]
                assert problem["field"] == field
                assert message in problem["message"]
            assert answer.status == 400
