"""Quotes without an order, and orders that name a quote, through the functions."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis

from order_engine.api.views import order_view
from order_engine.domain.quotes import QUOTE_LIFETIME_SECONDS
from order_engine.simulation.faults import set_fault
from order_engine.simulation.pools import VENUES
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.quotes import PostgresQuoteStore
from order_engine.storage.rate_limit import KEY
from tests.support.aws import Aws
from tests.support.events import rest, websocket
from tests.support.functions import ORDER, Functions, answered, dispatched, new_environment, refusal
from tests.support.http_server import HttpServer
from tests.support.orders import CLIENT

pytestmark = pytest.mark.usefixtures("nothing_sent")


def quote(functions: Functions, **query: str) -> dict[str, Any]:
    query = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5", **query}
    response: dict[str, Any] = functions("submit", rest("GET", "/api/quotes", query=query))
    return response


def test_a_quote_needs_no_order(functions: Functions, orders: PostgresOrderStore, quotes: PostgresQuoteStore) -> None:
    status, body = answered(quote(functions, slippageBps="100"))
    assert status == 200
    assert set(body) == {
        *(
            "quoteId",
            "market",
            "expiresAt",
            "tokenIn",
            "tokenOut",
            "amountIn",
            "amountInBaseUnits",
            "slippageBps",
            "slot",
        ),
        *("amountOut", "amountOutBaseUnits", "minOut", "minOutBaseUnits"),
        *("networkFee", "networkFeeBaseUnits", "rent", "rentBaseUnits", "unspent", "unspentBaseUnits"),
        *("venue", "reason", "price", "priceImpactBps", "fees", "route", "quotes", "unavailable"),
    }
    assert (body["amountIn"], body["slippageBps"]) == ("1.5", 100)
    assert int(body["minOutBaseUnits"]) == int(body["amountOutBaseUnits"]) * 99 // 100
    stored = quotes.get(UUID(body["quoteId"]))
    assert (stored.quote.amount_out, stored.slippage_bps) == (int(body["amountOutBaseUnits"]), 100)
    left = datetime.fromisoformat(body["expiresAt"]).timestamp() - time.time()
    assert 0 < left <= QUOTE_LIFETIME_SECONDS
    assert orders.page(CLIENT, 10) == ([], None)


def test_the_short_form_is_quoted(functions: Functions, orders: PostgresOrderStore) -> None:
    event = rest("GET", "/api/quotes", query={"tokenPair": "SOL-USDC", "amount": "10"})
    status, body = answered(functions("submit", event))
    assert (status, body["tokenIn"], body["amountIn"], body["slippageBps"]) == (200, "SOL", "10", 50)


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"amountIn": "-1"}, ["amountIn"]),
        ({"amountIn": ""}, ["amountIn"]),
        ({"tokenIn": "ETH"}, ["tokenIn"]),
        ({"tokenOut": "wSOL"}, ["tokenOut"]),
        ({"slippageBps": "10001"}, ["slippageBps"]),
        ({"slippageBps": "1.5"}, ["slippageBps"]),
        ({"slippageBps": ""}, ["slippageBps"]),
        ({"surprise": "1", "clientOrderId": "a"}, ["clientOrderId", "surprise"]),
        ({"tokenIn": "ETH", "tokenOut": "BTC"}, ["tokenIn", "tokenOut"]),
    ],
)
def test_what_an_order_could_not_ask_for_is_not_quoted(
    functions: Functions, orders: PostgresOrderStore, query: dict[str, str], fields: list[str]
) -> None:
    status, body = answered(quote(functions, **query))
    assert (status, body["error"]["code"]) == (400, "InvalidOrder")
    assert [problem["field"] for problem in body["error"]["details"]] == fields


def test_a_missing_query_names_every_missing_parameter(functions: Functions) -> None:
    _, body = answered(functions("submit", rest("GET", "/api/quotes")))
    assert [problem["field"] for problem in body["error"]["details"]] == ["tokenIn", "tokenOut", "amountIn"]


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ({"tokenIn": "BONK", "tokenOut": "SOL", "amountIn": "0.00001"}, (422, "AmountTooSmall")),
        ({"tokenIn": "mSOL", "amountIn": "18446744073"}, (422, "InsufficientLiquidity")),
    ],
)
def test_an_amount_that_the_pools_can_not_pay_is_not_quoted(
    functions: Functions,
    orders: PostgresOrderStore,
    database: Database,
    query: dict[str, str],
    refused: tuple[int, str],
) -> None:
    database.execute("DELETE FROM market_pools WHERE id LIKE '%%mSOL' AND id NOT LIKE '%%dlmm%%'")
    assert refusal(quote(functions, **query)) == refused


def test_a_pair_without_pools_is_not_quoted(
    functions: Functions, orders: PostgresOrderStore, database: Database
) -> None:
    database.execute("DELETE FROM market_pools")
    assert refusal(quote(functions)) == (422, "NoRoute")


def test_an_unavailable_venue_is_named_in_the_quote(
    functions: Functions, orders: PostgresOrderStore, database: Database
) -> None:
    set_fault(database, "meteora", "quote", "fail", times=1)
    _, body = answered(quote(functions))
    assert [one["venue"] for one in body["unavailable"]] == ["meteora"]
    for venue in VENUES:
        set_fault(database, venue, "quote", "fail", times=1)
    assert refusal(quote(functions)) == (503, "VenueUnavailable")


def test_an_order_is_executed_at_its_named_quote(
    functions: Functions, orders: PostgresOrderStore, database: Database, services: Aws
) -> None:
    _, offer = answered(quote(functions))
    best = offer["route"][0]["legs"][0]["pool"]
    form = {**ORDER, "quoteId": offer["quoteId"]}
    status, body = answered(functions("submit", rest("POST", "/api/orders/execute", json.dumps(form))))
    assert (status, body["quoteId"]) == (202, offer["quoteId"])
    order_id = UUID(body["orderId"])
    assert dispatched(functions, order_id) == {"batchItemFailures": []}
    order = order_view(orders.get(order_id))
    assert (order["status"], order["quoteId"]) == ("confirmed", offer["quoteId"])
    assert (order["quotedOut"], order["minOut"]) == (offer["amountOut"], offer["minOut"])
    assert orders.events(order_id)[1].data["quote_id"] == offer["quoteId"]
    (row,) = database.fetch("SELECT swaps FROM market_transactions")
    assert [swap["pool"] for swap in row["swaps"]] == [best]


@pytest.mark.parametrize(
    ("change", "refused", "fields"),
    [
        ({"quoteId": str(uuid4())}, (404, "QuoteNotFound"), []),
        ({"quoteId": "7"}, (400, "InvalidOrder"), ["quoteId"]),
        ({"quoteId": 7}, (400, "InvalidOrder"), ["quoteId"]),
        ({"tokenOut": "USDT"}, (400, "InvalidOrder"), ["tokenOut"]),
        ({"amountIn": "1.6", "slippageBps": 1}, (400, "InvalidOrder"), ["amountIn", "slippageBps"]),
    ],
)
def test_an_order_with_an_unusable_quote_is_refused(
    functions: Functions,
    orders: PostgresOrderStore,
    services: Aws,
    change: dict[str, Any],
    refused: tuple[int, str],
    fields: list[str],
) -> None:
    _, offer = answered(quote(functions))
    form = {**ORDER, "quoteId": offer["quoteId"], **change}
    status, body = answered(functions("submit", rest("POST", "/api/orders/execute", json.dumps(form))))
    assert (status, body["error"]["code"]) == refused
    assert [problem["field"] for problem in body["error"]["details"]] == fields
    assert orders.page(CLIENT, 10) == ([], None)
    assert services.messages("OrderQueue") == []


def test_a_client_above_its_limit_of_quotes_is_told_when_to_retry(
    environment: dict[str, str], redis_url: str, database: Database
) -> None:
    with redis.Redis.from_url(redis_url) as store:
        store.delete(KEY.format("quote", CLIENT))
    with new_environment({**environment, "QUOTES_PER_MINUTE": "2"}) as functions:
        answers = [quote(functions) for _ in range(3)]
        order = functions("submit", rest("POST", "/api/orders/execute", json.dumps(ORDER)))
    assert [answer["statusCode"] for answer in answers] == [200, 200, 429]
    assert refusal(answers[2]) == (429, "RateLimited")
    error = json.loads(answers[2]["body"])["error"]
    assert error["message"] == "more than 2 quotes a minute; retry in 30 s"
    assert answers[2]["multiValueHeaders"]["Retry-After"] == ["30"]
    assert len(database.fetch("SELECT FROM quotes")) == 2
    assert order["statusCode"] == 202


def test_an_order_for_an_expired_quote_is_refused(
    functions: Functions, orders: PostgresOrderStore, database: Database
) -> None:
    _, offer = answered(quote(functions))
    database.execute("UPDATE quotes SET quote = jsonb_set(quote, '{expires_at}', '1')")
    form = json.dumps({**ORDER, "quoteId": offer["quoteId"]})
    assert refusal(functions("submit", rest("POST", "/api/orders/execute", form))) == (409, "QuoteExpired")


def test_an_order_over_the_websocket_may_name_a_quote(
    functions: Functions, orders: PostgresOrderStore, clients: HttpServer
) -> None:
    _, offer = answered(quote(functions))
    for quote_id in (offer["quoteId"], str(uuid4())):
        body = json.dumps({"action": "execute", **ORDER, "quoteId": quote_id})
        assert functions("ws_connect", websocket("MESSAGE", body=body)) == {"statusCode": 200}
    event, error = clients.pushed("c1")
    assert event["data"]["quoteId"] == offer["quoteId"]
    assert error["error"]["code"] == "QuoteNotFound"
