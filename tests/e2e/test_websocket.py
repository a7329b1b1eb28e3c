"""The WebSocket API: a client gets every event once and in order, and an answer to every message."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import aiohttp
import pytest

from tests.e2e import targets
from tests.support.client import ORDER, Json, client
from tests.support.market import Market
from tests.support.stack import Stack


def steps(events: list[Json]) -> list[tuple[int, str]]:
    return [(event["seq"], event["status"]) for event in events]


LIFE = [(1, "pending"), (2, "routing"), (3, "building"), (4, "submitted"), (5, "confirmed")]


async def test_a_late_subscriber_gets_all_events_in_order(stack: Stack) -> None:
    async with client(stack) as at:
        order = await at.executed()
        async with at.connected() as socket:
            await socket.send(action="subscribe", orderId=order["orderId"])
            subscribed = await socket.events()
        async with at.connected(f"{stack.websocket}?orderId={order['orderId']}") as socket:
            connected = await socket.events()

    assert steps(subscribed) == LIFE
    assert subscribed == connected == order["events"]


async def test_a_subscriber_in_the_middle_gets_the_missed_events_then_the_rest(stack: Stack, market: Market) -> None:
    async with client(stack) as at, at.connected() as early, at.connected() as late:
        with market.held("USDT"):
            await early.send(**ORDER | {"action": "execute", "tokenOut": "USDT"})
            seen = await early.events(until="submitted")
            await late.send(action="subscribe", orderId=seen[0]["orderId"])
            missed = await late.events(until="submitted")
        rest = await early.events(), await late.events()

    assert steps(missed) == LIFE[:4]
    assert steps(rest[0]) == LIFE[4:]
    # Two sockets on one order get the same events.
    assert missed == seen
    assert rest[0] == rest[1]


async def test_a_returning_client_asks_for_later_events_only(stack: Stack, market: Market) -> None:
    async with client(stack) as at:
        with market.held("USDT"):
            async with at.connected() as socket:
                await socket.send(**ORDER | {"action": "execute", "tokenOut": "USDT"})
                order_id = (await socket.events(until="routing"))[0]["orderId"]
        async with at.connected() as socket:
            await socket.send(action="subscribe", orderId=order_id, after=2)
            later = await socket.events()
            await socket.send(action="subscribe", orderId=order_id, after=5)
            after_the_end = await socket.drained()

    assert steps(later) == LIFE[2:]
    assert after_the_end == []


async def test_a_repeated_subscription_sends_every_event_once(stack: Stack, market: Market) -> None:
    async with client(stack) as at, at.connected() as socket:
        with market.held("USDT"):
            await socket.send(**ORDER | {"action": "execute", "tokenOut": "USDT"})
            order_id = (await socket.events(until="submitted"))[0]["orderId"]
            await socket.send(action="subscribe", orderId=order_id, after=4)
            assert await socket.drained() == []
        await at.ended(order_id)

        assert steps(await socket.drained()) == LIFE[4:]


async def test_one_socket_can_watch_many_orders(stack: Stack) -> None:
    async with client(stack) as at, at.connected() as socket:
        orders = [(await at.submit())["orderId"] for _ in range(5)]
        for order_id in orders:
            await socket.send(action="subscribe", orderId=order_id)
        events: dict[str, list[Json]] = {order_id: [] for order_id in orders}
        while any(steps(seen)[-1:] != LIFE[-1:] for seen in events.values()):
            event = await socket.receive()
            events[event["orderId"]].append(event)

    assert [steps(seen) for seen in events.values()] == [LIFE] * 5


async def test_unsubscribing_stops_the_events_for_this_socket_alone(stack: Stack, market: Market) -> None:
    async with client(stack) as at, at.connected() as leaving, at.connected() as staying:
        with market.held("USDT"):
            await leaving.send(**ORDER | {"action": "execute", "tokenOut": "USDT"})
            order_id = (await leaving.events(until="submitted"))[0]["orderId"]
            await staying.send(action="subscribe", orderId=order_id, after=4)
            assert await staying.drained() == []
            await leaving.send(action="unsubscribe", orderId=order_id)
            assert await leaving.receive() == {"action": "unsubscribed", "orderId": order_id}
        assert steps(await staying.events()) == LIFE[4:]
        await at.ended(order_id)

        assert await leaving.drained() == []


@pytest.mark.parametrize(
    ("order_id", "status"),
    [pytest.param(str(uuid4()), 404, id="unknown"), ("", 400), ("1", 400), ("not-a-uuid", 400), ("x" * 36, 400)],
)
async def test_the_handshake_is_refused_for_an_unknown_order(stack: Stack, order_id: str, status: int) -> None:
    async with client(stack) as at:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            async with at.connected(f"{stack.websocket}?orderId={order_id}"):
                pass

    assert refusal.value.status == status


async def test_ping_is_answered(stack: Stack) -> None:
    async with client(stack) as at, at.connected() as socket:
        await socket.send(action="ping")

        assert await socket.receive() == {"action": "pong"}


UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("message", "code", "expected"),
    [
        (
            '{"action": "sing"}',
            "UnknownAction",
            "expected an action among cancel, execute, ping, subscribe, unsubscribe",
        ),
        ('{"action": "sing"}', "UnknownAction", "was 'sing'"),
        ('{"action": "$connect"}', "UnknownAction", "was '$connect'"),
        ('{"action": 7}', "UnknownAction", "was 7"),
        ('{"action": ["ping"]}', "UnknownAction", 'was ["ping"]'),
        ("{}", "UnknownAction", "was nothing"),
        ("", "InvalidJson", "expected a JSON object"),
        ("{", "InvalidJson", "expected a JSON object"),
        ("ping", "InvalidJson", "expected a JSON object"),
        ('{"action": "ping"', "InvalidJson", "expected a JSON object"),
        ("[1, 2]", "InvalidJson", "expected a JSON object, was [1, 2]"),
        ('"ping"', "InvalidJson", 'expected a JSON object, was "ping"'),
        ("null", "InvalidJson", "expected a JSON object, was null"),
        ("7", "InvalidJson", "expected a JSON object, was 7"),
        ("[" * 30_000, "InvalidJson", "expected a JSON object"),
        ('{"action": "ping", "action": "ping"}', "InvalidJson", "one object has the same key twice"),
        ('{"action": "subscribe"}', "InvalidRequest", "orderId: expected a UUID"),
        ('{"action": "subscribe", "orderId": 7}', "InvalidRequest", "was 7"),
        ('{"action": "subscribe", "orderId": "7"}', "InvalidRequest", 'was "7"'),
        (f'{{"action": "subscribe", "orderId": "{UNKNOWN}"}}', "OrderNotFound", f"no order with id {UNKNOWN}"),
        (f'{{"action": "subscribe", "orderId": "{UNKNOWN}", "after": -1}}', "InvalidRequest", "after: expected an int"),
        (f'{{"action": "subscribe", "orderId": "{UNKNOWN}", "after": "x"}}', "InvalidRequest", 'was "x"'),
        (
            f'{{"action": "subscribe", "orderId": "{UNKNOWN}", "after": 1.5}}',
            "InvalidRequest",
            "after: expected an int",
        ),
        ('{"action": "unsubscribe", "orderId": "7"}', "InvalidRequest", "orderId: expected a UUID"),
        ('{"action": "execute"}', "InvalidOrder", "type: expected a value, was missing"),
    ],
)
async def test_an_invalid_message_is_answered_with_an_error_and_the_socket_stays_open(
    stack: Stack, message: str, code: str, expected: str
) -> None:
    async with client(stack) as at, at.connected() as socket:
        await socket.send_text(message)
        answer = await socket.receive()
        await socket.send(action="ping")

        assert await socket.receive() == {"action": "pong"}

    error = answer["error"]
    assert error["code"] == code
    assert expected in error["message"]


@pytest.mark.parametrize(("kind", "code"), [("binary", 1003), ("too long", 1009)])
async def test_a_frame_that_api_gateway_refuses_closes_only_its_socket(stack: Stack, kind: str, code: int) -> None:
    async with client(stack) as at, at.connected() as other, at.connected() as socket:
        if kind == "binary":
            await socket.send_bytes(b'{"action": "ping"}')
        else:
            await socket.send(action="ping", more="x" * 32 * 1024)

        assert await socket.closed() == code
        await other.send(action="ping")
        assert await other.receive() == {"action": "pong"}


async def test_a_client_that_leaves_delays_no_other(stack: Stack, market: Market) -> None:
    async with client(stack) as at, at.connected() as staying:
        with market.held("USDT"):
            async with at.connected() as leaving:
                await leaving.send(**ORDER | {"action": "execute", "tokenOut": "USDT"})
                order_id = (await leaving.events(until="submitted"))[0]["orderId"]
                await staying.send(action="subscribe", orderId=order_id)
                await staying.events(until="submitted")
        # It leaves before the last event.
        assert steps(await staying.events()) == LIFE[4:]


@pytest.mark.needs("load")
async def test_each_of_many_clients_sees_its_order_end(stack: Stack) -> None:
    """Opens up to 30 sockets at once, each with an order of its own."""
    sockets = min(30, targets.chosen().at_once)
    async with client(stack) as at:

        async def one() -> list[Json]:
            async with at.connected() as socket:
                await socket.send(**ORDER | {"action": "execute", "slippageBps": 500})
                return await socket.events()

        seen = await asyncio.gather(*(one() for _ in range(sockets)))

    assert [steps(events) for events in seen] == [LIFE] * sockets
    assert len({event["orderId"] for events in seen for event in events}) == sockets
