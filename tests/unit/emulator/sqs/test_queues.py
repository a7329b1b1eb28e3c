from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.common.account import arn
from emulator.common.errors import ApiError
from emulator.sqs.message_queue import State
from emulator.sqs.records import Queue
from emulator.sqs.service import Sqs
from tests.support.emulator.clock import EPOCH
from tests.support.emulator.queues import BASE, CODES, DEAD, Scene, run


def test_a_queue_is_created_described_changed_and_deleted() -> None:
    async def test(scene: Scene) -> None:
        policy = json.dumps({"deadLetterTargetArn": arn("sqs", "dead"), "maxReceiveCount": 3})
        given = {"VisibilityTimeout": "45", "RedrivePolicy": policy, "Policy": "{}"}
        created = await scene("CreateQueue", None, QueueName="new", Attributes=given)
        url = created["QueueUrl"]
        assert url == f"{BASE}/000000000000/new"
        assert await scene("GetQueueUrl", None, QueueName="new") == created
        assert await scene("CreateQueue", None, QueueName="new", Attributes=given) == created
        other = {"VisibilityTimeout": "46"}
        assert await scene.refusal("CreateQueue", None, QueueName="new", Attributes=other) == "QueueNameExists"
        attributes = (await scene("GetQueueAttributes", url, AttributeNames=["All"]))["Attributes"]
        assert attributes == {
            "QueueArn": arn("sqs", "new"),
            "ApproximateNumberOfMessages": "0",
            "ApproximateNumberOfMessagesNotVisible": "0",
            "ApproximateNumberOfMessagesDelayed": "0",
            "CreatedTimestamp": str(int(EPOCH)),
            "LastModifiedTimestamp": str(int(EPOCH)),
            "SqsManagedSseEnabled": "false",
            "VisibilityTimeout": "45",
            "DelaySeconds": "0",
            "ReceiveMessageWaitTimeSeconds": "0",
            "MessageRetentionPeriod": "345600",
            "MaximumMessageSize": "1048576",
            "RedrivePolicy": policy,
            "Policy": "{}",
        }
        await scene("SetQueueAttributes", url, Attributes={"DelaySeconds": "3", "RedrivePolicy": ""})
        changed = await scene("GetQueueAttributes", url, AttributeNames=["DelaySeconds", "RedrivePolicy"])
        assert changed == {"Attributes": {"DelaySeconds": "3"}}
        await scene("DeleteQueue", url)
        assert await scene.refusal("SendMessage", url, MessageBody="x") == "QueueDoesNotExist"

    run(test)


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"VisibilityTimeout": "43201"}, "InvalidAttributeValue"),
        ({"VisibilityTimeout": "-1"}, "InvalidAttributeValue"),
        ({"VisibilityTimeout": "²"}, "InvalidAttributeValue"),
        ({"DelaySeconds": "soon"}, "InvalidAttributeValue"),
        ({"Colour": "red"}, "InvalidAttributeName"),
        ({"RedrivePolicy": "{"}, "InvalidAttributeValue"),
        ({"RedrivePolicy": "[]"}, "InvalidAttributeValue"),
        (
            {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn("sqs", "dead"), "maxReceiveCount": 1, "a": 1})},
            "InvalidAttributeValue",
        ),
        ({"RedriveAllowPolicy": '{"redrivePermission": "some"}'}, "InvalidAttributeValue"),
        ({"RedriveAllowPolicy": '{"redrivePermission": "byQueue"}'}, "InvalidAttributeValue"),
        ({"RedriveAllowPolicy": '{"redrivePermission": "denyAll", "sourceQueueArns": ["a"]}'}, "InvalidAttributeValue"),
        ({"RedriveAllowPolicy": "[]"}, "InvalidAttributeValue"),
        ({"RedrivePolicy": json.dumps({"deadLetterTargetArn": "x", "maxReceiveCount": 1})}, "InvalidAttributeValue"),
        ([], None),
        ([1], "SerializationException"),
        ({"FifoQueue": "true"}, "UnsupportedOperation"),
    ],
)
def test_queue_attributes_are_checked(attributes: Any, code: str | None) -> None:
    async def test(scene: Scene) -> None:
        if code is None:
            await scene("CreateQueue", None, QueueName="new", Attributes=attributes)
        else:
            assert await scene.refusal("CreateQueue", None, QueueName="new", Attributes=attributes) == code

    run(test)


