"""The queues of a stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from emulator.common.account import arn

MAX_MESSAGE_SIZE = 1_048_576  # bytes, of a message and of a whole batch
MAX_BATCH = 10  # messages
MAX_DELAY = 900  # seconds
MAX_RECEIVE_COUNT = 1000
MAX_VISIBILITY = 43_200  # seconds
MAX_WAIT = 20  # seconds


@dataclass(frozen=True)
class Redrive:
    """The queue that takes messages received `max_receive_count` times without being deleted."""

    dead_letter_arn: str
    max_receive_count: int


@dataclass(frozen=True)
class Queue:
    """A standard SQS queue. Times are in seconds, sizes in bytes."""

    name: str
    visibility_timeout: int = 30
    delay: int = 0
    receive_wait: int = 0
    retention: int = 345_600
    max_message_size: int = MAX_MESSAGE_SIZE
    redrive: Redrive | None = None

    @property
    def arn(self) -> str:
        return arn("sqs", self.name)


class Setting(NamedTuple):
    """The field of `Queue` that an attribute sets, and the bounds of its value."""

    field: str
    least: int
    most: int


# By the name of the attribute, which is also the name of the template's property.
SETTINGS = {
    "VisibilityTimeout": Setting("visibility_timeout", 0, MAX_VISIBILITY),
    "DelaySeconds": Setting("delay", 0, MAX_DELAY),
    "ReceiveMessageWaitTimeSeconds": Setting("receive_wait", 0, MAX_WAIT),
    "MessageRetentionPeriod": Setting("retention", 60, 1_209_600),
    "MaximumMessageSize": Setting("max_message_size", 1024, MAX_MESSAGE_SIZE),
}
