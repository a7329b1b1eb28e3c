"""Keys that only read, that expire, and that manage the other keys of their client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import aiohttp
import pytest

from order_engine.domain.access import Scope
from order_engine.domain.timestamps import rfc3339
from order_engine.storage.clients import PostgresClientStore
from tests.support.aws_clients import sweep
from tests.support.client import ORDER, Client, Until, client
from tests.support.market import Market
from tests.support.stack import Stack

MISSING = {
    "code": "ScopeMissing",
    "message": "expected a key with the scope trade, was one with the scope read",
    "details": [{"neededScope": "trade", "scope": "read"}],
}


@pytest.fixture
def clients(market: Market) -> PostgresClientStore:
    return PostgresClientStore(market.database)


@asynccontextmanager
async def trader_and_reader(stack: Stack, clients: PostgresClientStore) -> AsyncIterator[tuple[Client, Client]]:
    """Two keys of one client."""
    name = str(uuid4())
    keys = [clients.create_key(name, scope) for scope in (Scope.TRADE, Scope.READ)]
    async with client(stack, keys[0]) as trader, client(stack, keys[1]) as reader:
        yield trader, reader


async def test_a_reader_sees_what_the_clients_other_keys_trade(
    stack: Stack, market: Market, clients: PostgresClientStore
) -> None:
    async with trader_and_reader(stack, clients) as (trader, reader), reader.connected() as socket:
        with market.held("JUP"):
            order_id = (await trader.submit(tokenOut="JUP"))["orderId"]
            await socket.send(action="subscribe", orderId=order_id)
            assert (await socket.receive())["orderId"] == order_id
            for method, path, body in (
                ("POST", "/api/orders/execute", ORDER),
                ("DELETE", f"/api/orders/{order_id}", None),
                ("DELETE", "/api/orders", None),
                ("PATCH", f"/api/orders/{order_id}", {"limitPrice": "180"}),
            ):
                refused = await reader.request(method, path, json=body)
                assert (refused.status, refused.body) == (403, {"error": MISSING})
        assert [event["status"] for event in await socket.events()][-1] == "confirmed"
        for message in ({"action": "execute", **ORDER}, {"action": "cancel", "orderId": order_id}):
            await socket.send(**message)
            assert await socket.receive() == {"error": MISSING}
        assert [order["orderId"] for order in (await reader.get("/api/orders"))["orders"]] == [order_id]


async def test_a_readers_ticket_reads_only(stack: Stack, clients: PostgresClientStore) -> None:
    async with trader_and_reader(stack, clients) as (_, reader), client(stack, key=None) as browser:
        ticket = (await reader.request("POST", "/api/ws-ticket")).body
        assert ticket["scope"] == "read"
        async with browser.connected(f"{stack.websocket}?ticket={ticket['ticket']}") as socket:
            await socket.send(action="execute", **ORDER)
            assert await socket.receive() == {"error": MISSING}


@pytest.mark.process
async def test_an_expired_key_is_refused_within_seconds_and_its_connections_are_closed(
    stack: Stack, market: Market, clients: PostgresClientStore
) -> None:
    key = clients.create_key(str(uuid4()), expires_at=datetime.now(UTC) + timedelta(hours=1))
    async with client(stack, key) as at, at.connected() as socket:
        await at.executed()
        own = await at.get("/api/key")
        market.database.execute("UPDATE api_keys SET expires_at = now() WHERE expires_at IS NOT NULL")
        async for _ in Until("the key is refused"):
            if (await at.request("GET", "/api/orders")).status == 401:
                break
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            async with at.connected():
                pass
        sweep(stack)
        await socket.closed()
    (listed,) = [listed for listed in clients.list_keys() if str(listed.id) == own["id"]]
    assert listed.revoked_at is None


async def test_an_admin_replaces_a_key_of_its_client(stack: Stack, clients: PostgresClientStore) -> None:
    name = str(uuid4())
    async with client(stack, clients.create_key(name, Scope.ADMIN)) as admin:
        (own,) = (await admin.get("/api/keys"))["keys"]
        expiry = rfc3339(datetime.now(UTC) + timedelta(days=1))
        made = await admin.request("POST", "/api/keys", json={"scope": "trade", "expiresAt": expiry})
        assert made.status == 201
        async with client(stack, made.body["key"]) as other:
            order = await other.executed()
            assert await admin.order(order["orderId"]) == order
            used = await other.get("/api/key")
            assert (used["id"], used["createdBy"]) == (made.body["id"], f"key {own['id']}")
            assert used["lastUsedAt"] is not None
            assert (await other.request("GET", "/api/keys")).body["error"]["code"] == "ScopeMissing"
            revoked = await admin.request("DELETE", f"/api/keys/{used['id']}")
            assert (revoked.status, revoked.body["revokedBy"]) == (200, f"key {own['id']}")
            async for _ in Until("the key is refused"):
                if (await other.request("GET", "/api/key")).status == 401:
                    break
