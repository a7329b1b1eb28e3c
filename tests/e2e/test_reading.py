"""Reading orders and health, and requests to other paths."""

from __future__ import annotations

from uuid import UUID

import pytest

from order_engine.domain.lifecycle import Status
from tests.support.client import Client, client
from tests.support.market import Market
from tests.support.stack import Stack


async def all_orders(at: Client, **query: str) -> list[str]:
    """Returns the pages of orders."""
    page = await at.get("/api/orders", **query)
    listed = page["orders"]
    while page["nextCursor"]:
        page = await at.get("/api/orders", **query, cursor=page["nextCursor"])
        listed += page["orders"]
    return [order["orderId"] for order in listed]


async def test_orders_are_listed_newest_first(stack: Stack) -> None:
    async with client(stack) as at:
        submitted = [(await at.executed())["orderId"] for _ in range(4)]
        listed = await at.get("/api/orders", limit="4")
        newest = await at.order(submitted[-1])

    assert [order["orderId"] for order in listed["orders"]] == submitted[::-1]
    del newest["events"]
    assert listed["orders"][0] == newest


async def test_pages_have_no_gaps_or_repeats_while_orders_come_in(stack: Stack, market: Market) -> None:
    async with client(stack) as at:
        while len(market.development_orders()) < 7:
            await at.executed()
        stored = market.development_orders()
        pages = [await at.get("/api/orders", limit="2")]
        newer = await at.executed()
        while cursor := pages[-1]["nextCursor"]:
            limit = "2" if len(pages) < 3 else "100"
            pages.append(await at.get("/api/orders", limit=limit, cursor=cursor))

    listed = [order["orderId"] for page in pages for order in page["orders"]]
    assert [len(page["orders"]) for page in pages[:3]] == [2, 2, 2]
    assert newer["orderId"] not in listed
    assert listed == stored


@pytest.mark.parametrize(("query", "most"), [({}, 20), ({"limit": "1"}, 1), ({"limit": "100"}, 100)])
async def test_a_page_holds_as_many_orders_as_asked_for(
    stack: Stack, market: Market, query: dict[str, str], most: int
) -> None:
    async with client(stack) as at:
        while len(market.development_orders()) < 21:
            await at.executed()
        page = await at.get("/api/orders", **query)

    assert len(page["orders"]) == min(len(market.development_orders()), most)


async def test_orders_are_counted_and_those_that_have_ended_timed(stack: Stack) -> None:
    async with client(stack) as at:
        before = await at.get("/api/orders/counts")
        ended = await at.executed()
        after = await at.get("/api/orders/counts")
        timings = await at.get("/api/orders/timings", limit="1")

    assert [*after["counts"]] == [*Status]
    # Orders of other tests may end meanwhile.
    assert after["counts"]["confirmed"] > before["counts"]["confirmed"]
    (timing,) = timings["orders"]
    assert (timing["orderId"], timing["status"]) == (ended["orderId"], "confirmed")
    assert all(lasted >= 0 for lasted in timing["steps"].values())


