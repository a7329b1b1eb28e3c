"""The interface of Lambda for its callers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Invocation:
    """The result of an invocation. With `error`, `payload` is AWS's JSON with errorType and errorMessage."""

    payload: bytes
    error: bool = False
    request_id: str = ""


class Functions(Protocol):
    """Invokes functions by name or ARN. Both methods raise ApiError where Lambda refuses.

    A function runs to its end, also when the caller of `invoke` is cancelled.
    """

    async def invoke(self, name_or_arn: str, payload: bytes, /) -> Invocation:
        """Invokes a function and waits for its result."""

    async def invoke_event(self, name_or_arn: str, payload: bytes, /) -> str:
        """Invokes a function without waiting for it; returns the request's id."""
