"""Clients that do not read, come late or reconnect. Nothing waits for them, and they miss no event."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.support.client import FINAL, ORDER, PATIENCE, Client, Json, Until, client
from tests.support.market import Market
from tests.support.stack import Stack

pytestmark = pytest.mark.needs("load")

CLIENTS = 200


class Deaf:
    """A WebSocket client that never reads, so that its TCP window and then the server's buffer fill."""

    def __init__(self, stack: Stack) -> None:
        to = urlsplit(stack.websocket)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.settimeout(PATIENCE)
        self._socket.connect((to.hostname, to.port))
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET / HTTP/1.1\r\nHost: {to.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Authorization: Bearer {stack.key}\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        assert self._socket.recv(12).endswith(b" 101"), "expected a handshake"

    def send(self, **message: Any) -> None:
        payload = json.dumps(message).encode()
        assert len(payload) < 126
        # A text frame with a mask of zeros.
        self._socket.sendall(bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def deaf(stack: Stack) -> Iterator[Deaf]:
    client = Deaf(stack)
    try:
        yield client
    finally:
        client.close()


async def test_a_client_that_does_not_read_delays_no_order_and_is_disconnected(
    stack: Stack, market: Market, capsys: pytest.CaptureFixture[str]
) -> None:
    forget_earlier_tests(market)
    async with client(stack) as at:
        usual = await orders_with(at, stack, market, None)
        # GIVEN a client that listens to twenty orders and does not read, until the server's buffer is full
        with deaf(stack) as listener:
            slowed = await orders_with(at, stack, market, listener)

            # THEN it is disconnected and deleted
            async for _ in Until("nobody listens any more"):
                if listeners(market) == []:
                    break
    with capsys.disabled():
        print(f"\n20 orders: {usual:.2f} s, with a client that does not read: {slowed:.2f} s")
    # AND every order is confirmed without waiting for it
    assert slowed < usual + 3


async def orders_with(at: Client, stack: Stack, market: Market, listener: Deaf | None) -> float:
    """Returns the seconds until twenty orders are confirmed, with or without the listener."""
    with market.held("USDC"):
        orders = [(await at.submit(slippageBps=500))["orderId"] for _ in range(20)]
        if listener is not None:
            for order_id in orders:
                listener.send(action="subscribe", orderId=order_id)
            async for _ in Until("it listens to all of them"):
                listening = listeners(market)
                if len(listening) == len(orders):
                    break
            await fill(stack, listening[0])
        started = time.monotonic()
    ended = await asyncio.gather(*(at.ended(order_id) for order_id in orders))
    assert [order["status"] for order in ended] == ["confirmed"] * len(orders)
    return time.monotonic() - started


def forget_earlier_tests(market: Market) -> None:
    """Deletes subscriptions of connections that closed while subscribing, which the sweep would do an hour later."""
    market.database.execute("DELETE FROM subscriptions")


def listeners(market: Market) -> list[str]:
    """Returns the connection of each subscription."""
    return [row["connection_id"] for row in market.database.fetch("SELECT connection_id FROM subscriptions")]


async def fill(stack: Stack, connection_id: str) -> None:
    """Pushes to the connection until the gateway accepts no more."""
    url = f"{stack.websocket.replace('ws', 'http', 1)}/@connections/{connection_id}"
    async with aiohttp.ClientSession() as session:
        for size in (100_000, 5_000, 100):
            status = 200
            while status == 200:
                async with session.post(url, data=b"x" * size) as response:
                    status = response.status
            assert status == 429


async def test_two_hundred_late_and_returning_clients_see_every_event_once(stack: Stack, market: Market) -> None:
    forget_earlier_tests(market)
    chance = random.Random(7)
    async with client(stack) as at:

        async def watch(order_id: str, pause: float, visits: list[int]) -> list[Json]:
            """Returns the events of a client that comes late, leaves after some events and asks for the rest."""
            await asyncio.sleep(pause)
            seen: list[Json] = []
            for visit in [*visits, 100]:
                async with at.connected() as connection:
                    await connection.send(action="subscribe", orderId=order_id, after=len(seen))
                    for _ in range(visit):
                        event = await connection.receive()
                        assert event["seq"] <= len(seen) + 1, "expected no gap"
                        if event["seq"] == len(seen) + 1:
                            seen.append(event)
                        if event["status"] in FINAL:
                            return seen
            raise AssertionError("expected an end")

        orders = [(await at.submit(**{**ORDER, "slippageBps": 500}))["orderId"] for _ in range(CLIENTS // 4)]
        watching = [
            watch(orders[number % len(orders)], chance.uniform(0, 2), chance.sample([1, 2, 1], chance.randrange(3)))
            for number in range(CLIENTS)
        ]
        seen = await asyncio.gather(*watching)
        expected = {order_id: (await at.order(order_id))["events"] for order_id in orders}

    assert all(events == expected[events[0]["orderId"]] for events in seen)
    async for _ in Until("the connections that are gone are forgotten"):
        if listeners(market) == []:
            break
