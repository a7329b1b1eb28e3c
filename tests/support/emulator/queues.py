"""Queues with a clock that a test advances."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from emulator.common.account import arn
from emulator.common.errors import ApiError
from emulator.sqs.records import Queue, Redrive
from emulator.sqs.service import Sqs
from tests.support.emulator.clock import FakeClock

BASE = "http://127.0.0.1:4566"
ORDERS = f"{BASE}/000000000000/orders"
DEAD = f"{BASE}/000000000000/dead"

QUEUES = {
    "orders": Queue("orders", redrive=Redrive(arn("sqs", "dead"), 2)),
    "dead": Queue("dead", retention=1_209_600),
}


CODES = {
    "BatchEntryIdsNotDistinct",
    "EmptyBatchRequest",
    "InvalidAttributeName",
    "InvalidAttributeValue",
    "InvalidBatchEntryId",
    "InvalidMessageContents",
    "InvalidParameterValue",
    "MissingParameter",
    "PurgeQueueInProgress",
    "QueueDoesNotExist",
    "QueueNameExists",
    "ReceiptHandleIsInvalid",
    "ResourceNotFoundException",
    "SerializationException",
    "UnsupportedOperation",
}


class Scene:
    def __init__(self, queues: dict[str, Queue] | None = None) -> None:
        self.clock = FakeClock()
        self.sqs = Sqs((queues or QUEUES).values(), base_url=BASE, clock=self.clock)

    async def __call__(self, operation: str, url: str | None = ORDERS, **request: Any) -> dict[str, Any]:
        return await self.sqs.handle(operation, {"QueueUrl": url, **request} if url else request)

    async def send(self, body: str = "hello", **request: Any) -> dict[str, Any]:
        return await self("SendMessage", MessageBody=body, **request)

    async def receive(self, url: str = ORDERS, **request: Any) -> list[dict[str, Any]]:
        response = await self("ReceiveMessage", url, **{"MaxNumberOfMessages": 10, "AttributeNames": ["All"]} | request)
        messages: list[dict[str, Any]] = response.get("Messages", [])
        return messages

    async def counts(self, url: str = ORDERS) -> tuple[int, int, int]:
        attributes = (await self("GetQueueAttributes", url, AttributeNames=["All"]))["Attributes"]
        names = ("", "NotVisible", "Delayed")
        visible, hidden, delayed = (int(attributes[f"ApproximateNumberOfMessages{name}"]) for name in names)
        return visible, hidden, delayed

    async def refusal(self, operation: str, url: str | None = ORDERS, **request: Any) -> str:
        with pytest.raises(ApiError) as caught:
            await self(operation, url, **request)
        return caught.value.code


def run(test: Callable[[Scene], Awaitable[None]], queues: dict[str, Queue] | None = None) -> None:
    async def main() -> None:
        await test(Scene(queues))

    asyncio.run(main())
