from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.common.account import arn
from emulator.common.errors import ApiError
from emulator.sqs.message_queue import State
from emulator.sqs.records import Queue, Redrive
from emulator.sqs.service import Sqs
from tests.unit.emulator.fake_clock import EPOCH, FakeClock, settled

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


def test_a_received_message_is_hidden_until_its_visibility_timeout_has_passed() -> None:
    async def test(scene: Scene) -> None:
        sent = await scene.send("hello")
        (message,) = await scene.receive()
        assert message["MessageId"] == sent["MessageId"]
        assert message["MD5OfBody"] == sent["MD5OfMessageBody"] == hashlib.md5(b"hello").hexdigest()
        assert message["Attributes"] == {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(int(EPOCH * 1000)),
            "SenderId": "000000000000",
            "ApproximateFirstReceiveTimestamp": str(int(EPOCH * 1000)),
        }
        await scene.clock.advance(29.9)
        assert await scene.receive() == []
        assert await scene.counts() == (0, 1, 0)
        await scene.clock.advance(0.1)
        assert await scene.counts() == (1, 0, 0)
        (again,) = await scene.receive()
        assert again["Attributes"]["ApproximateReceiveCount"] == "2"
        assert again["Attributes"]["ApproximateFirstReceiveTimestamp"] == str(int(EPOCH * 1000))
        assert again["ReceiptHandle"] != message["ReceiptHandle"]

    run(test)


def test_a_deleted_message_never_comes_back_and_deleting_it_twice_succeeds() -> None:
    async def test(scene: Scene) -> None:
        await scene.send()
        (message,) = await scene.receive()
        for _ in range(2):
            assert await scene("DeleteMessage", ReceiptHandle=message["ReceiptHandle"]) == {}
        await scene.clock.advance(1000)
        assert await scene.receive() == []
        assert await scene.counts() == (0, 0, 0)

    run(test)


def test_a_message_whose_timeout_has_passed_can_still_be_deleted_until_it_is_received_again() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("one")
        (first,) = await scene.receive()
        await scene.clock.advance(31)
        (second,) = await scene.receive()
        await scene("DeleteMessage", ReceiptHandle=first["ReceiptHandle"])
        assert await scene.counts() == (0, 1, 0)
        await scene.clock.advance(31)
        await scene("DeleteMessage", ReceiptHandle=second["ReceiptHandle"])
        assert await scene.counts() == (0, 0, 0)
        assert await scene.receive() == []

    run(test)


def test_a_waiting_receiver_gets_a_message_as_soon_as_it_is_sent() -> None:
    async def test(scene: Scene) -> None:
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await scene.clock.advance(19)
        assert not waiting.done()
        await scene.send("late")
        assert [message["Body"] for message in await waiting] == ["late"]

    run(test)


def test_waiting_receivers_are_served_in_turn_and_an_empty_wait_ends() -> None:
    async def test(scene: Scene) -> None:
        first = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await settled()
        second = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await settled()
        await scene.send("one")
        assert [m["Body"] for m in await first] == ["one"]
        assert not second.done()
        await scene.clock.advance(20)
        assert await second == []

    run(test)


def test_a_waiting_receiver_gets_messages_that_become_visible_by_time_alone() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("delayed", DelaySeconds=5)
        assert await scene.counts() == (0, 0, 1)
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=20, VisibilityTimeout=3))
        await scene.clock.advance(4.9)
        assert not waiting.done()
        await scene.clock.advance(0.1)
        assert len(await waiting) == 1
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await scene.clock.advance(3)
        assert len(await waiting) == 1

    run(test)


def test_a_cancelled_receiver_leaves_its_messages_in_the_queue() -> None:
    async def test(scene: Scene) -> None:
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await settled()
        await scene.send()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert len(await scene.receive()) == 1

    run(test)


