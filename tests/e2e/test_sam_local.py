"""The functions in Docker with the SAM CLI, on the stores, the queue and the WebSocket API of an emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest

from tests.support import sam_local
from tests.support.client import client
from tests.support.market import Market
from tests.support.orders import LIFE
from tests.support.sam_local import SamLocal, running_sam_local
from tests.support.stack import ROOT, Stack
from tools.sam_local import environments

# Building and starting take almost a minute.
pytestmark = [pytest.mark.timeout(600), pytest.mark.process]


@pytest.fixture(scope="module")
def sam(stack: Stack) -> Iterator[SamLocal]:
    if missing := sam_local.missing():
        pytest.skip(missing)
    with running_sam_local(stack) as sam:
        yield sam


def at(sam: SamLocal, key: str | None = "") -> Any:
    return client(cast(Stack, sam), key)


def event(name: str) -> Any:
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


async def test_the_functions_reach_the_stores_and_the_queue(sam: SamLocal) -> None:
    async with at(sam, None) as anyone:
        health = await anyone.get("/health")
    assert health["status"] == "up"
    assert {check["status"] for check in health["checks"].values()} == {"up"}


async def test_a_request_without_a_key_is_refused(sam: SamLocal) -> None:
    async with at(sam, None) as anyone:
        status, _ = await anyone.raw("GET", "/api/orders", {})
    assert status == 401


async def test_a_wrong_key_gets_nothing(sam: SamLocal) -> None:
    async with at(sam, "oee_" + "0" * 43) as stranger:
        status, body = await stranger.raw("GET", "/api/orders", {})
    # AWS answers 401; sam local reports an authorizer's "Unauthorized" as an internal error.
    assert status in (401, 502)
    assert "orders" not in json.loads(body)


async def test_an_order_is_confirmed_and_pushed_over_the_emulators_websocket(sam: SamLocal, market: Market) -> None:
    async with at(sam) as trader, trader.connected() as socket:
        order = await trader.submit()
        await socket.send(action="subscribe", orderId=order["orderId"])
        events = await socket.events()
        assert [event["status"] for event in events] == LIFE
        assert [event["seq"] for event in events] == [1, 2, 3, 4, 5]
        stored = await trader.order(order["orderId"])
    assert stored["events"] == events


async def test_a_repeated_request_is_one_order(sam: SamLocal, market: Market) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    body = {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "0.01"}
    async with at(sam) as trader:
        answers = [await trader.request("POST", "/api/orders/execute", headers=key, json=body) for _ in range(3)]
        assert [answer.status for answer in answers] == [202] * 3
        (order_id,) = {answer.body["orderId"] for answer in answers}
        await trader.ended(order_id)


async def test_bad_input_is_refused_by_name(sam: SamLocal) -> None:
    async with at(sam) as trader:
        answer = await trader.request("POST", "/api/orders/execute", json={"type": "market", "amountIn": "-1"})
        assert (answer.status, answer.body["error"]["code"]) == (400, "InvalidOrder")
        answer = await trader.request(
            "POST", "/api/orders/execute", data="{", headers={"Content-Type": "application/json"}
        )
        assert (answer.status, answer.body["error"]["code"]) == (400, "InvalidJson")


async def test_a_quote_is_given(sam: SamLocal, market: Market) -> None:
    async with at(sam) as trader:
        quote = await trader.get("/api/quotes", tokenIn="SOL", tokenOut="USDC", amountIn="1.5")
    assert float(quote["amountOut"]) > 0


async def test_a_final_order_can_not_be_cancelled(sam: SamLocal, market: Market) -> None:
    async with at(sam) as trader:
        order = await trader.executed()
        answer = await trader.request("DELETE", f"/api/orders/{order['orderId']}")
    assert (answer.status, answer.body["error"]["code"]) == (409, "TooLateToCancel")


@pytest.mark.parametrize("path", ["/", "/openapi.json", "/asyncapi.json"])
async def test_public_files_are_served_without_a_key(sam: SamLocal, path: str) -> None:
    async with at(sam, None) as anyone:
        status, body = await anyone.raw("GET", path, {})
    assert (status, len(body) > 1000) == (200, True)


@pytest.mark.parametrize(
    ("function", "name", "expected"),
    [
        ("SubmitFunction", "submit-health", {"statusCode": 200}),
        ("DispatchFunction", "dispatch", {"batchItemFailures": []}),
        ("RouteFunction", "route", {"errorType": "OrderNotFound"}),
    ],
)
def test_a_function_is_invoked_with_a_sample_event(
    sam: SamLocal, function: str, name: str, expected: dict[str, Any]
) -> None:
    others = sam_local.containers()
    ended = sam_local.invoke(sam.data, function, json.dumps(event(name)))
    answer = json.loads(ended.stdout)
    assert {key: answer.get(key) for key in expected} == expected, ended.stderr
    assert sam_local.containers() == others


def test_the_emulator_reports_its_functions_environments(stack: Stack) -> None:
    variables = environments(stack.data)
    assert variables["SubmitFunction"]["WEBSOCKET_URL"] == stack.websocket
    for function in variables.values():
        assert function["AWS_ENDPOINT_URL"] == stack.endpoint
        assert function["DATABASE_URL"] == stack.parameters["DatabaseUrl"]


def test_without_an_engine_it_says_how_to_start_one(tmp_path: Path) -> None:
    ended = sam_local.invoke(tmp_path, "RouteFunction", "{}")
    assert ended.returncode == 1
    assert ended.stderr.startswith("sam-local: expected the engine to be running (make run): ")
