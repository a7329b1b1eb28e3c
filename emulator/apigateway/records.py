"""The REST and WebSocket APIs of a stack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


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
