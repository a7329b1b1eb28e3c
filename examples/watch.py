"""Submits an order and follows it to its end, across lost connections: python watch.py SOL USDC 1.5

With a price, as in python watch.py SOL USDC 1.5 180, the order waits until one SOL pays 180 USDC, for an hour at most.
Needs Python 3.11 and `pip install aiohttp`. ORDERS_URL and ORDERS_KEY name the engine and your key.
"""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

ENDED = ("confirmed", "failed", "cancelled", "expired")


async def submit(session: aiohttp.ClientSession, order: dict[str, Any]) -> dict[str, Any]:
    """Returns the accepted order. A retry has the same key, so it cannot become a second order."""
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    for attempt in range(5):
        try:
            async with session.post("api/orders/execute", json=order, headers=headers) as response:
                answer: dict[str, Any] = await response.json()
            if response.status == 202:
                return answer
            if response.status < 500 and response.status != 429:
                raise SystemExit(answer["error"]["message"])
            await asyncio.sleep(int(response.headers.get("Retry-After", 1)))
        except aiohttp.ClientError:
            await asyncio.sleep(2**attempt / 4)
    raise SystemExit("the engine does not answer")


async def watch(session: aiohttp.ClientSession, url: str, order_id: str) -> AsyncIterator[dict[str, Any]]:
    """Yields every event of the order, once and in order. `url` is the order's `webSocketUrl` without its query.

    A gap, or a message that is not the engine's, such as API Gateway's own {"message": "Internal server error"}, is a
    lost connection too: it is replaced, and what was missed is replayed.
    """
    seen = 0
    while True:
        try:
            async with session.ws_connect(url, heartbeat=20) as socket:
                # The missed events come first, then the live ones.
                await socket.send_json({"action": "subscribe", "orderId": order_id, "after": seen})
                async for message in socket:
                    event = message.json()
                    if "error" in event and not event["error"]["code"].endswith("Unavailable"):
                        raise SystemExit(event["error"]["message"])
                    if event["seq"] <= seen:
                        continue
                    if event["seq"] > seen + 1:
                        raise ValueError(f"expected event {seen + 1}, was event {event['seq']}")
                    seen, ended = event["seq"], event["status"] in ENDED
                    yield event
                    if ended:
                        return
        except (aiohttp.ClientError, OSError, KeyError, TypeError, ValueError) as error:
            print(f"reconnecting: {error!r}", file=sys.stderr)
        await asyncio.sleep(0.5)


async def main() -> None:
    url, key = os.environ.get("ORDERS_URL", "http://127.0.0.1:3000"), os.environ["ORDERS_KEY"]
    token_in, token_out, amount, *limit = sys.argv[1:]
    order = {"type": "market", "tokenIn": token_in, "tokenOut": token_out, "amountIn": amount}
    if limit:
        expires_at = datetime.now(UTC) + timedelta(hours=1)
        order |= {"type": "limit", "limitPrice": limit[0], "expiresAt": expires_at.isoformat()}
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(f"{url.rstrip('/')}/", headers=headers) as session:
        accepted = await submit(session, order)
        async for event in watch(session, accepted["webSocketUrl"].partition("?")[0], accepted["orderId"]):
            print(event["seq"], event["status"], event["data"].get("reason") or event["data"].get("message") or "")


if __name__ == "__main__":
    asyncio.run(main())
