"""Venues that fail. The state machine waits a second or two before it retries a step."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.client import ORDER, Client, Json, client
from tests.support.market import Market
from tests.support.orders import LIFE
from tests.support.stack import Stack

pytestmark = pytest.mark.needs("simulation")

WON_BY = {
    "raydium": {"tokenIn": "RAY", "tokenOut": "USDC", "amountIn": "20"},
    "meteora": {"tokenIn": "JUP", "tokenOut": "USDC", "amountIn": "20"},
}
"""The pair whose only direct pool is the venue's, so that it wins. The other route goes over SOL."""


async def seen(at: Client, **changes: Any) -> list[Json]:
    """Submits an order and returns its events without repeats."""
    async with at.connected() as socket:
        await socket.send(action="execute", **{**ORDER, **changes})
        heard = await socket.events()
        # The final event comes once and last.
        assert await socket.drained() == []
    # A retried step may publish its event again.
    events = {event["seq"]: event for event in heard}
    assert all(event == events[event["seq"]] for event in heard)
    assert list(events) == list(range(1, len(events) + 1))
    assert (await at.order(heard[0]["orderId"]))["events"] == list(events.values())
    return list(events.values())


def statuses(events: list[Json]) -> list[str]:
    return [event["status"] for event in events]


def swaps(market: Market, *orders: list[Json]) -> list[int]:
    """Returns how many signed transactions of each order have swapped."""
    signed = [[event["data"]["txHash"] for event in events if event["status"] == "building"] for events in orders]
    return [sum(landed["swapped"] for landed in market.landed(signatures)) for signatures in signed]


@pytest.mark.parametrize(("broken", "other"), [("raydium", "meteora"), ("meteora", "raydium")])
@pytest.mark.parametrize(
    ("kind", "message"), [("fail", "{} refused to quote"), ("timeout", "{} did not")], ids=["fails", "times out"]
)
async def test_a_venue_without_a_quote_is_left_out(
    stack: Stack, market: Market, broken: str, other: str, kind: str, message: str
) -> None:
    market.fault(broken, "quote", kind)

    async with client(stack) as at:
        events = await seen(at, **WON_BY[broken])

    assert statuses(events) == LIFE
    routing = events[1]["data"]
    assert routing["venue"] == other
    assert {quote["venue"] for quote in routing["quotes"]} == {other}
    assert [hop["tokenOut"] for hop in routing["route"]] == ["SOL", "USDC"]
    (unavailable,) = routing["unavailable"]
    assert (unavailable["venue"], unavailable["code"]) == (broken, "VenueUnavailable")
    assert unavailable["message"].startswith(message.format(broken))


async def test_without_any_quote_an_order_fails_after_three_attempts_and_says_so_once(
    stack: Stack, market: Market
) -> None:
    market.fault("raydium", "quote", "fail")
    market.fault("meteora", "quote", "fail")

    async with client(stack) as at:
        events = await seen(at)
        order = await at.order(events[0]["orderId"])

    assert statuses(events) == ["pending", "failed"]
    assert events[1]["data"] == {
        "code": "VenueUnavailable",
        "message": "raydium refused to quote; meteora refused to quote",
        "attempts": 3,
        "retryable": True,
    }
    assert (order["status"], order["error"]) == ("failed", events[1]["data"])
    assert (order["venue"], order["txHash"], order["amountOut"]) == (None, None, None)


async def test_a_market_that_recovers_in_time_is_quoted_again(stack: Stack, market: Market) -> None:
    market.fault("raydium", "quote", "fail", times=2)
    market.fault("meteora", "quote", "fail", times=2)

    async with client(stack) as at:
        events = await seen(at)

    assert statuses(events) == LIFE
    assert market.faults() == []


@pytest.mark.parametrize(
    ("step", "kind", "times"),
    [
        pytest.param("build", "fail", 1, id="fails to build"),
        pytest.param("submit", "fail", 1, id="fails to submit"),
        pytest.param("submit", "timeout", 1, id="loses the answer to a swap that landed"),
        pytest.param("submit", "fail", 3, id="fails to submit until the last attempt"),
        pytest.param("confirm", "fail", 2, id="fails twice to confirm"),
        pytest.param("confirm", "timeout", 1, id="is too slow to confirm"),
    ],
)
async def test_a_step_that_fails_briefly_is_retried_and_swaps_once(
    stack: Stack, market: Market, step: str, kind: str, times: int
) -> None:
    # GIVEN faults at both venues
    for venue in WON_BY:
        market.fault(venue, step, kind, times)

    # WHEN each venue gets an order
    async with client(stack) as at:
        orders = await asyncio.gather(*(seen(at, **pair) for pair in WON_BY.values()))

    # THEN both orders are confirmed, each with one transaction that swapped
    assert [statuses(events) for events in orders] == [LIFE, LIFE]
    assert [events[1]["data"]["venue"] for events in orders] == list(WON_BY)
    assert swaps(market, *orders) == [1, 1]
    assert market.faults() == []


