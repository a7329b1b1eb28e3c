"""The stack keeps serving orders, whatever is sent to its ports."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.support.client import PATIENCE, client
from tests.support.market import Market
from tests.support.stack import Stack

pytestmark = pytest.mark.needs("local")

ROUNDS = 150
CONNECTIONS = 50

UPGRADE = (
    b"GET /v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
REQUESTS = [
    b'POST /api/orders/execute HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{"type": "market"}  ',
    b"GET /_emulator/executions HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.ListQueues\r\nContent-Length: 2\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AWSStepFunctions.StartSyncExecution\r\nContent-Length: 2\r\n\r\n[]",
    b"POST /2015-03-31/functions/RecoverFunction/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{]",
    b"POST /v1/@connections/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    UPGRADE,
    UPGRADE + b"\x81\x85\x00\x00\x00\x00hello",
]


def garbage(chance: random.Random) -> Iterator[bytes]:
    for _ in range(ROUNDS):
        request = chance.choice(REQUESTS)
        place = chance.randrange(len(request))
        match chance.randrange(7):
            case 0:
                yield chance.randbytes(chance.randrange(1, 5000))
            case 1:
                yield request[:place]
            case 2:
                yield request[:place] + chance.randbytes(chance.randrange(1, 9)) + request[place + 1 :]
            case 3:
                yield request.replace(b"Host: x", b"Host: x\r\nX-Large: " + b"x" * chance.randrange(5_000, 100_000))
            case 4:
                length = chance.choice([b"-1", b"1", b"99999999999999999999", b"x", b"3\r\nContent-Length: 5"])
                yield request.replace(b"Host: x", b"Host: x\r\nContent-Length: " + length)
            case 5:
                yield request * chance.randrange(2, 20)
            case 6:
                yield UPGRADE + chance.randbytes(chance.randrange(1, 500))


async def send(address: str, data: bytes) -> None:
    """Sends the bytes and reads for a moment, or until the connection closes."""
    url = urlsplit(address)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    try:
        async with asyncio.timeout(0.2):
            writer.write(data)
            await writer.drain()
            while await reader.read(65536):
                pass
    except (TimeoutError, ConnectionError):
        pass  # It may answer, wait for more, or close the connection.
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("port", ["rest", "websocket", "endpoint"])
async def test_garbage_does_no_harm(stack: Stack, market: Market, port: str) -> None:
    address: str = getattr(stack, port)
    limit = asyncio.Semaphore(CONNECTIONS)

    async def bounded(data: bytes) -> None:
        async with limit:
            await send(address, data)

    await asyncio.gather(*map(bounded, garbage(random.Random(port))))

    assert stack.process.poll() is None
    async with client(stack) as at:
        assert (await at.executed())["status"] == "confirmed"


async def test_unfinished_requests_delay_nobody(stack: Stack, market: Market) -> None:
    async def start(address: str) -> asyncio.StreamWriter:
        url = urlsplit(address)
        _, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nslow")
        await writer.drain()
        return writer

    addresses = [stack.rest, stack.websocket, stack.endpoint] * CONNECTIONS
    writers = await asyncio.gather(*map(start, addresses))
    try:
        async with client(stack) as at, asyncio.timeout(PATIENCE):
            for _ in range(3):
                assert (await at.executed())["status"] == "confirmed"
                for writer in writers:
                    writer.write(b".")
    finally:
        for writer in writers:
            writer.transport.abort()
