"""The API reference in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Visit, violations
from tests.support.stack import Stack

REDOCS_OWN = ["heading-order", "label-content-name-mismatch", "page-has-heading-one", "region"]
"""Rules of accessibility that Redoc's markup breaks: its headings skip levels, and its menu is in no landmark."""


def loaded(page: Page) -> Page:
    expect(page.get_by_text("Loading...")).to_have_count(0)
    return page


@pytest.mark.parametrize("path", ["/docs", "/docs/websocket"])
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_reference_is_readable_on_every_screen(
    stack: Stack, visit: Visit, screenshots: Path, path: str, scheme: str, width: int
) -> None:
    page = loaded(visit(stack.rest + path, viewport={"width": width, "height": 900}, color_scheme=scheme))
    expect(page.get_by_role("heading", name="Order execution engine", level=1)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.screenshot(path=screenshots / f"reference{path.replace('/', '-')}-{width}-{scheme}.png")
    assert violations(page, apart_from=REDOCS_OWN) == []


def test_the_reference_shows_promises_and_operations_and_leads_to_the_other_api(stack: Stack, visit: Visit) -> None:
    page = loaded(visit(f"{stack.rest}/docs", viewport={"width": 1440, "height": 900}))
    expect(page.get_by_text("A repeated request is one order.")).to_be_visible()
    page.get_by_role("listitem").get_by_text("orders", exact=True).click()
    page.get_by_role("link", name="Submit an order").first.click()
    expect(page.get_by_role("heading", name="Submit an order")).to_be_in_viewport()
    expect(page.get_by_text("slippageBps", exact=True).first).to_be_visible()
    page.get_by_role("link", name="WebSocket API").click()
    expect(page.get_by_text("One connection carries all messages.")).to_be_visible()
