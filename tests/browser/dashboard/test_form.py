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
    expect_problem(amount, "^Enter a positive amount, such as 1.5$")
    expect(page.get_by_role("button", name="Enter an amount")).to_be_disabled()
    amount.fill("0.0000000001")
    expect_problem(amount, "^Enter at most 9 decimals for SOL$")
    details = page.locator(".side .field-error").get_by_text("Details")
    details.click()
    expect(page.get_by_text("expected at most 9 decimals for SOL, was '0.0000000001'", exact=True)).to_be_visible()
    amount.fill("0.000000001")
    expect_problem(amount, "^Enter at least [0-9.]+ SOL, the least that pays anything in USDC$")
    expect(page.get_by_role("button", name="The amount is too small")).to_be_disabled()
    amount.fill("1")
    expect(amount).not_to_have_attribute("aria-invalid", "true")
    expect(details).to_have_count(0)

    slippage = page.get_by_label("Slippage tolerance in per cent")
    slippage.fill("lots")
    expect_problem(slippage, "^Enter 0 to 100 % in steps of 0.01$")
    expect(page.get_by_role("button", name="Enter a slippage tolerance")).to_be_disabled()
    page.get_by_role("button", name="1 %", exact=True).click()
    expect(slippage).to_have_value("1")
    expect(slippage).not_to_have_attribute("aria-invalid", "true")


