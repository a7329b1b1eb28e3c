"""One order per intent, however often and concurrently a request is repeated."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from tests.e2e import targets
from tests.support.client import ORDER, Client, Json, client
from tests.support.market import Market
from tests.support.stack import Stack

EXECUTE = "/api/orders/execute"


async def bodies(at: Client, times: int, form: Json, headers: dict[str, str]) -> list[bytes]:
    """Sends concurrent requests and returns the answers as bytes."""
    answers = await asyncio.gather(*(at.raw("POST", EXECUTE, json=form, headers=headers) for _ in range(times)))
    assert {status for status, _ in answers} == {202}
    return [body for _, body in answers]


@pytest.mark.parametrize("by", ["header", "clientOrderId"])
@pytest.mark.needs("load")
async def test_equal_concurrent_requests_are_one_order_with_equal_answers(
    stack: Stack, market: Market, by: str
) -> None:
    before = market.orders()
    key = str(uuid4())
    form = ORDER | ({"clientOrderId": key} if by == "clientOrderId" else {})
    headers = {"Idempotency-Key": key} if by == "header" else {}

    async with client(stack) as at:
        at_once = await bodies(at, targets.chosen().at_once, form, headers)
        order_id = (await at.get("/api/orders", limit="1"))["orders"][0]["orderId"]
        assert (await at.ended(order_id))["status"] == "confirmed"
        # Also after its end.
        later = await bodies(at, 1, form, headers)

    assert set(at_once + later) == {at_once[0]}
    assert market.orders() == before + 1


@pytest.mark.needs("load")
async def test_sockets_that_submit_the_same_order_at_once_all_watch_it(stack: Stack, market: Market) -> None:
    before = market.orders()
    key = str(uuid4())

    async with client(stack) as at:

        async def one() -> list[Json]:
            async with at.connected() as socket:
                await socket.send(**ORDER | {"action": "execute", "idempotencyKey": key})
                return await socket.events()

        seen = await asyncio.gather(*(one() for _ in range(min(15, targets.chosen().at_once))))

    for events in seen:
        assert {event["seq"]: event["status"] for event in events} == {
            1: "pending",
            2: "routing",
            3: "building",
            4: "submitted",
            5: "confirmed",
        }
    assert len({event["orderId"] for events in seen for event in events}) == 1
    assert market.orders() == before + 1


async def test_an_idempotency_key_is_valid_on_both_transports(stack: Stack, market: Market) -> None:
    key = str(uuid4())
    async with client(stack) as at, at.connected() as socket:
        answer = await at.request("POST", EXECUTE, json=ORDER, headers={"Idempotency-Key": key})
        await socket.send(**ORDER | {"action": "execute", "idempotencyKey": key})
        assert (await socket.events())[0]["orderId"] == answer.body["orderId"]


async def test_a_key_reused_for_another_order_is_refused_with_what_differs(stack: Stack, market: Market) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    async with client(stack) as at, at.connected() as socket:
        first = await at.request("POST", EXECUTE, json=ORDER, headers=headers)
        changed = {**ORDER, "amountIn": "0.02", "slippageBps": 70}
        answer = await at.request("POST", EXECUTE, json=changed, headers=headers)
        await socket.send(action="execute", idempotencyKey=headers["Idempotency-Key"], **changed)
        error = (await socket.receive())["error"]
        await at.ended(first.body["orderId"])

    assert answer.status == 422
    assert answer.body["error"] == error
    assert error["code"] == "IdempotencyKeyReused"
    assert error["details"] == [
        {"field": "amountIn", "message": f"expected 0.01 SOL as in order {first.body['orderId']}, was 0.02 SOL"},
        {"field": "slippageBps", "message": f"expected 50 as in order {first.body['orderId']}, was 70"},
    ]


async def test_the_same_order_may_be_written_differently(stack: Stack, market: Market) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    short = {"type": "market", "tokenPair": "SOL-USDC", "amount": 0.010}
    async with client(stack) as at:
        answers = [await at.request("POST", EXECUTE, json=form, headers=headers) for form in (ORDER, short)]
        await at.ended(answers[0].body["orderId"])

    assert answers[0].body == answers[1].body


@pytest.mark.parametrize("key", ["x" * 256, "é", "a\tb"])
async def test_an_invalid_idempotency_header_is_refused(stack: Stack, market: Market, key: str) -> None:
    before = market.orders()
    async with client(stack) as at:
        answer = await at.request("POST", EXECUTE, json=ORDER, headers={"Idempotency-Key": key})

    assert answer.status == 400
    assert answer.body["error"]["details"][0]["field"] == "Idempotency-Key"
    assert market.orders() == before
