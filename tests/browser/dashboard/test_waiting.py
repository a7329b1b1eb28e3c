"""Orders that wait, from the dashboard to the engine and back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Locator, Page, expect

from order_engine.domain.timestamps import rfc3339
from order_engine.domain.tokens import TOKENS
from order_engine.simulation.new_tokens import create_mint, create_pool
from tests.support.browser import Sockets, Visit, ask, cards, submit, swap
from tests.support.market import Market
from tests.support.stack import Stack


@pytest.fixture(autouse=True)
def nothing_is_open(stack: Stack) -> None:
    """Other tests of the stack may have left orders that wait."""
    assert ask(stack, "/api/orders", method="DELETE")["complete"]


def place(page: Page, type: str, amount: str, **fields: str) -> None:
    page.get_by_label("You pay").fill(amount)
    page.get_by_role("radio", name=type, exact=True).check()
    for label, text in fields.items():
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name=f"Place {type.lower()} order").click()


def lane(page: Page, amount: str) -> Locator:
    return page.locator(".open-orders .order").filter(has_text=f"{amount} SOL")


def test_a_limit_order_waits_until_the_market_pays_it(stack: Stack, market: Market, enter: Visit) -> None:
    market.reset()
    page = enter()
    price = ask(stack, "/api/quotes?tokenIn=SOL&tokenOut=USDC&amountIn=0.7")["price"]

    # GIVEN a limit a little above the market
    place(page, "Limit", "0.7", **{"Limit price": f"{float(price) * 1.01:.3f}"})
    outcome = page.locator(".outcome")
    expect(page.get_by_text("Accepted. The order waits.")).to_be_visible()
    outcome.evaluate(
        "shown => { window.said = [];"
        " new MutationObserver(() => said.push(shown.textContent)).observe(shown, {childList: true}); }"
    )
    expect(lane(page, "0.7")).to_contain_text("Waits until 1 SOL pays at least")
    expect(lane(page, "0.7").locator(".far")).to_have_text(re.compile(r"is 1\.\d\d % above the market"))

    # WHEN somebody buys so much that the price passes it
    submit(stack, tokenIn="USDC", tokenOut="SOL", amountIn="2000000", maxPriceImpactBps=10_000)

    # THEN it is filled without a reload of the page, and says why
    filled = cards(page, "confirmed").filter(has_text="0.7 SOL")
    expect(filled).to_contain_text("Limit")
    expect(lane(page, "0.7")).to_have_count(0)

    # AND the form has followed it, without saying that it was executed at once
    expect(outcome).to_have_text(re.compile(r"Swapped 0\.7 SOL for [0-9.]+ USDC\."))
    assert [text for text in page.evaluate("said") if "at once" in text] == []
    filled.get_by_role("link").first.click()
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("Its amount was quoted")
    expect(page.get_by_role("region", name="Waited for")).to_be_visible()


def test_a_limit_that_the_market_already_meets_is_filled_at_once(stack: Stack, market: Market, enter: Visit) -> None:
    market.reset()
    page = enter()
    place(page, "Limit", "0.71", **{"Limit price": "1"})
    expect(page.locator(".outcome")).to_contain_text("Swapped 0.71 SOL for")
    expect(cards(page, "confirmed").filter(has_text="0.71 SOL")).to_be_visible()


def test_a_pair_is_shown_as_linked_and_ends_together(stack: Stack, market: Market, enter: Visit) -> None:
    market.reset()
    page = enter()
    place(page, "Take-profit + stop-loss", "0.72", **{"Take-profit price": "999", "Stop-loss price": "1"})
    expect(page.get_by_text("Accepted. The order waits.")).to_be_visible()
    expect(lane(page, "0.72")).to_have_count(2)
    expect(lane(page, "0.72").filter(has_text="Linked with the stop-loss")).to_have_count(1)
    lane(page, "0.72").filter(has_text="Linked with the take-profit").get_by_role("button", name="Cancel").click()
    expect(cards(page, "cancelled").filter(has_text="0.72 SOL")).to_have_count(2)


def test_a_recurring_order_shows_its_progress_and_its_slices(stack: Stack, market: Market, enter: Visit) -> None:
    market.reset()
    page = enter()
    page.get_by_role("radio", name="Recurring", exact=True).check()
    page.get_by_label("Unit of the interval").select_option("seconds")
    place(page, "Recurring", "0.75", Slices="3", **{"One every": "1"})
    page.get_by_role("link", name="Show the order").click()
    expect(page.get_by_text("3 of 3 slices")).to_be_visible()
    expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")
    slices = page.get_by_role("region", name="Slices").locator("tbody tr")
    expect(slices.filter(has_text="Confirmed")).to_have_count(3)
    expect(slices.first).to_contain_text("0.25 SOL")
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("Slice 3 of 3: 0.25 SOL")
    expect(page.get_by_role("region", name="Summary")).to_contain_text("You received")


def test_a_sniper_buys_a_new_token_once_it_has_a_pool(stack: Stack, market: Market, enter: Visit) -> None:
    market.reset()
    mint = create_mint(market.database, 6)
    page = enter()
    place(page, "Sniper", "0.76", **{"Mint of the token to receive": mint, "Minimum liquidity": "50"})
    expect(page.get_by_text("Accepted. The order waits.")).to_be_visible()
    expect(lane(page, "0.76")).to_contain_text(f"Waits for a pool of {mint[:4]}…{mint[-4:]} with at least 50 SOL.")
    create_pool(market.database, mint, TOKENS["SOL"], Decimal("0.001"), 100 * 10**9, "raydium_cp")
    bought = cards(page, "confirmed").filter(has_text="0.76 SOL")
    expect(bought).to_contain_text("Sniper")
    bought.get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"0.76 SOL → {mint[:4]}…{mint[-4:]}")
    expect(page.get_by_role("region", name="Route").get_by_role("heading", level=3)).to_be_visible()


def test_open_orders_are_edited_filtered_and_cancelled(stack: Stack, market: Market, enter: Visit) -> None:
    market.reset()
    soon = rfc3339(datetime.now(UTC) + timedelta(seconds=5))
    submit(stack, type="limit", amountIn="0.74", limitPrice="999", expiresAt=soon)
    tagged = submit(stack, type="limit", amountIn="0.73", limitPrice="999", clientOrderId="tagged")
    page = enter()
    lane(page, "0.73").get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Limit price").fill("-1")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_label("Limit price")).to_have_accessible_description(re.compile("Enter a positive decimal"))
    dialog.get_by_label("Limit price").fill("998")
    dialog.get_by_role("button", name="Save").click()
    expect(lane(page, "0.73")).to_contain_text("at least 998 USDC")

    expect(cards(page, "expired").filter(has_text="0.74 SOL")).to_be_visible()
    page.get_by_role("button", name="Cancel all…").click()
    page.get_by_role("button", name="Cancel 1 order").click()
    expect(page.locator("#toasts")).to_contain_text("1 order was cancelled")
    expect(cards(page, "cancelled").filter(has_text="0.73 SOL")).to_be_visible()

    page.goto(f"{stack.rest}/#/orders")
    filters, rows = page.get_by_role("form", name="Filters"), page.locator(".orders tbody tr")
    filters.get_by_label("Type").select_option("Limit")
    expect(rows.filter(has_not_text="Limit")).to_have_count(0)
    filters.get_by_label("Client order id").fill("tagged")
    filters.get_by_label("Client order id").press("Enter")
    expect(rows).to_have_count(1)
    expect(rows.first.get_by_role("link")).to_have_attribute("href", f"#/orders/{tagged}")
    filters.get_by_label("Pair").fill("usdc / sol")
    filters.get_by_label("Pair").press("Enter")
    expect(page.get_by_role("heading", name="No such orders")).to_be_visible()
    page.reload()
    expect(filters.get_by_label("Pair")).to_have_value("USDC-SOL")
    filters.get_by_role("button", name="Clear").click()
    filters.get_by_label("From").fill("2020-01-01")
    expect(rows.nth(1)).to_be_visible()
    filters.get_by_label("To", exact=True).fill("2020-01-02")
    expect(page.get_by_role("heading", name="No such orders")).to_be_visible()


def test_open_orders_leave_room_to_watch_those_that_run(
    stack: Stack, market: Market, enter: Visit, sockets: Callable[[Page], Sockets]
) -> None:
    market.reset()
    for _ in range(60):
        submit(stack, type="limit", amountIn="0.79", limitPrice="999")
    page = enter()
    found = sockets(page)
    expect(page.locator("#lane-open .count")).to_have_text("60")
    expect(lane(page, "0.79")).to_have_count(12)
    expect(page.get_by_role("link", name="All 60")).to_have_attribute("href", "#/orders?status=open")
    swap(page, "0.78")
    expect(cards(page, "confirmed").filter(has_text="0.78 SOL")).to_be_visible()
    watched = {json.loads(message)["orderId"] for message in found.messages if "subscribe" in message}
    assert len(watched) == 51
    page.get_by_role("button", name="Cancel all…").click()
    page.get_by_role("button", name="Cancel 60 orders").click()
    expect(page.locator("#toasts")).to_contain_text("60 orders were cancelled")
    expect(page.locator(".open-orders")).to_be_hidden()
