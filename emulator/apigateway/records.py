"""The REST and WebSocket APIs of a stack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

MAX_PAYLOAD = 10 * 1024 * 1024  # bytes of a REST API's request


@dataclass(frozen=True)
class Authorizer:
    """A Lambda authorizer. A request's identity is in these headers and query parameters; `ttl` seconds are cached."""

    name: str
    function: str
    type: Literal["TOKEN", "REQUEST"] = "REQUEST"
    identity_headers: tuple[str, ...] = ()
    identity_query: tuple[str, ...] = ()
    ttl: int = 300


@dataclass(frozen=True)
class Route:
    """A REST route. `method` is upper case, or `ANY`; `path` is like `/orders/{id}` or `/{proxy+}`.

    `timeout` is in seconds, if it is not the usual one.
    """

    method: str
    path: str
    function: str
    authorizer: Authorizer | None = None
    timeout: float | None = None


@dataclass(frozen=True)
class Cors:
    """The headers that the generated OPTIONS methods of a REST API return, without AWS's single quotes."""

    allow_origin: str
    allow_methods: str = ""
    allow_headers: str = ""
    max_age: str = ""
    allow_credentials: bool = False


@dataclass(frozen=True)
class GatewayResponse:
    """Changes an answer of the gateway itself. Without `status` or `template` the usual one is kept.

    `template` may hold `$context.error.message`, `.messageString` and `.responseType`.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    template: str | None = None


@dataclass(frozen=True)
class RestApi:
    """A REST API. `responses` are by response type, such as `UNAUTHORIZED`; `compressed_from` is in bytes.

    Bodies of the media types `binary`, such as `image/png`, `image/*` or `*/*`, are base64-encoded for the functions.
    """

    name: str
    stage: str
    routes: tuple[Route, ...]
    cors: Cors | None = None
    responses: dict[str, GatewayResponse] = field(default_factory=dict)
    compressed_from: int | None = None
    binary: tuple[str, ...] = ()


@dataclass(frozen=True)
class WebSocketApi:
    """A WebSocket API. `routes` maps a route key, such as `$connect` or `subscribe`, to a function's name.

    `timeouts` are in seconds, for the route keys that do not have the usual one.
    """

    name: str
    stage: str
    routes: dict[str, str]
    selection_expression: str = "$request.body.action"
    authorizer: Authorizer | None = None
    timeouts: dict[str, float] = field(default_factory=dict)
