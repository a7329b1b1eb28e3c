"""Quotes and orders on the dashboard's first page."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

from playwright.sync_api import expect

from tests.support.browser import Visit, ask, cards, sequence, submit, swap
from tests.support.market import Market
from tests.support.stack import Stack


def test_an_order_is_quoted_while_it_is_typed_and_confirmed_live(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    expect(page).to_have_url(f"{stack.rest}/")

    # WHEN the user types an amount that is worth splitting
    page.get_by_label("You pay").fill("5000")

    # THEN the quote shows each route's price, fees and impact, and the split of the best one
    quote = page.get_by_role("region", name="Live quote")
    routes = quote.get_by_role("table", name="Routes compared").get_by_role("row")
    expect(routes.nth(1)).to_contain_text("Best")
    expect(routes.nth(1).locator('[data-label="Fees"]')).to_have_text(re.compile(r"^0\.\d\d %$"))
    expect(
        quote.get_by_role("img", name=re.compile("^Split: .*Raydium.*Meteora|^Split: .*Meteora.*Raydium"))
    ).to_be_visible()
    expect(quote.locator(".age")).to_have_text(re.compile("old, valid for [0-9]+ s"))
    shares = quote.locator(".hop").first.locator(".share").all_text_contents()
    assert sum(Decimal(share.removesuffix(" %")) for share in shares) == 100
    expect(routes.nth(2).locator('[data-label="vs. best"]')).to_have_text(re.compile(r"^\d+\.\d+ % less$"))
    expect(quote.locator(".reason")).to_have_text(
        re.compile(r"^\d+\.\d+ % better than the next route, (Raydium|Meteora) .* · SOL/USD[CT]")
    )

    # WHEN the order is submitted by keyboard and cannot land
    with market.held("USDC"):
        page.get_by_label("You pay").press("Enter")

        # THEN its lane shows the venues and the reason
        running = cards(page, "submitted")
        expect(running).to_contain_text("5,000 SOL")
        expect(running.locator("[title]")).to_have_attribute("title", re.compile(" (more|better) than "))
        expect(running.locator(".clock")).to_have_text(re.compile("m?s$"))
        expect(running.get_by_role("button", name="Cancel")).to_have_count(0)

        # AND the form follows the order
        expect(page.locator(".outcome")).to_contain_text("Submitted…")

    # AND it is confirmed without a reload of the page
    swapped = re.compile(r"Swapped 5,000 SOL for [1-9][0-9,.]+ USDC\. Show the order")
    expect(page.locator(".outcome")).to_have_text(swapped)
    expect(cards(page, "confirmed").first).to_contain_text("5,000 SOL")
    expect(running).to_have_count(0)
    cards(page, "confirmed").first.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("5,000 SOL → USDC")
    assert sequence(page) == [1, 2, 3, 4, 5]
    expect(page.get_by_role("region", name="Summary")).to_contain_text("Realised slippage")
    expect(page.get_by_role("region", name="Transaction")).to_contain_text("swap wSOL for USDC")


def test_a_narrow_page_shows_all_of_a_compared_route(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter(viewport={"width": 320, "height": 800})
    route = page.get_by_role("region", name="Live quote").locator('[aria-label="Routes compared"] tbody tr').nth(1)
    for label in ("Route", "You receive", "vs. best", "Price", "Price impact", "Fees"):
        expect(route.locator(f'[data-label="{label}"]')).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_an_order_at_a_quote_shows_the_quote(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    page.get_by_label("Execute only at this quote").check()
    swap(page, "0.37")

    # The button waits for a quote of that amount.
    page.get_by_role("link", name="Show the order").click()
    expect(page.get_by_role("region", name="Summary")).to_contain_text("At quote")
    expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")


def test_a_price_is_shown_with_nine_significant_digits(stack: Stack, market: Market, enter: Visit) -> None:
    # GIVEN a token that costs a small part of a dollar
    page = enter()
    page.get_by_label("Token to pay with").select_option("BONK")
    swap(page, "12345.67")
    quote = page.get_by_role("region", name="Live quote")
    digits = r"0\.0000[1-9]\d{7,8}"
    expect(quote).to_contain_text(re.compile(rf"1 BONK = {digits} USDC"))
    expect(quote.locator('[data-label="Price"]').first).to_have_text(re.compile(f"^{digits}$"))

    # THEN the order, the list and the chart's table show what was paid for one
    page.get_by_role("link", name="Show the order").click()
    expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")
    expect(page.get_by_role("region", name="Summary")).to_contain_text(re.compile(f"{digits} USDC"))
    order = ask(stack, f"/api/orders/{page.url.rsplit('/', 1)[1]}")
    paid = Fraction(order["amountOut"]) / Fraction(order["amountIn"])
    assert 0 <= 1 - Fraction(order["executedPrice"]) / paid < Fraction(1, 10**9)
    page.get_by_role("link", name="Orders", exact=True).first.click()
    expect(page.locator('.orders tbody [data-label="Price"]').first).to_have_text(re.compile(f"^{digits}$"))
    page.get_by_role("link", name="Insights").click()
    chart = page.get_by_role("region", name="Prices and fills")
    chart.get_by_label("Pair").select_option("BONK/USDC")
    chart.get_by_text("As a table").click()
    expect(chart.locator('tbody [data-label="Price"]').first).to_have_text(re.compile(f"^{digits}$"))


def test_a_limit_of_quotes_is_shown_and_asked_again(enter: Visit) -> None:
    page = enter()
    message = "more than 300 quotes a minute; retry in 1 s"
    refusal = {"error": {"code": "RateLimited", "message": message, "details": [{"retryAfter": 1}]}}
    page.route("**/api/quotes?*", lambda route: route.fulfill(status=429, json=refusal))
    page.get_by_label("You pay").fill("0.9")
    quote = page.get_by_role("region", name="Live quote")
    expect(quote).to_contain_text("Too many quotes in a minute")
    expect(quote).to_contain_text("asks again every few seconds")
    page.unroute("**/api/quotes?*")
    expect(quote.locator(".pays")).to_contain_text("USDC", timeout=30_000)


def test_a_venue_failure_is_shown_with_its_reason(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    for venue in ("raydium", "meteora"):
        market.fault(venue, "quote", "fail")
    swap(page, "0.73")

    quote = page.get_by_role("region", name="Live quote")
    expect(quote).to_contain_text("No venue answers")
    failed = cards(page, "failed").first
    expect(page.locator(".outcome")).to_contain_text("Not swapped. No venue answers.")
    expect(failed).to_contain_text("No venue answers")
    expect(failed).to_contain_text("0.73 SOL")
    failed.get_by_role("link").click()
    expect(page.locator(".detail > .problem")).to_contain_text("raydium refused to quote; meteora refused to quote")
    expect(page.locator(".detail > .problem")).to_contain_text("A new order may succeed later.")

    # If one venue fails, the page names it, and the other one quotes.
    market.clear_faults()
    market.fault("raydium", "quote", "fail")
    page.get_by_role("link", name="Trade").click()
    expect(quote.locator(".warning")).to_contain_text("Left out: raydium")
    expect(quote.locator(".pays")).to_contain_text("USDC")


def test_two_tabs_see_each_others_orders(stack: Stack, market: Market, enter: Visit) -> None:
    one, other = enter(), enter()
    with market.held("USDC"):
        swap(one, "0.53")
        for page in (one, other):
            expect(cards(page, "submitted")).to_contain_text("0.53 SOL")
    for page in (one, other):
        expect(cards(page, "confirmed").first).to_contain_text("0.53 SOL")


def test_a_page_that_opens_late_shows_every_running_order(stack: Stack, market: Market, enter: Visit) -> None:
    with market.held("USDC"):
        for _ in range(60):
            submit(stack)
        page = enter()

        expect(page.locator(".lane.pending .count")).to_have_text("50")
        expect(page.locator(".lane.submitted .count")).to_have_text("10")
        expect(page.locator(".lane.pending").get_by_role("link", name="All 50")).to_be_visible()
    for status in ("pending", "routing", "building", "submitted"):
        expect(page.locator(f".lane.{status} .count")).to_have_text("0")


def test_a_waiting_order_is_cancelled(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    with market.held("USDC"):
        # GIVEN ten running orders, the maximum, and one that waits
        for _ in range(10):
            submit(stack)
        expect(cards(page, "submitted")).to_have_count(10)
        swap(page, "0.61")
        waiting = cards(page, "pending")
        expect(waiting).to_contain_text("0.61 SOL")

        waiting.get_by_role("button", name="Cancel").click()

        expect(cards(page, "cancelled").first).to_contain_text("0.61 SOL")
        expect(waiting).to_have_count(0)
    expect(cards(page, "submitted")).to_have_count(0)
