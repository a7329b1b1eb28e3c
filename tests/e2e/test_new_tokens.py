"""Tokens without a symbol, named by the addresses of their mints: quoted, bought and sold like any other."""

from __future__ import annotations

import pytest

from tests.support.client import client
from tests.support.market import Localnet, Market
from tests.support.orders import LIFE
from tests.support.stack import Stack

USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"


@pytest.mark.needs("database")
async def test_a_token_is_bought_and_sold_by_its_mint(stack: Stack, market: Market | Localnet) -> None:
    mint = market.new_mint(decimals=4)
    async with client(stack) as at:
        # GIVEN a mint without a pool
        answer = await at.request("GET", "/api/quotes", params={"tokenIn": "SOL", "tokenOut": mint, "amountIn": "0.5"})
        assert (answer.status, answer.body["error"]["code"]) == (422, "NoRoute")

        # WHEN there is one
        market.new_pool(mint, price="0.01", liquidity="200")
        market.find_pools(mint)
        quote = await at.get("/api/quotes", tokenIn="SOL", tokenOut=mint, amountIn="0.5")
        order = {"tokenIn": "SOL", "tokenOut": mint, "amountIn": "0.5", "quoteId": quote["quoteId"]}
        refused = await at.request("POST", "/api/orders/execute", json={"type": "market", **order})
        assert [problem["field"] for problem in refused.body["error"]["details"]] == ["tokenOut"]
        bought = await at.executed(**order, allowUnverified=True)

        # THEN it is traded with the mint's own decimals
        assert [event["status"] for event in bought["events"]] == LIFE
        assert (bought["tokenOut"], bought["amountOut"]) == (mint, quote["amountOut"])
        assert int(bought["amountOutBaseUnits"]) == pytest.approx(50 * 10**4, rel=0.01)
        assert float(bought["amountOut"]) == int(bought["amountOutBaseUnits"]) / 10**4

        sold = await at.executed(tokenIn=mint, tokenOut="USDC", amountIn=bought["amountOut"], allowUnverified=True)
        assert (sold["status"], sold["tokenIn"], sold["amountIn"]) == ("confirmed", mint, bought["amountOut"])
        listed = await at.get("/api/orders", tokenPair=f"{mint}-USDC")
        assert [order["orderId"] for order in listed["orders"]] == [sold["orderId"]]


@pytest.mark.needs("localnet")
async def test_the_wallet_shows_a_token_without_a_symbol_while_it_holds_some(stack: Stack, market: Localnet) -> None:
    mint = market.new_mint(decimals=0)
    market.new_pool(mint)
    market.find_pools(mint)
    async with client(stack) as at:
        bought = await at.executed(tokenIn="SOL", tokenOut=mint, amountIn="0.1", allowUnverified=True)
        held = {balance["token"]: balance for balance in (await at.get("/api/wallet"))["balances"]}
        assert held[mint] == {"token": mint, "amount": bought["amountOut"], "amountBaseUnits": bought["amountOut"]}
        await at.executed(tokenIn=mint, tokenOut="SOL", amountIn=bought["amountOut"], allowUnverified=True)
        assert mint not in {balance["token"] for balance in (await at.get("/api/wallet"))["balances"]}


@pytest.mark.needs("localnet")
async def test_the_mint_of_a_token_with_a_symbol_stands_for_it(stack: Stack, market: Localnet) -> None:
    async with client(stack) as at:
        assert (await at.executed(tokenIn="SOL", tokenOut=USDC))["tokenOut"] == "USDC"


@pytest.mark.parametrize("field", ["tokenIn", "tokenOut"])
async def test_an_address_that_is_no_mint_is_refused(stack: Stack, field: str) -> None:
    nobody = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
    order = {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "0.1", field: nobody}
    async with client(stack) as at:
        answer = await at.request("POST", "/api/orders/execute", json=order)
        assert (answer.status, answer.body["error"]["code"]) == (400, "InvalidOrder")
        (problem,) = answer.body["error"]["details"]
        assert problem["field"] == field
        assert "expected a mint, was" in problem["message"]
        assert nobody in problem["message"]


@pytest.mark.needs("database")
async def test_a_token_that_was_named_is_listed_with_its_pools(stack: Stack, market: Market | Localnet) -> None:
    mint = market.new_mint(decimals=4)
    market.new_pool(mint, price="0.01", liquidity="200")
    market.find_pools(mint)
    async with client(stack) as at:
        (pool,) = (await at.get("/api/pools", tokenPair=f"SOL-{mint}"))["pools"]
        assert ({pool["tokenA"], pool["tokenB"]}, pool["usable"]) == ({"SOL", mint}, True)
        tokens = {token["mint"]: token for token in (await at.get("/api/tokens"))["tokens"]}
        assert (tokens[mint]["symbol"], tokens[mint]["decimals"], tokens[mint]["verified"]) == (None, 4, False)
