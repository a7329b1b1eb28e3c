"""Layout, accessibility and the first paint of every page."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Visit, cards, submit
from tests.support.market import Market
from tests.support.stack import Stack

MAX_FIRST_PAINT_MS = 1000


def test_the_page_paints_within_a_second(stack: Stack, enter: Visit) -> None:
    page = enter()
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert painted < MAX_FIRST_PAINT_MS


# 720 pixels are left of 1440 at 200 % zoom.
@pytest.mark.parametrize(
    ("width", "scheme"),
    [(1440, "light"), (1440, "dark"), (720, "light"), (390, "light"), (390, "dark"), (320, "dark")],
)
def test_every_page_fits_and_is_accessible(
    stack: Stack, market: Market, visit: Visit, look: Callable[[Page, str], None], width: int, scheme: str
) -> None:
    market.reset()
    routed = submit(stack, amountIn="5000")
    failed = submit(stack, amountIn="0.000000001")
    page = visit(f"{stack.rest}/", viewport={"width": width, "height": 900}, color_scheme=scheme)

    expect(page.get_by_label("API key")).to_be_visible()
    look(page, "sign-in")
    page.get_by_label("API key").fill(stack.key)
    page.get_by_label("API key").press("Enter")
    expect(page.locator(f'.lane.failed [data-key="{failed}"]')).to_be_visible()
    with market.held("USDC"):
        page.get_by_label("You pay").fill("5000")
        expect(page.get_by_role("region", name="Live quote").locator(".part").first).to_be_visible()
        page.get_by_role("button", name=re.compile("^Swap 5")).click()
        expect(cards(page, "submitted")).to_be_visible()
        page.wait_for_timeout(500)
        look(page, "trade")
    page.goto(f"{stack.rest}/#/orders/{routed}")
    expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")
    look(page, "order")
    page.goto(f"{stack.rest}/#/orders/{failed}")
    expect(page.locator("h1 + .badge")).to_contain_text("Failed")
    look(page, "failed")
    page.get_by_role("link", name="Orders", exact=True).first.click()
    expect(page.locator(".orders tbody tr").first).to_be_visible()
    look(page, "orders")
    page.get_by_role("link", name="Insights").click()
    expect(page.locator(".panel canvas")).to_have_count(4)
    expect(page.get_by_text(re.compile("^Loading"))).to_have_count(0)
    look(page, "insights")