def test_closing_and_deleting_a_queue_end_the_waits_for_it() -> None:
    async def test(scene: Scene) -> None:
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await settled()
        await scene.sqs.close(0)
        assert await waiting == []
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await settled()
        await scene("DeleteQueue")
        assert await waiting == []

    run(test)


def test_the_queues_own_delay_and_wait_hold_where_a_request_names_none() -> None:
    async def test(scene: Scene) -> None:
        await scene.send()
        waiting = asyncio.create_task(scene.receive())
        await scene.clock.advance(6.9)
        assert not waiting.done()
        await scene.clock.advance(0.1)
        assert len(await waiting) == 1
        await scene.send(DelaySeconds=0)
        assert len(await scene.receive()) == 1

    run(test, {"orders": Queue("orders", delay=7, receive_wait=10)})


def test_messages_expire_after_the_retention_period_also_while_received() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("held")
        await scene.clock.advance(50)
        await scene.receive()
        await scene.send("waits")
        await scene.clock.advance(10)
        assert await scene.counts() == (1, 0, 0)
        await scene.clock.advance(50)
        assert await scene.counts() == (0, 0, 0)

    run(test, {"orders": Queue("orders", retention=60)})


def test_a_shorter_retention_applies_to_messages_that_are_already_there() -> None:
    async def test(scene: Scene) -> None:
        await scene.send()
        await scene.clock.advance(100)
        await scene("SetQueueAttributes", Attributes={"MessageRetentionPeriod": "60"})
        assert await scene.counts() == (0, 0, 0)

    run(test)


def test_a_message_received_too_often_goes_to_the_dead_letter_queue_with_its_count_and_source() -> None:
    async def test(scene: Scene) -> None:
        sent = await scene.send("poison")
        waiting = asyncio.create_task(scene.receive(DEAD, WaitTimeSeconds=20))
        for _ in range(2):
            assert len(await scene.receive(VisibilityTimeout=1)) == 1
            await scene.clock.advance(1)
        assert await scene.receive() == []
        (dead,) = await waiting
        assert dead["MessageId"] == sent["MessageId"]
        assert dead["Attributes"]["ApproximateReceiveCount"] == "3"
        assert dead["Attributes"]["DeadLetterQueueSourceArn"] == arn("sqs", "orders")
        assert dead["Attributes"]["SentTimestamp"] == str(int(EPOCH * 1000))
        assert await scene.counts() == (0, 0, 0)
        await scene.clock.advance(1_209_600)
        assert await scene.counts(DEAD) == (0, 0, 0)

    run(test)


def test_two_queues_that_are_each_others_dead_letter_queue_pass_a_message_on_by_turns() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("ping")
        assert len(await scene.receive(VisibilityTimeout=0)) == 1
        assert await scene.receive() == []
        assert len(await scene.receive(DEAD, VisibilityTimeout=0)) == 1
        assert await scene.receive(DEAD) == []
        assert len(await scene.receive()) == 1

    run(
        test,
        {
            "orders": Queue("orders", redrive=Redrive(arn("sqs", "dead"), 1)),
            "dead": Queue("dead", redrive=Redrive(arn("sqs", "orders"), 1)),
        },
    )


def test_redriving_sends_dead_letters_back_as_new_messages() -> None:
    async def test(scene: Scene) -> None:
        sent = await scene.send("poison")
        for _ in range(3):
            await scene.receive(VisibilityTimeout=0)
        await scene.clock.advance(60)
        assert await scene.counts(DEAD) == (1, 0, 0)
        assert await scene("ListDeadLetterSourceQueues", DEAD) == {"queueUrls": [ORDERS]}
        await scene("StartMessageMoveTask", None, SourceArn=arn("sqs", "dead"))
        (message,) = await scene.receive()
        assert message["MessageId"] != sent["MessageId"]
        assert message["Body"] == "poison"
        assert message["Attributes"]["ApproximateReceiveCount"] == "1"
        assert "DeadLetterQueueSourceArn" not in message["Attributes"]
        (task,) = (await scene("ListMessageMoveTasks", None, SourceArn=arn("sqs", "dead")))["Results"]
        assert task["Status"] == "COMPLETED"
        assert task["ApproximateNumberOfMessagesMoved"] == 1

    run(test)


