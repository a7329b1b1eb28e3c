"""Checks the parameters of requests and the attributes of queues, with SQS's errors."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

from emulator.common.errors import ApiError
from emulator.common.text import words
from emulator.sqs.records import MAX_BATCH, MAX_RECEIVE_COUNT, SETTINGS, Queue, Redrive, RedriveAllow

# The error codes of SQS's former XML protocol, which SDKs still expose.
QUERY_ERROR_CODES = {
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
    "SerializationException": "MalformedInput",
    **{
        code: f"AWS.SimpleQueueService.{code}"
        for code in (
            "BatchEntryIdsNotDistinct",
            "BatchRequestTooLong",
            "EmptyBatchRequest",
            "InvalidBatchEntryId",
            "PurgeQueueInProgress",
            "TooManyEntriesInBatchRequest",
            "UnsupportedOperation",
        )
    },
}

PARAMETERS = {
    "ChangeMessageVisibility": words("QueueUrl ReceiptHandle VisibilityTimeout"),
    "ChangeMessageVisibilityBatch": words("Entries QueueUrl"),
    "CreateQueue": words("Attributes QueueName"),
    "DeleteMessage": words("QueueUrl ReceiptHandle"),
    "DeleteMessageBatch": words("Entries QueueUrl"),
    "DeleteQueue": words("QueueUrl"),
    "GetQueueAttributes": words("AttributeNames QueueUrl"),
    "GetQueueUrl": words("QueueName QueueOwnerAWSAccountId"),
    "ListDeadLetterSourceQueues": words("MaxResults NextToken QueueUrl"),
    "ListMessageMoveTasks": words("MaxResults SourceArn"),
    "ListQueues": words("MaxResults NextToken QueueNamePrefix"),
    "PurgeQueue": words("QueueUrl"),
    "ReceiveMessage": words(
        "AttributeNames MaxNumberOfMessages MessageAttributeNames MessageSystemAttributeNames QueueUrl"
        " VisibilityTimeout WaitTimeSeconds"
    ),
    "SendMessage": words(
        "DelaySeconds MessageAttributes MessageBody MessageDeduplicationId MessageGroupId MessageSystemAttributes"
        " QueueUrl"
    ),
    "SendMessageBatch": words("Entries QueueUrl"),
    "SetQueueAttributes": words("Attributes QueueUrl"),
    "StartMessageMoveTask": words("DestinationArn MaxNumberOfMessagesPerSecond SourceArn"),
}
UNSUPPORTED = "UnsupportedOperation"

NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_GROUP = re.compile(r"[!-~]{1,128}")  # ASCII without spaces and control characters
# IAM's permissions and encryption have no effect here; they are kept so that a client reads what it has set.
_NO_LOCAL_MEANING = {
    "Policy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
}
_READ_ONLY = {
    "All",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
}

Request = dict[str, Any]


def changed(settings: Queue, attributes: Any) -> tuple[Queue, dict[str, str]]:
    """Returns the settings with a request's `Attributes` applied, and the attributes without an effect."""
    if not isinstance(attributes, dict):
        raise ApiError("SerializationException", f"Attributes must be an object, was {type(attributes).__name__}.")
    values: dict[str, Any] = {}
    kept = {}
    for name, value in attributes.items():
        if name in SETTINGS:
            setting, least, most = SETTINGS[name]
            if not re.fullmatch(r"[0-9]{1,9}", str(value)) or not least <= int(value) <= most:
                raise bad_attribute(name, value, f"expected an integer from {least} to {most}")
            values[setting] = int(value)
        elif name == "RedrivePolicy":
            values["redrive"] = _redrive_policy(value) if value != "" else None
        elif name == "RedriveAllowPolicy":
            values["redrive_allow"] = _redrive_allow_policy(value) if value != "" else None
        elif name in _NO_LOCAL_MEANING:
            kept[name] = str(value)
        else:
            raise ApiError("InvalidAttributeName", f"Unknown Attribute {name}.")
    return dataclasses.replace(settings, **values), kept


