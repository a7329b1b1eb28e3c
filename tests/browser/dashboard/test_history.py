"""The list of orders, and the page of one order."""

from __future__ import annotations

import csv
import re
from uuid import uuid4

import pytest
from playwright.sync_api import Download, Route, expect

from tests.support.browser import UNAVAILABLE, Visit, ask, submit
from tests.support.concurrency import eventually
from tests.support.market import Market
from tests.support.scripted_orders import LIMIT, ScriptedOrders, ahead, order_of, recurring
from tests.support.stack import Stack


def test_the_history_has_pages_and_a_filter_by_status(stack: Stack, market: Market, enter: Visit) -> None:
    ids = [submit(stack) for _ in range(25)]
    page = enter("#/orders")
    rows = page.locator(".orders tbody tr")
    newer, older = (page.get_by_role("button", name=name) for name in ("Newer", "Older"))

    expect(rows).to_have_count(20)
    expect(rows.first.get_by_role("link")).to_have_attribute("href", f"#/orders/{ids[-1]}")
    expect(newer).to_be_disabled()
    older.press("Enter")
    expect(rows.first.get_by_role("link")).to_have_attribute("href", f"#/orders/{ids[4]}")
    newer.press("Enter")
    expect(rows.first.get_by_role("link")).to_have_attribute("href", f"#/orders/{ids[-1]}")
    expect(older).to_be_focused()

    # A new order appears without a reload.
    latest = submit(stack)
    expect(rows.first.get_by_role("link")).to_have_attribute("href", f"#/orders/{latest}")
    confirmed = page.get_by_role("navigation", name="Status").get_by_role("link", name="Confirmed")
    confirmed.press("Enter")
    expect(confirmed).to_have_attribute("aria-current", "true")
    expect(confirmed).to_be_focused()
    expect(rows.first).to_contain_text("Confirmed")
    expect(rows.filter(has_not_text="Confirmed")).to_have_count(0)


def test_reload_and_back_keep_the_page_the_filters_and_where_it_was_scrolled_to(
    stack: Stack, market: Market, enter: Visit
) -> None:
    ids = [submit(stack, clientOrderId="kept" if number == 0 else None) for number in range(50)]
    page = enter("#/orders")
    rows = page.locator(".orders tbody tr")
    top = "document.documentElement.scrollTop"
    filters = page.get_by_role("form", name="Filters")
    filters.get_by_label("Type").select_option("Market")
    page.get_by_role("button", name="Older").click()
    expect(rows.first.get_by_role("link")).to_have_attribute("href", f"#/orders/{ids[-21]}")

    # WHEN an order is opened from the end of the second page
    last = rows.last.get_by_role("link")
    last.scroll_into_view_if_needed()
    assert page.evaluate(top) > 0
    last.click()
    expect(page.get_by_role("heading", name="0.01 SOL → USDC")).to_be_visible()
    assert page.evaluate(top) == 0

    # THEN Back and a reload show the page as it was
    page.go_back()
    for _ in range(2):
        expect(last).to_have_attribute("href", f"#/orders/{ids[-40]}")
        expect(page.get_by_text("Page 2")).to_be_visible()
        expect(filters.get_by_label("Type")).to_have_value("market")
        expect(last).to_be_in_viewport()
        page.reload()

    # AND so does its address, for another tab
    other = enter(page.url[page.url.index("#") :])
    expect(other.get_by_text("Page 2")).to_be_visible()
    expect(other.locator(".orders tbody tr").last.get_by_role("link")).to_have_attribute("href", f"#/orders/{ids[-40]}")
    other.get_by_role("button", name="Newer").click()
    expect(other.get_by_text("Page 1")).to_be_visible()

    # AND each page and filter before is one step back
    page.get_by_role("button", name="Newer").click()
    expect(page.get_by_text("Page 1")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("Page 2")).to_be_visible()
    page.go_back()
    page.go_back()
    expect(filters.get_by_label("Type")).to_have_value("")
    expect(page.get_by_text("Page 1")).to_be_visible()


def test_a_pasted_order_id_opens_the_order(stack: Stack, market: Market, enter: Visit) -> None:
    order_id = submit(stack)
    page = enter("#/orders?type=market")
    field = page.get_by_label("Order id", exact=True)
    field.fill(order_id[:-1])
    assert not field.evaluate("field => field.checkValidity()")
    field.fill(f" {order_id.upper()}-1")
    expect(page.get_by_role("heading", name="0.01 SOL → USDC")).to_be_visible()
    expect(page).to_have_url(re.compile(f"#/orders/{order_id}$"))
    page.locator(".crumbs").get_by_role("link", name="Orders").click()
    expect(page.get_by_label("Type")).to_have_value("market")


def lines(download: Download) -> list[dict[str, str]]:
    return list(csv.DictReader(download.path().read_text().splitlines()))


def test_the_listed_orders_and_their_fills_are_downloaded(stack: Stack, market: Market, enter: Visit) -> None:
    formula = f'=HYPERLINK("{uuid4()}")'
    ids = [submit(stack, tokenIn="USDC", tokenOut="JUP", amountIn="0.1", clientOrderId=formula)]
    ids += [submit(stack, tokenIn="USDC", tokenOut="JUP", amountIn="0.1") for _ in range(119)]
    submit(stack, tokenIn="USDC", tokenOut="JUP", amountIn="0.000001")
    eventually(lambda: ask(stack, "/api/orders/active")["orders"] == [])
    page = enter("#/orders?tokenPair=USDC-JUP&status=confirmed")
    page.get_by_role("button", name="Download CSV…").click()
    with page.expect_download() as orders:
        page.get_by_role("button", name="Download orders").click()
    expect(page.locator("#toasts")).to_contain_text("120 orders were downloaded")
    page.get_by_role("button", name="Download CSV…").click()
    with page.expect_download() as fills:
        page.get_by_role("button", name="Download fills").click()
    expect(page.locator("#toasts")).to_contain_text("120 fills were downloaded")

    listed, filled = lines(orders.value), lines(fills.value)
    assert [line["orderId"] for line in listed] == ids[::-1]
    assert {line["orderId"] for line in filled} == set(ids)
    order = ask(stack, f"/api/orders/{ids[0]}")
    assert listed[-1]["clientOrderId"] == f"'{formula}"
    assert (listed[-1]["amountIn"], listed[-1]["amountOut"]) == ("0.1", order["amountOut"])
    assert {line["amountOut"] for line in filled if line["orderId"] == ids[0]} == {order["amountOut"]}


def test_a_download_has_a_limit_and_can_be_tried_again(enter: Visit) -> None:
    page = enter("#/orders")
    many = {"orders": [order_of("market", None) for _ in range(100)], "nextCursor": "more"}
    answers = [503]

    def listed(route: Route) -> None:
        status = answers.pop() if answers else 200
        route.fulfill(status=status, json=many if status == 200 else UNAVAILABLE)

    page.route("**/api/orders?*limit=100*", listed)
    page.get_by_role("button", name="Download CSV…").click()
    dialog = page.get_by_role("dialog", name="Download as CSV")
    dialog.get_by_role("button", name="Download orders").click()
    expect(dialog).to_contain_text("Nothing was downloaded")
    with page.expect_download() as orders:
        dialog.get_by_role("button", name="Download orders").click()
    expect(page.locator("#toasts")).to_contain_text("There are more than these 10,000")
    assert len(lines(orders.value)) == 10_000


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
