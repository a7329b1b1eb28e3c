"""Messages that are lost, repeated or cannot be handled. The stored order decides."""

from __future__ import annotations

import json

import pytest

from tests.support.aws_clients import aws, order_queue, queue_url, sweep
from tests.support.client import Until, client
from tests.support.market import Market
from tests.support.stack import Stack


@pytest.mark.needs("clients")
async def test_the_sweep_finds_an_order_whose_message_was_lost(stack: Stack, market: Market) -> None:
    order_id = market.order_without_message()
    market.pass_time(60)

    sweep(stack)
    async with client(stack) as at:
        order = await at.ended(order_id)

    assert order["status"] == "confirmed"
    assert len(order["events"]) == 5


@pytest.mark.needs("clients")
async def test_the_sweep_leaves_a_new_order_to_its_message(stack: Stack, market: Market) -> None:
    order_id = market.order_without_message()

    with aws(stack, "lambda") as functions:
        answer = functions.invoke(FunctionName=stack.physical("RecoverFunction"), Payload=b"{}")
    async with client(stack) as at:
        order = await at.order(order_id)
        await wake(stack, order_id, times=1)
        await at.ended(order_id)

    assert json.load(answer["Payload"]) == {"enqueued": 0, "closed": 0}
    assert order["status"] == "pending"


@pytest.mark.needs("console", "clients")
async def test_a_message_delivered_more_than_once_runs_the_order_once(stack: Stack, market: Market) -> None:
    async with client(stack) as at:
        earlier = len(await at.executions())
        with market.held("USDT"):
            order_id = (await at.submit(tokenOut="USDT"))["orderId"]
            async with at.connected() as socket:
                await socket.send(action="subscribe", orderId=order_id)
                await socket.events(until="submitted")
            await wake(stack, order_id, times=3)
        order = await at.ended(order_id)
        await wake(stack, order_id, times=3)

        assert len(await at.executions()) == earlier + 1
        assert await at.order(order_id) == order

    assert len(order["events"]) == 5


@pytest.mark.needs("console", "clients")
async def test_a_message_of_an_unknown_order_is_dropped(stack: Stack) -> None:
    async with client(stack) as at:
        earlier = len(await at.executions())
        await wake(stack, "01890a5d-ac96-774b-bcce-b302099a8057", times=1)

        assert len(await at.executions()) == earlier


@pytest.mark.needs("clients")
async def test_a_dead_letter_fails_its_order_with_a_reason(stack: Stack, market: Market) -> None:
    order_id = market.order_without_message()

    async with client(stack) as at, at.connected() as socket:
        await socket.send(action="subscribe", orderId=order_id, after=1)
        dead_letters = queue_url(stack, "DeadLetterQueue")
        with aws(stack, "sqs") as sqs:
            sqs.send_message(QueueUrl=dead_letters, MessageBody=json.dumps({"orderId": order_id}))
        *_, failed = await socket.events()  # the first event may come again
        order = await at.order(order_id)

    assert (failed["seq"], failed["status"]) == (2, "failed")
    assert failed["data"]["code"] == "InternalError"
    assert failed["data"]["retryable"]
    assert (order["status"], order["error"]) == ("failed", failed["data"])


async def wake(stack: Stack, order_id: str, times: int) -> None:
    """Sends the order's message `times` times and waits until they were handled."""
    with aws(stack, "sqs") as sqs:

        def messages(state: str) -> int:
            name = f"ApproximateNumberOfMessages{state}"
            answer = sqs.get_queue_attributes(QueueUrl=order_queue(stack), AttributeNames=[name])
            return int(answer["Attributes"][name])

        running = messages("NotVisible")
        for _ in range(times):
            sqs.send_message(QueueUrl=order_queue(stack), MessageBody=json.dumps({"orderId": order_id}))
        async for _ in Until("the messages were handled"):
            if messages("") == 0 and messages("NotVisible") <= running:
                break
