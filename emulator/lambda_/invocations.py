"""Lambda, as the services see it that have functions invoked."""

from __future__ import annotations

from typing import Protocol


class Invocation(Protocol):
    """How an invocation ended. With `error`, `payload` is AWS's JSON with errorType and errorMessage."""

    @property
    def payload(self) -> bytes: ...

    @property
    def error(self) -> bool: ...


class Invoker(Protocol):
    async def invoke(self, name_or_arn: str, payload: bytes, /) -> Invocation:
        """Waits for the function's result. Raises ApiError where Lambda refuses."""


class EventInvoker(Protocol):
    async def invoke_event(self, name_or_arn: str, payload: bytes, /) -> object:
        """Does not wait for the function. Raises ApiError where Lambda refuses."""
