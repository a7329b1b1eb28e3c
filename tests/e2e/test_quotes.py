"""Quotes without an order, and orders that name a quote."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.support.client import Json, client
from tests.support.market import Market
from tests.support.stack import Stack

QUERY = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5", "slippageBps": "30"}
ORDER = {**QUERY, "slippageBps": 30}


async def test_an_order_receives_what_was_quoted(stack: Stack) -> None:
    async with client(stack) as at:
        quote = await at.get("/api/quotes", **QUERY)
        order = await at.executed(**ORDER)

    routing = order["events"][1]["data"]
    decided = ("venue", "reason", "price", "priceImpactBps", "fees", "route", "quotes", "unavailable", "amountOut")
    ours, theirs = ({name: json[name] for name in decided} for json in (quote, routing))
    for json in (ours, theirs):
        for leg in json["route"][0]["legs"]:
            assert leg.pop("slot") > 0
    assert ours == theirs
    assert order["amountOutBaseUnits"] == quote["amountOutBaseUnits"]
    assert int(quote["minOutBaseUnits"]) == int(quote["amountOutBaseUnits"]) * 9970 // 10_000
    assert (quote["amountIn"], quote["amountInBaseUnits"], quote["slippageBps"]) == ("1.5", "1500000000", 30)


@pytest.mark.needs("simulation")
async def test_an_order_is_executed_at_its_named_quote(stack: Stack, market: Market) -> None:
    # GIVEN a quote, after which both venues' other pools pay twice as much
    async with client(stack) as at:
        quote = await at.get("/api/quotes", **QUERY)
        (pool,) = [leg["pool"] for leg in quote["route"][0]["legs"]]
        kept = market.database.fetch(
            "SELECT id, state::text AS state FROM market_pools WHERE id = 'raydium-amm:SOL-USDC'"
        )
        market.database.execute(
            "UPDATE market_pools SET state = jsonb_set(state::jsonb, '{reserve_b}', '\"24000000000000\"')"
            " WHERE id = 'raydium-amm:SOL-USDC'"
        )
        assert pool != "raydium-amm:SOL-USDC"

        # WHEN an order names it
        order = await at.executed(**ORDER, quoteId=quote["quoteId"])

    # THEN it receives the quoted amount through the quoted pool
    market.database.execute("UPDATE market_pools SET state = %(state)s::json WHERE id = %(id)s", kept[0])
    assert (order["status"], order["quoteId"]) == ("confirmed", quote["quoteId"])
    assert order["amountOut"] == quote["amountOut"]
    routing = order["events"][1]["data"]
    assert (routing["quoteId"], routing["route"]) == (quote["quoteId"], quote["route"])


@pytest.mark.needs("simulation")
async def test_an_order_that_names_a_quote_is_not_routed_again(stack: Stack, market: Market) -> None:
    for venue in ("raydium", "meteora"):
        market.fault(venue, "submit", "slip")
    async with client(stack) as at:
        quote = await at.get("/api/quotes", **QUERY)
        order = await at.executed(**ORDER, quoteId=quote["quoteId"])

    assert [event["status"] for event in order["events"]] == ["pending", "routing", "building", "submitted", "failed"]
    error = order["error"]
    assert (error["code"], error["attempts"], error["retryable"]) == ("SlippageExceeded", 1, False)


async def test_an_expired_quote_is_refused(stack: Stack, market: Market) -> None:
    async with client(stack) as at:
        quote = await at.get("/api/quotes", **QUERY)
        market.database.execute(
            "UPDATE quotes SET quote = jsonb_set(quote, '{expires_at}', '1000') WHERE id = %(id)s",
            {"id": quote["quoteId"]},
        )
        answer = await at.request(
            "POST", "/api/orders/execute", json={"type": "market", **ORDER, "quoteId": quote["quoteId"]}
        )

    assert (answer.status, answer.body["error"]["code"]) == (409, "QuoteExpired")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amountIn": "1.6"}, "amountIn"),
        ({"tokenOut": "USDT"}, "tokenOut"),
        ({"tokenIn": "wSOL"}, "tokenIn"),
        ({"slippageBps": 31}, "slippageBps"),
    ],
)
async def test_an_order_must_match_its_quote(stack: Stack, change: Json, field: str) -> None:
    async with client(stack) as at:
        quote = await at.get("/api/quotes", **QUERY)
        form = {"type": "market", **ORDER, **change, "quoteId": quote["quoteId"]}
        answer = await at.request("POST", "/api/orders/execute", json=form)

    assert (answer.status, answer.body["error"]["code"]) == (400, "InvalidOrder")
    assert [detail["field"] for detail in answer.body["error"]["details"]] == [field]


@pytest.mark.parametrize(
    ("change", "status", "code", "part"),
    [
        ({"amountIn": "0"}, 400, "InvalidOrder", "above zero"),
        ({"amountIn": "NaN"}, 400, "InvalidOrder", "positive decimal"),
        ({"tokenOut": "ETH"}, 400, "InvalidOrder", "was 'ETH'"),
        ({"tokenOut": "wSOL"}, 400, "InvalidOrder", "the same mint"),
        ({"slippageBps": "1.5"}, 400, "InvalidOrder", "from 0 to 10000"),
        ({"userId": "me"}, 400, "InvalidOrder", "userId"),
        ({"amountIn": "0.000000001"}, 422, "AmountTooSmall", "at least 0.000000007 SOL"),
        pytest.param(
            {"tokenIn": "RAY", "tokenOut": "SOL", "amountIn": "18446744073709"},
            422,
            "InsufficientLiquidity",
            "at most",
            marks=pytest.mark.needs("simulation"),
        ),
        ({"amountIn": "9000000000"}, 422, "PriceImpactTooHigh", "9000000000 SOL would receive"),
        ({"maxPriceImpactBps": "0"}, 422, "PriceImpactTooHigh", "set maxPriceImpactBps to 1 or more"),
        ({"maxPriceImpactBps": "-1"}, 400, "InvalidOrder", "from 0 to 10000"),
    ],
)
async def test_a_refused_quote_says_why(
    stack: Stack, change: dict[str, str], status: int, code: str, part: str
) -> None:
    async with client(stack) as at:
        answer = await at.request("GET", "/api/quotes", params={**QUERY, **change})

    assert (answer.status, answer.body["error"]["code"]) == (status, code)
    assert part in answer.body["error"]["message"]


@pytest.mark.needs("simulation")
async def test_without_a_venue_a_quote_is_temporarily_unavailable(stack: Stack, market: Market) -> None:
    for venue in ("raydium", "meteora"):
        market.fault(venue, "quote", "fail", times=1)
    async with client(stack) as at:
        answer = await at.request("GET", "/api/quotes", params=QUERY)

    assert (answer.status, answer.body["error"]["code"]) == (503, "VenueUnavailable")
    assert answer.headers["Retry-After"] == "1"


async def test_a_quote_that_does_not_exist_is_not_found(stack: Stack) -> None:
    async with client(stack) as at:
        form = {"type": "market", **ORDER, "quoteId": str(uuid4())}
        answer = await at.request("POST", "/api/orders/execute", json=form)

    assert (answer.status, answer.body["error"]["code"]) == (404, "QuoteNotFound")
