"""What a template describes, resolved: the few plain records that the services of the emulator run on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

REGION = "us-east-1"
ACCOUNT = "000000000000"
MAX_MESSAGE_SIZE = 1_048_576  # bytes of an SQS message, and of all messages of a batch together


def arn(service: str, resource: str) -> str:
    """`arn:aws:sqs:us-east-1:000000000000:orders` for `("sqs", "orders")`."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


@dataclass(frozen=True)
class Function:
    """A Lambda function. `timeout` in seconds, `memory` in MiB, `search_path` holds the layers' import roots.

    `aliases` are names by which it can be invoked too. All of them stand for the code as it is now.
    """

    name: str
    handler: str
    code: Path
    search_path: tuple[Path, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    timeout: int = 3
    memory: int = 128
    runtime: str = "python3.13"
    reserved_concurrency: int | None = None
    aliases: frozenset[str] = frozenset()

    @property
    def arn(self) -> str:
        return arn("lambda", f"function:{self.name}")


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


@dataclass(frozen=True)
class EventSourceMapping:
    """A queue that invokes a function. `window` in seconds; `max_concurrency` None means Lambda's default."""

    name: str
    queue_arn: str
    function: str
    batch_size: int = 10
    window: int = 0
    max_concurrency: int | None = None
    report_batch_item_failures: bool = False
    enabled: bool = True


@dataclass(frozen=True)
class StateMachine:
    """`definition` is the Amazon States Language document with every substitution made."""

    name: str
    definition: dict[str, Any]
    type: Literal["STANDARD", "EXPRESS"] = "STANDARD"

    @property
    def arn(self) -> str:
        return arn("states", f"stateMachine:{self.name}")


@dataclass(frozen=True)
class Schedule:
    """An EventBridge schedule: `rate(1 minute)` or `cron(…)`; `input` None means AWS's scheduled event."""

    name: str
    expression: str
    function: str
    input: str | None = None
    enabled: bool = True


@dataclass(frozen=True)
class Authorizer:
    """A Lambda authorizer. `identity` holds header and query string names; `ttl` in seconds, 0 for no caching."""

    name: str
    function: str
    type: Literal["TOKEN", "REQUEST"] = "REQUEST"
    identity_headers: tuple[str, ...] = ()
    identity_query: tuple[str, ...] = ()
    ttl: int = 300


@dataclass(frozen=True)
class Route:
    """A REST route. `method` is upper case, or `ANY`; `path` like `/orders/{id}` or `/{proxy+}`."""

    method: str
    path: str
    function: str
    authorizer: Authorizer | None = None


@dataclass(frozen=True)
class Cors:
    """The headers that a REST API's generated OPTIONS methods answer, without AWS's single quotes."""

    allow_origin: str
    allow_methods: str = ""
    allow_headers: str = ""
    max_age: str = ""
    allow_credentials: bool = False


@dataclass(frozen=True)
class GatewayResponse:
    """How a REST API answers where no integration does. `status` None is the usual one, as is `template` None.

    `template` may hold `$context.error.message`, `.messageString` and `.responseType`.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    template: str | None = None


@dataclass(frozen=True)
class RestApi:
    """`responses` by response type: `UNAUTHORIZED`, `DEFAULT_4XX`; bodies of `compressed_from` bytes are compressed."""

    name: str
    stage: str
    routes: tuple[Route, ...]
    cors: Cors | None = None
    responses: dict[str, GatewayResponse] = field(default_factory=dict)
    compressed_from: int | None = None


@dataclass(frozen=True)
class WebSocketApi:
    """`routes` maps a route key (`$connect`, `$default`, `subscribe`) to a function's name."""

    name: str
    stage: str
    routes: dict[str, str]
    selection_expression: str = "$request.body.action"
    authorizer: Authorizer | None = None


@dataclass(frozen=True)
class CustomResource:
    """A `Custom::…` resource: its function is invoked with `Create` each time the stack comes up."""

    name: str
    type: str
    function: str
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stack:
    """`sources` are the files that all of this was read from."""

    name: str
    functions: dict[str, Function] = field(default_factory=dict)
    queues: dict[str, Queue] = field(default_factory=dict)
    mappings: tuple[EventSourceMapping, ...] = ()
    state_machines: dict[str, StateMachine] = field(default_factory=dict)
    schedules: tuple[Schedule, ...] = ()
    rest_apis: tuple[RestApi, ...] = ()
    websocket_apis: tuple[WebSocketApi, ...] = ()
    custom_resources: tuple[CustomResource, ...] = ()
    outputs: dict[str, str] = field(default_factory=dict)
    sources: tuple[Path, ...] = ()
