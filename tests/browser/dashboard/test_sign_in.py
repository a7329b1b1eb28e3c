"""Signing in and out."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from order_engine.domain.access import new_secret
from tests.support.browser import Visit, violations
from tests.support.stack import Stack


def test_the_page_asks_for_a_key_and_reports_a_refused_one(stack: Stack, visit: Visit) -> None:
    page = visit(f"{stack.rest}/")
    field = page.get_by_label("API key")
    expect(field).to_be_focused()
    field.fill("oee_short")
    field.press("Enter")
    expect(page.get_by_text("Expected oee_ and 43 letters")).to_be_visible()

    field.fill(new_secret("oee_"))
    field.press("Enter")
    expect(page.get_by_text("This key is not accepted")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    page.get_by_label("API key").fill(stack.key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#connection")).to_have_text("Live")
    page.reload()
    expect(page.locator("#connection")).to_have_text("Live")
    # A link does not replace the key of a signed-in user.
    page.goto(f"{stack.rest}/#key={new_secret('oee_')}")
    expect(page).to_have_url(f"{stack.rest}/")
    expect(page.locator("#key")).to_have_text(f"{stack.key[:8]}…")
    # The engine may refuse the key during the session.
    page.route("**/api/orders?*", lambda route: route.fulfill(status=401, json={"error": {"code": "Unauthorized"}}))
    expect(page.get_by_text("This key is not accepted")).to_be_visible()
    page.unroute("**/api/orders?*")
    page.get_by_label("API key").fill(stack.key)
    page.get_by_label("API key").press("Enter")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('order-engine-key')") is None


@pytest.mark.parametrize("end", ["key", "key=", "key={cut}", "key={key}.", "key={key}%20"])
def test_a_link_with_a_part_of_a_key_says_so(stack: Stack, visit: Visit, end: str) -> None:
    page = visit(f"{stack.rest}/#{end.format(cut=stack.key[:-1], key=stack.key)}")
    expect(page.get_by_role("alert").filter(has_text="This sign-in link is not complete")).to_be_visible()
    expect(page).to_have_url(f"{stack.rest}/")
    expect(page.get_by_label("API key")).to_be_focused()
    assert violations(page) == []

    # WHEN the whole link is opened in the same tab
    page.goto(f"{stack.rest}/#key={stack.key}")
    expect(page.locator("#connection")).to_have_text("Live")


def test_a_broken_link_that_is_opened_later_says_so_and_ends_no_session(stack: Stack, visit: Visit) -> None:
    page = visit(f"{stack.rest}/")
    page.goto(f"{stack.rest}/#key={stack.key[:-1]}")
    expect(page.get_by_text("This sign-in link is not complete")).to_be_visible()
    page.goto(f"{stack.rest}/#key={stack.key}")
    page.goto(f"{stack.rest}/#key={stack.key[:-1]}")
    expect(page.locator("#connection")).to_have_text("Live")
