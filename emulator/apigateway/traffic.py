"""Remembers the last requests to the APIs, and the open connections."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from emulator.apigateway.websocket_connection import Connection

_KEPT = 1_000


@dataclass(slots=True)
class Call:
    """A request to a REST API, or a connect, message or disconnect of a WebSocket API, whose method is the route key.

    `at` is in seconds since the epoch; `request_id` is the function's, if one has answered. `query` is as it was sent,
    secrets included.
    """

    api: Literal["REST", "WebSocket"]
    method: str
    path: str = ""
    query: str = ""
    connection_id: str = ""
    at: float = field(default_factory=time.time)
    started: float = field(default_factory=time.perf_counter)
    function: str = ""
    request_id: str = ""
    status: int = 0
    milliseconds: float = 0.0


class Traffic:
    """The last 1,000 calls, the oldest first, and the open connections by id."""

    def __init__(self) -> None:
        self.calls: deque[Call] = deque(maxlen=_KEPT)
        self.connections: dict[str, Connection] = {}

    def ended(self, call: Call, status: int) -> None:
        call.status = status
        call.milliseconds = (time.perf_counter() - call.started) * 1000
        self.calls.append(call)
