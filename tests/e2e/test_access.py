"""Access: keys, tickets, pages, and other clients' orders."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from emulator.apigateway.records import RestApi, WebSocketApi
from order_engine.domain.access import KEY_PREFIX, TICKET_PREFIX, new_secret
from order_engine.storage.clients import PostgresClientStore
from tests.support.aws_clients import aws, sweep
from tests.support.client import ORDER, Client, Json, Until, client
from tests.support.market import Market
from tests.support.stack import ROOT, Stack

UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"
ENDPOINTS: list[tuple[str, str, Json]] = [
    ("POST", "/api/orders/execute", {"json": ORDER}),
    ("GET", "/api/quotes", {}),
    ("GET", "/api/market", {}),
    ("GET", "/api/wallet", {}),
    ("GET", "/api/tokens", {}),
    ("GET", "/api/pools", {}),
    ("GET", "/api/orders", {}),
    ("GET", "/api/orders/active", {}),
    ("GET", "/api/orders/counts", {}),
    ("GET", "/api/orders/timings", {}),
    ("GET", "/api/fills", {}),
    ("GET", "/api/fills/balances", {}),
    ("GET", f"/api/orders/{UNKNOWN}", {}),
    ("DELETE", "/api/orders", {}),
    ("PATCH", f"/api/orders/{UNKNOWN}", {"json": {"limitPrice": "180"}}),
    ("DELETE", f"/api/orders/{UNKNOWN}", {}),
    ("POST", "/api/ws-ticket", {}),
    ("GET", "/api/key", {}),
    ("GET", "/api/keys", {}),
    ("POST", "/api/keys", {"json": {}}),
    ("DELETE", f"/api/keys/{UNKNOWN}", {}),
    ("GET", "/api/webhooks", {}),
    ("POST", "/api/webhooks", {"json": {}}),
    ("DELETE", f"/api/webhooks/{UNKNOWN}", {}),
    ("GET", f"/api/webhooks/{UNKNOWN}/deliveries", {}),
    ("POST", f"/api/webhooks/{UNKNOWN}/redeliver", {"json": {}}),
]


@pytest.fixture
def clients(market: Market) -> PostgresClientStore:
    return PostgresClientStore(market.database)


def revoke(clients: PostgresClientStore, key: str) -> None:
    caller = clients.caller_with_key(key)
    assert caller is not None
    clients.revoke(caller.key_id)


def invoke_keys(stack: Stack, **event: str) -> Any:
    with aws(stack, "lambda") as lambda_:
        answer = lambda_.invoke(FunctionName=stack.physical("KeysFunction"), Payload=json.dumps(event))
        return answer.get("FunctionError"), json.load(answer["Payload"])


async def refused(at: Client, url: str, **headers: str) -> int:
    """Returns the status with which the WebSocket API refuses the handshake."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        async with at.connected(url, headers=headers):
            pass
    return refusal.value.status


def test_every_endpoint_is_in_the_list() -> None:
    from tests.support.aws import stack as template

    (api,) = template().of(RestApi).values()
    closed = {(route.method, route.path) for route in api.routes if route.authorizer}
    page = {("GET", "/"), ("GET", "/assets/{version}/{name}")}
    page |= {("GET", "/docs"), ("GET", "/docs/websocket"), ("GET", "/docs/assets/{version}/{name}")}
    open_to_everyone = page | {("GET", "/health"), ("GET", "/openapi.json"), ("GET", "/asyncapi.json")}
    assert {(route.method, route.path) for route in api.routes} - closed == open_to_everyone
    assert {
        (method, re.sub(r"(order|key|webhook)s/[0-9a-f-]{36}", r"\1s/{\1Id}", path)) for method, path, _ in ENDPOINTS
    } == closed
    (websocket,) = template().of(WebSocketApi).values()
    assert websocket.authorizer is not None


# Keys


@pytest.mark.parametrize("kind", ["none", "unknown", "revoked", "ticket", "no scheme", "another scheme"])
@pytest.mark.parametrize(
    ("method", "path", "options"), ENDPOINTS, ids=[f"{method} {path}" for method, path, _ in ENDPOINTS]
)
async def test_no_endpoint_admits_a_caller_without_a_key(
    stack: Stack, market: Market, clients: PostgresClientStore, kind: str, method: str, path: str, options: Json
) -> None:
    before = market.orders()
    revoked = clients.create_key("revoked")
    revoke(clients, revoked)
    headers = {
        "none": {},
        "unknown": {"Authorization": f"Bearer {new_secret(KEY_PREFIX)}"},
        "revoked": {"Authorization": f"Bearer {revoked}"},
        "ticket": {"Authorization": f"Bearer {new_secret(TICKET_PREFIX)}"},
        "no scheme": {"Authorization": stack.key},
        "another scheme": {"Authorization": f"Basic {stack.key}"},
    }[kind]

    async with client(stack, key=None) as at:
        answer = await at.request(method, path, headers=headers, **options)
        handshake = await refused(at, stack.websocket, **headers)

    assert answer.status == handshake == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.body == {
        "error": {
            "code": "Unauthorized",
            "message": "expected a valid API key, sent as Authorization: Bearer KEY",
            "details": [],
        }
    }
    assert market.orders() == before


