"""Orders that wait, on the dashboard: their lane, their details, and how they are replaced and cancelled."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import Visit, cards, sequence
from tests.support.scripted_orders import LIMIT, MINT, SNIPER, STOP, ScriptedOrders, ahead, recurring, refusal
from tests.support.stack import Stack


@pytest.fixture
def engine() -> ScriptedOrders:
    return ScriptedOrders()


@pytest.fixture
def lane(enter: Visit, engine: ScriptedOrders) -> Callable[[], Page]:
    """Opens the first page, which shows the engine's orders."""

    def lane() -> Page:
        page = enter()
        engine.take(page)
        page.reload()
        return page

    return lane


def card(page: Page, order: dict[str, Any]) -> Locator:
    return page.locator(f'.open-orders [data-key="{order["orderId"]}"]')


def linked(engine: ScriptedOrders) -> tuple[dict[str, Any], dict[str, Any]]:
    """Adds a take-profit and its stop-loss."""
    profit, loss = engine.add("limit", {**LIMIT, "limitPrice": "200"}), engine.add("stop", STOP)
    profit["linkedOrderId"], loss["linkedOrderId"] = loss["orderId"], profit["orderId"]
    return profit, loss


def test_the_lane_says_what_each_order_waits_for(engine: ScriptedOrders, lane: Callable[[], Page]) -> None:
    limit = engine.add("limit", LIMIT, expiresAt=ahead(90_000))
    least = engine.add("limit", {**LIMIT, "limitPrice": None})
    profit, loss = linked(engine)
    reached = engine.add("stop", {**STOP, "stopReached": True})
    parent = engine.add("recurring", recurring(slices_done=3), amountIn="10")
    often = engine.add("recurring", {**recurring(), "intervalSeconds": 5400, "minPrice": None})
    past = engine.add("recurring", {**recurring(), "minPrice": "1", "maxPrice": "100"})
    sniper = engine.add("sniper", SNIPER, tokenOut=MINT, expiresAt=ahead(90_000))
    page = lane()

    expect(page.locator("#lane-open .count")).to_have_text("9")
    expect(card(page, limit)).to_contain_text("Waits until 1 SOL pays at least 180 USDC.")
    expect(card(page, limit)).to_contain_text(re.compile("expires in (24 h 59 min|25 h 0 min)"))
    expect(card(page, limit).locator(".far")).to_have_text(re.compile(r"^180 is \d+\.\d+ % (above|below) the market$"))
    expect(card(page, least)).to_contain_text("Waits until all of it pays at least 270 USDC.")
    expect(card(page, loss)).to_contain_text(
        "Waits until 1 SOL pays at most 150 USDC for 2 ticks in a row, then sells for at least 149."
    )
    expect(card(page, loss)).to_contain_text("until cancelled")
    expect(card(page, loss)).to_contain_text("Linked with the take-profit")
    expect(card(page, profit)).to_contain_text("Linked with the stop-loss")
    expect(card(page, profit).get_by_role("link", name=loss["orderId"][-8:])).to_have_attribute(
        "href", f"#/orders/{loss['orderId']}"
    )
    expect(card(page, reached)).to_contain_text("Its stop was reached. Waits until 1 SOL pays at least 149 USDC.")
    expect(card(page, parent)).to_contain_text("Swaps a slice every hour, while 1 SOL pays at least 140 USDC.")
    expect(card(page, parent)).to_contain_text(re.compile(r"3 of 10 slices, next in (11 min \d+ s|12 min 0 s)"))
    expect(card(page, parent).get_by_role("progressbar")).to_have_attribute("value", "3")
    expect(card(page, often)).to_contain_text("Swaps a slice every 90 minutes.")
    expect(card(page, past)).to_contain_text("while 1 SOL pays from 1 USDC to 100.")
    expect(card(page, past).locator(".far")).to_have_text(re.compile(r"^100 is \d+\.\d % below the market$"))
    expect(card(page, parent).locator(".far")).to_have_count(0)
    expect(card(page, sniper)).to_contain_text(
        "Waits for a pool of 7xKX…gAsU with at least 100 SOL and a price up to 0.001 SOL."
    )


