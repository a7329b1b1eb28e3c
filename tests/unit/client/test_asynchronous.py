"""The client for asyncio: what it sends, and what it makes of the answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from contract.examples import EXAMPLES
from order_engine_client import (
    AsyncClient,
    BadRequest,
    Impossible,
    LimitOrder,
    MarketOrder,
    NewTerms,
    RateLimited,
    Refused,
    Unreachable,
)
from order_engine_client.fields import Json
from tests.support.scripted_server import HANG_UP, ok, scripted_server
from tests.unit.client.services import ORDER, service, serving

FAILED = EXAMPLES["failed"]
JSON = "Content-Type: application/json"


def asked(answer: Json, call: Callable[[AsyncClient], Awaitable[Any]], status: int = 200) -> tuple[Any, list[Any]]:
    """What the call returns, and the requests that it has sent: method, path, query and body."""
    requests: list[Any] = []

    async def handle(request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        requests.append((request.method, request.path, dict(request.query), body))
        return web.json_response(answer, status=status)

    async def scenario() -> Any:
        async with serving({"/{path:.*}": handle}) as client:
            return await call(client)

    return asyncio.run(scenario()), requests


def test_a_quote_has_exact_amounts() -> None:
    quote, requests = asked(EXAMPLES["quote"], lambda client: client.quote("SOL", "USDC", Decimal("1E-9")))
    assert requests == [("GET", "/api/quotes", {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "0.000000001"}, None)]
    assert quote.amount_out == Decimal(EXAMPLES["quote"]["amountOut"])
    assert quote.route[0].legs[0].pool == EXAMPLES["quote"]["route"][0]["legs"][0]["pool"]


@pytest.mark.parametrize("amount", [1.5, True])
def test_a_float_is_no_amount(amount: Any) -> None:
    with pytest.raises(ValueError, match="expected a Decimal, an int or a str, was"):
        MarketOrder(token_in="SOL", token_out="USDC", amount_in=amount)
    with pytest.raises(ValueError, match="expected a Decimal, an int or a str, was"):
        asked({}, lambda client: client.quote("SOL", "USDC", amount))


def test_an_order_is_sent_with_what_was_given() -> None:
    order = LimitOrder(token_in="SOL", token_out="USDC", amount_in=2, limit_price=Decimal("180.50"), expires_at=None)
    body = {"type": "limit", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "2"}
    accepted, requests = asked(EXAMPLES["accepted open"], lambda client: client.submit(order), 202)
    assert requests == [("POST", "/api/orders/execute", {}, {**body, "limitPrice": "180.50", "expiresAt": None})]
    assert (accepted.order_id, accepted.status) == (EXAMPLES["accepted open"]["orderId"], "open")


def test_a_wrong_field_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match="limit_prize"):
        LimitOrder(token_in="SOL", token_out="USDC", amount_in=2, limit_prize=180)  # type: ignore[call-arg]


def test_terms_that_are_not_given_stay() -> None:
    _, requests = asked(EXAMPLES["replaced"], lambda client: client.replace(ORDER, NewTerms(limit_price=190)))
    assert requests == [("PATCH", f"/api/orders/{ORDER}", {}, {"limitPrice": "190"})]
    _, requests = asked(EXAMPLES["replaced"], lambda client: client.replace(ORDER, NewTerms(expires_at=None)))
    assert requests == [("PATCH", f"/api/orders/{ORDER}", {}, {"expiresAt": None})]


def test_a_list_has_filters() -> None:
    since = datetime(2026, 11, 20, tzinfo=UTC)
    page, requests = asked(
        EXAMPLES["page"],
        lambda client: client.orders(limit=5, status="open", token_pair="SOL-USDC", since=since, client_order_id="7"),
    )
    assert requests[0][2] == {
        "limit": "5", "status": "open", "tokenPair": "SOL-USDC", "from": "2026-11-20T00:00:00+00:00",
        "clientOrderId": "7",
    }  # fmt: skip
    assert [order.raw for order in page.orders] == EXAMPLES["page"]["orders"]


def test_all_orders_come_from_as_many_pages_as_there_are() -> None:
    first, *_ = EXAMPLES["page"]["orders"]
    pages = {
        None: {"orders": [{**first, "orderId": "1"}, {**first, "orderId": "2"}], "nextCursor": "more"},
        "more": {"orders": [{**first, "orderId": "3"}], "nextCursor": None},
    }

    async def handle(request: web.Request) -> web.Response:
        assert request.query["status"] == "failed"
        return web.json_response(pages[request.query.get("cursor")])

    async def scenario() -> list[str]:
        async with serving({"/api/orders": handle}) as client:
            return [order.order_id async for order in client.all_orders(status="failed")]

    assert asyncio.run(scenario()) == ["1", "2", "3"]


def test_an_order_is_followed_to_its_end() -> None:
    async def handle(_: web.Request) -> web.Response:
        return web.json_response(FAILED)

    async def scenario() -> None:
        async with service(FAILED["events"], more={"/api/orders/{id}": handle}) as client:
            events = [event async for event in client.events(FAILED["orderId"])]
            assert [event.raw for event in events] == FAILED["events"]
            assert (events[-1].status, events[-1].data.code) == ("failed", FAILED["error"]["code"])  # type: ignore[union-attr]
        async with service(FAILED["events"], more={"/api/orders/{id}": handle}) as client:
            assert (await client.ended(FAILED["orderId"])).raw == FAILED

    asyncio.run(scenario())


def test_a_request_whose_connection_ends_is_repeated_with_its_key() -> None:
    with scripted_server(HANG_UP, ok(json.dumps(EXAMPLES["accepted"]).encode(), "202 Accepted", JSON)) as server:

        async def scenario() -> None:
            async with AsyncClient(server.url, "oee_key") as client:
                await client.submit({"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1"})

        asyncio.run(scenario())
    first, second = server.received
    assert first.json == second.json == {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1"}
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


@pytest.mark.parametrize(("status", "code", "kind"), [(400, "InvalidOrder", BadRequest), (422, "NoRoute", Impossible)])
def test_an_error_says_what_is_wrong(status: int, code: str, kind: type[Refused]) -> None:
    details = [{"field": "amountIn", "message": "expected an amount above zero, was '0'"}]
    error = {"error": {"code": code, "message": "expected another order", "details": details}}
    with pytest.raises(kind, match="expected another order") as refused:
        asked(error, lambda client: client.submit({}), status)
    assert (refused.value.status, refused.value.code, refused.value.details) == (status, code, details)


def test_a_limit_says_how_long_to_wait() -> None:
    error = {"error": {"code": "RateLimited", "message": "more than 100", "details": [{"retryAfter": 12}]}}
    with pytest.raises(RateLimited) as refused:
        asked(error, lambda client: client.submit({}), 429)
    assert refused.value.retry_after == 12


def test_an_answer_without_its_fields_is_none_of_the_service() -> None:
    with pytest.raises(Unreachable, match="expected an answer of the service"):
        asked({"market": "Localnet"}, lambda client: client.market())


def test_the_environment_names_the_engine_and_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str | None] = []

    async def handle(request: web.Request) -> web.Response:
        keys.append(request.headers.get("Authorization"))
        return web.json_response(EXAMPLES["market"])

    async def scenario() -> None:
        async with serving({"/api/market": handle}) as client:
            monkeypatch.setenv("ORDERS_URL", client.url)
            monkeypatch.setenv("ORDERS_KEY", "oee_mine")
            async with AsyncClient() as other:
                await other.market()
            async with AsyncClient(key="oee_other") as other:
                await other.market()

    asyncio.run(scenario())
    assert keys == ["Bearer oee_mine", "Bearer oee_other"]


def test_active_orders_come_with_their_newest_event() -> None:
    active, requests = asked(EXAMPLES["active"], lambda client: client.active_orders(include_open=True))
    assert requests == [("GET", "/api/orders/active", {"include": "open"}, None)]
    assert [order.event.seq for order in active.orders] == [o["event"]["seq"] for o in EXAMPLES["active"]["orders"]]


def test_orders_are_counted_and_timed() -> None:
    answer, requests = asked(EXAMPLES["counts"], lambda client: client.order_counts())
    assert requests[0][1] == "/api/orders/counts"
    assert (answer.counts.open, answer.at_most) == (3, 10_000)
    timings, requests = asked(EXAMPLES["timings"], lambda client: client.timings(limit=7))
    assert requests[0][1:3] == ("/api/orders/timings", {"limit": "7"})
    assert timings.orders[0].steps.submitted == EXAMPLES["timings"]["orders"][0]["steps"]["submitted"]


def test_fills_and_what_they_change_are_read() -> None:
    since = datetime(2026, 11, 20, tzinfo=UTC)
    page, requests = asked(EXAMPLES["fills"], lambda client: client.fills(token_pair="SOL-USDC", since=since, limit=7))
    assert requests[0][1:3] == (
        "/api/fills", {"tokenPair": "SOL-USDC", "from": "2026-11-20T00:00:00+00:00", "limit": "7"}
    )  # fmt: skip
    assert [str(fill.amount_out) for fill in page.fills] == [fill["amountOut"] for fill in EXAMPLES["fills"]["fills"]]

    history, requests = asked(EXAMPLES["balances"], lambda client: client.balances(interval="hour"))
    assert requests[0][1:3] == ("/api/fills/balances", {"interval": "hour"})
    assert [point.change for point in history.points] == [Decimal(p["change"]) for p in EXAMPLES["balances"]["points"]]


def test_tokens_and_pools_are_read() -> None:
    listed, requests = asked(EXAMPLES["tokens"], lambda client: client.tokens())
    assert requests[0][1] == "/api/tokens"
    assert [token.mint for token in listed.tokens] == [token["mint"] for token in EXAMPLES["tokens"]["tokens"]]
    found, requests = asked(EXAMPLES["pools"], lambda client: client.pools("SOL-USDC"))
    assert requests[0][1:3] == ("/api/pools", {"tokenPair": "SOL-USDC"})
    assert [pool.usable for pool in found.pools] == [True, False]
