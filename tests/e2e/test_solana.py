"""Orders that end in a transaction on a localnet, which loses, delays and refuses transactions as Solana does."""

from __future__ import annotations

import asyncio
import urllib.request
from typing import Any

import pytest

from tests.support.client import Client, Json, client
from tests.support.market import Localnet
from tests.support.orders import LIFE
from tests.support.stack import Stack

pytestmark = pytest.mark.needs("localnet")


async def ended(at: Client, **changes: Any) -> Json:
    """Submits an order and returns it once it has ended."""
    return await at.ended((await at.submit(**changes))["orderId"])


def statuses(order: Json) -> list[str]:
    return [event["status"] for event in order["events"]]


def signed(order: Json) -> list[str]:
    return [event["data"]["txHash"] for event in order["events"] if event["status"] == "building"]


@pytest.mark.parametrize(
    ("token_in", "token_out", "amount"),
    [
        ("SOL", "USDC", "1.5"),
        ("USDC", "SOL", "250"),
        ("USDC", "USDT", "1000"),
        ("USDC", "wSOL", "10"),
        ("wSOL", "USDC", "0.01"),
        ("BONK", "JUP", "500000"),
        ("RAY", "SOL", "12.5"),
        ("SOL", "mSOL", "0.1"),
    ],
)
async def test_an_order_moves_what_the_chain_says(
    stack: Stack, market: Localnet, token_in: str, token_out: str, amount: str
) -> None:
    before = market.balances()
    async with client(stack) as at:
        order = await ended(at, tokenIn=token_in, tokenOut=token_out, amountIn=amount)

    assert statuses(order) == LIFE
    assert order["market"] == "Localnet"
    after, fill = market.balances(), order["events"][-1]["data"]
    paid = {"SOL": int(fill["networkFeeBaseUnits"]) + int(fill["rentBaseUnits"])}
    paid[token_in] = paid.get(token_in, 0) + int(order["amountSpentBaseUnits"])
    paid[token_out] = paid.get(token_out, 0) - int(order["amountOutBaseUnits"])
    assert {token: before[token] - after[token] for token in before if before[token] != after[token]} == paid
    assert int(order["amountOutBaseUnits"]) == int(order["quotedOutBaseUnits"])
    assert (
        0
        <= int(order["amountInBaseUnits"]) - int(order["amountSpentBaseUnits"])
        <= int(order["amountInBaseUnits"]) // 300
    )


async def test_a_dropped_transaction_is_sent_again_and_swaps_once(stack: Stack, market: Localnet) -> None:
    market.fault("drop", times=2)
    async with client(stack) as at:
        order = await ended(at)

    assert statuses(order) == LIFE
    assert market.landed(signed(order)) == [{"signature": order["txHash"], "swapped": True}]


async def test_an_expired_transaction_is_dead_and_its_order_is_quoted_again(stack: Stack, market: Localnet) -> None:
    with market.held("USDC"):
        async with client(stack) as at:
            order_id = (await at.submit())["orderId"]
            async with at.connected() as socket:
                await socket.send(action="subscribe", orderId=order_id)
                await socket.events(until="submitted")
                # Every block until the blockhash has expired, and 32 more until that is final.
                market.advance(151)
                market.advance(33)
                await socket.events(until="routing")
    async with client(stack) as at:
        order = await at.ended(order_id)

    assert order["status"] == "confirmed"
    assert order["attempt"] == 2
    first, second = signed(order)
    assert market.landed([first, second]) == [{"signature": second, "swapped": True}]


@pytest.mark.parametrize("kind", ["429", "503", "timeout", "lag"])
async def test_an_order_outlasts_a_node_in_trouble(stack: Stack, market: Localnet, kind: str) -> None:
    market.fault(kind, times=3)
    async with client(stack) as at:
        order = await ended(at)

    assert order["status"] == "confirmed"
    assert len(market.landed(signed(order))) == 1


async def test_an_order_that_the_wallet_cannot_pay_is_refused(stack: Stack, market: Localnet) -> None:
    before = market.orders()
    async with client(stack) as at:
        answer = await at.request(
            "POST",
            "/api/orders/execute",
            json={"type": "market", "tokenIn": "USDC", "tokenOut": "SOL", "amountIn": "900000"},
        )

    assert answer.status == 422
    assert answer.body["error"]["code"] == "InsufficientFunds"
    assert "USDC" in answer.body["error"]["message"]
    assert market.orders() == before


async def test_orders_that_the_wallet_cannot_pay_together_fail_without_a_swap(stack: Stack, market: Localnet) -> None:
    held = market.balances()["BONK"] * 6 // 10
    amount = f"{held // 10**5}.{held % 10**5:05}"
    async with client(stack) as at:
        orders = [
            await at.submit(tokenIn="BONK", tokenOut="USDC", amountIn=amount, maxPriceImpactBps=10000) for _ in "12"
        ]
        first, second = [await at.ended(order["orderId"]) for order in orders]

    assert {first["status"], second["status"]} == {"confirmed", "failed"}
    failed = first if first["status"] == "failed" else second
    assert failed["error"]["code"] == "InsufficientFunds"


async def test_clients_see_the_market_its_wallet_and_the_pages_of_its_explorer(stack: Stack, market: Localnet) -> None:
    async with client(stack) as at:
        order = await ended(at)
        seen = await at.get("/api/market")
        wallet = await at.get("/api/wallet")

    assert (seen["market"], wallet["market"]) == ("Localnet", "Localnet")
    assert seen["wallet"] == wallet["address"] == stack.parameters["WalletAddress"]
    assert {held["token"]: int(held["amountBaseUnits"]) for held in wallet["balances"]} == market.balances()
    for page, text in (
        (seen["explorer"]["transaction"].replace("{signature}", order["txHash"]), order["orderId"]),
        (seen["explorer"]["address"].replace("{address}", wallet["address"]), wallet["address"]),
    ):
        assert text in await asyncio.to_thread(read, page)


def read(page: str) -> str:
    with urllib.request.urlopen(page, timeout=10) as answer:
        text: str = answer.read().decode()
        return text
