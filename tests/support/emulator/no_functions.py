"""A fake of Lambda that refuses every call. A test's fake overrides the method that its service calls."""

from __future__ import annotations

from emulator.lambda_.functions import Invocation


class NoFunctions:
    async def invoke(self, name_or_arn: str, payload: bytes, /) -> Invocation:
        raise AssertionError(f"expected no invocation, was {name_or_arn}")

    async def invoke_event(self, name_or_arn: str, payload: bytes, /) -> str:
        raise AssertionError(f"expected no asynchronous invocation, was {name_or_arn}")
