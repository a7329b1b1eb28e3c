"""The dashboard in Chromium, as a trader uses it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocketRoute, expect

from order_engine.domain.access import new_secret
from tests.support.aws_clients import aws
from tests.support.concurrency import eventually
from tests.support.market import Market
from tests.support.stack import ROOT, Stack, data_folder, running

AXE = ROOT / "tests/npm/node_modules/axe-core/axe.min.js"
IN_TIME = 1000
"""Milliseconds in which something is to be seen."""

Visit = Callable[..., Page]


def ask(stack: Stack, path: str, order: dict[str, str] | None = None) -> Any:
    headers = {"Authorization": f"Bearer {stack.key}", "Content-Type": "application/json"}
    body = None if order is None else json.dumps(order).encode()
    with urlopen(Request(stack.rest + path, body, headers)) as response:
        return json.load(response)


def submit(stack: Stack, **changes: str) -> str:
    """An order that is submitted elsewhere. Returns its id."""
    order = {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "0.01", **changes}
    return str(ask(stack, "/api/orders/execute", order)["orderId"])


@pytest.fixture
def enter(stack: Stack, visit: Visit) -> Visit:
    """Opens the page behind a hash, signed in by a link as `make run` prints it."""

    def enter(where: str = "", **options: Any) -> Page:
        page = visit(f"{stack.rest}/#key={stack.key}", **options)
        expect(page.locator("#connection")).to_have_text("Live")
        if where:
            page.goto(f"{stack.rest}/{where}")
        return page

    return enter


@pytest.fixture
def sockets(enter: Visit) -> Callable[[Page], Sockets]:
    def sockets(page: Page) -> Sockets:
        found = Sockets()
        page.route_web_socket(re.compile("^ws:"), found.take)
        page.reload()
        expect(page.locator("#connection")).to_have_text("Live")
        return found

    return sockets


class Sockets:
    """The page's WebSocket connections. `refused` are closed as soon as they come."""

    def __init__(self) -> None:
        self.refused = False
        self.open: list[WebSocketRoute] = []
        self.messages: list[str] = []

    def take(self, socket: WebSocketRoute) -> None:
        if self.refused:
            socket.close()
            return
        self.open.append(socket)
        server = socket.connect_to_server()

        def sent(message: str | bytes) -> None:
            self.messages.append(str(message))
            server.send(message)

        socket.on_message(sent)

    def drop(self) -> None:
        self.refused = True
        self.open.pop().close()


def cards(page: Page, status: str) -> Locator:
    return page.locator(f".lane.{status} .order")


def swap(page: Page, amount: str) -> None:
    page.get_by_label("You pay").fill(amount)
    page.get_by_role("button", name=re.compile("^Swap [0-9]")).click()


def sequence(page: Page) -> list[int]:
    """The numbers of the events that an order's timeline shows."""
    return [int(item.get_attribute("data-seq") or 0) for item in page.locator(".timeline > [data-seq]").all()]


