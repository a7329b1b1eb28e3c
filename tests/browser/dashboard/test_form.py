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
