from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from emulator.sqs.records import Queue
from tests.support.emulator.clock import settled
from tests.support.emulator.queues import Scene, run


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
def test_a_wrong_batch_is_refused(entries: Any, code: str) -> None:
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
def test_a_message_is_accepted_or_refused_as_by_sqs(request_: dict[str, Any], code: str | None) -> None:
    async def test(scene: Scene) -> None:
        if code is None:
            assert (await scene("SendMessage", **request_))["MessageId"]
        else:
            assert (await scene.refusal("SendMessage", **request_)).startswith(code)
            assert await scene.counts() == (0, 0, 0)

    run(test)


def test_requested_message_attributes_are_returned_with_their_digest() -> None:
    async def test(scene: Scene) -> None:
        attributes = {
            "kind": {"DataType": "String", "StringValue": "order"},
            "trace.id": {"DataType": "Number.int", "StringValue": "7"},
            "trace.raw": {"DataType": "Binary", "BinaryValue": "AAEC"},
        }
        trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}}
        sent = await scene.send(MessageAttributes=attributes, MessageSystemAttributes=trace, MessageGroupId="tenant")
        # Computed by hand from the SQS Developer Guide.
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
