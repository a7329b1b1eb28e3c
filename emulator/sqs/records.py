"""The queues of a stack."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.common.account import arn

MAX_MESSAGE_SIZE = 1_048_576  # bytes of an SQS message, and of all messages of a batch together


@dataclass(frozen=True)
class Redrive:
    """Where a queue moves a message that was received `max_receive_count` times without being deleted."""

    dead_letter_arn: str
    max_receive_count: int


@dataclass(frozen=True)
class Queue:
    """A standard SQS queue. Times in seconds, sizes in bytes."""

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