async def test_orders_can_be_listed_by_status(stack: Stack, market: Market) -> None:
    async with client(stack) as at:
        failed = [(await at.executed(tokenIn="BONK", tokenOut="SOL", amountIn="0.00001"))["orderId"] for _ in range(3)]
        confirmed = (await at.executed())["orderId"]
        with market.held("JUP"):
            running = (await at.submit(tokenOut="JUP"))["orderId"]
            async with at.connected() as socket:
                await socket.send(action="subscribe", orderId=running)
                await socket.events(until="submitted")
            submitted = await at.get("/api/orders", status="submitted")
        await at.ended(running)
        of_failed = await all_orders(at, status="failed", limit="2")
        of_expired = await all_orders(at, status="expired", limit="100")
        of_confirmed = await all_orders(at, status="confirmed", limit="100")
        of_cancelled = await all_orders(at, status="cancelled", limit="100")
        pending = await at.get("/api/orders", status="pending")

    assert [order["orderId"] for order in submitted["orders"]] == [running]
    assert pending == {"orders": [], "nextCursor": None}
    assert of_failed[:3] == failed[::-1]
    assert of_confirmed[:2] == [running, confirmed]
    ended = of_failed + of_confirmed + of_cancelled + of_expired
    assert sorted(ended, reverse=True) == market.development_orders()


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("limit", "0", "expected an integer from 1 to 100"),
        ("limit", "101", "expected an integer from 1 to 100"),
        ("limit", "-1", "expected an integer from 1 to 100"),
        ("limit", "2.5", "expected an integer from 1 to 100"),
        ("limit", "ten", "expected an integer from 1 to 100"),
        ("limit", "", "expected an integer from 1 to 100"),
        ("limit", "²", "expected an integer from 1 to 100"),
        ("limit", "9" * 50, "expected an integer from 1 to 100"),
        ("status", "done", f"expected one of {', '.join(Status)}"),
        ("status", "Confirmed", f"expected one of {', '.join(Status)}"),
        ("status", "", f"expected one of {', '.join(Status)}"),
        ("cursor", "x", "expected the nextCursor of an earlier page"),
        ("cursor", "", "expected the nextCursor of an earlier page"),
        ("stauts", "failed", "expected one of limit, status, cursor, type"),
        ("cursor", "a" * 400, "expected the nextCursor of an earlier page"),
        ("cursor", "ünïcode", "expected the nextCursor of an earlier page"),
        ("cursor", str(UUID(int=1)), "expected the nextCursor of an earlier page"),
    ],
)
async def test_an_invalid_query_is_refused_with_the_field(stack: Stack, field: str, value: str, expected: str) -> None:
    async with client(stack) as at:
        answer = await at.request("GET", "/api/orders", params={field: value})

    assert answer.status == 400
    assert answer.body["error"]["code"] == "InvalidRequest"
    (detail,) = answer.body["error"]["details"]
    assert detail["field"] == field
    assert expected in detail["message"]
    assert "was" in detail["message"]


async def test_health_reports_each_part(stack: Stack) -> None:
    async with client(stack) as at:
        report = await at.get("/health")

    assert report["status"] == "up"
    assert set(report["checks"]) == {"postgres", "redis", "queue"}
    assert {check["status"] for check in report["checks"].values()} == {"up"}
    assert all(0 <= check["latencyMs"] < 10_000 for check in report["checks"].values())


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/"), ("GET", "/api"), ("GET", "/api/orders/1/2"), ("PUT", "/api/orders"), ("PUT", "/health")],
)
async def test_an_unknown_path_or_method_is_not_found(stack: Stack, method: str, path: str) -> None:
    async with client(stack) as at:
        answer = await at.request(method, path)

    assert answer.status == 404
    assert answer.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.body["error"]["code"] == "NotFound"


async def test_a_page_of_another_origin_may_submit_and_read_orders(stack: Stack) -> None:
    origin = {"Origin": "https://example.com"}
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}

    async with client(stack) as at:
        preflight = await at.request("OPTIONS", "/api/orders/execute", headers={**origin, **asks})
        taken = await at.request("POST", "/api/orders/execute", json={}, headers=origin)
        read = await at.request("GET", "/api/orders", headers=origin)
    async with client(stack, key=None) as nobody:
        refused = await nobody.request("GET", "/api/orders", headers=origin)

    assert preflight.status == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert preflight.headers["Access-Control-Allow-Methods"] == "GET,POST,PATCH,DELETE,OPTIONS"
    assert preflight.headers["Access-Control-Allow-Headers"] == "Authorization,Content-Type,Idempotency-Key"
    assert preflight.headers["Access-Control-Max-Age"] == "600"
    assert (taken.status, taken.headers["Access-Control-Allow-Origin"]) == (400, "*")
    assert (read.status, read.headers["Access-Control-Allow-Origin"]) == (200, "*")
    assert (refused.status, refused.headers["Access-Control-Allow-Origin"]) == (401, "*")


@pytest.mark.needs("local")
async def test_the_path_may_contain_the_stage_as_on_aws(stack: Stack) -> None:
    async with client(stack) as at:
        assert (await at.get("/v1/health"))["status"] == "up"
