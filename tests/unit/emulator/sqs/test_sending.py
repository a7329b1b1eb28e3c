from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any

import pytest

from emulator.common.errors import ApiError
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


def text_attribute(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


# The names, what they select and the digests are those that LocalStack's tests of SQS recorded on AWS.
HELP = {"Help.Me": text_attribute("Me"), "Hello": text_attribute("There"), "General": text_attribute("Kenobi")}


@pytest.mark.parametrize(
    ("names", "selected", "digest"),
    [
        ([], [], None),
        (["All"], ["General", "Hello", "Help.Me"], "4c360f3fdafd970e05fae2f149d997f5"),
        (["*"], ["General", "Hello", "Help.Me"], "4c360f3fdafd970e05fae2f149d997f5"),
        ([".*"], ["General", "Hello", "Help.Me"], "4c360f3fdafd970e05fae2f149d997f5"),
        (["Foo", "Help"], [], None),
        (["Hello", "General"], ["General", "Hello"], "fca026605781cb4126a1e9044df24232"),
        (["Foo", "Hello"], ["Hello"], "a311262e065454b75da111d535b8dacd"),
        (["Hel.*"], ["Hello", "Help.Me"], "83fee93c1bcd8b9a5a923ffacdc636c7"),
        (["AWS."], [], None),
        (["..foo"], [], None),
    ],
)
def test_message_attribute_names_select_as_on_aws(names: list[str], selected: list[str], digest: str | None) -> None:
    async def test(scene: Scene) -> None:
        sent = await scene.send(MessageAttributes=HELP)
        assert sent["MD5OfMessageAttributes"] == "4c360f3fdafd970e05fae2f149d997f5"
        (message,) = await scene.receive(MessageAttributeNames=names)
        assert sorted(message.get("MessageAttributes", {})) == selected
        assert message.get("MD5OfMessageAttributes") == digest

    run(test)


def test_a_binary_attribute_has_the_digest_that_aws_gives_it() -> None:
    async def test(scene: Scene) -> None:
        raw = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01"
        attribute = {"DataType": "Binary", "BinaryValue": base64.b64encode(raw).decode()}
        sent = await scene.send(MessageAttributes={"attr1": attribute})
        assert sent["MD5OfMessageAttributes"] == "8cbe4db156db8a94db8b801b7addb984"

    run(test)


async def refusal_of(scene: Scene, **request: Any) -> tuple[str, str] | None:
    try:
        await scene.send(**request)
    except ApiError as error:
        return error.code, error.message
    return None


@pytest.mark.parametrize(
    ("name", "attribute", "message"),
    [
        ("attr.1øßä", text_attribute("x"), None),
        ("a" * 256, text_attribute("x"), None),
        ("a" * 257, text_attribute("x"), "Message (user) attribute name must be at most 256 bytes"),
        ("ø" * 129, text_attribute("x"), "Message (user) attribute name must be at most 256 bytes"),
        ("", text_attribute("x"), "The request must contain non-empty message (user) attribute names."),
        ("aWs.a", text_attribute("x"), "You can't use message attribute names beginning with 'AWS.'"),
        ("AMAZON.a", text_attribute("x"), "You can't use message attribute names beginning with 'AWS.'"),
        ("awsome", text_attribute("x"), None),
        (".a", text_attribute("x"), "Message (user) attribute name '.a' is invalid"),
        ("a.", text_attribute("x"), "Message (user) attribute name 'a.' is invalid"),
        ("a§b", text_attribute("x"), "Message (user) attribute name 'a§b' is invalid"),
        ("a b", text_attribute("x"), "Message (user) attribute name 'a b' is invalid"),
        ("a\n", text_attribute("x"), "Message (user) attribute name 'a\\n' is invalid"),
        ("a", text_attribute("\x08"), "Invalid character '#x8' was found in the message (user) attribute 'a' value"),
        ("a", text_attribute("\ud800"), "Invalid character '#xD800' was found in the message (user) attribute 'a'"),
        ("a", text_attribute(""), "Message (user) attribute 'a' must contain a non-empty value of type 'String'."),
        ("a", {}, "The message (user) attribute 'a' must contain a non-empty attribute type."),
        ("a", {"DataType": "String"}, "Message (user) attribute 'a' must contain a non-empty value of type 'String'."),
        ("a", {"DataType": "Bool", "StringValue": "x"}, "The type of message (user) attribute 'a' is invalid."),
        ("a", {"DataType": "Strings", "StringValue": "x"}, "The type of message (user) attribute 'a' is invalid."),
        ("a", {"DataType": "String." + "a" * 249, "StringValue": "x"}, None),
        ("a", {"DataType": "String." + "a" * 250, "StringValue": "x"}, "Message (user) attribute type must be at most"),
        ("a", {"DataType": "String.\x07", "StringValue": "x"}, "Invalid character '#x7' was found in the type"),
        ("a", {"DataType": "Binary", "StringValue": "x"}, "The message (user) attribute 'a' with type 'Binary' must"),
        ("a", {"DataType": "String", "StringValue": "x", "BinaryValue": "AAEC"}, "The message (user) attribute 'a'"),
        ("a", {"DataType": "String", "StringValue": "x", "StringListValues": []}, None),
    ],
)
def test_the_names_types_and_values_of_attributes_are_checked(
    name: str, attribute: dict[str, Any], message: str | None
) -> None:
    async def test(scene: Scene) -> None:
        refused = await refusal_of(scene, MessageAttributes={name: attribute})
        if message is None:
            assert refused is None
        else:
            assert refused is not None
            assert refused[0] == "InvalidParameterValue"
            assert refused[1].startswith(message)

    run(test)


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ("7", True),
        ("-0.5", True),
        ("+5", True),
        (".5", True),
        ("5.", True),
        ("1e5", True),
        ("0", True),
        ("1" * 38, True),
        ("00" + "1" * 38 + "00", True),
        ("1" * 39, False),
        ("1E126", True),
        ("1.1E126", False),
        ("-1E127", False),
        ("1E-128", True),
        ("9E-129", False),
        ("1E99999999999999999999", False),
        ("nan", False),
        ("Infinity", False),
        ("1_000", False),
        (" 7", False),
        ("7\n", False),
        ("0x10", False),
        ("٣", False),
        ("1e", False),
        (".", False),
    ],
)
@pytest.mark.parametrize("data_type", ["Number", "Number.int"])
def test_a_number_is_a_decimal_of_38_digits_in_awss_range(value: str, taken: bool, data_type: str) -> None:
    async def test(scene: Scene) -> None:
        refused = await refusal_of(scene, MessageAttributes={"n": {"DataType": data_type, "StringValue": value}})
        assert (refused is None) == taken
        if refused:
            assert refused[0] == "InvalidParameterValue"

    run(test)