def test_an_open_order_is_edited(engine: ScriptedOrders, lane: Callable[[], Page]) -> None:
    order = engine.add("limit", LIMIT)
    page = lane()
    edit = card(page, order).get_by_role("button", name="Edit")
    edit.click()
    dialog = page.get_by_role("dialog", name="Edit limit order")
    price = dialog.get_by_label("Limit price")
    expect(price).to_have_value("180")

    # An order that is not changed is not sent.
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    assert engine.patched == []

    # WHEN a change is refused, THEN the problem is at its field
    edit.click()
    price.fill("-1")
    engine.answers = [refusal(("limitPrice", "expected a positive decimal number"))]
    dialog.get_by_role("button", name="Save").click()
    expect(price).to_have_accessible_description(re.compile("Enter a positive decimal number"))
    expect(price).to_be_focused()

    # WHEN it is accepted, THEN only the changes were sent, and the card shows them
    price.fill("185")
    dialog.get_by_label("Waits").select_option("7 days")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    assert engine.patched[-1].keys() == {"limitPrice", "expiresAt"}
    expect(card(page, order)).to_contain_text("Waits until 1 SOL pays at least 185 USDC.")
    expect(card(page, order)).to_contain_text("expires in")

    # AND its events say what the terms were
    card(page, order).get_by_role("link", name="1.5 SOL").click()
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("Replaced: limit from 180 to 185")
    page.get_by_role("button", name="Edit").click()
    dialog.get_by_label("Waits").select_option("Until cancelled")
    dialog.get_by_label("You pay").fill("2")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("amount from 1.5 to 2, expiry from")
    assert engine.patched[-1] == {"amountIn": "2", "expiresAt": None}
    assert sequence(page) == [1, 2, 3]


def test_an_order_that_no_longer_waits_is_not_edited(engine: ScriptedOrders, lane: Callable[[], Page]) -> None:
    order = engine.add("limit", LIMIT)
    page = lane()
    card(page, order).get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Limit price").fill("190")
    engine.answers = [refusal(code="NotOpen", status=409)]
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Too late to edit")).to_be_visible()
    expect(dialog).to_have_count(0)


