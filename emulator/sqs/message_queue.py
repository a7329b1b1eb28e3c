"""A standard SQS queue in memory."""

from __future__ import annotations

import asyncio
import base64
import binascii
import heapq
import itertools
import math
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum

from emulator.common.account import ACCOUNT
from emulator.common.clock import Clock, Timer
from emulator.common.errors import ApiError
from emulator.sqs.message_attributes import Attributes
from emulator.sqs.records import MAX_VISIBILITY, Queue


class State(IntEnum):
    VISIBLE = 0
    DELAYED = 1
    IN_FLIGHT = 2
    GONE = 3


@dataclass(slots=True, eq=False)
class Message:
    """A message. `sent` and `first_received` are Unix times; `until`, `received`, `expires` are the queue clock's.

    `receives` counts the receives from all queues, as SQS reports them; `tries` those from this one, for redrive.
    `reason` says why the last delivery failed, if that is known.
    """

    id: str
    body: str
    md5: str
    attributes: Attributes
    system: dict[str, str]
    sent: float
    expires: float = 0.0
    state: State = State.GONE
    until: float = math.inf
    entry: int = 0
    receives: int = 0
    tries: int = 0
    first_received: float = 0.0
    received: float = 0.0
    receipt: str = ""
    reason: str = ""

    def system_attributes(self) -> dict[str, str]:
        return {
            "ApproximateReceiveCount": str(self.receives),
            "SentTimestamp": str(int(self.sent * 1000)),
            "SenderId": ACCOUNT,
            "ApproximateFirstReceiveTimestamp": str(int(self.first_received * 1000)),
            **self.system,
        }


@dataclass(slots=True, eq=False)
class _Receiver:
    maximum: int
    visibility: float | None
    messages: asyncio.Future[list[Message]]
    timer: Timer | None = None


