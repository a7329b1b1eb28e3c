"""The queues of a stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from emulator.common.account import arn

MAX_MESSAGE_SIZE = 1_048_576  # bytes, of a message and of a whole batch
MAX_BATCH = 10  # messages
MAX_DELAY = 900  # seconds
MAX_RECEIVE_COUNT = 1000
MAX_VISIBILITY = 43_200  # seconds
MAX_WAIT = 20  # seconds
_MAX_SOURCES = 10  # queues that a redrive allow policy names


@dataclass(frozen=True)
class Redrive:
    """The queue that takes messages received `max_receive_count` times without being deleted."""

    dead_letter_arn: str
    max_receive_count: int


@dataclass(frozen=True)
class RedriveAllow:
    """The queues that may use a queue for their dead letters: all, none, or with `byQueue` those in `sources`."""

    permission: str
    sources: tuple[str, ...] = ()

    @classmethod
    def parse(cls, policy: Any) -> RedriveAllow:
        """Reads a `RedriveAllowPolicy`. Raises ValueError that says what is wrong with it."""
        if not isinstance(policy, dict):
            raise ValueError(f"expected an object, was {policy!r:.100}")
        permission, sources = policy.get("redrivePermission"), policy.get("sourceQueueArns", [])
        if unknown := sorted(policy.keys() - {"redrivePermission", "sourceQueueArns"}):
            raise ValueError(f"expected redrivePermission and sourceQueueArns, was {unknown[0]}")
        if permission not in ("allowAll", "denyAll", "byQueue"):
            raise ValueError(f"redrivePermission: expected allowAll, denyAll or byQueue, was {permission!r}")
        if not isinstance(sources, list) or not all(isinstance(source, str) for source in sources):
            raise ValueError(f"sourceQueueArns: expected a list of ARNs, was {sources!r:.100}")
        if (permission == "byQueue") != bool(sources) or len(sources) > _MAX_SOURCES:
            raise ValueError(f"sourceQueueArns: expected 1 to {_MAX_SOURCES} ARNs with byQueue, none with {permission}")
        return cls(permission, tuple(sources))

    def permits(self, source_arn: str) -> bool:
        return self.permission == "allowAll" or source_arn in self.sources


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
    redrive_allow: RedriveAllow | None = None

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