def test_an_order_is_quoted_while_it_is_typed_and_confirmed_live(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    expect(page).to_have_url(f"{stack.rest}/")

    # WHEN an amount is typed that is worth splitting
    page.get_by_label("You pay").fill("5000")

    # THEN the quote shows each route's price, fees and impact, and how the best one is split
    quote = page.get_by_role("region", name="Live quote")
    routes = quote.get_by_role("table", name="Routes compared").get_by_role("row")
    expect(routes.nth(1)).to_contain_text("Best")
    expect(routes.nth(1).locator('[data-label="Fees"]')).to_have_text(re.compile(r"^0\.\d\d %$"))
    expect(
        quote.get_by_role("img", name=re.compile("^Split: .*raydium.*meteora|^Split: .*meteora.*raydium"))
    ).to_be_visible()
    expect(quote.locator(".age")).to_have_text(re.compile("old, holds for [0-9]+ s"))

    # WHEN it is submitted, by keyboard, and can't land
    with market.held("USDC"):
        page.get_by_label("You pay").press("Enter")

        # THEN it is seen on its way, with the venues and why
        running = cards(page, "submitted")
        expect(running).to_contain_text("5,000 SOL")
        expect(running).to_contain_text("bps more than")
        expect(running.locator(".clock")).to_have_text(re.compile("m?s$"))
        expect(running.get_by_role("button", name="Cancel")).to_have_count(0)

    # AND it is confirmed without a look at the page's reload button
    expect(cards(page, "confirmed").first).to_contain_text("5,000 SOL")
    expect(running).to_have_count(0)
    cards(page, "confirmed").first.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("5,000 SOL → USDC")
    assert sequence(page) == [1, 2, 3, 4, 5]
    expect(page.get_by_role("region", name="Summary")).to_contain_text("Realised slippage")
    expect(page.get_by_role("region", name="Transaction")).to_contain_text("swap wSOL for USDC")


def test_an_order_at_a_quote_names_it(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    page.get_by_label("Execute at this quote, or not at all").check()
    swap(page, "0.37")

    # Not before there is a quote for that amount.
    expect(page.get_by_text("Accepted.")).to_be_visible()
    page.get_by_role("link", name="Follow the order").click()
    expect(page.get_by_role("region", name="Summary")).to_contain_text("At quote")
    expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")


def test_a_venue_failure_is_shown_with_its_reason(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    for venue in ("raydium", "meteora"):
        market.fault(venue, "quote", "fail")
    swap(page, "0.73")

    quote = page.get_by_role("region", name="Live quote")
    expect(quote).to_contain_text("No venue answers")
    failed = cards(page, "failed").first
    expect(failed).to_contain_text("VenueUnavailable")
    expect(failed).to_contain_text("0.73 SOL")
    failed.get_by_role("link").click()
    expect(page.locator(".detail > .problem")).to_contain_text("Raydium refused to quote; meteora refused to quote.")
    expect(page.locator(".detail > .problem")).to_contain_text("The same order may succeed later.")

    # One venue that fails is named, and the other one quotes.
    market.clear_faults()
    market.fault("raydium", "quote", "fail")
    page.get_by_role("link", name="Trade").click()
    expect(quote.locator(".warning")).to_contain_text("Left out: raydium")
    expect(quote.locator(".pays")).to_contain_text("USDC")


def test_a_lost_connection_comes_back_and_misses_nothing(
    stack: Stack, market: Market, enter: Visit, sockets: Callable[[Page], Sockets]
) -> None:
    page = enter()
    through = sockets(page)
    with market.held("USDC"):
        swap(page, "0.41")
        expect(cards(page, "submitted")).to_contain_text("0.41 SOL")

        # GIVEN a connection that is lost, and REST that tells nothing either
        page.route("**/api/orders?*", lambda route: route.fulfill(status=503, json=ERROR))
        through.drop()
        expect(page.locator("#connection")).to_have_text("Reconnecting…")

    # WHEN the order ends meanwhile
    order_id = ask(stack, "/api/orders?limit=1")["orders"][0]["orderId"]
    page.wait_for_timeout(500)
    expect(cards(page, "submitted")).to_have_count(1)
    expect(page.locator("#banner")).to_contain_text("Trying again")

    # THEN the new connection asks for what came after the last event, and gets it, once
    through.refused = False
    expect(cards(page, "confirmed").first).to_contain_text("0.41 SOL")
    assert json.loads(through.messages[-1]) == {"action": "subscribe", "orderId": order_id, "after": 4}
    page.unroute("**/api/orders?*")
    cards(page, "confirmed").first.get_by_role("link").click()
    expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")
    assert sequence(page) == [1, 2, 3, 4, 5]
    expect(page.locator("#banner")).to_be_empty()


ERROR = {"error": {"code": "StoreUnavailable", "message": "Postgres does not answer", "details": []}}


def test_an_engine_that_dies_and_comes_back_is_followed_on(
    visit: Visit, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = data_folder(tmp_path_factory)
    with running(data) as first:
        market = Market(first.parameters["DatabaseUrl"])
        page = visit(f"{first.rest}/#key={first.key}")
        with market.held("USDC"):
            swap(page, "0.29")
            expect(cards(page, "submitted")).to_contain_text("0.29 SOL")
            first.kill()
            expect(page.locator("#connection")).to_have_text("Reconnecting…")
            expect(page.locator("#banner")).to_contain_text("The API does not answer")
        ports = ("--rest-port", first.rest.rpartition(":")[2], "--websocket-port", first.websocket.rpartition(":")[2])
        with running(data, *ports) as second:
            expect(page.locator("#connection")).to_have_text("Live")
            expect(page.locator("#banner")).to_be_empty()
            market.pass_time(120)
            with aws(second, "lambda") as functions:
                functions.invoke(FunctionName="RecoverFunction", Payload=b"{}")
            expect(cards(page, "confirmed")).to_contain_text("0.29 SOL")
            cards(page, "confirmed").get_by_role("link").click()
            expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")
            shown = sequence(page)
            assert shown == list(range(1, len(shown) + 1))
            page.close()
        market.close()


def test_two_tabs_see_each_others_orders(stack: Stack, market: Market, enter: Visit) -> None:
    one, other = enter(), enter()
    with market.held("USDC"):
        swap(one, "0.53")
        for page in (one, other):
            expect(cards(page, "submitted")).to_contain_text("0.53 SOL")
    for page in (one, other):
        expect(cards(page, "confirmed").first).to_contain_text("0.53 SOL")


def test_a_page_that_comes_late_finds_every_order_that_runs(stack: Stack, market: Market, enter: Visit) -> None:
    with market.held("USDC"):
        for _ in range(60):
            submit(stack)
        page = enter()

        expect(page.locator(".lane.pending .count")).to_have_text("50")
        expect(page.locator(".lane.submitted .count")).to_have_text("10")
        expect(page.locator(".lane.pending").get_by_role("link", name="38 more")).to_be_visible()
    for status in ("pending", "routing", "building", "submitted"):
        expect(page.locator(f".lane.{status} .count")).to_have_text("0")


def test_an_order_is_cancelled_while_it_can_be(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    with market.held("USDC"):
        # GIVEN as many orders as may run, and one that waits
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


def test_what_is_wrong_is_said_at_its_field(stack: Stack, market: Market, enter: Visit) -> None:
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
    expect_problem(amount, "Expected at least .* SOL to be paid anything in USDC")
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


def test_an_order_whose_answer_is_lost_is_taken_once(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/api/orders/execute", lose)
    swap(page, "0.83")
    expect(page.get_by_role("alert").filter(has_text="Not known whether it was accepted")).to_be_visible()
    page.unroute("**/api/orders/execute")
    page.get_by_role("button", name="Try again").click()

    expect(page.get_by_text("Accepted.")).to_be_visible()
    taken = [order for order in ask(stack, "/api/orders?limit=20")["orders"] if order["amountIn"] == "0.83"]
    assert len(taken) == 1


def test_too_many_orders_wait_for_their_turn(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    refusal = {"error": {"code": "RateLimited", "message": "expected fewer orders a minute", "details": []}}
    page.route(
        "**/api/orders/execute", lambda route: route.fulfill(status=429, json=refusal, headers={"Retry-After": "2"})
    )
    swap(page, "0.1")

    expect(page.get_by_text("Too many orders in a minute. The next one in")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Swap 0.1"))).to_be_disabled()
    expect(page.get_by_role("button", name=re.compile("^Swap 0.1"))).to_be_enabled()


def test_an_api_that_is_down_is_said_and_what_is_known_stays(stack: Stack, market: Market, enter: Visit) -> None:
    submit(stack)
    page = enter()
    expect(cards(page, "confirmed").first).to_be_visible()

    page.context.set_offline(True)
    expect(page.locator("#banner")).to_contain_text("The API does not answer. Trying again; what you see may be old.")
    expect(cards(page, "confirmed").first).to_be_visible()
    page.get_by_role("link", name="Orders", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="The orders could not be read")).to_be_visible()
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()

    expect(page.locator(".orders tbody tr").first).to_be_visible()
    expect(page.locator("#banner")).to_be_empty()


def test_a_key_is_asked_for_and_a_refused_one_is_said(stack: Stack, visit: Visit) -> None:
    page = visit(f"{stack.rest}/")
    field = page.get_by_label("API key")
    expect(field).to_be_focused()
    field.fill("oee_short")
    field.press("Enter")
    expect(page.get_by_text("Expected oee_ and 43 letters")).to_be_visible()

    field.fill(new_secret("oee_"))
    field.press("Enter")
    expect(page.get_by_text("This key is not accepted")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    page.get_by_label("API key").fill(stack.key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#connection")).to_have_text("Live")
    page.reload()
    expect(page.locator("#connection")).to_have_text("Live")
    # A link does not sign in as somebody else.
    page.goto(f"{stack.rest}/#key={new_secret('oee_')}")
    expect(page).to_have_url(f"{stack.rest}/")
    expect(page.locator("#key")).to_have_text(f"{stack.key[:8]}…")
    # A key may be revoked while it is used.
    page.route("**/api/orders?*", lambda route: route.fulfill(status=401, json={"error": {"code": "Unauthorized"}}))
    expect(page.get_by_text("This key is not accepted")).to_be_visible()
    page.unroute("**/api/orders?*")
    page.get_by_label("API key").fill(stack.key)
    page.get_by_label("API key").press("Enter")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('order-engine-key')") is None


def test_the_history_turns_its_pages_and_keeps_to_a_status(stack: Stack, market: Market, enter: Visit) -> None:
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

    # A new order shows up by itself.
    latest = submit(stack)
    expect(rows.first.get_by_role("link")).to_have_attribute("href", f"#/orders/{latest}")
    page.get_by_role("navigation", name="Status").get_by_role("link", name="Confirmed").click()
    expect(rows.first).to_contain_text("Confirmed")
    expect(rows.filter(has_not_text="Confirmed")).to_have_count(0)


def test_what_is_no_event_is_said_and_the_page_lives_on(
    stack: Stack, market: Market, enter: Visit, sockets: Callable[[Page], Sockets]
) -> None:
    page = enter()
    through = sockets(page)
    for text in ("<html>", "7", '{"orderId": "x", "seq": "one"}', '{"seq": 1, "data": null}'):
        through.open[-1].send(text)
    expect(page.locator(".toast").first).to_contain_text("An event could not be read")

    # An event that comes twice, or too early, is shown once and in its place.
    order_id = submit(stack)
    expect(page.locator(f'.lane.confirmed [data-key="{order_id}"]')).to_be_visible()
    events = ask(stack, f"/api/orders/{order_id}")["events"]
    for event in (events[4], events[1], {**events[4], "seq": 9}):
        through.open[-1].send(json.dumps(event))
    page.goto(f"{stack.rest}/#/orders/{order_id}")
    expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")
    assert sequence(page) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("order_id", ["01890a5d-ac96-774b-bcce-b302099a8057", "nonsense", "%3Cb%3E%"])
def test_an_order_that_does_not_exist_leads_back_to_the_others(stack: Stack, enter: Visit, order_id: str) -> None:
    page = enter(f"#/orders/{order_id}")
    expect(page.get_by_role("heading", name="No such order")).to_be_visible()
    page.get_by_role("link", name="See your orders").click()
    expect(page.get_by_role("heading", name="Orders")).to_be_visible()


def test_an_order_whose_events_are_no_longer_kept_shows_what_is_left(
    stack: Stack, market: Market, enter: Visit
) -> None:
    order_id = submit(stack)
    eventually(lambda: ask(stack, f"/api/orders/{order_id}")["status"] == "confirmed")
    market.database.execute("DELETE FROM order_events WHERE order_id = %(id)s", {"id": order_id})
    page = enter(f"#/orders/{order_id}")
    expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("No longer kept")


def test_the_page_is_seen_at_once(stack: Stack, enter: Visit) -> None:
    page = enter()
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert painted < IN_TIME


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_fits_and_can_be_read_by_everybody(
    stack: Stack, market: Market, visit: Visit, screenshots: Path, width: int, scheme: str
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm ci --prefix tests/npm")
    market.reset()
    routed = submit(stack, amountIn="5000")
    failed = submit(stack, amountIn="0.000000001")
    page = visit(f"{stack.rest}/", viewport={"width": width, "height": 900}, color_scheme=scheme)

    def look(name: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth") == width, name
        page.screenshot(path=screenshots / f"dashboard-{name}-{width}-{scheme}.png", full_page=True)
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})")
        assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []

    expect(page.get_by_label("API key")).to_be_visible()
    look("sign-in")
    page.get_by_label("API key").fill(stack.key)
    page.get_by_label("API key").press("Enter")
    expect(page.locator(f'.lane.failed [data-key="{failed}"]')).to_be_visible()
    with market.held("USDC"):
        page.get_by_label("You pay").fill("5000")
        expect(page.get_by_role("region", name="Live quote").locator(".part").first).to_be_visible()
        page.get_by_role("button", name=re.compile("^Swap 5")).click()
        expect(cards(page, "submitted")).to_be_visible()
        page.wait_for_timeout(500)
        look("trade")
    page.goto(f"{stack.rest}/#/orders/{routed}")
    expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")
    look("order")
    page.goto(f"{stack.rest}/#/orders/{failed}")
    expect(page.locator("h1 + .badge")).to_contain_text("Failed")
    look("failed")
    page.get_by_role("link", name="Orders", exact=True).first.click()
    expect(page.locator(".orders tbody tr").first).to_be_visible()
    look("orders")
    page.get_by_role("link", name="Insights").click()
    expect(page.locator(".panel canvas")).to_have_count(4)
    expect(page.get_by_text("Reading")).to_have_count(0)
    look("insights")
