from __future__ import annotations

import asyncio
import contextlib
import json
import random
import tracemalloc
from datetime import datetime

import aiohttp
import boto3
import pytest
from aiohttp import WSMsgType
from botocore.client import Config
from botocore.exceptions import ClientError

from emulator.apigateway.websocket_connection import Limits
from tests.support.emulator.gateways import Event
from tests.support.emulator.websocket_client import HANDSHAKE, OK, Setting, raw_client, run


def test_a_post_reaches_the_client_as_text() -> None:
    async def scenario(at: Setting) -> None:
        socket, identifier = await at.connected()
        for text in ["plain", "ä€", ""]:
            assert (await at.manage("POST", identifier, text.encode()))[0] == 200
            assert await socket.receive_str(timeout=5) == text
        assert (await at.manage("POST", identifier, b"\xff"))[0] == 200
        assert await socket.receive_bytes(timeout=5) == b"\xff"

    run(scenario)


def test_a_connection_can_be_managed_at_every_spelling_of_its_path() -> None:
    async def scenario(at: Setting) -> None:
        socket, identifier = await at.connected()
        for path in ["/@connections/", "/v1/@connections/", "/v1/%40connections/"]:
            async with at.session.post(at.url + path + identifier, data=path) as response:
                assert response.status == 200
            assert await socket.receive_str(timeout=5) == path

    run(scenario)


def test_get_describes_the_connection() -> None:
    async def scenario(at: Setting) -> None:
        _socket, identifier = await at.connected(headers={"User-Agent": "tests/1"})
        status, _, body = await at.manage("GET", identifier)
        first = json.loads(body)
        assert status == 200
        assert first["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "tests/1"}
        await asyncio.sleep(0.01)
        await at.manage("POST", identifier, b"x")
        second = json.loads((await at.manage("GET", identifier))[2])
        assert second["connectedAt"] == first["connectedAt"]
        assert datetime.fromisoformat(second["lastActiveAt"]) > datetime.fromisoformat(first["lastActiveAt"])

    run(scenario)


def test_delete_closes_the_connection() -> None:
    async def scenario(at: Setting) -> None:
        socket, identifier = await at.connected()
        assert (await at.manage("DELETE", identifier))[0] == 204
        assert (await at.manage("POST", identifier, b"late"))[0] == 410
        assert (await socket.receive(timeout=5)).data == 1000
        assert (await at.disconnected())["requestContext"]["disconnectStatusCode"] == 1000

    run(scenario)


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize("identifier", ["L0SM9cOFvHcCIhw=", "\r\n", "%", "a/b"])
def test_an_unknown_connection_is_gone(method: str, identifier: str) -> None:
    status, headers, _ = run(lambda at: at.manage(method, identifier))
    assert (status, headers["x-amzn-ErrorType"]) == (410, "GoneException")


def test_a_connection_does_not_exist_before_connect_returns() -> None:
    async def scenario(at: Setting) -> None:
        await at.connect()
        assert statuses == [410]

    statuses: list[int] = []

    async def connect(event: Event) -> Event:
        url = f"http://{event['headers']['Host']}/@connections/{event['requestContext']['connectionId']}"
        async with aiohttp.ClientSession() as session, session.post(url, data="early") as response:
            statuses.append(response.status)
        return OK

    run(scenario, connect=connect)


def test_a_posted_message_has_at_most_128_kilobytes() -> None:
    async def scenario(at: Setting) -> None:
        socket, identifier = await at.connected()
        assert (await at.manage("POST", identifier, b"a" * 131_072))[0] == 200
        assert len(await socket.receive_str(timeout=5)) == 131_072
        status, headers, _ = await at.manage("POST", identifier, b"a" * 131_073)
        assert (status, headers["x-amzn-ErrorType"]) == (413, "PayloadTooLargeException")

    run(scenario)


def test_a_client_that_does_not_read_blocks_nobody_and_is_limited() -> None:
    async def scenario(at: Setting) -> None:
        _reader, writer = await raw_client(at)
        slow = at.of("CONNECT")[-1]["requestContext"]["connectionId"]
        socket, quick = await at.connected()
        statuses: set[int] = set()
        while statuses != {200, 429}:
            async with asyncio.timeout(5):
                status, headers, _ = await at.manage("POST", slow, b"a" * 131_072)
            statuses.add(status)
        assert headers["x-amzn-ErrorType"] == "LimitExceededException"
        await at.manage("POST", quick, b"quick")
        assert await socket.receive_str(timeout=5) == "quick"
        assert (await at.manage("DELETE", slow))[0] == 204
        context = (await at.disconnected())["requestContext"]
        assert (context["connectionId"], context["disconnectStatusCode"]) == (slow, 1000)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    run(scenario, limits=Limits(outbox=1_000_000, closing=0.1))


def test_boto3_manages_connections() -> None:
    async def scenario(at: Setting) -> None:
        client = boto3.client(
            "apigatewaymanagementapi",
            endpoint_url=f"{at.url}/v1",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}),
        )
        socket, identifier = await at.connected()

        await asyncio.to_thread(client.post_to_connection, ConnectionId=identifier, Data=b"hello")
        assert await socket.receive_str(timeout=5) == "hello"
        described = await asyncio.to_thread(client.get_connection, ConnectionId=identifier)
        assert described["Identity"]["SourceIp"] == "127.0.0.1"
        assert described["ConnectedAt"] <= described["LastActiveAt"]
        with pytest.raises(ClientError) as large:
            await asyncio.to_thread(client.post_to_connection, ConnectionId=identifier, Data=b"a" * 131_073)
        assert isinstance(large.value, client.exceptions.PayloadTooLargeException)
        await asyncio.to_thread(client.delete_connection, ConnectionId=identifier)
        assert (await socket.receive(timeout=5)).type == WSMsgType.CLOSE
        for call in (client.get_connection, client.delete_connection):
            with pytest.raises(client.exceptions.GoneException):
                await asyncio.to_thread(call, ConnectionId=identifier)
        client.close()

    run(scenario)


