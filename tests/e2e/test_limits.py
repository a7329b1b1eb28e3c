"""A client's limits, on a stack where they are low, and the logs of that stack."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import pytest

from order_engine.storage.clients import PostgresClientStore
from tests.support.client import ORDER, Until, client
from tests.support.command_line import load
from tests.support.folders import data_folder
from tests.support.market import Market
from tests.support.stack import Stack, running

pytestmark = pytest.mark.process

LIMITS = (
    "--parameter", "OrdersPerMinute=5", "--parameter", "ConnectionsPerClient=3", "--parameter", "LogLevel=DEBUG",
    "--parameter", "MaxOrderValue=1000",
)  # fmt: skip
EXECUTE = "/api/orders/execute"


@pytest.fixture(scope="module")
def narrow() -> Iterator[Stack]:
    with running(data_folder(), *LIMITS) as stack:
        yield stack


@pytest.fixture(scope="module")
def clients(narrow: Stack) -> Iterator[PostgresClientStore]:
    market = Market(narrow.parameters["DatabaseUrl"])
    yield PostgresClientStore(market.database)
    market.close()


async def test_a_client_over_its_rate_limit_is_told_when_to_retry(narrow: Stack, clients: PostgresClientStore) -> None:
    headers = {"Idempotency-Key": "mine"}
    async with client(narrow, clients.create_key(str(uuid4()))) as at, at.connected() as socket:
        # GIVEN a client that has used a minute's tokens on both transports
        first = await at.request("POST", EXECUTE, json=ORDER, headers=headers)
        for _ in range(3):
            await at.submit()
        await socket.send(action="execute", **ORDER)
        await socket.events()

        # THEN it is refused
        answer = await at.request("POST", EXECUTE, json=ORDER)
        await socket.send(action="execute", **ORDER)
        error = (await socket.receive())["error"]
        assert answer.status == 429
        wait = int(answer.headers["Retry-After"])
        assert 1 <= wait <= 12
        assert answer.body["error"]["code"] == error["code"] == "RateLimited"
        assert answer.body["error"]["details"] == [{"retryAfter": wait}]
        assert 1 <= error["details"][0]["retryAfter"] <= 12

        # AND its earlier orders can still be repeated, read and watched
        again = await at.request("POST", EXECUTE, json=ORDER, headers=headers)
        assert (again.status, again.body) == (202, first.body)
        assert (await at.ended(first.body["orderId"]))["status"] == "confirmed"
        assert len((await at.get("/api/orders"))["orders"]) == 5

    # AND other clients are not refused
    async with client(narrow, clients.create_key(str(uuid4()))) as other:
        assert (await other.executed())["status"] == "confirmed"


async def test_the_load_tool_says_that_the_limit_refuses_its_orders(
    narrow: Stack, clients: PostgresClientStore, tmp_path: Path
) -> None:
    key = clients.create_key(str(uuid4()))
    options = ("--url", narrow.rest, "--key", key, "--folder", str(tmp_path), "--orders", "6", "--rate", "50")

    ended = load(*options)
    async with client(narrow, key) as at:
        assert (await at.get("/api/orders"))["orders"] == []
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "takes 5 a minute from a client and would refuse about 1. Nothing was sent." in ended.stderr
    assert 'make run ARGS="--parameter OrdersPerMinute=0"' in ended.stderr

    # The tool opens a connection for each of a few orders, and this stack takes three.
    ended = load(*options, "--limited")
    assert (ended.returncode, "the WebSocket API answers 429" in ended.stderr) == (1, True)


async def test_a_client_is_refused_connections_over_its_limit(narrow: Stack, clients: PostgresClientStore) -> None:
    async with client(narrow, clients.create_key(str(uuid4()))) as at:

        async def connects() -> int:
            try:
                async with at.connected() as socket:
                    await socket.send(action="ping")
                    assert await socket.receive() == {"action": "pong"}
                    return 101
            except aiohttp.WSServerHandshakeError as refusal:
                return refusal.status

        async with at.connected(), at.connected():
            async with at.connected():
                assert await connects() == 429
            async for _ in Until("there is room for another"):
                if await connects() == 101:
                    break


async def say(stack: Stack, request: str) -> None:
    """Sends a request that no client library would send, and reads the beginning of the answer."""
    url = urlsplit(stack.rest)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(request.encode())
    assert await reader.read(100)
    writer.transport.abort()


async def test_no_log_holds_a_secret_and_no_client_can_forge_a_line(
    narrow: Stack, clients: PostgresClientStore
) -> None:
    forged = '\n{"level": "CRITICAL", "message": "forged"}\r\n\x1b[31mred\x1b[0m'
    key = clients.create_key(str(uuid4()))
    secrets = {narrow.key, key, key[:-1] + ("x" if key[-1] != "x" else "y")}
    async with client(narrow, key) as at:
        # GIVEN text that looks like a log line, and secrets in right and wrong places
        form = {**ORDER, "clientOrderId": forged, "userId": forged}
        answer = await at.request("POST", EXECUTE, json=form, headers={"User-Agent": '"}{"level": "CRITICAL"'})
        assert answer.status == 202
        await at.ended(answer.body["orderId"])
        ticket = (await at.request("POST", "/api/ws-ticket")).body["ticket"]
        secrets.add(ticket)
        async with at.connected(f"{narrow.websocket}?ticket={ticket}") as socket:
            await socket.send(action=forged, orderId=key)
            await socket.receive()
            await socket.send(action="execute", **{**ORDER, "tokenIn": forged})
            await socket.receive()
        for url in (f"{narrow.websocket}?ticket={ticket}", f"{narrow.websocket}?orderId={key}"):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                async with at.connected(url, {"Origin": narrow.rest}):
                    pass
        await at.request("GET", f"/api/orders/{key}")
        await at.request("POST", EXECUTE, data=forged, headers={"Content-Type": forged.encode().hex()})
    for wrong in secrets - {narrow.key, key}:
        async with client(narrow, wrong) as thief:
            assert (await thief.request("GET", "/api/orders")).status == 401
    await say(
        narrow, f"GET /api/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nUser-Agent: \x1b[31m\r\n\r\n"
    )

    # THEN no log contains a secret or Postgres' password
    logs = {path: path.read_text() for path in [*narrow.data.glob("logs/*.log"), narrow.data / "stderr.log"]}
    assert any(len(text) > 1000 for text in logs.values())
    password = urlsplit(narrow.parameters["DatabaseUrl"]).password
    for path, text in logs.items():
        for secret in secrets | ({password} if password else set()):
            assert secret[4:] not in text, path

    # AND every line of a function's log was written by the function or by Lambda
    for path, text in logs.items():
        assert "\x1b" not in text
        if path.parent.name == "logs":
            for line in text.splitlines():
                assert re.match(r"(START|END|REPORT|INIT_START) ", line) or isinstance(json.loads(line), dict), line
                assert not line.startswith('{"level": "CRITICAL"')


async def test_an_order_above_the_largest_value_fails_with_both_amounts(
    narrow: Stack, clients: PostgresClientStore
) -> None:
    too_large = re.compile(r"expected an order worth at most 1000 USDC, was 10 SOL, worth 1[67]\d\d(\.[0-9]+)? USDC")
    large = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "10"}
    async with client(narrow, clients.create_key(str(uuid4()))) as at:
        quoted = await at.request("GET", "/api/quotes", params=large)
        order = await at.executed(**large)
        small = await at.executed(tokenIn="SOL", tokenOut="USDC", amountIn="5")
    assert (quoted.status, quoted.body["error"]["code"]) == (422, "OrderTooLarge")
    assert too_large.fullmatch(quoted.body["error"]["message"])
    assert (order["status"], order["error"]["code"], order["error"]["retryable"]) == ("failed", "OrderTooLarge", False)
    assert too_large.fullmatch(order["error"]["message"])
    assert small["status"] == "confirmed"
