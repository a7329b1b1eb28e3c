"""The types of orders in the form: their fields, their distance to the market, and what is submitted."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.browser import Visit
from tests.support.scripted_orders import LIMIT, MINT, ScriptedOrders, order_of, refusal

COMMON = {"tokenIn": "SOL", "amountIn": "1.5", "slippageBps": 50}
FOR_USDC = {**COMMON, "tokenOut": "USDC"}


@pytest.fixture
def engine() -> ScriptedOrders:
    return ScriptedOrders()


@pytest.fixture
def form(enter: Visit, engine: ScriptedOrders) -> Callable[[str], Page]:
    """Opens the order form with a type chosen."""

    def form(name: str) -> Page:
        page = enter()
        engine.take(page)
        choose(page, name)
        return page

    return form


def choose(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).check()


def price(page: Page) -> float:
    """Returns the price of the live quote."""
    shown = page.get_by_role("region", name="Live quote").locator(".headline .note")
    expect(shown).to_have_text(re.compile("^1 SOL = "))
    return float(str(shown.text_content()).split()[3])


def place(page: Page, name: str) -> None:
    page.get_by_role("button", name=f"Place {name} order").click()
    expect(page.get_by_text("Accepted. The order waits.")).to_be_visible()


def test_each_type_says_what_it_means_and_asks_for_its_own_fields(form: Callable[[str], Page]) -> None:
    page = form("Market")
    expect(page.get_by_role("button", name="Swap 1.5 SOL for USDC")).to_be_visible()
    expect(page.get_by_label("Waits", exact=True)).to_have_count(0)
    for name, means, fields in (
        ("Limit", "never filled for less", ["Limit price"]),
        ("Stop", "Sells when the price has fallen", ["Stop price", "Ticks in a row", "Not below"]),
        ("Take-profit + stop-loss", "Two linked orders", ["Take-profit price", "Stop-loss price"]),
        ("Recurring", "equal swaps", ["Slices", "One every", "Only from", "Only up to", "First slice"]),
        ("Sniper", "Buys a new token once", ["Mint of the token to receive", "Minimum liquidity", "Maximum price"]),
    ):
        choose(page, name)
        expect(page.get_by_role("radio", name=name, exact=True)).to_have_accessible_description(re.compile(means))
        for field in fields:
            expect(page.get_by_label(field)).to_be_visible()
        expect(page.get_by_label("Waits", exact=True)).to_be_visible()
        expect(page.get_by_label("Execute only at this quote")).to_be_hidden()
        expect(page.get_by_label("Limit price")).to_have_count(int(name == "Limit"))


def test_a_price_starts_near_the_market_and_shows_its_distance(form: Callable[[str], Page]) -> None:
    page = form("Limit")
    limit = page.get_by_label("Limit price")
    expect(limit).to_have_accessible_description(re.compile(r"^(1\.9\d|2\.0\d) % above the market$"))
    market = price(page)
    limit.fill(f"{market * 0.99:.4f}")
    expect(limit).to_have_accessible_description("1.00 % below the market: the order is executed at once")

    choose(page, "Stop")
    stop = page.get_by_label("Stop price")
    expect(stop).to_have_accessible_description(re.compile(r"^(4\.9\d|5\.0\d) % below the market$"))
    stop.fill(f"{market * 1.1:.4f}")
    expect(stop).to_have_accessible_description("10.0 % above the market: has to be below the market")

    # WHEN the tokens change, THEN a price for the others would be wrong
    page.get_by_role("button", name="Swap the two tokens").click()
    expect(stop).not_to_have_value(f"{market * 1.1:.4f}")
    expect(stop).to_have_accessible_description(re.compile("% below the market$"))

    # A page that comes back keeps the type and what was typed.
    stop.fill("0.0012")
    page.reload()
    expect(page.get_by_role("radio", name="Stop", exact=True)).to_be_checked()
    expect(page.get_by_label("Stop price")).to_have_value("0.0012")


def test_a_limit_and_a_stop_are_submitted_as_typed(form: Callable[[str], Page], engine: ScriptedOrders) -> None:
    page = form("Limit")
    page.get_by_label("Limit price").fill("180")
    expect(page.locator(".receive")).to_have_text("≥ 270")
    page.get_by_label("Waits", exact=True).select_option("1 day")
    place(page, "limit")
    expires_at = engine.posted[-1].pop("expiresAt")
    assert engine.posted[-1] == {"type": "limit", **FOR_USDC, "limitPrice": "180"}
    day = page.evaluate("at => Date.parse(at) - Date.now()", expires_at)
    assert 86_000_000 < day <= 86_400_000

    choose(page, "Stop")
    page.get_by_label("Stop price").fill("150")
    page.get_by_label("Ticks in a row").fill("2")
    page.get_by_label("Not below").fill("149.5")
    place(page, "stop")
    stop = {"stopPrice": "150", "confirmTicks": 2, "limitPrice": "149.5", "expiresAt": None}
    assert engine.posted[-1] == {"type": "stop", **FOR_USDC, **stop}

    choose(page, "Take-profit + stop-loss")
    page.get_by_label("Take-profit price").fill("200")
    page.get_by_label("Stop-loss price").fill("150")
    place(page, "take-profit + stop-loss")
    both = {"limitPrice": "200", "stopPrice": "150", "confirmTicks": 1, "expiresAt": None}
    assert engine.posted[-1] == {"type": "oco", **FOR_USDC, **both}


def test_no_price_is_put_in_front_of_what_is_being_typed(form: Callable[[str], Page]) -> None:
    page = form("Limit")
    limit = page.get_by_label("Limit price")
    expect(limit).not_to_have_value("")
    held: list[Route] = []
    page.route("**/api/quotes**", lambda route: held.append(route))
    page.get_by_role("button", name="Swap the two tokens").click()
    expect(limit).to_have_value("")
    limit.focus()
    page.wait_for_timeout(500)
    page.unroute("**/api/quotes**")
    for route in held:
        route.continue_()
    expect(page.get_by_role("region", name="Live quote").locator(".headline .note")).to_contain_text("1 USDC = ")
    page.keyboard.type("180")
    expect(limit).to_have_value("180")


def test_a_recurring_order_is_quoted_by_its_slice(form: Callable[[str], Page], engine: ScriptedOrders) -> None:
    page = form("Recurring")
    page.get_by_label("Slices").fill("3")
    quote = page.get_by_role("region", name="Live quote")
    expect(quote.locator(".pays")).to_contain_text("USDC for 0.5 SOL")
    page.get_by_label("One every").fill("90")
    page.get_by_label("Unit of the interval").select_option("minutes")
    page.get_by_label("Only up to").fill("190")
    page.get_by_label("First slice").fill("2030-06-01T12:30:00")
    page.get_by_label("Waits", exact=True).select_option("Until a date")
    page.get_by_role("button", name="Place recurring order").click()
    until = page.get_by_label("Date and time of its end")
    expect(page.get_by_label("Waits", exact=True)).to_have_accessible_description(re.compile("Enter a date"))
    until.fill("2030-07-01T12:30:00")
    place(page, "recurring")
    local = [page.evaluate("at => new Date(at).toISOString()", at) for at in ("2030-06-01T12:30", "2030-07-01T12:30")]
    assert engine.posted == [
        {
            "type": "recurring",
            **FOR_USDC,
            "slices": 3,
            "intervalSeconds": 5400,
            "maxPrice": "190",
            "startAt": local[0],
            "expiresAt": local[1],
        }
    ]


def test_a_sniper_names_a_mint_and_needs_no_quote(form: Callable[[str], Page], engine: ScriptedOrders) -> None:
    page = form("Sniper")
    expect(page.get_by_role("region", name="Live quote")).to_contain_text("No quote yet")
    page.get_by_label("Mint of the token to receive").fill(MINT)
    page.get_by_label("Minimum liquidity").fill("250")
    page.get_by_label("Maximum price").fill("0.001")
    page.get_by_label("Also if its accounts can be frozen").check()
    place(page, "sniper")
    assert engine.posted[-1].pop("expiresAt") is not None
    risks = {"minLiquidity": "250", "maxPrice": "0.001", "allowFreezeAuthority": True}
    assert engine.posted[-1] == {"type": "sniper", **COMMON, "tokenOut": MINT, **risks}


def test_a_refused_order_shows_each_problem_at_its_field(form: Callable[[str], Page], engine: ScriptedOrders) -> None:
    page = form("Stop")
    stop, waits = page.get_by_label("Stop price"), page.get_by_label("Waits", exact=True)
    stop.fill("500")
    refused = "expected less than the price now, 176.8, was 500"
    engine.answers = [refusal(("stopPrice", refused), ("expiresAt", "expected a time in the future"))]
    page.get_by_role("button", name="Place stop order").click()
    expect(stop).to_have_accessible_description(re.compile("^Enter less than the price now, 176.8"))
    expect(stop).to_be_focused()
    expect(waits).to_have_attribute("aria-invalid", "true")

    # A fresh quote changes nothing about it; an edit does.
    with page.expect_response("**/api/quotes?*"):
        pass
    expect(stop).to_have_attribute("aria-invalid", "true")
    stop.fill("100")
    expect(stop).not_to_have_attribute("aria-invalid", "true")


def test_an_order_that_the_market_already_meets_says_so(form: Callable[[str], Page], engine: ScriptedOrders) -> None:
    page = form("Limit")
    engine.answers = [(202, order_of("limit", LIMIT, status="pending"))]
    page.get_by_role("button", name="Place limit order").click()
    expect(page.get_by_text("The market already meets the order: it is executed at once.")).to_be_visible()


def test_a_waiting_order_with_a_lost_answer_keeps_its_key(form: Callable[[str], Page], engine: ScriptedOrders) -> None:
    page = form("Limit")
    requests: list[tuple[str, Any]] = []

    def lose(route: Any) -> None:
        requests.append((route.request.headers["idempotency-key"], route.request.post_data_json))
        route.abort()

    page.route("**/api/orders/execute", lose)
    page.get_by_label("Waits", exact=True).select_option("1 hour")
    page.get_by_role("button", name="Place limit order").click()
    expect(page.get_by_role("button", name="Waiting for the engine…")).to_be_visible()
    for _ in range(2):
        page.get_by_role("button", name="Stop waiting").click()
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("button", name="Waiting for the engine…")).to_be_visible()
    # The expiry counts from the first attempt, or the repeat would be another order.
    assert len(requests) >= 3
    assert all(request == requests[0] for request in requests)