async def test_an_order_that_slips_is_quoted_again(stack: Stack, market: Market) -> None:
    for venue in WON_BY:
        market.fault(venue, "submit", "slip", times=1)

    async with client(stack) as at:
        orders = await asyncio.gather(*(seen(at, **pair) for pair in WON_BY.values()))

    for events in orders:
        assert statuses(events) == [*LIFE[:4], *LIFE[1:]]
        assert [event["attempt"] for event in events] == [1, 1, 1, 1, 2, 2, 2, 2]
        first, second = (events[index]["data"]["txHash"] for index in (2, 6))
        assert first != second
        assert events[3]["data"]["txHash"] == first
        assert events[7]["data"]["txHash"] == second
        landed = {row["signature"]: row["swapped"] for row in market.landed([first, second])}
        assert landed == {first: False, second: True}


async def test_an_order_that_slips_three_times_fails_without_a_swap(stack: Stack, market: Market) -> None:
    # GIVEN venues where every swap slips
    for venue in WON_BY:
        market.fault(venue, "submit", "slip")
    pools = market.pools()

    # WHEN an order is submitted
    async with client(stack) as at:
        events = await seen(at, tokenIn="RAY", tokenOut="SOL")
        order = await at.order(events[0]["orderId"])

    # THEN it fails after the third quote
    assert statuses(events) == [LIFE[0], *LIFE[1:4] * 3, "failed"]
    assert [event["attempt"] for event in events] == [1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3]
    failed = events[-1]["data"]
    assert failed["message"].startswith("expected at least ")
    assert failed == {"code": "SlippageExceeded", "message": failed["message"], "attempts": 3, "retryable": True}
    assert (order["status"], order["attempt"], order["error"]) == ("failed", 3, failed)
    assert order["amountOut"] is None

    # AND the pools are unchanged
    assert swaps(market, events) == [0]
    assert market.pools() == pools


async def test_an_order_that_pays_nothing_fails_at_once_and_permanently(stack: Stack) -> None:
    async with client(stack) as at:
        events = await seen(at, tokenIn="BONK", tokenOut="SOL", amountIn="0.00001")

    assert statuses(events) == ["pending", "failed"]
    failed = events[-1]["data"]
    assert (failed["code"], failed["attempts"], failed["retryable"]) == ("AmountTooSmall", 1, False)
    assert failed["message"] == "expected at least 0.00853 BONK, the least that pays anything in SOL, was 0.00001 BONK"


async def test_an_order_that_would_move_the_price_too_far_fails_before_anything_is_signed(
    stack: Stack, market: Market
) -> None:
    ruinous = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "9000000000"}
    async with client(stack) as at:
        events = await seen(at, **ruinous)
        failed = events[-1]["data"]
        order = await at.executed(**ruinous, maxPriceImpactBps=10_000)

    assert [event["status"] for event in events] == ["pending", "failed"]
    assert events[0]["data"]["maxPriceImpactBps"] == 500
    assert (failed["code"], failed["attempts"], failed["retryable"]) == ("PriceImpactTooHigh", 1, False)
    assert "expected a price impact of at most 500 bps, was 10000 bps: 9000000000 SOL" in failed["message"]
    assert failed["message"].endswith("to accept that, set maxPriceImpactBps to 10000 or more")
    # An order that says so is executed.
    assert (order["status"], order["maxPriceImpactBps"]) == ("confirmed", 10_000)


async def test_lost_postgres_connections_lose_no_order(stack: Stack, market: Market) -> None:
    async with client(stack) as at:
        await asyncio.gather(*(at.executed() for _ in range(3)))

        # WHEN Postgres closes every connection of the functions
        dropped = market.database.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        orders = await asyncio.gather(*(seen(at) for _ in range(3)))

    assert dropped
    assert [statuses(events) for events in orders] == [LIFE] * 3
