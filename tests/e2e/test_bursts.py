"""More requests at once than functions may run."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import aiohttp
import pytest

from tests.support.stack import Stack

pytestmark = [pytest.mark.process, pytest.mark.needs("load")]

AT_ONCE = 500
"""The emulator runs at most 256 invocations."""


async def test_a_burst_is_refused_in_the_engines_words_and_a_repetition_is_answered(stack: Stack) -> None:
    headers = {"Authorization": f"Bearer {stack.key}", "Idempotency-Key": str(uuid4())}
    unknown = {"type": "market", "tokenIn": "SOL", "tokenOut": "NONE", "amountIn": "1"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(100)) as session:

        async def submit() -> int:
            url = f"{stack.rest}/api/orders/execute"
            async with session.post(url, json=unknown, headers=headers) as response:
                error = (await response.json())["error"]
                if response.status == 400:
                    assert error["code"] == "InvalidOrder"
                else:
                    # 503 if the authorizer was refused, and 500 if the function was.
                    assert response.status in (500, 503)
                    assert (error["code"], response.headers["Retry-After"]) == ("ServiceUnavailable", "1")
                    assert "repeat the request" in error["message"] or "retry in 1 s" in error["message"]
                return response.status

        statuses = await asyncio.gather(*[submit() for _ in range(AT_ONCE)])

        assert {400} < set(statuses) <= {400, 500, 503}
        assert await submit() == 400
