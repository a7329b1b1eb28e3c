"""The dashboard while connections break, the engine restarts or messages are malformed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.aws_clients import sweep
from tests.support.browser import UNAVAILABLE, Sockets, Visit, ask, cards, sequence, submit, swap
from tests.support.folders import data_folder
from tests.support.market import Market
from tests.support.stack import Stack, running
from tests.unit.client.services import INTERNAL_ERROR


def test_a_lost_connection_is_restored_and_no_event_is_missed(
    stack: Stack, market: Market, enter: Visit, sockets: Callable[[Page], Sockets]
) -> None:
    page = enter()
    through = sockets(page)
    with market.held("USDC"):
        swap(page, "0.41")
        expect(cards(page, "submitted")).to_contain_text("0.41 SOL")

        # GIVEN a lost connection and a REST API that is down
        page.route("**/api/orders?*", lambda route: route.fulfill(status=503, json=UNAVAILABLE))
        through.drop()
        expect(page.locator("#connection")).to_have_text("Reconnecting…")

    # WHEN the order ends in the meantime
    order_id = ask(stack, "/api/orders?limit=1")["orders"][0]["orderId"]
    page.wait_for_timeout(500)
    expect(cards(page, "submitted")).to_have_count(1)
    expect(page.locator("#banner")).to_contain_text("Trying again")

    # THEN the new connection asks for the events after the last one, and gets each once
    through.refused = False
    expect(cards(page, "confirmed").first).to_contain_text("0.41 SOL")
    assert json.loads(through.messages[-1]) == {"action": "subscribe", "orderId": order_id, "after": 4}
    page.unroute("**/api/orders?*")
    cards(page, "confirmed").first.get_by_role("link").click()
    expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")
    assert sequence(page) == [1, 2, 3, 4, 5]
    expect(page.locator("#banner")).to_be_empty()


def test_the_page_continues_after_the_engine_was_killed_and_restarted(
    visit: Visit,
) -> None:
    data = data_folder()
    with running(data) as first:
        market = Market(first.parameters["DatabaseUrl"])
        page = visit(f"{first.rest}/#key={first.key}")
        with market.held("USDC"):
            swap(page, "0.29")
            expect(cards(page, "submitted")).to_contain_text("0.29 SOL")
            first.kill()
            expect(page.locator("#connection")).to_have_text("Reconnecting…")
            expect(page.locator("#banner")).to_contain_text("The API does not answer")
        ports = ("--rest-port", first.rest.rpartition(":")[2], "--websocket-port", first.websocket.rpartition(":")[2])
        with running(data, *ports) as second:
            expect(page.locator("#connection")).to_have_text("Live")
            expect(page.locator("#banner")).to_be_empty()
            market.pass_time(120)
            sweep(second)
            expect(cards(page, "confirmed")).to_contain_text("0.29 SOL")
            cards(page, "confirmed").get_by_role("link").click()
            expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")
            shown = sequence(page)
            assert shown == list(range(1, len(shown) + 1))
            page.close()
        market.close()


def test_an_outage_of_the_api_is_reported_and_the_known_orders_stay(stack: Stack, market: Market, enter: Visit) -> None:
    submit(stack)
    page = enter()
    expect(cards(page, "confirmed").first).to_be_visible()

    page.context.set_offline(True)
    expect(page.locator("#banner")).to_contain_text(
        "The API does not answer. Trying again; the data on this page may be old."
    )
    expect(cards(page, "confirmed").first).to_be_visible()
    page.get_by_role("link", name="Orders", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="The orders could not be read")).to_be_visible()
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()

    expect(page.locator(".orders tbody tr").first).to_be_visible()
    expect(page.locator("#banner")).to_be_empty()


@pytest.mark.parametrize(
    "message",
    [
        json.dumps(INTERNAL_ERROR),
        "<html>",
        "7",
        "[]",
        '{"orderId": "x", "seq": "one"}',
        '{"seq": 1, "data": null}',
        "a later event",
    ],
)
def test_after_a_gap_or_an_unknown_message_the_page_reconnects_and_misses_no_event(
    stack: Stack, market: Market, enter: Visit, sockets: Callable[[Page], Sockets], message: str
) -> None:
    page = enter()
    through = sockets(page)
    with market.held("USDC"):
        swap(page, "0.37")
        expect(cards(page, "submitted")).to_contain_text("0.37 SOL")
        order = ask(stack, "/api/orders?limit=1")["orders"][0]
        later = ask(stack, f"/api/orders/{order['orderId']}")["events"][-1] | {"seq": 6}

        # WHEN the connection stays open after it
        subscription = {"action": "subscribe", "orderId": order["orderId"], "after": 4}
        through.messages.clear()
        through.open[-1].send(json.dumps(later) if message == "a later event" else message)

        # THEN the page subscribes again on a new one, after the last event that it knows
        give_up = time.monotonic() + 30
        while subscription not in map(json.loads, through.messages) and time.monotonic() < give_up:
            page.wait_for_timeout(50)
        assert len(through.open) == 2
    expect(cards(page, "confirmed").first).to_contain_text("0.37 SOL")
    cards(page, "confirmed").first.get_by_role("link").click()
    expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")
    assert sequence(page) == [1, 2, 3, 4, 5]


def test_a_repeated_or_early_event_is_shown_once_and_in_its_place(
    stack: Stack, market: Market, enter: Visit, sockets: Callable[[Page], Sockets]
) -> None:
    page = enter()
    through = sockets(page)
    order_id = submit(stack)
    expect(page.locator(f'.lane.confirmed [data-key="{order_id}"]')).to_be_visible()
    events = ask(stack, f"/api/orders/{order_id}")["events"]
    for event in (events[4], events[1]):
        through.open[-1].send(json.dumps(event))
    page.goto(f"{stack.rest}/#/orders/{order_id}")
    expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")
    assert sequence(page) == [1, 2, 3, 4, 5]