def test_a_redrive_allow_policy_is_kept_and_enforced() -> None:
    def redrive(target: str) -> dict[str, str]:
        return {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn("sqs", target), "maxReceiveCount": 3})}

    async def test(scene: Scene) -> None:
        only = {"redrivePermission": "byQueue", "sourceQueueArns": [arn("sqs", "source")]}
        given = {"RedriveAllowPolicy": json.dumps(only)}
        url = (await scene("CreateQueue", None, QueueName="letters", Attributes=given))["QueueUrl"]
        attributes = (await scene("GetQueueAttributes", url, AttributeNames=["RedriveAllowPolicy"]))["Attributes"]
        assert json.loads(attributes["RedriveAllowPolicy"]) == only
        await scene("CreateQueue", None, QueueName="source", Attributes=redrive("letters"))
        other = await scene.refusal("CreateQueue", None, QueueName="other", Attributes=redrive("letters"))
        assert other == "InvalidAttributeValue"
        denied = {"RedriveAllowPolicy": '{"redrivePermission": "denyAll"}'}
        await scene("SetQueueAttributes", url, Attributes=denied)
        refused = await scene.refusal("SetQueueAttributes", Attributes=redrive("letters"))
        assert refused == "InvalidAttributeValue"
        await scene("SetQueueAttributes", url, Attributes={"RedriveAllowPolicy": ""})
        await scene("SetQueueAttributes", Attributes=redrive("letters"))

    run(test)


def test_a_parameter_without_an_effect_is_refused_by_name() -> None:
    async def test(scene: Scene) -> None:
        with pytest.raises(ApiError) as refused:
            await scene("CreateQueue", None, QueueName="new", tags={"a": "b"})
        assert refused.value.code == "UnsupportedOperation"
        assert refused.value.message == "CreateQueue: the parameter tags is not supported here."
        assert await scene.refusal("GetQueueUrl", None, QueueName="new") == "QueueDoesNotExist"
        assert await scene.refusal("ReceiveMessage", ReceiveRequestAttemptId="a") == "UnsupportedOperation"
        elsewhere = {"QueueName": "orders", "QueueOwnerAWSAccountId": "111111111111"}
        assert await scene.refusal("GetQueueUrl", None, **elsewhere) == "QueueDoesNotExist"

    run(test)


def test_unknown_queues_and_operations_are_refused() -> None:
    async def test(scene: Scene) -> None:
        assert await scene.refusal("ReceiveMessage", f"{BASE}/000000000000/none") == "QueueDoesNotExist"
        assert await scene.refusal("ReceiveMessage", None) == "MissingParameter"
        assert await scene.refusal("ReceiveMessage", None, QueueUrl=[]) == "SerializationException"
        assert await scene.refusal("ReceiveMessage", MaxNumberOfMessages=11) == "InvalidParameterValue"
        assert await scene.refusal("ReceiveMessage", MaxNumberOfMessages=0) == "InvalidParameterValue"
        assert await scene.refusal("ReceiveMessage", WaitTimeSeconds=21) == "InvalidParameterValue"
        assert await scene.refusal("ReceiveMessage", AttributeNames="All") == "SerializationException"
        assert await scene.refusal("GetQueueAttributes", AttributeNames=["Colour"]) == "InvalidAttributeName"
        assert await scene.refusal("GetQueueUrl", None, QueueName="none") == "QueueDoesNotExist"
        assert await scene.refusal("CreateQueue", None, QueueName="a b") == "InvalidParameterValue"
        assert await scene.refusal("CreateQueue", None, QueueName="a.fifo") == "UnsupportedOperation"
        assert await scene.refusal("TagQueue") == "UnknownOperationException"
        assert await scene.refusal("ListQueues", None, NextToken="é") == "InvalidParameterValue"
        assert await scene.refusal("ListQueues", None, QueueNamePrefix=1) == "SerializationException"

    run(test)


def test_queues_are_listed_by_prefix_and_page() -> None:
    async def test(scene: Scene) -> None:
        assert (await scene("ListQueues", None, QueueNamePrefix="q"))["QueueUrls"] == [
            f"{BASE}/000000000000/q{i}" for i in range(5)
        ]
        seen: list[str] = []
        token: dict[str, str] = {}
        while True:
            page = await scene("ListQueues", None, MaxResults=2, **token)
            seen += page["QueueUrls"]
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        assert len(seen) == len(set(seen)) == 5

    run(test, {str(i): Queue(f"q{i}") for i in range(5)})


