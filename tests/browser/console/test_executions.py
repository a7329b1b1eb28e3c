"""The executions in Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from emulator.common.account import arn
from emulator.states.records import StateMachine
from tests.browser.conftest import Small
from tests.support.browser import Visit, submit
from tests.support.console import console, expect_state, newest, state
from tests.support.market import Market
from tests.support.stack import Stack

ENDING = StateMachine("ending", {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}, "EXPRESS")


def test_a_running_execution_appears_and_its_states_turn_green(
    stack: Stack, market: Market, visit: Visit, screenshots: Path
) -> None:
    page = visit(console(stack))
    expect(state(page, "Route")).to_be_visible()

    # WHEN an order runs that cannot end
    with market.held("USDC"):
        order_id = submit(stack)

        # THEN the page shows the execution and its progress without a reload
        expect(newest(page)).to_contain_text("Running")
        newest(page).get_by_role("link").click()
        expect(page.locator(".state.RUNNING")).to_have_count(1)
        for name in ("Resume", "Route", "Build"):
            expect_state(page, name, "succeeded")
        expect_state(page, "MarkFailed", "not entered")
        page.screenshot(path=screenshots / "running.png")

        # AND its message is in flight
        queues = visit(f"{console(stack)}#/queues")
        row = queues.get_by_role("row").filter(has=queues.get_by_text("OrderQueue", exact=True))
        expect(row.locator('[data-label="In flight"]')).to_have_text("1")

    # WHEN the order goes on
    # THEN every state on its path succeeds, and so does the execution
    for name in ("Submit", "Confirm", "Confirmed"):
        expect_state(page, name, "succeeded")
    expect(page.locator("h1 + .badge")).to_contain_text("Succeeded")
    expect(page.locator(".edge.taken")).to_have_count(8)
    expect(row.locator('[data-label="In flight"]')).to_have_text("0")

    # AND a state shows its input and output, at an address of its own
    state(page, "Route").click()
    panel = page.get_by_role("region", name="Details")
    expect(panel.get_by_role("heading", name="Route")).to_be_visible()
    expect(panel.locator(".json")).to_have_count(2)
    expect(panel.locator(".json").nth(1)).to_contain_text('"venue": ')
    panel.get_by_role("button", name="Definition").click()
    expect(panel.locator(".json")).to_contain_text('"Type": "Task"')
    expect(panel.get_by_role("link", name="RouteFunction")).to_have_attribute("href", "#/functions/RouteFunction")
    page.reload()
    expect(panel.get_by_role("heading", name="Route")).to_be_visible()

    # AND its order is one step away
    order = page.locator(".facts").filter(has_text="Order")
    expect(order.locator("code")).to_have_text(order_id)
    expect(order.get_by_role("link", name="Dashboard")).to_have_attribute("href", f"{stack.rest}/#/orders/{order_id}")

    # WHEN the stack's outputs have a link that signs in, THEN the order's link does too
    outputs = [{"name": "Dashboard", "value": f"{stack.rest}/#key={stack.key}"}]
    page.route("**/_emulator/stack?*", lambda route: route.fulfill(json={"outputs": outputs}))
    page.reload()
    link = order.get_by_role("link", name="Dashboard")
    expect(link).to_have_attribute("href", re.compile(re.escape(f"#key={stack.key}/")))
    dashboard = visit(str(link.get_attribute("href")))
    expect(dashboard).to_have_url(f"{stack.rest}/#/orders/{order_id}")
    expect(dashboard.locator("h1 + .badge")).to_contain_text("Confirmed")


def test_a_failed_order_shows_its_state_error_and_attempts(
    stack: Stack, market: Market, visit: Visit, screenshots: Path
) -> None:
    market.fault("raydium", "quote", "fail")
    market.fault("meteora", "quote", "fail")
    page = visit(console(stack), viewport={"width": 1440, "height": 1120})
    submit(stack)

    page.get_by_role("button", name=re.compile(r"^Failed \d")).click()
    expect(newest(page)).to_contain_text("OrderFailed")
    newest(page).get_by_role("link").click()

    expect(page.locator("h1 + .badge")).to_contain_text("Failed")
    expect(page.locator(".problem").first).to_contain_text("raydium refused to quote; meteora refused to quote")
    expect_state(page, "Failed", "failed")
    expect_state(page, "Route", "caught error, 3 attempts")
    expect_state(page, "Build", "not entered")

    # The keyboard works like the mouse.
    state(page, "Route").press("Enter")
    attempts = page.get_by_role("region", name="Details").locator(".attempts-list li")
    expect(attempts).to_have_count(3)
    expect(attempts.last).to_contain_text("VenueUnavailable")
    expect(state(page, "Route")).to_have_attribute("aria-pressed", "true")
    page.screenshot(path=screenshots / "console.png")


def test_an_execution_is_found_by_the_order_in_its_input(stack: Stack, market: Market, visit: Visit) -> None:
    order_id = submit(stack)
    submit(stack)
    page = visit(console(stack))
    rows = page.locator(".executions tbody tr")

    # WHEN one looks for the order, by its id and the time
    page.get_by_role("searchbox").fill(f'"order_id": "{order_id}"')
    page.get_by_label("Started", exact=True).select_option("Last hour")

    # THEN its execution is there alone, at an address that says so
    expect(rows).to_have_count(1)
    expect(newest(page)).to_contain_text("Succeeded")
    page.reload()
    expect(rows).to_have_count(1)
    expect(page.get_by_role("searchbox")).to_have_value(re.compile(order_id))

    # AND nothing of another status, or of another time
    page.get_by_role("button", name=re.compile("^Running")).click()
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    page.get_by_role("button", name=re.compile("^All")).click()
    expect(rows).to_have_count(1)
    page.get_by_label("Started", exact=True).select_option("Between…")
    page.get_by_label("Started until").fill("2020-01-01T00:00:00")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    page.get_by_label("Started until").fill("")
    expect(rows).to_have_count(1)

    # AND Back leads to it again
    newest(page).get_by_role("link").click()
    expect(page.get_by_role("region", name="Details")).to_be_visible()
    page.go_back()
    expect(rows).to_have_count(1)


def test_more_rows_are_shown_on_demand(visit: Visit, small: Callable[..., Small]) -> None:
    server = small(ENDING)
    for _ in range(130):
        server.execute(ENDING)
    page = visit(server.url)

    expect(page.locator(".executions tbody tr")).to_have_count(100)
    expect(page.locator(".more")).to_contain_text("100 of 130")
    page.get_by_role("button", name="Show 30 more").press("Enter")
    expect(page.locator(".executions tbody tr")).to_have_count(130)
    expect(page.locator(".more")).to_have_count(0)


def test_one_returns_to_the_list_as_one_has_left_it(visit: Visit, small: Callable[..., Small]) -> None:
    server = small(ENDING)
    for _ in range(130):
        server.execute(ENDING)
    page = visit(f"{server.url}#/executions?status=SUCCEEDED")
    page.get_by_role("button", name="Show 30 more").click()
    rows = page.locator(".executions tbody tr")
    expect(rows).to_have_count(130)
    rows.last.scroll_into_view_if_needed()
    left = page.evaluate("[location.hash, scrollY]")

    # By the link above the execution, and by Back
    for back in (page.get_by_role("link", name="Executions").last.click, page.go_back):
        rows.last.get_by_role("link").click()
        expect(page.get_by_role("region", name="Details")).to_be_visible()
        assert page.evaluate("scrollY") == 0
        back()
        expect(rows).to_have_count(130)
        expect(page.get_by_role("button", name=re.compile("^Succeeded"))).to_have_attribute("aria-pressed", "true")
        page.wait_for_function("left => location.hash === left[0] && scrollY === left[1]", arg=left)


def test_an_unknown_execution_links_to_the_list(visit: Visit, small: Callable[..., Small]) -> None:
    unknown = arn("states", "express:ending:name:id")
    page = visit(f"{small(ENDING).url}#/executions")
    page.goto(f"{page.url}/{unknown}")

    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    page.get_by_role("link", name="See the executions").click()
    expect(page.get_by_role("heading", name="No executions yet")).to_be_visible()


def test_an_address_with_an_unknown_state_shows_the_execution(visit: Visit, small: Callable[..., Small]) -> None:
    server = small(ENDING)
    server.execute(ENDING)
    page = visit(server.url)
    newest(page).get_by_role("link").click()
    expect(page.locator("h1 + .badge")).to_contain_text("Succeeded")

    page.goto(f"{page.url}/Unknown")
    expect(page.get_by_role("region", name="Details").get_by_role("heading", name="Execution")).to_be_visible()


def test_an_address_with_what_cannot_be_asked_for_shows_what_there_is(
    visit: Visit, small: Callable[..., Small]
) -> None:
    server = small(ENDING)
    server.execute(ENDING)
    page = visit(f"{server.url}#/executions?rows=-1.5&time=soon&from=x&machine=other")
    expect(newest(page)).to_contain_text("Succeeded")

    page.goto(f"{server.url}#/constructor")
    expect(newest(page)).to_contain_text("Succeeded")
    expect(page.locator("#connection")).to_have_text("Live")


def test_a_truncated_address_shows_not_found(visit: Visit, small: Callable[..., Small]) -> None:
    page = visit(f"{small(ENDING).url}#/executions/arn%3Aaws%3")

    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    expect(page.locator("#connection")).to_have_text("Live")
