"""Orders that wait for a pool with a new mint, on both markets: each buys once, or says why it does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.client import Client, Json, client
from tests.support.market import Localnet, Market
from tests.support.orders import LIFE
from tests.support.stack import Stack

pytestmark = pytest.mark.needs("database")


def sniper(mint: str, **changes: Any) -> Json:
    """Pays half a SOL for a token, once a pool holds 50."""
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    terms = {"type": "sniper", "tokenIn": "SOL", "tokenOut": mint, "amountIn": "0.5", "minLiquidity": "50"}
    return {**terms, "expiresAt": soon, **changes}


async def waiting(at: Client, mint: str, **changes: Any) -> str:
    """The id of a sniper order that waits."""
    order = await at.submit(**sniper(mint, **changes))
    assert (order["status"], order["tokenOut"]) == ("open", mint)
    order_id: str = order["orderId"]
    return order_id


@pytest.mark.parametrize("paired", ["SOL", "USDC"])
async def test_a_token_is_bought_once_a_pool_is_made(stack: Stack, market: Market | Localnet, paired: str) -> None:
    # GIVEN an order for a mint without a pool
    mint = market.new_mint(decimals=4)
    async with client(stack) as at:
        order_id = await waiting(at, mint, maxPrice="0.0105")
        # WHEN there is a pool with the token that pays, or with a hub
        price, liquidity = ("0.01", "200") if paired == "SOL" else ("1.7", "34000")
        market.new_pool(mint, paired, price, liquidity)
        order = await at.ended(order_id)

    # THEN it is bought, once, for no more than the order allows
    assert [event["status"] for event in order["events"]] == ["open", *LIFE]
    assert order["events"][1]["data"]["activation"] is not None
    assert int(order["amountOutBaseUnits"]) == pytest.approx(50 * 10**4, rel=0.02)
    assert int(order["amountOutBaseUnits"]) >= int(order["terms"]["minAmountOutBaseUnits"]) == 476_191


async def test_a_pool_that_is_there_already_is_taken(stack: Stack, market: Market | Localnet) -> None:
    mint = market.new_mint()
    market.new_pool(mint)
    async with client(stack) as at:
        order = await at.executed(**sniper(mint))
    assert order["status"] == "confirmed"


async def test_a_pool_with_too_little_in_it_is_waited_out(stack: Stack, market: Market | Localnet) -> None:
    """GIVEN a small pool, and an order that is content with it, THEN the order that is not waits for a large one."""
    mint = market.new_mint()
    async with client(stack) as at:
        order_id = await waiting(at, mint)
        market.new_pool(mint, "USDC", "0.17", "170")
        content = await at.executed(**sniper(mint, minLiquidity="0.5", amountIn="0.01"))
        assert content["status"] == "confirmed"
        assert (await at.order(order_id))["status"] == "open"
        market.new_pool(mint, "SOL", "0.001", "100")
        assert (await at.ended(order_id))["status"] == "confirmed"


async def test_a_mint_that_can_freeze_is_refused_unless_that_is_allowed(
    stack: Stack, market: Market | Localnet
) -> None:
    mint = market.new_mint(can_freeze=True)
    async with client(stack) as at:
        order_id = await waiting(at, mint)
        market.new_pool(mint)
        refused = await at.ended(order_id)
        allowed = await at.executed(**sniper(mint, allowFreezeAuthority=True))
    assert [event["status"] for event in refused["events"]] == ["open", "failed"]
    assert refused["error"]["code"] == "RiskyMint"
    assert "a freeze authority (allowFreezeAuthority accepts it)" in refused["error"]["message"]
    assert allowed["status"] == "confirmed"
