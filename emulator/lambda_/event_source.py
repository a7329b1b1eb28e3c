"""Runs event source mappings: receives messages, invokes a function with them, and deletes what it processed."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections import deque
from collections.abc import Iterable
from typing import Any

from emulator.common.account import REGION
from emulator.common.clock import Clock
from emulator.common.errors import ApiError
from emulator.common.service import Service
from emulator.common.strict_json import parse_json
from emulator.lambda_ import records
from emulator.lambda_.functions import Functions
from emulator.sqs import message_attributes
from emulator.sqs.message_queue import Message, MessageQueue
from emulator.sqs.service import Sqs

_DEFAULT_CONCURRENCY = 1000
_MAX_PAYLOAD = 6 * 1024 * 1024 - 1024  # Lambda's limit for a synchronous invocation, less the envelope
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.1, 5.0  # seconds
_LONGEST_REASON = 4_000  # characters

_REPORTED = "The function reports it among its batchItemFailures; its log may say why"

_log = logging.getLogger(__name__)


class EventSourceMapping:
    """Runs one mapping. It receives a message only when it has the capacity to invoke the function."""

    def __init__(
        self, mapping: records.EventSourceMapping, queue: MessageQueue, functions: Functions, clock: Clock | None = None
    ) -> None:
        self._mapping = mapping
        self._queue = queue
        self._functions = functions
        self._clock = clock or Clock()
        self._capacity = asyncio.Semaphore(mapping.max_concurrency or _DEFAULT_CONCURRENCY)
        self._poller: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._backing_off: deque[asyncio.Future[None]] = deque()
        self._throttled = 0
        self._unthrottled = asyncio.Event()
        self._unthrottled.set()

    def start(self) -> None:
        if self._mapping.enabled:
            self._poller = asyncio.create_task(self._poll(), name=f"event source mapping {self._mapping.name}")

    async def close(self, grace: float) -> None:
        """Stops receiving and gives running invocations `grace` seconds to finish.

        Messages of an invocation that has not finished return to the queue at once.
        """
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.wait([self._poller])
        if self._running:
            await asyncio.wait(self._running, timeout=grace)
        cut = list(self._running)
        for task in cut:
            task.cancel()
        if cut:
            await asyncio.wait(cut)

    async def _poll(self) -> None:
        while True:
            await self._capacity.acquire()
            await self._unthrottled.wait()
            received, records = await self._collect()
            task = asyncio.create_task(self._process(received, records))
            self._running.add(task)
            task.add_done_callback(self._on_done)
            # The invocation begins here, so that a throttle is known before the next message is received.
            await asyncio.sleep(0)

    async def _collect(self) -> tuple[float, dict[str, _Record]]:
        """Returns the time of the first receive, and a batch that is full or ended by the batching window."""
        mapping = self._mapping
        messages = await self._queue.receive(mapping.batch_size, None)
        received = self._clock.time()
        records = {message.id: _Record(message, mapping.queue_arn) for message in messages}
        try:
            while (room := mapping.batch_size - len(records)) and _size(records) < _MAX_PAYLOAD:
                left = received + mapping.window - self._clock.time()
                if left <= 0:
                    break
                for message in await self._queue.receive(room, left):
                    records[message.id] = _Record(message, mapping.queue_arn)
        except asyncio.CancelledError:
            self._queue.release([record.receipt for record in records.values()])
            raise
        return received, records

    async def _process(self, received: float, records: dict[str, _Record]) -> None:
        left = dict(records)
        try:
            while left:
                part = _first_part(left)
                failed = await self._invoke(received, part)
                for message_id, record in part.items():
                    del left[message_id]
                    if message_id not in failed:
                        self._queue.delete(record.receipt)
        except asyncio.CancelledError:
            self._queue.release([record.receipt for record in left.values()])
            raise
        except ApiError as error:
            _note(left, str(error))
            _log.warning("%s: %s; the messages stay in the queue", self._mapping.name, error)
        except Exception:
            _log.exception("%s: the messages stay in the queue", self._mapping.name)

    async def _invoke(self, received: float, records: dict[str, _Record]) -> set[str]:
        """Invokes the function and returns the ids of the messages that it did not process.

        A throttled invocation is retried until the visibility timeout of the messages has passed.
        """
        payload = b'{"Records":[' + b",".join(record.json for record in records.values()) + b"]}"
        expiry = received + self._queue.settings.visibility_timeout
        backoff = _FIRST_BACKOFF
        while True:
            try:
                invocation = await self._functions.invoke(self._mapping.function, payload)
                break
            except ApiError as error:
                if error.code != "TooManyRequestsException" or self._clock.time() + backoff >= expiry:
                    raise
            await self._back_off(random.uniform(backoff / 2, backoff))
            backoff = min(2 * backoff, _LONGEST_BACKOFF)
        if invocation.error:
            _note(records, _reason(invocation.payload), invocation.request_id)
            return set(records)
        if self._mapping.report_batch_item_failures:
            failed = failed_messages(invocation.payload, set(records))
            _note({identity: records[identity] for identity in failed}, _REPORTED, invocation.request_id)
            return failed
        return set()

    async def _back_off(self, seconds: float) -> None:
        """Waits until an invocation of this mapping has ended or `seconds` have passed."""
        room = asyncio.get_running_loop().create_future()
        timer = self._clock.call_at(self._clock.time() + seconds, _wake, room)
        self._backing_off.append(room)
        self._throttled += 1
        self._unthrottled.clear()
        try:
            await room
        finally:
            timer.cancel()
            self._throttled -= 1
            if not self._throttled:
                self._unthrottled.set()

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._capacity.release()
        while self._backing_off:
            room = self._backing_off.popleft()
            if not room.done():
                room.set_result(None)
                break


class EventSourceMappings(Service):
    """Runs the mappings of a stack. All of them stop receiving at the same time."""

    def __init__(self, mappings: Iterable[records.EventSourceMapping], sqs: Sqs, functions: Functions) -> None:
        self._mappings = [EventSourceMapping(mapping, sqs.queue(mapping.queue_arn), functions) for mapping in mappings]

    async def start(self) -> None:
        for mapping in self._mappings:
            mapping.start()

    async def close(self, grace: float) -> None:
        await asyncio.gather(*(mapping.close(grace) for mapping in self._mappings))


class _Record:
    """A message, encoded as a record of SQS's event for Lambda."""

    __slots__ = ("json", "message", "receipt")

    def __init__(self, message: Message, queue_arn: str) -> None:
        self.message = message
        self.receipt = message.receipt
        record: dict[str, Any] = {
            "messageId": message.id,
            "receiptHandle": message.receipt,
            "body": message.body,
            "attributes": message.system_attributes(),
            "messageAttributes": {name: _attribute(value) for name, value in message.attributes.items()},
            "md5OfBody": message.md5,
            "md5OfMessageAttributes": message_attributes.md5(message.attributes) if message.attributes else None,
            "eventSource": "aws:sqs",
            "eventSourceARN": queue_arn,
            "awsRegion": REGION,
        }
        self.json = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def failed_messages(response: bytes, batch: set[str]) -> set[str]:
    """Returns the messages of `batch` that a function with ReportBatchItemFailures reports as failed.

    A malformed response fails the whole batch, an empty one no message.
    """
    try:
        report = parse_json(response or b"null")
    except ValueError:
        return batch
    if not report:
        return set()
    if not isinstance(report, dict):
        return batch
    failures = report.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list) or not all(isinstance(failure, dict) for failure in failures):
        return batch
    identifiers = [failure.get("itemIdentifier") for failure in failures]
    if not all(isinstance(identifier, str) and identifier in batch for identifier in identifiers):
        return batch
    return set(identifiers)


