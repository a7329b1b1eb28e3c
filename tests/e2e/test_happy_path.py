"""The whole life of an order, over both transports and in both request forms."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Context, Decimal
from uuid import uuid4

import pytest
import redis

from order_engine.api.views import event_view
from order_engine.domain.money import format_amount
from order_engine.domain.tokens import TOKENS
from tests.support.active_orders import newest
from tests.support.client import Client, Json, client
from tests.support.market import Market
from tests.support.orders import LIFE
from tests.support.stack import Stack

WINNER, LOSER = "raydium-amm:RAY-SOL", "meteora-dlmm:RAY-SOL"

FULL = {
    "type": "market",
    "tokenIn": "RAY",
    "tokenOut": "SOL",
    "amountIn": "1.25",
    "slippageBps": 30,
}
SHORT = {"type": "market", "tokenPair": "RAY-SOL", "amount": 1.25, "slippageBps": 30}


async def over_rest_then_connect(at: Client, form: Json) -> list[Json]:
    answer = await at.request("POST", "/api/orders/execute", json=form)
    assert answer.status == 202
    async with at.connected(answer.body["webSocketUrl"]) as socket:
        return await socket.events()


async def over_rest_then_subscribe(at: Client, form: Json) -> list[Json]:
    async with at.connected() as socket:
        answer = await at.request("POST", "/api/orders/execute", json=form)
        assert answer.status == 202
        await socket.send(action="subscribe", orderId=answer.body["orderId"])
        return await socket.events()


async def over_the_socket(at: Client, form: Json) -> list[Json]:
    async with at.connected() as socket:
        await socket.send(action="execute", **form)
        return await socket.events()


@pytest.mark.needs("simulation")
@pytest.mark.parametrize("form", [FULL, SHORT], ids=["full", "short"])
@pytest.mark.parametrize("submit", [over_rest_then_connect, over_rest_then_subscribe, over_the_socket])
async def test_an_order_is_accepted_routed_built_submitted_and_confirmed(
    stack: Stack,
    market: Market,
    active_orders: redis.Redis,
    submit: Callable[[Client, Json], Awaitable[list[Json]]],
    form: Json,
) -> None:
    # GIVEN pools that no other test uses, and an amount for which a second swap costs more than it brings
    before = market.pools()
    pays = {id: before[id].quote(1_250_000, True, now()).amount_out for id in (WINNER, LOSER)}
    assert pays[WINNER] > pays[LOSER]
    out = pays[WINNER]

    # WHEN an order is submitted
    mine = str(uuid4())
    async with client(stack) as at:
        events = await submit(at, {**form, "clientOrderId": mine})
        order = await at.order(events[0]["orderId"])

    # THEN its client sees every step once, as it is stored with the order
    assert [event["status"] for event in events] == LIFE
    assert [event["seq"] for event in events] == [1, 2, 3, 4, 5]
    assert {event["attempt"] for event in events} == {1}
    assert {event["orderId"] for event in events} == {order["orderId"]}
    times = [datetime.fromisoformat(event["at"]) for event in events]
    assert times == sorted(times)
    assert {time.utcoffset() for time in times} == {timedelta(0)}
    assert order.pop("events") == events

    # AND each event has the documented data
    pending, routing, building, submitted, confirmed = (event["data"] for event in events)
    assert pending == {
        "type": "market",
        "market": "Simulated",
        "tokenIn": "RAY",
        "tokenOut": "SOL",
        "amountIn": "1.25",
        "amountInBaseUnits": "1250000",
        "slippageBps": 30,
        "maxPriceImpactBps": 500,
        "clientOrderId": mine,
        "quoteId": None,
        "parentId": None,
        "activation": None,
    }
    assert routing["venue"] == "raydium"
    assert routing["unavailable"] == []
    assert {quote["pools"]: quote["amountOut"] for quote in routing["quotes"] if ">" not in quote["pools"]} == {
        id: sol(amount) for id, amount in pays.items()
    }
    assert (routing["amountOut"], routing["amountOutBaseUnits"]) == (sol(out), str(out))
    assert routing["reason"].startswith(f"{WINNER} pays ")
    assert routing["reason"].endswith(f" more than {routing['quotes'][1]['pools']}")
    (hop,) = routing["route"]
    (leg,) = hop["legs"]
    assert (hop["tokenIn"], hop["tokenOut"], leg["pool"], leg["shareBps"]) == ("RAY", "SOL", WINNER, 10_000)
    assert {(fee["token"], fee["kind"]) for fee in routing["fees"]} == {("RAY", "trade")}
    assert building["venue"] == submitted["venue"] == "raydium"
    assert building["minOut"] == sol(out * 9970 // 10_000)
    assert building["instructions"] == [
        "create the wSOL account",
        f"swap RAY for wSOL in {WINNER}",
        "close the wSOL account",
    ]
    assert re.fullmatch("[1-9A-HJ-NP-Za-km-z]{86,88}", building["txHash"])
    assert building["txHash"] == submitted["txHash"] == confirmed["txHash"] == order["txHash"]
    assert confirmed["amountIn"] == "1.25"
    assert confirmed["amountOut"] == sol(out)
    price = Decimal(out) / 10**9 / Decimal("1.25")
    assert Decimal(confirmed["executedPrice"]) == Context(prec=12, rounding=ROUND_DOWN).plus(price)
    assert confirmed["realisedSlippageBps"] == 0
    assert (confirmed["networkFee"], confirmed["rent"]) == ("0", "0")

    # AND the order has decimal strings as amounts
    assert order == {
        "orderId": order["orderId"],
        "type": "market",
        "status": "confirmed",
        "market": "Simulated",
        "tokenIn": "RAY",
        "tokenOut": "SOL",
        "amountIn": "1.25",
        "amountInBaseUnits": "1250000",
        "slippageBps": 30,
        "maxPriceImpactBps": 500,
        "attempt": 1,
        "venue": "raydium",
        "quotedOut": sol(out),
        "quotedOutBaseUnits": str(out),
        "minOut": building["minOut"],
        "minOutBaseUnits": building["minOutBaseUnits"],
        "amountOut": sol(out),
        "amountOutBaseUnits": str(out),
        "amountSpent": "1.25",
        "amountSpentBaseUnits": "1250000",
        "executedPrice": confirmed["executedPrice"],
        "txHash": building["txHash"],
        "error": None,
        "clientOrderId": mine,
        "userId": None,
        "quoteId": None,
        "parentId": None,
        "linkedOrderId": None,
        "wallet": None,
        "expiresAt": None,
        "terms": None,
        "createdAt": events[0]["at"],
        "updatedAt": events[-1]["at"],
    }

    # AND only the chosen pool has moved, and the swap landed once
    after = market.pools()
    assert [id for id, pool in after.items() if pool != before[id]] == [WINNER]
    assert before[WINNER].depth(True) - after[WINNER].depth(True) == out
    (landed,) = market.landed([order["txHash"]])
    assert (landed["swapped"], landed["amount_in"], landed["amount_out"]) == (True, 1_250_000, out)

    # AND the order is no longer active
    assert newest(active_orders, order["orderId"]) is None


async def test_a_submission_returns_the_pending_order_and_its_websocket_url(stack: Stack) -> None:
    async with client(stack) as at:
        order = await at.submit(amountIn="1.50", slippageBps=75, clientOrderId="mine-2", userId="somebody")
        await at.ended(order["orderId"])

    assert (order["status"], order["attempt"]) == ("pending", 1)
    assert (order["amountIn"], order["slippageBps"]) == ("1.5", 75)
    assert (order["clientOrderId"], order["userId"]) == ("mine-2", "somebody")
    assert order["webSocketUrl"] == f"{stack.websocket}?orderId={order['orderId']}"
    assert {order[name] for name in ("venue", "quotedOut", "minOut", "amountOut", "executedPrice", "txHash")} == {None}


@pytest.mark.needs("simulation")
@pytest.mark.parametrize(
    ("token_in", "token_out", "instructions"),
    [
        (
            "SOL",
            "USDC",
            [
                "create the wSOL account",
                "transfer 0.01 SOL to the wSOL account",
                "sync the wSOL account",
                "swap wSOL for USDC",
                "close the wSOL account",
            ],
        ),
        ("USDC", "SOL", ["create the wSOL account", "swap USDC for wSOL", "close the wSOL account"]),
        ("wSOL", "USDC", ["swap wSOL for USDC"]),
        ("USDC", "wSOL", ["swap USDC for wSOL"]),
        ("RAY", "USDT", ["swap RAY for USDC", "swap USDC for USDT"]),
    ],
)
async def test_native_sol_is_wrapped_before_and_unwrapped_after_the_swap(
    stack: Stack, token_in: str, token_out: str, instructions: list[str]
) -> None:
    async with client(stack) as at:
        order = await at.executed(tokenIn=token_in, tokenOut=token_out)

    building = order["events"][2]["data"]
    assert [step.partition(" in ")[0] for step in building["instructions"]] == instructions


@pytest.mark.needs("simulation")
async def test_the_largest_amount_is_carried_exactly(stack: Stack, market: Market) -> None:
    async with client(stack) as at:
        order = await at.executed(
            tokenIn="SOL", tokenOut="USDC", amountIn="18446744073.709551615", maxPriceImpactBps=10_000
        )

    # More than one vault could hold, but it fits when it is split.
    assert order["status"] == "confirmed"
    assert (order["amountIn"], order["amountInBaseUnits"]) == ("18446744073.709551615", str(2**64 - 1))
    assert len(order["events"][1]["data"]["route"][0]["legs"]) > 1
    (landed,) = market.landed([order["txHash"]])
    assert landed["amount_in"] == 2**64 - 1
    assert order["amountOut"] == format_amount(int(landed["amount_out"]), TOKENS["USDC"])


async def test_redis_shows_a_running_order_with_its_newest_event(
    stack: Stack, market: Market, active_orders: redis.Redis
) -> None:
    async with client(stack) as at:
        with market.held("JUP"):
            order_id = (await at.submit(tokenOut="JUP"))["orderId"]
            async with at.connected() as socket:
                await socket.send(action="subscribe", orderId=order_id)
                events = await socket.events(until="submitted")
            shown = newest(active_orders, order_id)
            (key,) = active_orders.scan_iter("active_orders:*")
            assert 0 < int(str(active_orders.ttl(key))) <= 3600
        await at.ended(order_id)

    assert shown is not None
    assert event_view(shown) == events[-1]
    assert newest(active_orders, order_id) is None


def sol(units: int) -> str:
    return format_amount(units, TOKENS["SOL"])


def now() -> int:
    return int(time.time())