def _redrive_policy(value: Any) -> Redrive:
    try:
        policy = json.loads(value)
        if policy.keys() - {"deadLetterTargetArn", "maxReceiveCount"}:
            raise ValueError
        redrive = Redrive(str(policy["deadLetterTargetArn"]), int(policy["maxReceiveCount"]))
    except (AttributeError, TypeError, ValueError, KeyError):
        expected = f'expected {{"deadLetterTargetArn": "…", "maxReceiveCount": 1 to {MAX_RECEIVE_COUNT}}}'
        raise bad_attribute("RedrivePolicy", value, expected) from None
    if not 1 <= redrive.max_receive_count <= MAX_RECEIVE_COUNT:
        raise bad_attribute("RedrivePolicy", value, f"maxReceiveCount must be from 1 to {MAX_RECEIVE_COUNT}")
    return redrive


def _redrive_allow_policy(value: Any) -> RedriveAllow:
    try:
        return RedriveAllow.parse(json.loads(value))
    except (TypeError, ValueError) as error:
        raise bad_attribute("RedriveAllowPolicy", value, str(error)) from None


def attribute_names(request: Request) -> list[str]:
    requested = names(request, "AttributeNames")
    for name in requested:
        if name not in {*SETTINGS, *_NO_LOCAL_MEANING, *_READ_ONLY, "RedriveAllowPolicy", "RedrivePolicy"}:
            raise ApiError("InvalidAttributeName", f"Unknown Attribute {name}.")
    return requested


def entries(request: Request) -> list[Request]:
    """Returns the entries of a batch request, each with a unique `Id`."""
    given = request.get("Entries")
    if not given:
        raise ApiError("EmptyBatchRequest", "There should be at least one entry in the request.")
    if not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given):
        raise ApiError("SerializationException", "Entries must be a list of objects.")
    if len(given) > MAX_BATCH:
        raise ApiError(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {MAX_BATCH}. You have sent {len(given)}.",
        )
    seen = set()
    for entry in given:
        entry_id = text(entry, "Id")
        if not NAME.fullmatch(entry_id):
            raise ApiError(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
                "It can be at most 80 letters long.",
            )
        if entry_id in seen:
            raise ApiError("BatchEntryIdsNotDistinct", f"Id {entry_id} repeated.")
        seen.add(entry_id)
    return given


def text(request: Request, name: str) -> str:
    value = request.get(name)
    if value is None or value == "":
        raise ApiError("MissingParameter", f"The request must contain the parameter {name}.")
    if not isinstance(value, str):
        raise ApiError("SerializationException", f"{name} must be a string, was {type(value).__name__}.")
    return value


def group(request: Request) -> str | None:
    """Returns the request's `MessageGroupId`, if any."""
    value = request.get("MessageGroupId")
    if value is None:
        return None
    if not isinstance(value, str):
        raise ApiError("SerializationException", f"MessageGroupId must be a string, was {type(value).__name__}.")
    if not _GROUP.fullmatch(value):
        expected = "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."
        raise invalid(value, "MessageGroupId", expected)
    return value


def names(request: Request, name: str) -> list[str]:
    value = request.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ApiError("SerializationException", f"{name} must be a list of strings.")
    return value


def integer(request: Request, name: str, least: int, most: int) -> int | None:
    value = request.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise ApiError("SerializationException", f"{name} must be an integer, was {type(value).__name__}.")
    if not least <= value <= most:
        raise invalid(value, name, f"Must be >= {least} and <= {most}, if provided.")
    return value


def invalid(value: Any, name: str, reason: str) -> ApiError:
    return ApiError("InvalidParameterValue", f"Value {value} for parameter {name} is invalid. Reason: {reason}")


def bad_attribute(name: str, value: Any, reason: str) -> ApiError:
    return ApiError("InvalidAttributeValue", f"Invalid value for the parameter {name}: {value}. Reason: {reason}.")