def _note(records: dict[str, _Record], reason: str, request_id: str = "") -> None:
    """Writes on the messages why their delivery failed."""
    for record in records.values():
        record.message.reason = f"{reason} (request {request_id})" if request_id else reason


def _reason(payload: bytes) -> str:
    """Returns the type and the message of a function's error."""
    try:
        error = parse_json(payload)
        return f"{error['errorType']}: {error['errorMessage']}"[:_LONGEST_REASON]
    except (ValueError, KeyError, TypeError):
        return payload.decode("utf-8", "replace")[:_LONGEST_REASON]


def _attribute(value: dict[str, str]) -> dict[str, Any]:
    key = "stringValue" if "StringValue" in value else "binaryValue"
    content = value.get("StringValue") or value["BinaryValue"]
    return {key: content, "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}


def _size(records: dict[str, _Record]) -> int:
    return sum(len(record.json) + 1 for record in records.values())


def _first_part(records: dict[str, _Record]) -> dict[str, _Record]:
    """Returns as many records as fit into one invocation, at least one."""
    part: dict[str, _Record] = {}
    size = 0
    for message_id, record in records.items():
        size += len(record.json) + 1
        if part and size > _MAX_PAYLOAD:
            break
        part[message_id] = record
    return part


def _wake(room: asyncio.Future[None]) -> None:
    if not room.done():
        room.set_result(None)
