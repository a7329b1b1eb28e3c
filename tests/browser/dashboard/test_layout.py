"""Layout, accessibility and the first paint of every page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.browser import Visit, cards, submit
from tests.support.market import Market
from tests.support.stack import ROOT, Stack

AXE = ROOT / "tests/npm/node_modules/axe-core/axe.min.js"
MAX_FIRST_PAINT_MS = 1000


def test_the_page_paints_within_a_second(stack: Stack, enter: Visit) -> None:
    page = enter()
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert painted < MAX_FIRST_PAINT_MS


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_fits_and_is_accessible(
    stack: Stack, market: Market, visit: Visit, screenshots: Path, width: int, scheme: str
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm ci --prefix tests/npm")
    market.reset()
    routed = submit(stack, amountIn="5000")
    failed = submit(stack, amountIn="0.000000001")
    page = visit(f"{stack.rest}/", viewport={"width": width, "height": 900}, color_scheme=scheme)

    def look(name: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth") == width, name
        page.screenshot(path=screenshots / f"dashboard-{name}-{width}-{scheme}.png", full_page=True)
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})")
        assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []

    expect(page.get_by_label("API key")).to_be_visible()
    look("sign-in")
    page.get_by_label("API key").fill(stack.key)
    page.get_by_label("API key").press("Enter")
    expect(page.locator(f'.lane.failed [data-key="{failed}"]')).to_be_visible()
    with market.held("USDC"):
        page.get_by_label("You pay").fill("5000")
        expect(page.get_by_role("region", name="Live quote").locator(".part").first).to_be_visible()
        page.get_by_role("button", name=re.compile("^Swap 5")).click()
        expect(cards(page, "submitted")).to_be_visible()
        page.wait_for_timeout(500)
        look("trade")
    page.goto(f"{stack.rest}/#/orders/{routed}")
    expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")
    look("order")
    page.goto(f"{stack.rest}/#/orders/{failed}")
    expect(page.locator("h1 + .badge")).to_contain_text("Failed")
    look("failed")
    page.get_by_role("link", name="Orders", exact=True).first.click()
    expect(page.locator(".orders tbody tr").first).to_be_visible()
    look("orders")
    page.get_by_role("link", name="Insights").click()
    expect(page.locator(".panel canvas")).to_have_count(4)
    expect(page.get_by_text(re.compile("^Loading"))).to_have_count(0)
    look("insights")