async def test_health_needs_no_key(stack: Stack) -> None:
    async with client(stack, key=None) as at:
        assert (await at.get("/health"))["status"] == "up"


@pytest.mark.process
async def test_a_revoked_key_is_refused_within_seconds_and_its_connections_are_closed(
    stack: Stack, market: Market, clients: PostgresClientStore
) -> None:
    key = clients.create_key("leaving")
    async with client(stack, key) as at, at.connected() as socket:
        # GIVEN a client at work
        await at.executed()

        # WHEN its key is revoked
        revoke(clients, key)

        # THEN the key is soon refused
        async for _ in Until("the key is refused"):
            if (await at.request("GET", "/api/orders")).status == 401:
                break
        assert await refused(at, stack.websocket) == 401

        # AND the next sweep closes its connections
        sweep(stack)
        await socket.closed()
    assert (
        market.database.fetch("SELECT FROM connections JOIN api_keys k ON k.id = key_id WHERE revoked_at > '-infinity'")
        == []
    )


# Other clients' orders


async def test_another_clients_order_is_not_found(stack: Stack, market: Market, clients: PostgresClientStore) -> None:
    def masked(body: Any, order_id: str) -> str:
        return str(body).replace(order_id, "ID")

    key = clients.create_key(str(uuid4()))
    async with client(stack) as owner, client(stack, key) as other, other.connected() as socket:
        with market.held("JUP"):
            order_id = (await owner.submit(tokenOut="JUP"))["orderId"]
            for method in ("GET", "DELETE"):
                theirs = await other.request(method, f"/api/orders/{order_id}")
                nobodys = await other.request(method, f"/api/orders/{UNKNOWN}")
                assert theirs.status == nobodys.status == 404
                assert masked(theirs.body, order_id) == masked(nobodys.body, UNKNOWN)
            assert await refused(other, f"{stack.websocket}?orderId={order_id}") == 404
            assert await refused(owner, f"{stack.websocket}?order={order_id}") == 400
            for action in ("subscribe", "cancel"):
                answers = []
                for id in (order_id, UNKNOWN):
                    await socket.send(action=action, orderId=id)
                    answers.append(masked(await socket.receive(), id))
                assert answers[0] == answers[1]
                assert "OrderNotFound" in answers[0]
            assert (await other.get("/api/orders"))["orders"] == []
        # The order continues, and only its owner gets its events.
        assert (await owner.ended(order_id))["status"] == "confirmed"
        assert await socket.drained() == []


async def test_each_client_lists_its_own_orders(stack: Stack, market: Market, clients: PostgresClientStore) -> None:
    async with (
        client(stack, clients.create_key(str(uuid4()))) as one,
        client(stack, clients.create_key(str(uuid4()))) as two,
    ):
        mine = [(await one.executed())["orderId"] for _ in range(3)]
        theirs = [(await two.executed())["orderId"] for _ in range(2)]
        pages = [await one.get("/api/orders", limit="2")]
        pages.append(await one.get("/api/orders", limit="2", cursor=pages[0]["nextCursor"]))
        foreign = await two.get("/api/orders", cursor=pages[0]["nextCursor"])
        listed = await two.get("/api/orders", status="confirmed")

    assert [order["orderId"] for page in pages for order in page["orders"]] == mine[::-1]
    assert [order["orderId"] for order in listed["orders"]] == theirs[::-1]
    # A cursor works in every client's list.
    assert {order["orderId"] for order in foreign["orders"]} <= set(theirs)


async def test_a_second_key_of_a_client_reads_what_the_first_has_submitted(
    stack: Stack, market: Market, clients: PostgresClientStore
) -> None:
    name = str(uuid4())
    async with client(stack, clients.create_key(name)) as first, client(stack, clients.create_key(name)) as second:
        order = await first.executed()
        assert await second.order(order["orderId"]) == order


# Tickets and pages


async def ticket_of(at: Client) -> str:
    answer = await at.request("POST", "/api/ws-ticket")
    assert answer.status == 201
    assert set(answer.body) == {"ticket", "expiresAt", "webSocketUrl", "scope"}
    ticket: str = answer.body["ticket"]
    return ticket


async def test_a_page_connects_with_a_ticket_and_watches_its_order(stack: Stack, market: Market) -> None:
    async with client(stack) as at, client(stack, key=None) as browser:
        order = await at.submit()
        url = f"{order['webSocketUrl']}&ticket={await ticket_of(at)}"
        async with browser.connected(url, {"Origin": stack.origin}) as socket:
            assert await socket.events() == (await at.order(order["orderId"]))["events"]
            await socket.send(action="execute", **ORDER)
            mine = (await socket.events())[0]["orderId"]
        assert (await at.order(mine))["status"] == "confirmed"


async def test_a_ticket_is_valid_once(stack: Stack) -> None:
    async with client(stack) as at, client(stack, key=None) as browser:
        url = f"{stack.websocket}?ticket={await ticket_of(at)}"
        async with browser.connected(url):
            pass
        assert await refused(browser, url) == 401
        # It is refused for its owner too.
        assert await refused(at, url) == 401


