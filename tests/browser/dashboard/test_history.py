"""The list of orders, and the page of one order."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser import Visit, ask, submit
from tests.support.concurrency import eventually
from tests.support.market import Market
from tests.support.scripted_orders import LIMIT, ScriptedOrders, ahead, recurring
from tests.support.stack import Stack


def test_the_history_has_pages_and_a_filter_by_status(stack: Stack, market: Market, enter: Visit) -> None:
    ids = [submit(stack) for _ in range(25)]
    page = enter("#/orders")
    rows = page.locator(".orders tbody tr")
    newer, older = (page.get_by_role("button", name=name) for name in ("Newer", "Older"))

    expect(rows).to_have_count(20)
    expect(rows.first.get_by_role("link")).to_have_attribute("href", f"#/orders/{ids[-1]}")
    expect(newer).to_be_disabled()
    older.click()
    expect(rows.first.get_by_role("link")).to_have_attribute("href", f"#/orders/{ids[4]}")
    newer.click()
    expect(rows.first.get_by_role("link")).to_have_attribute("href", f"#/orders/{ids[-1]}")

    # A new order appears without a reload.
    latest = submit(stack)
    expect(rows.first.get_by_role("link")).to_have_attribute("href", f"#/orders/{latest}")
    page.get_by_role("navigation", name="Status").get_by_role("link", name="Confirmed").click()
    expect(rows.first).to_contain_text("Confirmed")
    expect(rows.filter(has_not_text="Confirmed")).to_have_count(0)


@pytest.mark.parametrize("order_id", ["01890a5d-ac96-774b-bcce-b302099a8057", "nonsense", "%3Cb%3E%"])
def test_an_unknown_order_links_to_the_list(stack: Stack, enter: Visit, order_id: str) -> None:
    page = enter(f"#/orders/{order_id}")
    expect(page.get_by_role("heading", name="No such order")).to_be_visible()
    page.get_by_role("link", name="See your orders").click()
    expect(page.get_by_role("heading", name="Orders")).to_be_visible()


def test_an_order_without_its_events_shows_the_rest(stack: Stack, market: Market, enter: Visit) -> None:
    order_id = submit(stack)
    eventually(lambda: ask(stack, f"/api/orders/{order_id}")["status"] == "confirmed")
    market.database.execute("DELETE FROM order_events WHERE order_id = %(id)s", {"id": order_id})
    page = enter(f"#/orders/{order_id}")
    expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("No longer kept")


def test_an_order_that_has_failed_is_submitted_again_from_the_form(stack: Stack, market: Market, enter: Visit) -> None:
    order_id = submit(stack, amountIn="0.000000001", slippageBps=75)
    page = enter(f"#/orders/{order_id}")
    page.get_by_role("button", name="Submit again").click()
    form = page.get_by_role("form", name="New order")
    expect(form.get_by_label("You pay")).to_have_value("0.000000001")
    expect(form.get_by_label("Slippage tolerance in per cent")).to_have_value("0.75")
    expect(form.get_by_role("radio", name="Market", exact=True)).to_be_checked()


def test_an_order_that_has_waited_in_vain_is_submitted_again_with_its_terms(enter: Visit) -> None:
    engine = ScriptedOrders()
    limit = engine.add("limit", LIMIT, expiresAt=ahead(-1800))
    engine.event(limit, "expired", expiresAt=limit["expiresAt"])
    every = engine.add("recurring", {**recurring(), "intervalSeconds": 5400}, tokenIn="USDC", tokenOut="SOL")
    engine.event(every, "cancelled")
    page = enter()
    engine.take(page)
    page.reload()
    form = page.get_by_role("form", name="New order")

    page.get_by_role("button", name="Submit again: 1.5 SOL").click()
    expect(form.get_by_role("radio", name="Limit", exact=True)).to_be_checked()
    expect(form.get_by_label("Limit price")).to_have_value("180")
    expect(form.get_by_label("Waits")).to_have_value("3600")

    page.get_by_role("button", name="Submit again: 1.5 USDC").click()
    expect(form.get_by_label("One every")).to_have_value("90")
    expect(form.get_by_label("Unit of the interval")).to_have_value("60")
    expect(form.get_by_label("Only from")).to_have_value("140")
    expect(form.get_by_label("Only up to")).to_have_value("")