def test_a_token_is_never_swapped_for_itself(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    pay, receive = page.get_by_label("Token to pay with"), page.get_by_label("Token to receive")
    amount = page.get_by_label("You pay")

    # WHEN the user chooses the token of the other side, THEN the sides are swapped, with their amounts
    amount.fill("2")
    expect(page.locator(".receive")).to_have_text(re.compile("^≈ [1-9]"))
    receive.select_option("SOL")
    expect(pay).to_have_value("USDC")
    expect(amount).to_have_value(re.compile("^[1-9][0-9]{2}"))
    expect(page.get_by_role("button", name=re.compile("^Swap [0-9.]+ USDC for SOL$"))).to_be_enabled()
    pay.select_option("SOL")
    expect(receive).to_have_value("USDC")

    # Wrapped SOL is SOL.
    receive.select_option("wSOL")
    expect(pay).to_have_value("USDC")

    # An empty amount is asked for, and never submitted.
    amount.fill("")
    expect(page.get_by_role("button", name="Enter an amount")).to_be_disabled()
    expect(page.get_by_role("region", name="Live quote")).to_contain_text("Enter an amount to see")

    # GIVEN a form from before, with the same token twice
    page.evaluate("""() => sessionStorage.setItem("order-form", JSON.stringify({tokenIn: "RAY", tokenOut: "RAY"}))""")
    page.reload()
    expect(page.get_by_role("button", name="Choose two different tokens")).to_be_disabled()


def test_a_price_impact_is_shown_and_a_great_one_is_accepted_first(stack: Stack, market: Market, enter: Visit) -> None:
    market.reset()
    page = enter()
    amount, risk = page.get_by_label("You pay"), page.locator(".risk:visible")
    impact = page.get_by_role("region", name="Live quote").locator(".facts")
    page.get_by_label("Token to pay with").select_option("RAY")
    amount.fill("100000")
    expect(risk).to_have_class("risk caution")
    expect(risk).to_have_text(re.compile(r"^⚠Price impact [1-4]\.\d\d %: about [0-9.,]+ of 100,000 RAY is lost\.$"))
    expect(impact.locator(".caution")).to_contain_text("⚠")
    amount.fill("1")
    expect(risk).to_have_count(0)
    expect(impact).not_to_contain_text("⚠")

    # WHEN the user submits an order that moves the price a lot
    amount.fill("380000")
    expect(risk).to_have_class("risk danger")
    expect(impact.locator(".danger")).to_be_visible()
    page.get_by_role("button", name="Swap 380000 RAY for USDC").click()

    # THEN a question names the loss, and nothing is sent if the user goes back
    question = page.get_by_role("dialog")
    expect(question.get_by_role("heading")).to_have_text(re.compile(r"^Lose about [0-9,]{6,}(\.\d+)? RAY\?$"))
    expect(question).to_contain_text("Swapping 380,000 RAY moves the price by")
    question.get_by_role("button", name="Go back").click()
    expect(question).to_have_count(0)

    # WHEN the user also takes any amount, and agrees
    page.get_by_label("Slippage tolerance in per cent").fill("100")
    expect(page.get_by_text("Any amount is accepted: you may receive nothing.")).to_be_visible()
    expect(risk).to_have_count(2)
    page.get_by_role("button", name="Swap 380000 RAY for USDC").click()
    expect(question).to_contain_text("you may receive nothing, and lose all 380,000 RAY")
    question.get_by_role("button", name="Swap 380000 RAY for USDC anyway").click()

    # THEN the order says so, and is executed
    page.get_by_role("link", name="Show the order").click()
    expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")
    order = ask(stack, f"/api/orders/{page.url.rsplit('/', 1)[1]}")
    impact_bps = order["events"][1]["data"]["priceImpactBps"]
    assert order["slippageBps"] == 10_000
    assert 500 < impact_bps <= order["maxPriceImpactBps"] <= impact_bps + 200
    assert [taken["amountIn"] for taken in ask(stack, "/api/orders?limit=2")["orders"]].count("380000") == 1


def test_a_loss_of_everything_is_quoted_and_named(stack: Stack, market: Market, enter: Visit) -> None:
    market.reset()
    page = enter()
    page.get_by_label("Token to pay with").select_option("RAY")
    page.get_by_label("You pay").fill("900000000000")
    expect(page.locator(".risk:visible")).to_have_text(re.compile(r"^⚠Price impact (99\.\d\d|100\.00) %: about "))
    page.get_by_role("button", name=re.compile("^Swap 900000000000 RAY")).click()
    expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text(re.compile("^Lose about [89][0-9,.]+ RAY"))


def test_a_high_tolerance_names_what_it_may_cost(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    page.get_by_label("You pay").fill("1")
    page.get_by_label("Slippage tolerance in per cent").fill("5")
    risk = page.locator(".slippage .risk")
    expect(risk).to_have_class("risk caution")
    expect(risk).to_have_text(re.compile(r"^⚠You may receive up to \d+\.\d+ USDC less than quoted\.$"))
    page.get_by_role("button", name="1 %", exact=True).click()
    expect(risk).to_be_hidden()


def test_an_order_with_a_lost_answer_is_submitted_again_until_there_is_one(
    stack: Stack, market: Market, enter: Visit
) -> None:
    page = enter()
    keys = []
    is_lost = True

    def lose(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        answer = route.fetch()
        if is_lost:
            route.abort()
        else:
            route.fulfill(response=answer)

    page.route("**/api/orders/execute", lose)
    swap(page, "0.83")
    expect(page.get_by_role("alert").filter(has_text="The engine does not answer")).to_be_visible()
    expect(page.get_by_role("button", name="Waiting for the engine…")).to_be_disabled()

    # WHEN the user looks elsewhere meanwhile, the form still waits
    page.get_by_role("link", name="Insights").click()
    page.get_by_role("link", name="Trade").click()
    expect(page.get_by_role("button", name="Waiting for the engine…")).to_be_disabled()
    is_lost = False

    expect(page.get_by_role("link", name="Show the order")).to_be_visible()
    assert len(set(keys)) == 1
    taken = [order for order in ask(stack, "/api/orders?limit=20")["orders"] if order["amountIn"] == "0.83"]
    assert len(taken) == 1


def test_the_user_can_stop_waiting_and_try_the_same_order_again(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    keys = []

    def lose(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        route.abort()

    page.route("**/api/orders/execute", lose)
    swap(page, "0.84")
    page.get_by_role("button", name="Stop waiting").click()
    expect(page.get_by_role("alert").filter(has_text="The order may or may not have been accepted")).to_be_visible()
    page.unroute("**/api/orders/execute")
    with page.expect_request("**/api/orders/execute") as repeated:
        page.get_by_role("button", name="Try again").click()
    assert {repeated.value.headers["idempotency-key"], *keys} == {keys[0]}
    expect(page.get_by_role("link", name="Show the order")).to_be_visible()

    # WHEN the order is another one after that, it has a key of its own
    page.route("**/api/orders/execute", lose)
    swap(page, "0.85")
    page.get_by_role("button", name="Stop waiting").click()
    page.get_by_label("You pay").fill("0.86")
    expect(page.get_by_role("button", name="Swap 0.86 SOL for USDC")).to_be_enabled()
    page.get_by_role("button", name="Swap 0.86 SOL for USDC").click()
    expect(page.get_by_role("button", name="Waiting for the engine…")).to_be_visible()
    assert len(set(keys)) == 3
    page.get_by_role("button", name="Stop waiting").click()


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
