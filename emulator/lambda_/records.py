"""The functions and event source mappings of a stack."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from emulator.common.account import arn


@dataclass(frozen=True)
class Function:
    """A Lambda function. `timeout` is in seconds, `memory` in MiB; `search_path` holds the layers' import roots.

    `requirements` are the requirements.txt files of its layers. `qualifiers` are its aliases and versions. All of them
    run the current code. A failed asynchronous invocation is tried `event_retries` times more; a throttled one for
    `event_age` seconds.
    """

    name: str
    handler: str
    code: Path
    search_path: tuple[Path, ...] = ()
    requirements: tuple[Path, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    timeout: int = 3
    memory: int = 128
    runtime: str = "python3.13"
    reserved_concurrency: int | None = None
    qualifiers: frozenset[str] = frozenset()
    event_retries: int = 2
    event_age: float = 21_600

    @property
    def arn(self) -> str:
        return arn("lambda", f"function:{self.name}")


@dataclass(frozen=True)
class EventSourceMapping:
    """A queue that invokes a function. `window` is in seconds; without `max_concurrency`, Lambda's default holds."""

    name: str
    queue_arn: str
    function: str
    batch_size: int = 10
    window: int = 0
    max_concurrency: int | None = None
    report_batch_item_failures: bool = False
    enabled: bool = True


@dataclass(frozen=True)
class Qualifier:
    """An alias or a version of a function."""

    function: str
    name: str


@dataclass(frozen=True)
class EventInvokeConfig:
    """How a function is invoked asynchronously: see `Function`."""

    function: str
    retries: int
    age: int


@dataclass(frozen=True)
class Layer:
    """A layer in the folder `content`. From a `source`, `sam build` makes the content of its folder `python`."""

    name: str
    content: Path
    source: bool

    @property
    def root(self) -> Path:
        """Returns the folder from which any Python imports the layer's modules."""
        return self.content if self.source else self.content / "python"
