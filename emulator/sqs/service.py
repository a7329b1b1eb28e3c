"""SQS: the operations of its JSON protocol on standard queues in memory."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from emulator.common.account import ACCOUNT
from emulator.common.clock import Clock
from emulator.common.errors import ApiError
from emulator.common.requests import check_parameters
from emulator.common.service import Service
from emulator.common.trace import TRACE
from emulator.sqs import message_attributes
from emulator.sqs.message_queue import Message, MessageQueue, State
from emulator.sqs.parameters import (
    NAME,
    PARAMETERS,
    QUERY_ERROR_CODES,
    UNSUPPORTED,
    Request,
    attribute_names,
    bad_attribute,
    changed,
    entries,
    group,
    integer,
    invalid,
    names,
    text,
)
from emulator.sqs.records import MAX_BATCH, MAX_DELAY, MAX_MESSAGE_SIZE, MAX_VISIBILITY, MAX_WAIT, SETTINGS, Queue

_MAX_IN_FLIGHT = 120_000
_PAGE = 1000
_PURGE_INTERVAL = 60  # seconds

Response = dict[str, Any]


class Sqs(Service):
    """Serves queues, those of the stack from the start. Their URLs begin with `base_url`, `http://127.0.0.1:4566`."""

    def __init__(self, queues: Iterable[Queue], *, base_url: str, clock: Clock | None = None) -> None:
        self._base_url = f"{base_url}/{ACCOUNT}/"
        self._clock = clock or Clock()
        self._queues: dict[str, MessageQueue] = {}
        self._kept_attributes: dict[str, dict[str, str]] = {}
        self._move_tasks: dict[str, list[Response]] = {}
        for queue in queues:
            self._create(queue)
        self._operations: dict[str, Callable[[Request], Response]] = {
            "ChangeMessageVisibility": self._change_message_visibility,
            "ChangeMessageVisibilityBatch": lambda r: self._batch(r, self._change_message_visibility),
            "CreateQueue": self._create_queue,
            "DeleteMessage": self._delete_message,
            "DeleteMessageBatch": lambda r: self._batch(r, self._delete_message),
            "DeleteQueue": self._delete_queue,
            "GetQueueAttributes": self._get_queue_attributes,
            "GetQueueUrl": self._get_queue_url,
            "ListDeadLetterSourceQueues": self._list_dead_letter_source_queues,
            "ListMessageMoveTasks": self._list_message_move_tasks,
            "ListQueues": self._list_queues,
            "PurgeQueue": self._purge_queue,
            "SendMessage": self._send_message,
            "SendMessageBatch": self._send_message_batch,
            "SetQueueAttributes": self._set_queue_attributes,
            "StartMessageMoveTask": self._start_message_move_task,
        }

    async def handle(self, operation: str, request: Request) -> Response:
        """Carries out an operation and returns its answer. Raises ApiError where SQS refuses the request."""
        if operation in PARAMETERS:
            check_parameters(request, PARAMETERS[operation], operation, UNSUPPORTED)
        if operation == "ReceiveMessage":
            return await self._receive_message(request)
        method = self._operations.get(operation)
        if method is None:
            raise ApiError("UnknownOperationException", f"SQS: the operation {operation} is not supported here.")
        return method(request)

    @property
    def queues(self) -> list[MessageQueue]:
        """Returns the queues in the order of their names."""
        return [self._queues[name] for name in sorted(self._queues)]

    def queue(self, queue_arn: str) -> MessageQueue:
        """Returns the queue with this ARN. Raises ApiError QueueDoesNotExist."""
        queue = self._find(queue_arn)
        if queue is None:
            raise ApiError("QueueDoesNotExist", f"The queue {queue_arn} does not exist.")
        return queue

    def url(self, name: str) -> str:
        return self._base_url + name

    async def close(self, grace: float) -> None:
        """Answers every waiting ReceiveMessage, so that the HTTP server can stop."""
        for queue in self._queues.values():
            queue.end_waits()

    # Messages

    def _send_message(self, request: Request) -> Response:
        queue = self._queue(request)
        response = self._send(queue, request)
        queue.deliver()
        return response

    def _send_message_batch(self, request: Request) -> Response:
        queue = self._queue(request)
        length = sum(map(_length, entries(request)))
        if length > MAX_MESSAGE_SIZE:
            raise ApiError(
                "BatchRequestTooLong",
                f"Batch requests cannot be longer than {MAX_MESSAGE_SIZE} bytes. You have sent {length} bytes.",
            )
        response = self._batch(request, lambda entry: self._send(queue, entry))
        queue.deliver()
        return response

    def _send(self, queue: MessageQueue, request: Request) -> Response:
        body = text(request, "MessageBody")
        if found := message_attributes.INVALID_CHARACTER.search(body):
            raise ApiError(
                "InvalidMessageContents",
                f"Invalid character #x{ord(found[0]):X} found. Valid unicode characters are "
                + message_attributes.VALID_CHARACTERS,
            )
        if request.get("MessageDeduplicationId") is not None:
            raise invalid(
                request["MessageDeduplicationId"],
                "MessageDeduplicationId",
                "The request includes a parameter that is not valid for this queue type.",
            )
        delay = integer(request, "DelaySeconds", 0, MAX_DELAY)
        attributes = message_attributes.parse(request.get("MessageAttributes"))
        encoded = body.encode()
        limit = queue.settings.max_message_size
        if len(encoded) + message_attributes.size(attributes) > limit:
            raise ApiError(
                "InvalidParameterValue",
                f"One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes.",
            )
        md5 = hashlib.md5(encoded, usedforsecurity=False).hexdigest()
        system_attributes = message_attributes.parse(request.get("MessageSystemAttributes"))
        if unknown := sorted(system_attributes.keys() - {"AWSTraceHeader"}):
            raise invalid(unknown[0], "MessageSystemAttributes", "The only attribute to send is AWSTraceHeader.")
        for name, value in system_attributes.items():
            if value["DataType"] != "String":
                raise invalid(value["DataType"], name, "Must have the data type String.")
        system = {name: value["StringValue"] for name, value in system_attributes.items()}
        if trace := TRACE.get():
            system.setdefault("AWSTraceHeader", trace)
        if (group_id := group(request)) is not None:
            system["MessageGroupId"] = group_id
        message = queue.send(body, md5, attributes, system, delay)
        response = {"MessageId": message.id, "MD5OfMessageBody": md5}
        if attributes:
            response["MD5OfMessageAttributes"] = message_attributes.md5(attributes)
        if system_attributes:
            response["MD5OfMessageSystemAttributes"] = message_attributes.md5(system_attributes)
        return response

    async def _receive_message(self, request: Request) -> Response:
        queue = self._queue(request)
        maximum = integer(request, "MaxNumberOfMessages", 1, MAX_BATCH) or 1
        visibility = integer(request, "VisibilityTimeout", 0, MAX_VISIBILITY)
        wait = integer(request, "WaitTimeSeconds", 0, MAX_WAIT)
        system_names = {*names(request, "AttributeNames"), *names(request, "MessageSystemAttributeNames")}
        custom_names = names(request, "MessageAttributeNames")
        if queue.count(State.IN_FLIGHT) >= _MAX_IN_FLIGHT:
            raise ApiError("OverLimit", f"Too many messages in flight: the queue holds {_MAX_IN_FLIGHT}.", 403)
        messages = await queue.receive(maximum, queue.settings.receive_wait if wait is None else wait, visibility)
        if not messages:
            return {}
        return {"Messages": [_received(message, system_names, custom_names) for message in messages]}

    def _delete_message(self, request: Request) -> Response:
        self._queue(request).delete(text(request, "ReceiptHandle"))
        return {}

    def _change_message_visibility(self, request: Request) -> Response:
        queue = self._queue(request)
        seconds = integer(request, "VisibilityTimeout", 0, MAX_VISIBILITY)
        if seconds is None:
            raise ApiError("MissingParameter", "The request must contain the parameter VisibilityTimeout.")
        queue.change_visibility(text(request, "ReceiptHandle"), seconds)
        return {}

    def _batch(self, request: Request, action: Callable[[Request], Response]) -> Response:
        self._queue(request)
        successful, failed = [], []
        for entry in entries(request):
            try:
                successful.append({"Id": entry["Id"], **action({**entry, "QueueUrl": request["QueueUrl"]})})
            except ApiError as error:
                code = QUERY_ERROR_CODES.get(error.code, error.code)
                failed.append({"Id": entry["Id"], "SenderFault": True, "Code": code, "Message": error.message})
        return {key: results for key, results in (("Successful", successful), ("Failed", failed)) if results}

    # Queues

    def _create_queue(self, request: Request) -> Response:
        name = text(request, "QueueName")
        given = request.get("Attributes") or {}
        if name.endswith(".fifo") or (isinstance(given, dict) and "FifoQueue" in given):
            raise ApiError("UnsupportedOperation", f"{name}: FIFO queues are not supported here.")
        if not NAME.fullmatch(name):
            expected = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
            raise invalid(name, "QueueName", expected)
        settings, kept = self._changed(Queue(name), given)
        queue = self._queues.get(name)
        if queue is None:
            self._create(settings)
            self._kept_attributes[name] = kept
        else:
            existing = _configured(queue.settings) | self._kept_attributes[name]
            for attribute, value in (_configured(settings) | kept).items():
                if attribute in given and existing.get(attribute) != value:
                    raise ApiError(
                        "QueueNameExists",
                        f"A queue already exists with the same name and a different value for attribute {attribute}",
                    )
        return {"QueueUrl": self.url(name)}

    def _delete_queue(self, request: Request) -> Response:
        queue = self._queue(request)
        queue.end_waits()
        name = queue.settings.name
        del self._queues[name], self._kept_attributes[name]
        return {}

    def _purge_queue(self, request: Request) -> Response:
        queue = self._queue(request)
        if self._clock.time() < queue.purged + _PURGE_INTERVAL:
            raise ApiError(
                "PurgeQueueInProgress",
                f"Only one PurgeQueue operation on {queue.settings.name} is allowed every {_PURGE_INTERVAL} seconds.",
                403,
            )
        queue.purge()
        return {}

    def _get_queue_url(self, request: Request) -> Response:
        name = text(request, "QueueName")
        if request.get("QueueOwnerAWSAccountId", ACCOUNT) != ACCOUNT:
            raise ApiError("QueueDoesNotExist", "The specified queue does not exist.")
        self._queue({"QueueUrl": name})
        return {"QueueUrl": self.url(name)}

    def _list_queues(self, request: Request) -> Response:
        prefix = text(request, "QueueNamePrefix") if request.get("QueueNamePrefix") else ""
        names = sorted(name for name in self._queues if name.startswith(prefix))
        return self._page(request, names, "QueueUrls") if names else {}

    def _list_dead_letter_source_queues(self, request: Request) -> Response:
        return self._page(request, self._sources(self._queue(request)), "queueUrls")

    def _get_queue_attributes(self, request: Request) -> Response:
        queue = self._queue(request)
        requested = attribute_names(request)
        attributes = self._attributes(queue)
        if "All" not in requested:
            attributes = {name: value for name, value in attributes.items() if name in requested}
        return {"Attributes": attributes} if attributes else {}

    def _set_queue_attributes(self, request: Request) -> Response:
        queue = self._queue(request)
        settings, kept = self._changed(queue.settings, request.get("Attributes") or {})
        queue.configure(settings)
        self._kept_attributes[settings.name].update(kept)
        return {}

    def _attributes(self, queue: MessageQueue) -> dict[str, str]:
        settings = queue.settings
        attributes = {
            "QueueArn": settings.arn,
            "ApproximateNumberOfMessages": str(queue.count(State.VISIBLE)),
            "ApproximateNumberOfMessagesNotVisible": str(queue.count(State.IN_FLIGHT)),
            "ApproximateNumberOfMessagesDelayed": str(queue.count(State.DELAYED)),
            "CreatedTimestamp": str(int(queue.created)),
            "LastModifiedTimestamp": str(int(queue.modified)),
            "SqsManagedSseEnabled": "false",
        }
        return attributes | _configured(settings) | self._kept_attributes[settings.name]

    def _changed(self, settings: Queue, attributes: Any) -> tuple[Queue, dict[str, str]]:
        settings, kept = changed(settings, attributes)
        if "RedrivePolicy" in attributes and settings.redrive:
            target = self._find(settings.redrive.dead_letter_arn)
            if target is None:
                raise bad_attribute("RedrivePolicy", attributes["RedrivePolicy"], "Dead letter target does not exist")
            allow = target.settings.redrive_allow
            if allow and not allow.permits(settings.arn):
                reason = "The redrive allow policy of the dead letter target does not permit this queue"
                raise bad_attribute("RedrivePolicy", attributes["RedrivePolicy"], reason)
        return settings, kept

    # Redrive

    def _start_message_move_task(self, request: Request) -> Response:
        source = self._by_arn(request, "SourceArn")
        if not self._sources(source):
            raise invalid(source.settings.arn, "SourceArn", "Source queue must be configured as a Dead Letter Queue.")
        destination = self._by_arn(request, "DestinationArn") if request.get("DestinationArn") else None
        if request.get("MaxNumberOfMessagesPerSecond") is not None:
            raise ApiError(
                "UnsupportedOperation", "MaxNumberOfMessagesPerSecond is not supported here: messages move at once."
            )
        messages = source.take_for_redrive()
        moved = sum(self._move(message, source, destination) for message in messages)
        task = {
            "SourceArn": source.settings.arn,
            "Status": "COMPLETED" if moved == len(messages) else "FAILED",
            "ApproximateNumberOfMessagesMoved": moved,
            "ApproximateNumberOfMessagesToMove": len(messages),
            "StartedTimestamp": int(self._clock.now() * 1000),
        }
        if destination:
            task["DestinationArn"] = destination.settings.arn
        if moved < len(messages):
            task["FailureReason"] = "CouldNotDetermineMessageSource"
        self._move_tasks.setdefault(source.settings.arn, []).insert(0, task)
        return {"TaskHandle": base64.b64encode(f"{uuid.uuid4()} {source.settings.arn}".encode()).decode()}

    def _list_message_move_tasks(self, request: Request) -> Response:
        arn = self._by_arn(request, "SourceArn").settings.arn
        most = integer(request, "MaxResults", 1, 10) or 1
        return {"Results": self._move_tasks.get(arn, [])[:most]}

    def _move(self, message: Message, source: MessageQueue, destination: MessageQueue | None) -> bool:
        """Sends the message as a new one to its origin or `destination`; returns it to `source` if neither is known."""
        system = dict(message.system)
        origin = system.pop("DeadLetterQueueSourceArn", None)
        target = destination or (self._find(origin) if origin else None)
        queue = target or source
        queue.send(message.body, message.md5, message.attributes, system if target else message.system, 0)
        queue.deliver()
        return target is not None

    # Lookup

    def _create(self, settings: Queue) -> None:
        self._queues[settings.name] = MessageQueue(settings, self._clock, self._find)
        self._kept_attributes[settings.name] = {}

    def _find(self, queue_arn: str) -> MessageQueue | None:
        queue = self._queues.get(queue_arn.rpartition(":")[2])
        return queue if queue and queue.settings.arn == queue_arn else None

    def _queue(self, request: Request) -> MessageQueue:
        queue = self._queues.get(text(request, "QueueUrl").rpartition("/")[2])
        if queue is None:
            raise ApiError("QueueDoesNotExist", "The specified queue does not exist.")
        return queue

    def _by_arn(self, request: Request, parameter: str) -> MessageQueue:
        queue = self._find(text(request, parameter))
        if queue is None:
            raise ApiError(
                "ResourceNotFoundException",
                f"The resource that you specified for {parameter} doesn't exist.",
            )
        return queue

    def _sources(self, queue: MessageQueue) -> list[str]:
        arn = queue.settings.arn
        redrives = ((name, source.settings.redrive) for name, source in self._queues.items())
        return sorted(name for name, redrive in redrives if redrive and redrive.dead_letter_arn == arn)

    def _page(self, request: Request, queues: list[str], key: str) -> Response:
        most = integer(request, "MaxResults", 1, _PAGE) or _PAGE
        after = request.get("NextToken") or ""
        try:
            start = base64.b64decode(after, validate=True).decode()
        except (TypeError, binascii.Error, ValueError):
            raise invalid(after, "NextToken", "Invalid or expired next token.") from None
        queues = [name for name in queues if name > start]
        response: Response = {key: [self.url(name) for name in queues[:most]]}
        if len(queues) > most:
            response["NextToken"] = base64.b64encode(queues[most - 1].encode()).decode()
        return response


def _length(entry: Request) -> int:
    """Returns the bytes that an entry adds to its batch. A wrong entry is refused later, on its own."""
    length = len(str(entry.get("MessageBody", "")).encode(errors="replace"))
    with suppress(ApiError):
        length += message_attributes.size(message_attributes.parse(entry.get("MessageAttributes")))
    return length


def _configured(settings: Queue) -> dict[str, str]:
    attributes = {name: str(getattr(settings, setting.field)) for name, setting in SETTINGS.items()}
    if settings.redrive:
        policy = {
            "deadLetterTargetArn": settings.redrive.dead_letter_arn,
            "maxReceiveCount": settings.redrive.max_receive_count,
        }
        attributes["RedrivePolicy"] = json.dumps(policy)
    if allow := settings.redrive_allow:
        permitted: dict[str, Any] = {"redrivePermission": allow.permission}
        if allow.sources:
            permitted["sourceQueueArns"] = list(allow.sources)
        attributes["RedriveAllowPolicy"] = json.dumps(permitted)
    return attributes


def _received(message: Message, system_names: set[str], custom_names: list[str]) -> Response:
    response: Response = {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": message.md5,
        "Body": message.body,
    }
    if system_names:
        system = message.system_attributes()
        if "All" not in system_names:
            system = {name: value for name, value in system.items() if name in system_names}
        response["Attributes"] = system
    if custom_names and (attributes := message_attributes.select(message.attributes, custom_names)):
        response["MessageAttributes"] = attributes
        response["MD5OfMessageAttributes"] = message_attributes.md5(attributes)
    return response
