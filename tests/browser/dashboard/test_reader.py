"""The dashboard with a key that only reads."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from order_engine.domain.access import Scope
from order_engine.storage.clients import PostgresClientStore
from order_engine.storage.database import Database
from tests.support.browser import Visit
from tests.support.stack import Stack


def place_limit_order(page: Page) -> None:
    page.get_by_role("radio", name="Limit", exact=True).check()
    page.get_by_label("Limit price").fill("1000")
    page.get_by_role("button", name="Place limit order").click()
    expect(page.get_by_text("Accepted. The order waits.")).to_be_visible()


def test_a_reader_sees_quotes_and_orders_and_nothing_to_change_them_with(
    stack: Stack, enter: Visit, visit: Visit
) -> None:
    trader = enter()
    place_limit_order(trader)
    database = Database(stack.parameters["DatabaseUrl"])
    reader = PostgresClientStore(database).create_key("development", Scope.READ)
    database.close()

    page = visit(f"{stack.rest}/#key={reader}")
    expect(page.locator("#connection")).to_have_text("Live")
    form = page.get_by_role("form", name="New order")
    expect(form.get_by_text("Your key only reads")).to_be_visible()
    expect(form.locator("output.receive")).not_to_be_empty()
    expect(form.get_by_role("button", name="Swap 1.5 SOL")).to_have_count(0)
    card = page.locator(".open-orders .order")
    expect(card.first).to_be_visible()
    for action in ("Cancel", "Edit"):
        expect(trader.get_by_role("button", name=action).first).to_be_visible()
        expect(page.get_by_role("button", name=action)).to_have_count(0)

    # The Enter key submits no order either.
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    form.get_by_label("You pay").press("Enter")
    card.first.get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    for action in ("Cancel", "Edit"):
        expect(page.get_by_role("button", name=action)).to_have_count(0)
    assert posts == []

    # Another key may do more.
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("API key").fill(stack.key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Cancel").first).to_be_visible()