class MessageQueue:
    """A queue. Every message has one valid entry in `_deadlines`: the time when it becomes visible or expires.

    Receivers wait on a future. A message that becomes visible goes straight to the one that has waited longest, without
    polling and without a race.
    """

    def __init__(self, settings: Queue, clock: Clock, find_queue: Callable[[str], MessageQueue | None]) -> None:
        self.settings = settings
        self.created = self.modified = clock.now()
        self.purged = -math.inf  # when it was last purged, by the queue's clock
        self._clock = clock
        self._find_queue = find_queue
        self._messages: dict[str, Message] = {}
        self._visible: deque[Message] = deque()
        self._deadlines: list[tuple[float, int, Message]] = []
        self._entries = itertools.count(1)
        self._counts = [0, 0, 0, 0]
        self._receivers: dict[_Receiver, None] = {}
        self._timer: Timer | None = None
        self._timer_at = math.inf

    def send(self, body: str, md5: str, attributes: Attributes, system: dict[str, str], delay: int | None) -> Message:
        """Adds a message. Waiting receivers get it at the next `deliver()`, which is called once for a whole batch."""
        message = Message(str(uuid.uuid4()), body, md5, attributes, system, self._clock.now())
        self._add(message, self.settings.delay if delay is None else delay)
        return message

    def deliver(self) -> None:
        """Gives visible messages to waiting receivers."""
        while self._receivers:
            receiver = next(iter(self._receivers))
            if not receiver.messages.done():
                messages = self._take(receiver.maximum, receiver.visibility)
                if not messages:
                    break
                receiver.messages.set_result(messages)
            del self._receivers[receiver]
        self._set_timer()

    async def receive(self, maximum: int, wait: float | None, visibility: float | None = None) -> list[Message]:
        """Returns up to `maximum` messages, hidden for `visibility` seconds (None: the queue's timeout).

        Waits up to `wait` seconds for the first message, without a limit for None. Messages for a call that was
        cancelled are visible again at once.
        """
        messages = self._take(maximum, visibility)
        if messages or wait == 0:
            return messages
        receiver = _Receiver(maximum, visibility, asyncio.get_running_loop().create_future())
        self._receivers[receiver] = None
        self._set_timer()
        if wait is not None:
            receiver.timer = self._clock.call_at(self._clock.time() + wait, self._give_up, receiver)
        try:
            return await receiver.messages
        except asyncio.CancelledError:
            if receiver.messages.done() and not receiver.messages.cancelled():
                self.release([message.receipt for message in receiver.messages.result()])
            raise
        finally:
            self._receivers.pop(receiver, None)
            if receiver.timer is not None:
                receiver.timer.cancel()

    def delete(self, receipt: str) -> None:
        """Deletes the message if `receipt` is from its latest receive; does nothing otherwise, as SQS.

        Raises ReceiptHandleIsInvalid for a text that was never a receipt handle of this queue.
        """
        message = self._find(receipt)
        if message is not None and message.receipt == receipt:
            self._remove(message)

    def change_visibility(self, receipt: str, seconds: int) -> None:
        """Hides the message for `seconds` from now; 0 makes it visible at once.

        As on SQS, the handle of an earlier receive works too, and the call has no effect on a message that is visible
        again. Raises ReceiptHandleIsInvalid, or InvalidParameterValue if the message is gone or would stay hidden
        longer than 12 hours after its latest receive.
        """
        self._settle()
        message = self._find(receipt)
        if message is None:
            raise ApiError(
                "InvalidParameterValue",
                f"Value {receipt} for parameter ReceiptHandle is invalid. "
                "Reason: Message does not exist or is not available for visibility timeout change.",
            )
        if message.state is not State.IN_FLIGHT:
            return
        until = self._clock.time() + seconds
        if until > message.received + MAX_VISIBILITY:
            raise ApiError(
                "InvalidParameterValue",
                f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the "
                f"message is beyond the limit [{MAX_VISIBILITY} seconds].",
            )
        if seconds:
            self._put(message, State.IN_FLIGHT, until)
        else:
            self._show(message)
            self.deliver()

    def release(self, receipts: list[str]) -> None:
        """Makes the messages visible at once that are still held under one of these receipt handles."""
        for receipt in receipts:
            message = self._find(receipt)
            if message is not None and message.receipt == receipt and message.state is State.IN_FLIGHT:
                self._show(message)
        self.deliver()

    def end_waits(self) -> None:
        """Ends every `receive` that waits for a limited time."""
        for receiver in self._receivers:
            if receiver.timer is not None:
                self._give_up(receiver)

    def purge(self) -> None:
        self.purged = self._clock.time()
        for message in list(self._messages.values()):
            self._remove(message)
        self._visible.clear()
        self._deadlines.clear()

    def configure(self, settings: Queue) -> None:
        """Applies changed settings. A changed retention period applies to existing messages too."""
        self.settings = settings
        self.modified = self._clock.now()
        for message in self._messages.values():
            message.expires = self._expiry(message)
            self._put(message, message.state, message.until)
        self.deliver()

    def take_for_redrive(self) -> list[Message]:
        """Removes and returns every visible message."""
        self._settle()
        messages = [message for message in self._visible if message.state is State.VISIBLE]
        for message in messages:
            self._remove(message)
        self._visible.clear()
        return messages

    def peek(self, maximum: int) -> list[Message]:
        """Returns the oldest messages in any state, without receiving them."""
        self._settle()
        return list(itertools.islice(self._messages.values(), maximum))

    def count(self, state: State) -> int:
        self._settle()
        return self._counts[state]

    def _take(self, maximum: int, visibility: float | None) -> list[Message]:
        self._settle()
        if not self._visible:
            return []
        redrive = self.settings.redrive
        dead_letters = self._find_queue(redrive.dead_letter_arn) if redrive else None
        until = self._clock.time() + (self.settings.visibility_timeout if visibility is None else visibility)
        taken: list[Message] = []
        while self._visible and len(taken) < maximum:
            message = self._visible.popleft()
            if message.state is not State.VISIBLE:
                continue
            if redrive and dead_letters and message.tries >= redrive.max_receive_count:
                self._remove(message)
                system = {**message.system, "DeadLetterQueueSourceArn": self.settings.arn}
                dead_letters._add(replace(message, system=system, tries=0), 0)
                dead_letters.deliver()
                continue
            if not message.receives:
                message.first_received = self._clock.now()
            message.receives += 1
            message.tries += 1
            message.received = self._clock.time()
            message.receipt = self._receipt(message)
            self._put(message, State.IN_FLIGHT, until)
            taken.append(message)
        return taken

    def _settle(self) -> None:
        """Makes due messages visible and removes expired ones."""
        now = self._clock.time()
        while self._deadlines and self._deadlines[0][0] <= now:
            _, entry, message = heapq.heappop(self._deadlines)
            if message.entry != entry or message.state is State.GONE:
                continue
            if message.expires <= now:
                self._remove(message)
            else:
                self._show(message)
        while self._visible and self._visible[0].state is not State.VISIBLE:
            self._visible.popleft()

    def _add(self, message: Message, delay: float) -> None:
        self._messages[message.id] = message
        message.expires = self._expiry(message)
        if delay:
            self._put(message, State.DELAYED, self._clock.time() + delay)
        else:
            self._show(message)

    def _remove(self, message: Message) -> None:
        del self._messages[message.id]
        self._counts[message.state] -= 1
        message.state = State.GONE

    def _show(self, message: Message) -> None:
        self._put(message, State.VISIBLE, math.inf)
        self._visible.append(message)

    def _expiry(self, message: Message) -> float:
        age = self._clock.now() - message.sent
        return self._clock.time() + self.settings.retention - age

    def _put(self, message: Message, state: State, until: float) -> None:
        if message.state is not State.GONE:
            self._counts[message.state] -= 1
        self._counts[state] += 1
        message.state = state
        message.until = until
        message.entry = next(self._entries)
        heapq.heappush(self._deadlines, (min(until, message.expires), message.entry, message))
        if len(self._deadlines) > 2 * len(self._messages) + 64:
            self._deadlines = [e for e in self._deadlines if e[2].entry == e[1] and e[2].state is not State.GONE]
            heapq.heapify(self._deadlines)
        self._set_timer()

    def _set_timer(self) -> None:
        if not self._receivers or not self._deadlines or self._deadlines[0][0] >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._deadlines[0][0]
        self._timer = self._clock.call_at(self._timer_at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_at = math.inf
        self.deliver()

    def _give_up(self, receiver: _Receiver) -> None:
        if not receiver.messages.done():
            receiver.messages.set_result([])

    def _receipt(self, message: Message) -> str:
        return base64.b64encode(f"{self.settings.name} {message.id} {message.receives}".encode()).decode()

    def _find(self, receipt: str) -> Message | None:
        try:
            name, message_id, receives = base64.b64decode(receipt, validate=True).decode().split(" ")
        except (binascii.Error, ValueError):
            name = message_id = receives = ""
        if name != self.settings.name or not receives.isdecimal():
            raise ApiError(
                "ReceiptHandleIsInvalid", f'The input receipt handle "{receipt}" is not a valid receipt handle.'
            )
        return self._messages.get(message_id)
