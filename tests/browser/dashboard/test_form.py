"""The order form: problems with its fields, lost answers, and the rate limit."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Route, expect

from tests.support.browser import Visit, ask, swap
from tests.support.market import Market
from tests.support.stack import Stack


def test_each_problem_is_shown_at_its_field(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    amount = page.get_by_label("You pay")

    def expect_problem(field: Locator, text: str) -> None:
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(re.compile(text))

    amount.fill("-1")
    expect_problem(amount, "Expected a positive decimal number like \"1.5\", was '-1'")
    amount.fill("0.0000000001")
    expect_problem(amount, "Expected at most 9 decimals for SOL")
    amount.fill("0.000000001")
    expect_problem(amount, "Expected at least .* SOL, the least that pays anything in USDC")
    amount.fill("")
    page.get_by_role("button", name="Swap SOL for USDC").click()
    expect_problem(amount, "Expected an amount, was nothing")
    expect(amount).to_be_focused()
    amount.fill("1")
    expect(amount).not_to_have_attribute("aria-invalid", "true")

    slippage = page.get_by_label("Slippage tolerance in per cent")
    slippage.fill("lots")
    expect_problem(slippage, 'Expected 0 to 100 per cent in steps of 0.01, was "lots"')
    page.get_by_role("button", name="1 %", exact=True).click()
    expect(slippage).to_have_value("1")
    expect(slippage).not_to_have_attribute("aria-invalid", "true")

    token = page.get_by_label("Token to receive")
    token.select_option("SOL")
    expect_problem(token, "Expected another token than tokenIn")
    page.get_by_label("Token to pay with").select_option("USDC")
    page.get_by_role("button", name="Swap the two tokens").click()
    expect(page.get_by_label("Token to pay with")).to_have_value("SOL")


def test_the_form_asks_before_an_order_moves_the_price_or_takes_any_amount(
    stack: Stack, market: Market, enter: Visit
) -> None:
    page = enter()
    page.get_by_label("Token to pay with").select_option("RAY")
    page.get_by_label("You pay").fill("380000")
    accept = page.get_by_label(re.compile("^I accept that this order moves the price by [0-9.]+ %$"))
    submit_button = page.get_by_role("button", name="Swap 380000 RAY for USDC")
    expect(accept).not_to_be_checked()
    expect(submit_button).to_be_disabled()

    # WHEN the amount is small again, THEN nothing is to be accepted
    page.get_by_label("You pay").fill("1")
    expect(accept).to_have_count(0)
    expect(page.get_by_role("button", name="Swap 1 RAY for USDC")).to_be_enabled()

    # WHEN the user also takes any slippage and accepts both
    page.get_by_label("You pay").fill("380000")
    page.get_by_label("Slippage tolerance in per cent").fill("100")
    both = page.get_by_label(re.compile("moves the price by [0-9.]+ % and may receive any amount, however small$"))
    expect(both).not_to_be_checked()
    both.check()
    submit_button.click()

    # THEN the order says so, and is executed
    page.get_by_role("link", name="Follow the order").click()
    expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")
    order = ask(stack, f"/api/orders/{page.url.rsplit('/', 1)[1]}")
    impact = order["events"][1]["data"]["priceImpactBps"]
    assert order["slippageBps"] == 10_000
    assert 500 < impact <= order["maxPriceImpactBps"] <= impact + 200


def test_an_order_with_a_lost_answer_is_executed_once(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/api/orders/execute", lose)
    swap(page, "0.83")
    expect(page.get_by_role("alert").filter(has_text="The order may or may not have been accepted")).to_be_visible()
    page.unroute("**/api/orders/execute")
    page.get_by_role("button", name="Try again").click()

    expect(page.get_by_text("Accepted.")).to_be_visible()
    taken = [order for order in ask(stack, "/api/orders?limit=20")["orders"] if order["amountIn"] == "0.83"]
    assert len(taken) == 1


def test_the_form_waits_after_too_many_orders(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    refusal = {"error": {"code": "RateLimited", "message": "expected fewer orders a minute", "details": []}}
    page.route(
        "**/api/orders/execute", lambda route: route.fulfill(status=429, json=refusal, headers={"Retry-After": "2"})
    )
    swap(page, "0.1")

    expect(page.get_by_text("Too many orders in a minute. You can submit the next one in")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Swap 0.1"))).to_be_disabled()
    expect(page.get_by_role("button", name=re.compile("^Swap 0.1"))).to_be_enabled()