def test_lists_of_values_are_refused() -> None:
    async def test(scene: Scene) -> None:
        attribute = {"DataType": "String", "StringListValues": ["a"]}
        refused = await refusal_of(scene, MessageAttributes={"a": attribute})
        assert refused is not None
        assert refused[0] == "UnsupportedOperation"

    run(test)


@pytest.mark.parametrize("group", ["", "a" * 129, "group 123", "a\n", "ä", "\x00"])
def test_a_wrong_message_group_id_is_refused_with_awss_words(group: str) -> None:
    async def test(scene: Scene) -> None:
        reason = "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."
        assert await refusal_of(scene, MessageGroupId=group) == (
            "InvalidParameterValue",
            f"Value {group} for parameter MessageGroupId is invalid. Reason: {reason}",
        )
        assert await scene.counts() == (0, 0, 0)

    run(test)


def test_a_message_group_id_has_up_to_128_letters_digits_and_punctuation() -> None:
    async def test(scene: Scene) -> None:
        group = ("!~" + "a" * 128)[:128]
        await scene.send(MessageGroupId=group)
        (message,) = await scene.receive()
        assert message["Attributes"]["MessageGroupId"] == group
        assert await scene.refusal("SendMessage", MessageBody="x", MessageGroupId=7) == "SerializationException"

    run(test)


@pytest.mark.parametrize("data_type", ["Binary", "Number", "String.label"])
def test_the_trace_header_must_be_a_string(data_type: str) -> None:
    async def test(scene: Scene) -> None:
        header = {"DataType": data_type, "BinaryValue" if data_type == "Binary" else "StringValue": "7777"}
        refused = await refusal_of(scene, MessageSystemAttributes={"AWSTraceHeader": header})
        assert refused is not None
        assert refused[0] == "InvalidParameterValue"

    run(test)