@pytest.mark.needs("load")
async def test_one_of_many_concurrent_connections_with_a_ticket_succeeds(stack: Stack) -> None:
    async with client(stack) as at, client(stack, key=None) as browser:
        url = f"{stack.websocket}?ticket={await ticket_of(at)}"

        async def attempt() -> int:
            try:
                async with browser.connected(url):
                    return 101
            except aiohttp.WSServerHandshakeError as refusal:
                return refusal.status

        assert sorted(await asyncio.gather(*(attempt() for _ in range(8)))) == [101] + [401] * 7


async def test_expired_and_unknown_tickets_are_refused(stack: Stack, market: Market) -> None:
    async with client(stack) as at, client(stack, key=None) as browser:
        ticket = await ticket_of(at)
        market.database.execute("UPDATE tickets SET expires_at = now() - interval '1 second'")
        for late in (ticket, new_secret(TICKET_PREFIX), stack.key, "", "x" * 5000):
            assert await refused(browser, f"{stack.websocket}?ticket={late}") == 401


async def test_a_ticket_identifies_the_client_that_it_was_issued_to(
    stack: Stack, market: Market, clients: PostgresClientStore
) -> None:
    async with client(stack) as owner, client(stack, clients.create_key(str(uuid4()))) as other:
        order_id = (await owner.executed())["orderId"]
        # Another client's ticket gives no access to the order, even together with the owner's key.
        url = f"{stack.websocket}?orderId={order_id}&ticket="
        assert await refused(owner, url + await ticket_of(other)) == 404
        # A ticket of a revoked key is refused.
        leaving = clients.create_key(str(uuid4()))
        async with client(stack, leaving) as third:
            ticket = await ticket_of(third)
        revoke(clients, leaving)
        assert await refused(owner, f"{stack.websocket}?ticket={ticket}") == 401


async def test_only_pages_of_allowed_origins_may_connect(stack: Stack) -> None:
    async with client(stack) as at:
        for origin in ("https://evil.example", "null", stack.origin + ".evil.example", stack.websocket):
            assert await refused(at, stack.websocket, Origin=origin) == 403
            assert await refused(at, f"{stack.websocket}?ticket={await ticket_of(at)}", Origin=origin) == 403
        async with at.connected(headers={"Origin": stack.origin}) as socket:
            await socket.send(action="ping")
            assert await socket.receive() == {"action": "pong"}


async def test_a_client_that_disconnected_is_no_longer_recorded(stack: Stack, market: Market) -> None:
    async with client(stack) as at, at.connected() as socket:
        await socket.send(action="ping")
        await socket.receive()
        assert len(market.database.fetch("SELECT FROM connections")) >= 1
    async for _ in Until("no connection is recorded"):
        if market.database.fetch("SELECT FROM connections") == []:
            break


@pytest.mark.needs("clients")
async def test_an_operator_creates_a_key_without_reaching_the_database(stack: Stack, market: Market) -> None:
    error, made = invoke_keys(stack, action="create-key", name="bob")
    assert error is None
    async with client(stack, made["key"]) as bob:
        assert (await bob.executed())["status"] == "confirmed"
    error, listed = invoke_keys(stack, action="list-keys")
    (key,) = [key for key in listed["keys"] if key["client"] == "bob"]
    assert key["prefix"] == made["key"][:8]
    assert invoke_keys(stack, action="revoke-key", id=key["id"]) == (None, {"revoked": key["id"]})
    error, refusal = invoke_keys(stack, action="revoke-key", id=UNKNOWN)
    assert (error, refusal["errorMessage"]) == ("Unhandled", f"no key with id {UNKNOWN}")


def smoke(stack: Stack, *options: str) -> subprocess.CompletedProcess[str]:
    credentials = {"PYTHONPATH": "client", "AWS_ACCESS_KEY_ID": "anyone", "AWS_SECRET_ACCESS_KEY": "anything"}
    return subprocess.run(
        [sys.executable, "-m", "tests.smoke", *options],
        cwd=ROOT,
        env={**credentials, "AWS_ENDPOINT_URL": stack.endpoint, "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.needs("clients")
def test_the_smoke_test_runs_an_order_and_revokes_its_key(stack: Stack, market: Market) -> None:
    passed = smoke(stack, "--url", stack.rest, "--keys-function", stack.physical("KeysFunction"))
    assert passed.returncode == 0, passed.stderr
    assert [line.split()[-1] for line in passed.stdout.splitlines()][-1] == "confirmed"
    _, listed = invoke_keys(stack, action="list-keys")
    assert {bool(key["revokedAt"]) for key in listed["keys"] if key["client"] == "smoke-test"} == {True}


@pytest.mark.needs("clients")
def test_the_smoke_test_reports_what_is_wrong(stack: Stack, market: Market) -> None:
    submit = stack.physical("SubmitFunction")
    failed = smoke(stack, "--url", stack.rest, "--keys-function", submit)
    assert failed.returncode == 1
    assert f"expected a result from {submit}, was " in failed.stderr
    assert "Traceback" not in failed.stderr
