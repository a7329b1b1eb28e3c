"""The parts of a checked and compiled state machine, for the interpreter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from emulator.states.choices import Predicate
from emulator.states.paths import Expression, ResultPath


@dataclass(frozen=True, slots=True)
class Retrier:
    """A rule of `Retry`. `interval` and `max_delay` are in seconds."""

    errors: frozenset[str]
    interval: float
    max_attempts: int
    backoff: float
    max_delay: float | None
    jitter: bool


@dataclass(frozen=True, slots=True)
class Catcher:
    errors: frozenset[str]
    next: str
    result_path: ResultPath | None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The common fields of states. `next` None ends the machine; an expression None selects everything."""

    name: str
    next: str | None = None
    input: Expression | None = None
    output: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass(State):
    parameters: Expression | None
    result: Expression | None
    result_path: ResultPath | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeed(State):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail(State):
    error: Expression | None
    cause: Expression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(State):
    """A Wait state. `kind` names the field of `value`."""

    kind: Literal["Seconds", "SecondsPath", "Timestamp", "TimestampPath"]
    value: Expression | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(State):
    rules: tuple[tuple[Predicate, str], ...]
    default: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted(State):
    """A state to which `Retry` and `Catch` apply."""

    parameters: Expression | None
    selector: Expression | None
    result_path: ResultPath | None
    retry: tuple[Retrier, ...]
    catch: tuple[Catcher, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(Attempted):
    """A Task state. `service` is `lambda` for a function's ARN. `timeout` selects seconds."""

    resource: str
    service: Literal["lambda", "lambda:invoke", "sqs:sendMessage"]
    timeout: Expression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel(Attempted):
    branches: tuple[Graph, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(Attempted):
    items: Expression | None
    items_text: str
    item_selector: Expression | None
    processor: Graph
    max_concurrency: Expression
    max_concurrency_text: str


@dataclass(frozen=True, slots=True)
class Graph:
    start: str
    states: dict[str, State]


@dataclass(frozen=True, slots=True)
class Machine:
    """A state machine. `timeout` is in seconds."""

    graph: Graph
    timeout: int | None = None