def test_idle_connections_are_small() -> None:
    async def scenario(at: Setting) -> None:
        clients = [await raw_client(at)]
        tracemalloc.start()
        try:
            clients += [await raw_client(at) for _ in range(100)]
            used = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        at.functions.events.clear()
        # This includes the clients' share and the events that the fake keeps.
        assert used / 100 < 100_000
        for _, writer in clients:
            writer.close()
        for _, writer in clients:
            await writer.wait_closed()

    run(scenario)


def test_garbage_does_not_end_the_service() -> None:
    rng = random.Random(20_241)
    pieces = [
        HANDSHAKE,
        b"\x81\x85abcd",
        b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x88\x80abcd",
        b"\x00\x80abcd",
        b"\x89\x80abcd",
        b"POST /v1/@connections/%ff HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
    ]
    statuses: set[bytes] = set()

    async def garbage(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError, TimeoutError):
            if rng.random() < 0.7:
                writer.write(HANDSHAKE)
                await asyncio.sleep(0.005)
            for _ in range(rng.randint(1, 6)):
                writer.write(rng.choice(pieces) if rng.random() < 0.6 else rng.randbytes(rng.randint(1, 200)))
            async with asyncio.timeout(0.05):
                statuses.add((await reader.readline())[9:12])
                await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def scenario(at: Setting) -> None:
        for _ in range(10):
            await asyncio.gather(*(garbage(at.port) for _ in range(20)))
        socket, identifier = await at.connected()
        await at.manage("POST", identifier, b"still here")
        assert await socket.receive_str(timeout=5) == "still here"
        await socket.close()
        assert statuses >= {b"101", b"400"}
        await at.functions.until(lambda: len(at.of("DISCONNECT")) == len(at.of("CONNECT")))

    run(scenario)
