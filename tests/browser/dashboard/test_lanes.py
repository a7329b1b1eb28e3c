"""The lanes of the first page: their totals, and their size with many orders."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from order_engine.domain.lifecycle import Status
from tests.support.browser import Visit, cards, submit
from tests.support.market import Market
from tests.support.scripted_orders import ScriptedOrders
from tests.support.stack import Stack

RUNNING = ("pending", "routing", "building", "submitted")


def test_the_lanes_count_all_orders_and_those_that_came_since(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    page.goto("about:blank")
    counts = dict.fromkeys(Status, 0) | {Status.CONFIRMED: 1004, Status.FAILED: 10_000}
    answers = [{"counts": counts, "atMost": 10_000}]

    def count(route: Route) -> None:
        # Counts once, and then no more.
        if answers:
            route.fulfill(json=answers.pop())
        else:
            route.abort()

    page.route("**/api/orders/counts", count)
    page.goto(f"{stack.rest}/")
    confirmed = page.locator(".lane.confirmed")
    expect(confirmed.locator(".count")).to_have_text("1,004")
    expect(page.locator(".lane.failed .count")).to_have_text("10,000+")
    submit(stack, amountIn="0.33")
    expect(cards(page, "confirmed").first).to_contain_text("0.33 SOL")
    expect(confirmed.locator(".count")).to_have_text("1,005")
    expect(confirmed.get_by_role("link", name="All 1,005")).to_have_attribute("href", "#/orders?status=confirmed")


def scripted(page: Page) -> ScriptedOrders:
    """Shows the page 50 orders that run, and 20 that have ended."""
    engine = ScriptedOrders()
    for number in range(50):
        order = engine.add("market", None, status=RUNNING[number % 4])
        request = {name: order[name] for name in ("market", "type", "tokenIn", "tokenOut", "amountIn", "slippageBps")}
        engine.event(order, "pending", **request, activation=None)
        order["status"] = RUNNING[0]
    for _ in range(20):
        engine.add("market", None, status="confirmed", amountOut="254.1", amountOutBaseUnits="254100000")
    engine.take(page)
    page.reload()
    expect(page.locator(".lane.pending .count")).to_have_text("50")
    return engine


@pytest.mark.parametrize(("width", "height"), [(1440, 800), (390, 1200)])
def test_fifty_orders_that_run_are_a_short_list(
    stack: Stack, enter: Visit, look: Callable[[Page, str], None], width: int, height: int
) -> None:
    page = enter(viewport={"width": width, "height": 900})
    scripted(page)
    lanes = page.get_by_role("region", name="Live orders")
    assert lanes.evaluate("element => element.offsetHeight") < height
    look(page, "fifty")

    # An order can be cancelled where it is pointed at, and with the keyboard.
    row = cards(page, "pending").first
    cancel = row.get_by_role("button", name="Cancel")
    expect(row.locator(".actions")).to_have_css("opacity", "0")
    row.hover()
    expect(row.locator(".actions")).to_have_css("opacity", "1")
    page.mouse.move(0, 0)
    cancel.focus()
    expect(row.locator(".actions")).to_have_css("opacity", "1")


def test_where_nothing_can_point_an_order_is_cancelled_on_its_page(enter: Visit) -> None:
    page = enter(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    scripted(page)
    row = cards(page, "pending").first
    expect(row.get_by_role("button", name="Cancel")).to_be_hidden()
    row.get_by_role("link").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()


def test_an_order_takes_the_focus_with_it_to_the_next_lane(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    with market.held("USDC"):
        order_id = submit(stack, amountIn="0.34")
        link = cards(page, "submitted").get_by_role("link", name="0.34 SOL")
        link.focus()
        expect(link).to_be_focused()
    expect(page.locator(f'.lane.confirmed [data-key="{order_id}"] .order-name')).to_be_focused()