def test_all_orders_are_cancelled_once_the_user_has_agreed(engine: ScriptedOrders, lane: Callable[[], Page]) -> None:
    engine.add("limit", LIMIT)
    engine.add("stop", STOP)
    page = lane()
    ask = page.get_by_role("button", name="Cancel all…")
    ask.click()
    dialog = page.get_by_role("dialog", name="Cancel all orders?")
    expect(dialog.get_by_role("button", name="Keep them")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    assert engine.deleted == []

    # One call cancels a limited number.
    engine.answers = [
        (503, {"error": {"code": "StoreUnavailable", "message": "the database does not answer", "details": []}}),
        (200, {"cancelled": ["1", "2"], "complete": False}),
        (200, {"cancelled": ["3"], "complete": True}),
    ]
    ask.click()
    dialog.get_by_role("button", name="Cancel 2 orders").click()
    expect(page.locator("#toasts")).to_contain_text("Not all orders were cancelled")
    ask.click()
    dialog.get_by_role("button", name="Cancel 2 orders").click()
    expect(page.locator("#toasts")).to_contain_text("3 orders were cancelled")
    assert len(engine.deleted) == 3


def test_a_recurring_order_lists_its_slices(stack: Stack, engine: ScriptedOrders, lane: Callable[[], Page]) -> None:
    parent = engine.add("recurring", recurring(slices_done=2))
    for number in (1, 2):
        filled = {"status": "confirmed", "amountIn": "0.15", "amountOut": "25.4", "amountOutBaseUnits": "25400000"}
        made = engine.add("market", None, **filled, parentId=parent["orderId"])
        slice = {"number": number, "orderId": made["orderId"], "amountIn": "0.15", "amountInBaseUnits": "150000000"}
        engine.event(parent, "open", reason="slice", slice=slice)
    page = lane()

    # The slices say to which order they belong.
    slices = cards(page, "confirmed")
    expect(slices).to_have_count(2)
    slices.first.get_by_role("link", name=parent["orderId"][-8:]).click()
    table = page.get_by_role("region", name="Slices").locator("tbody tr")
    expect(table).to_have_count(2)
    expect(table.first).to_contain_text("25.4 USDC")
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("Slice 2 of 10: 0.15 SOL")
    expect(page.get_by_role("region", name="Route")).to_contain_text("Each slice has a route of its own.")
    page.get_by_role("region", name="Timeline").get_by_role("link").first.click()
    expect(page.get_by_text("A slice of")).to_be_visible()


def test_an_order_that_was_returned_and_has_expired_says_why(
    stack: Stack, engine: ScriptedOrders, lane: Callable[[], Page]
) -> None:
    order = engine.add("limit", LIMIT, expiresAt=ahead(-60))
    request = {name: order[name] for name in ("market", "type", "tokenIn", "tokenOut", "amountIn", "slippageBps")}
    activation = {"reason": "the market pays the limit", "amountOut": "270.2", "price": "180.13", "slot": 7}
    engine.event(order, "pending", **request, activation=activation, parentId=None)
    page = lane()
    expect(cards(page, "pending")).to_contain_text("Limit")
    order_data = {**request, "terms": LIMIT, "expiresAt": order["expiresAt"]}
    engine.event(order, "open", **order_data, reason="returned", message="expected at least 270 USDC, was 269.9")
    page.reload()
    expect(card(page, order)).to_be_visible()
    engine.event(order, "expired", expiresAt=order["expiresAt"])
    page.reload()
    expect(cards(page, "expired")).to_contain_text("1.5 SOL")
    cards(page, "expired").get_by_role("link").first.click()
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline).to_contain_text("The market pays the limit. Its amount was quoted 270.2 USDC.")
    expect(timeline).to_contain_text("Waits again. Expected at least 270 USDC, was 269.9")
    expect(timeline).to_contain_text("in vain")
    expect(page.get_by_role("region", name="Waited for")).to_contain_text("Waits until 1 SOL pays at least 180 USDC.")
    expect(page.locator("h1 + .badge")).to_contain_text("Expired")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390, 320])
def test_open_orders_fit_and_are_accessible(
    stack: Stack, engine: ScriptedOrders, visit: Visit, look: Callable[[Page, str], None], width: int, scheme: str
) -> None:
    parent = engine.add("recurring", recurring(slices_done=3))
    engine.add("sniper", SNIPER, tokenOut=MINT)
    linked(engine)
    page = visit(f"{stack.rest}/#key={stack.key}", viewport={"width": width, "height": 900}, color_scheme=scheme)
    engine.take(page)
    page.reload()
    expect(page.locator(".far").first).to_be_visible()
    for name in ("Limit", "Stop", "Take-profit + stop-loss", "Recurring", "Sniper"):
        page.get_by_role("radio", name=name, exact=True).check()
        look(page, f"form-{name.split()[0].lower()}")
    page.locator(".open-orders").get_by_role("button", name="Edit").first.click()
    look(page, "edit")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Cancel all…").click()
    look(page, "cancel-all")
    page.keyboard.press("Escape")
    page.goto(f"{stack.rest}/#/orders/{parent['orderId']}")
    expect(page.get_by_role("progressbar")).to_be_visible()
    look(page, "recurring")
    page.goto(f"{stack.rest}/#/orders?type=limit")
    expect(page.locator(".orders tbody tr").first).to_be_visible()
    look(page, "filtered")