def test_purging_removes_every_message() -> None:
    async def test(scene: Scene) -> None:
        for delay in (0, 0, 9):
            await scene.send(DelaySeconds=delay)
        (message,) = await scene.receive(MaxNumberOfMessages=1)
        await scene("PurgeQueue")
        receipt = message["ReceiptHandle"]
        change = {"ReceiptHandle": receipt, "VisibilityTimeout": 0}
        assert await scene.refusal("ChangeMessageVisibility", **change) == "InvalidParameterValue"
        await scene("DeleteMessage", ReceiptHandle=receipt)
        assert await scene.counts() == (0, 0, 0)
        await scene.clock.advance(100)
        assert await scene.receive() == []
        await scene.send("new")
        assert len(await scene.receive()) == 1

    run(test)


def test_a_queue_is_purged_at_most_once_in_sixty_seconds() -> None:
    async def test(scene: Scene) -> None:
        await scene("PurgeQueue")
        await scene("PurgeQueue", DEAD)
        await scene.clock.advance(59.9)
        with pytest.raises(ApiError) as caught:
            await scene("PurgeQueue")
        assert (caught.value.code, caught.value.status) == ("PurgeQueueInProgress", 403)
        assert caught.value.message == "Only one PurgeQueue operation on orders is allowed every 60 seconds."
        await scene.clock.advance(0.1)
        await scene("PurgeQueue")

    run(test)


def test_a_list_of_no_queues_has_no_urls() -> None:
    async def test(scene: Scene) -> None:
        assert await scene("ListQueues", None, QueueNamePrefix="none") == {}
        assert await scene("ListDeadLetterSourceQueues") == {"queueUrls": []}

    run(test)


KEYS = st.sampled_from(
    [
        "AttributeNames",
        "Attributes",
        "DataType",
        "DelaySeconds",
        "Entries",
        "Id",
        "MaxNumberOfMessages",
        "MaxResults",
        "MessageAttributes",
        "MessageBody",
        "MessageSystemAttributes",
        "NextToken",
        "QueueName",
        "QueueNamePrefix",
        "ReceiptHandle",
        "RedrivePolicy",
        "SourceArn",
        "StringValue",
        "VisibilityTimeout",
        "AWSTraceHeader",
    ]
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["All", "String", "7"])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
OPERATIONS = st.sampled_from(
    [
        "ChangeMessageVisibility",
        "ChangeMessageVisibilityBatch",
        "CreateQueue",
        "DeleteMessage",
        "DeleteMessageBatch",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "ListMessageMoveTasks",
        "ListQueues",
        "PurgeQueue",
        "ReceiveMessage",
        "SendMessage",
        "SendMessageBatch",
        "SetQueueAttributes",
        "StartMessageMoveTask",
    ]
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(OPERATIONS, st.dictionaries(KEYS, JSON, max_size=5))
def test_every_request_is_answered_or_refused(operation: str, request_: dict[str, Any]) -> None:
    async def test(scene: Scene) -> None:
        refused = None
        try:
            json.dumps(await scene(operation, **request_))
        except ApiError as error:
            refused = error.code
        assert refused is None or refused in CODES

    run(test)


def test_waits_and_visibility_work_with_the_real_clock() -> None:
    async def main() -> None:
        queue = Sqs([Queue("orders")], base_url=BASE).queue(arn("sqs", "orders"))
        assert await queue.receive(1, 0.01) == []
        queue.send("hello", "", {}, {}, None)
        assert len(await queue.receive(1, 0, visibility=0.01)) == 1
        (message,) = await queue.receive(1, None)
        assert message.receives == 2

    asyncio.run(main())


def test_a_full_queue_is_as_fast_as_an_empty_one() -> None:
    async def main() -> None:
        sqs = Sqs([Queue("orders")], base_url=BASE)
        queue = sqs.queue(arn("sqs", "orders"))
        for i in range(50_000):
            queue.send(str(i), "", {}, {}, None)
        started = time.perf_counter()
        for _ in range(1000):
            for message in await queue.receive(10, 0):
                queue.delete(message.receipt)
        assert time.perf_counter() - started < 2.0
        assert queue.count(State.VISIBLE) == 40_000
        for _ in range(4000):
            for message in await queue.receive(10, 0):
                queue.delete(message.receipt)
        assert len(queue._deadlines) < 100

    asyncio.run(main())