def test_redriving_names_what_cannot_be_moved() -> None:
    async def test(scene: Scene) -> None:
        await scene("SendMessage", DEAD, MessageBody="sent here by hand")
        await scene("StartMessageMoveTask", None, SourceArn=arn("sqs", "dead"))
        (task,) = (await scene("ListMessageMoveTasks", None, SourceArn=arn("sqs", "dead")))["Results"]
        assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
        assert await scene.counts(DEAD) == (1, 0, 0)
        await scene("StartMessageMoveTask", None, SourceArn=arn("sqs", "dead"), DestinationArn=arn("sqs", "orders"))
        assert await scene.counts() == (1, 0, 0)
        assert await scene.refusal("StartMessageMoveTask", None, SourceArn=arn("sqs", "orders")) == (
            "InvalidParameterValue"
        )
        assert await scene.refusal("StartMessageMoveTask", None, SourceArn=arn("sqs", "x")) == (
            "ResourceNotFoundException"
        )

    run(test)


def test_changing_visibility_counts_from_the_call_and_zero_returns_the_message_at_once() -> None:
    async def test(scene: Scene) -> None:
        await scene.send()
        (message,) = await scene.receive()
        receipt = message["ReceiptHandle"]
        await scene.clock.advance(20)
        await scene("ChangeMessageVisibility", ReceiptHandle=receipt, VisibilityTimeout=60)
        await scene.clock.advance(59)
        assert await scene.receive() == []
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=1))
        await settled()
        await scene("ChangeMessageVisibility", ReceiptHandle=receipt, VisibilityTimeout=0)
        assert len(await waiting) == 1

    run(test)


def test_a_waiting_receiver_notices_a_visibility_that_was_cut_short() -> None:
    async def test(scene: Scene) -> None:
        await scene.send()
        (message,) = await scene.receive()
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await settled()
        await scene("ChangeMessageVisibility", ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=2)
        await scene.clock.advance(2)
        assert len(await waiting) == 1

    run(test)


