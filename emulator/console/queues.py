"""The queues and their messages."""

from __future__ import annotations

from typing import Any

from emulator.console.parts import Body, Parts, Query, invalid, limit_of, text_of, unknown
from emulator.sqs.message_queue import Message, MessageQueue, State

_MOST = 100
_STATES = {State.VISIBLE: "visible", State.IN_FLIGHT: "inFlight", State.DELAYED: "delayed"}


def queues(parts: Parts) -> list[dict[str, Any]]:
    return [_counted(queue) for queue in parts.sqs.queues]


async def messages(parts: Parts, query: Query) -> list[dict[str, Any]]:
    """Returns the oldest messages of `queue`, without receiving them. `reason` says why the last delivery failed.

    Raises ApiError.
    """
    queue = _queue(parts, query.get("queue", ""))
    return [_message(message) for message in queue.peek(limit_of(query, _MOST, _MOST))]


async def send(parts: Parts, body: Body) -> dict[str, Any]:
    """Sends the text `body` to `queue`, after `delay` seconds if it is given. Raises ApiError."""
    request: dict[str, Any] = {"QueueUrl": _url(parts, body), "MessageBody": text_of(body, "body")}
    if body.get("delay") is not None:
        request["DelaySeconds"] = body["delay"]
    return {"id": (await parts.sqs.handle("SendMessage", request))["MessageId"]}


async def purge(parts: Parts, body: Body) -> dict[str, Any]:
    """Deletes every message of `queue`, at most once a minute as on AWS. Raises ApiError."""
    queue = _queue(parts, text_of(body, "queue"))
    held = sum(queue.count(state) for state in _STATES)
    await parts.sqs.handle("PurgeQueue", {"QueueUrl": parts.sqs.url(queue.settings.name)})
    return {"purged": held}


async def redrive(parts: Parts, body: Body) -> dict[str, Any]:
    """Moves the dead letters in `queue` back to where they came from. Raises ApiError."""
    source = {"SourceArn": _queue(parts, text_of(body, "queue")).settings.arn}
    await parts.sqs.handle("StartMessageMoveTask", source)
    task = (await parts.sqs.handle("ListMessageMoveTasks", source))["Results"][0]
    if task["Status"] == "FAILED":
        moved, every = task["ApproximateNumberOfMessagesMoved"], task["ApproximateNumberOfMessagesToMove"]
        raise invalid(f"expected dead letters of a known queue: moved {moved} of {every}, the others were sent here")
    return {"moved": task["ApproximateNumberOfMessagesMoved"]}


def _queue(parts: Parts, name: str) -> MessageQueue:
    for queue in parts.sqs.queues:
        if queue.settings.name == name:
            return queue
    raise unknown(f"no queue has the name {name!r}")


def _url(parts: Parts, body: Body) -> str:
    return parts.sqs.url(_queue(parts, text_of(body, "queue")).settings.name)


def _counted(queue: MessageQueue) -> dict[str, Any]:
    redrive = queue.settings.redrive
    return {
        "name": queue.settings.name,
        "waiting": queue.count(State.VISIBLE),
        "inFlight": queue.count(State.IN_FLIGHT),
        "delayed": queue.count(State.DELAYED),
        "deadLetters": redrive.dead_letter_arn.rpartition(":")[2] if redrive else None,
    }


def _message(message: Message) -> dict[str, Any]:
    custom = {name: value.get("StringValue", value.get("BinaryValue")) for name, value in message.attributes.items()}
    return {
        "id": message.id,
        "body": message.body,
        "sentAt": message.sent,
        "state": _STATES[message.state],
        "receives": message.receives,
        "attributes": {**message.system, **custom},
        "reason": message.reason or None,
    }