def test_visibility_can_be_changed_only_in_flight_and_to_at_most_twelve_hours() -> None:
    async def test(scene: Scene) -> None:
        await scene.send()
        (message,) = await scene.receive(VisibilityTimeout=5)
        change = {"ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 43_200}
        await scene.clock.advance(1)
        assert await scene.refusal("ChangeMessageVisibility", **change) == "InvalidParameterValue"
        await scene.clock.advance(5)
        assert await scene.refusal("ChangeMessageVisibility", **change) == "MessageNotInflight"
        await scene("DeleteMessage", ReceiptHandle=message["ReceiptHandle"])
        assert await scene.refusal("ChangeMessageVisibility", **change) == "InvalidParameterValue"

    run(test)


@pytest.mark.parametrize("handle", ["nonsense", "ÄÖ", "YQ==", "b3RoZXIgeCAx"])
def test_an_invented_receipt_handle_is_refused(handle: str) -> None:
    async def test(scene: Scene) -> None:
        assert await scene.refusal("DeleteMessage", ReceiptHandle=handle) == "ReceiptHandleIsInvalid"

    run(test)


def test_a_batch_reports_each_entry() -> None:
    async def test(scene: Scene) -> None:
        entries = [
            {"Id": "good", "MessageBody": "a"},
            {"Id": "bad", "MessageBody": "\x00"},
            {"Id": "slow", "MessageBody": "b", "DelaySeconds": 901},
        ]
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await settled()
        response = await scene("SendMessageBatch", Entries=entries)
        assert [entry["Id"] for entry in response["Successful"]] == ["good"]
        assert {entry["Id"]: entry["Code"] for entry in response["Failed"]} == {
            "bad": "InvalidMessageContents",
            "slow": "InvalidParameterValue",
        }
        (message,) = await waiting
        entries = [
            {"Id": "1", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 60},
            {"Id": "2", "ReceiptHandle": "nonsense", "VisibilityTimeout": 60},
        ]
        for operation in ("ChangeMessageVisibilityBatch", "DeleteMessageBatch"):
            response = await scene(operation, Entries=entries)
            assert response["Successful"] == [{"Id": "1"}]
            assert response["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"

    run(test)


def test_a_whole_batch_reaches_one_waiting_receiver() -> None:
    async def test(scene: Scene) -> None:
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await settled()
        await scene("SendMessageBatch", Entries=[{"Id": str(i), "MessageBody": str(i)} for i in range(10)])
        assert [m["Body"] for m in await waiting] == [str(i) for i in range(10)]

    run(test)


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([], "EmptyBatchRequest"),
        (None, "EmptyBatchRequest"),
        ("x", "SerializationException"),
        ([1], "SerializationException"),
        ([{"Id": str(i), "MessageBody": "x"} for i in range(11)], "TooManyEntriesInBatchRequest"),
        ([{"Id": "a", "MessageBody": "x"}] * 2, "BatchEntryIdsNotDistinct"),
        ([{"Id": "a b", "MessageBody": "x"}], "InvalidBatchEntryId"),
        ([{"MessageBody": "x"}], "MissingParameter"),
        ([{"Id": str(i), "MessageBody": "x" * 524_289} for i in range(2)], "BatchRequestTooLong"),
        (
            [
                {
                    "Id": str(i),
                    "MessageBody": "x",
                    "MessageAttributes": {"a": {"DataType": "String", "StringValue": "x" * 524_281}},
                }
                for i in range(2)
            ],
            "BatchRequestTooLong",
        ),
    ],
)
def test_a_batch_that_sqs_would_refuse_is_refused(entries: Any, code: str) -> None:
    async def test(scene: Scene) -> None:
        assert await scene.refusal("SendMessageBatch", Entries=entries) == code

    run(test)


def test_a_batch_of_1_mib_is_taken() -> None:
    attributes = {"a": {"DataType": "String", "StringValue": "x" * 524_280}}  # with its name and type, 524 287 bytes

    async def test(scene: Scene) -> None:
        entries = [{"Id": str(i), "MessageBody": "x", "MessageAttributes": attributes} for i in range(2)]
        assert len((await scene("SendMessageBatch", Entries=entries))["Successful"]) == 2

    run(test)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"MessageBody": ""}, "MissingParameter"),
        ({}, "MissingParameter"),
        ({"MessageBody": 5}, "SerializationException"),
        ({"MessageBody": "\ud800"}, "InvalidMessageContents"),
        ({"MessageBody": "\ufffe"}, "InvalidMessageContents"),
        ({"MessageBody": "x" * 1_048_577}, "InvalidParameterValue"),
        ({"MessageBody": "ä" * 524_289}, "InvalidParameterValue"),
        ({"MessageBody": "x", "DelaySeconds": -1}, "InvalidParameterValue"),
        ({"MessageBody": "x", "DelaySeconds": "1"}, "SerializationException"),
        ({"MessageBody": "x", "MessageDeduplicationId": "1"}, "InvalidParameterValue"),
        ({"MessageBody": "x", "MessageAttributes": []}, None),
        ({"MessageBody": "x", "MessageAttributes": [1]}, "SerializationException"),
        ({"MessageBody": "x", "MessageAttributes": {"a": 1}}, "InvalidParameterValue"),
        ({"MessageBody": "x", "MessageAttributes": {"a": {"DataType": "Text", "StringValue": "x"}}}, "Invalid"),
        ({"MessageBody": "x", "MessageAttributes": {"a": {"DataType": "Number", "StringValue": "x"}}}, "Invalid"),
        ({"MessageBody": "x", "MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": "é"}}}, "Invalid"),
        ({"MessageBody": "x", "MessageAttributes": {"a": {"DataType": "String", "StringValue": ""}}}, "Invalid"),
        ({"MessageBody": "x", "MessageAttributes": {"AWS.a": {"DataType": "String", "StringValue": "x"}}}, "Invalid"),
        ({"MessageBody": "x", "MessageAttributes": {"a..b": {"DataType": "String", "StringValue": "x"}}}, "Invalid"),
        (
            {
                "MessageBody": "x",
                "MessageAttributes": {f"a{i}": {"DataType": "String", "StringValue": "x"} for i in range(11)},
            },
            "InvalidParameterValue",
        ),
        ({"MessageBody": "\t\n\r\x20\U0010ffff"}, None),
        ({"MessageBody": "x" * 1_048_576}, None),
    ],
)
def test_a_message_is_taken_or_refused_as_sqs_does(request_: dict[str, Any], code: str | None) -> None:
    async def test(scene: Scene) -> None:
        if code is None:
            assert (await scene("SendMessage", **request_))["MessageId"]
        else:
            assert (await scene.refusal("SendMessage", **request_)).startswith(code)
            assert await scene.counts() == (0, 0, 0)

    run(test)


def test_message_attributes_come_back_as_asked_for_with_their_digest() -> None:
    async def test(scene: Scene) -> None:
        attributes = {
            "kind": {"DataType": "String", "StringValue": "order"},
            "trace.id": {"DataType": "Number.int", "StringValue": "7"},
            "trace.raw": {"DataType": "Binary", "BinaryValue": "AAEC"},
        }
        trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}}
        sent = await scene.send(MessageAttributes=attributes, MessageSystemAttributes=trace, MessageGroupId="tenant")
        # Worked out by hand after the SQS Developer Guide.
        encoded = b"".join(
            len(part).to_bytes(4, "big") + part if isinstance(part, bytes) else bytes([part])
            for name, kind, tag, value in (
                (b"kind", b"String", 1, b"order"),
                (b"trace.id", b"Number.int", 1, b"7"),
                (b"trace.raw", b"Binary", 2, b"\x00\x01\x02"),
            )
            for part in (name, kind, tag, value)
        )
        assert sent["MD5OfMessageAttributes"] == hashlib.md5(encoded).hexdigest()
        assert sent["MD5OfMessageSystemAttributes"]
        for names, expected in (
            ([], None),
            (["All"], attributes),
            ([".*"], attributes),
            (["kind"], {"kind": attributes["kind"]}),
            (["trace.*"], {name: attributes[name] for name in ("trace.id", "trace.raw")}),
            (["other"], None),
        ):
            (message,) = await scene.receive(MessageAttributeNames=names, VisibilityTimeout=0)
            assert message.get("MessageAttributes") == expected
        assert message["Attributes"]["AWSTraceHeader"] == "Root=1"
        assert message["Attributes"]["MessageGroupId"] == "tenant"
        (message,) = await scene.receive(AttributeNames=[], MessageSystemAttributeNames=["SenderId"])
        assert message["Attributes"] == {"SenderId": "000000000000"}

    run(test, {"orders": Queue("orders")})


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


def test_requests_that_name_nothing_real_are_refused() -> None:
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
        await scene("DeleteMessage", ReceiptHandle=message["ReceiptHandle"])
        assert await scene.counts() == (0, 0, 0)
        await scene.clock.advance(100)
        assert await scene.receive() == []
        await scene.send("new")
        assert len(await scene.receive()) == 1

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
def test_whatever_a_request_holds_it_is_answered_or_refused(operation: str, request_: dict[str, Any]) -> None:
    async def test(scene: Scene) -> None:
        refused = None
        try:
            json.dumps(await scene(operation, **request_))
        except ApiError as error:
            refused = error.code
        assert refused is None or refused in CODES

    run(test)


def test_the_machines_own_clock_shows_and_ends_waits_as_well() -> None:
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
