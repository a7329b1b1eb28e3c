"""The logs in Chromium."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.support.browser import Visit, submit, violations
from tests.support.concurrency import eventually
from tests.support.console import console
from tests.support.market import Market
from tests.support.stack import Stack


def check_health(stack: Stack, count: int) -> None:
    for _ in range(count):
        with urlopen(f"{stack.rest}/health"):
            pass


def scrolled(page: Page) -> int:
    return int(page.evaluate("document.querySelector('.records').scrollTop"))


def height(element: Locator) -> float:
    """Returns where the element is on the screen, in pixels from above."""
    box = element.bounding_box()
    assert box
    return box["y"]


def test_an_order_is_followed_through_the_functions(stack: Stack, visit: Visit) -> None:
    order = submit(stack)
    page = visit(f"{console(stack)}#/logs")

    # WHEN one looks for the order
    page.get_by_label("Order id").fill(order)

    # THEN the records that name it are shown, one line each, and the address says so
    records = page.locator(".record")
    for step in ("OrderRouting", "OrderSubmitted", "OrderConfirmed"):
        expect(records.filter(has_text=step)).to_have_count(1)
    expect(page).to_have_url(re.compile(f"#/logs\\?order={order}$"))

    # WHEN one opens one
    routed = records.filter(has_text="OrderRouting")
    routed.locator("summary").first.click()

    # THEN it is whole, as JSON, and leads to its request
    expect(routed.locator(".json")).to_contain_text(order)
    assert violations(page) == []
    routed.get_by_role("link", name="Only this request").click()
    expect(records.filter(has_text="START")).to_have_count(1)
    expect(records.filter(has_text="REPORT")).to_have_count(1)

    # AND the address keeps what is looked for
    page.reload()
    expect(records.filter(has_text="REPORT")).to_have_count(1)
    page.go_back()
    expect(page.get_by_label("Order id")).to_have_value(order)


def test_records_are_found_by_function_level_and_text(stack: Stack, market: Market, visit: Visit) -> None:
    for venue in ("raydium", "meteora"):
        market.fault(venue, "quote", "fail")
    submit(stack)
    page = visit(f"{console(stack)}#/logs?function=RouteFunction")
    log = page.get_by_role("log")
    expect(log).to_contain_text("REPORT")
    expect(page.locator(".record .from").filter(has_not_text="RouteFunction")).to_have_count(0)

    page.get_by_label("Level").select_option("WARNING")
    expect(log).not_to_contain_text("REPORT")
    expect(page.locator(".record.ERROR").filter(has_text="refused to quote").first).to_be_visible()

    page.get_by_label("Find text").fill("nothing says this")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    page.get_by_role("link", name="Clear filters").last.click()
    expect(page).to_have_url(re.compile("#/logs$"))
    expect(log).to_contain_text("REPORT")


def test_new_records_are_followed_until_one_scrolls_up(stack: Stack, visit: Visit) -> None:
    check_health(stack, 20)
    page = visit(f"{console(stack)}#/logs?function=SubmitFunction", viewport={"width": 1440, "height": 600})
    follow = page.get_by_role("button", name="Follow")
    records = page.locator(".record")
    expect(records.last).to_contain_text("REPORT")
    eventually(lambda: scrolled(page) > 0)

    # WHEN one scrolls up
    page.get_by_role("log").hover()
    page.mouse.wheel(0, -4000)
    expect(follow).to_have_attribute("aria-pressed", "false")
    check_health(stack, 1)

    # THEN what one reads stays where it is, and the new records are counted
    expect(follow).to_contain_text("3 new")
    assert scrolled(page) == 0

    # WHEN one follows again
    follow.click()

    # THEN the newest is in view
    expect(follow).to_have_text("Follow")
    expect(records.last).to_be_in_viewport()


def test_older_records_come_above_what_one_reads(stack: Stack, visit: Visit) -> None:
    def answer(route: Route) -> None:
        limit = int(parse_qs(urlsplit(route.request.url).query)["limit"][0])
        records = [
            {
                "function": "f",
                "at": number,
                "level": "INFO",
                "requestId": "",
                "orderId": "",
                "message": f"record {number}",
                "text": f"record {number}",
            }
            for number in range(1001 - limit, 1001)
        ]
        route.fulfill(json={"records": records})

    page = visit(f"{console(stack)}#/stack")
    page.route("**/logs?*", answer)
    page.get_by_role("link", name="Logs").click()
    records = page.locator(".record")
    expect(records).to_have_count(200)
    page.get_by_role("log").evaluate("log => log.scrollTop = 40")
    read = page.get_by_text("record 803", exact=True)
    place = height(read)

    # WHEN one asks for older ones until there are no more
    older = page.get_by_role("button", name="Show 200 older")
    for count in (400, 600, 800, 1000):
        older.click()
        expect(records).to_have_count(count)

    # THEN they are above what one reads, which has not moved
    expect(records.first).to_contain_text("record 1")
    expect(older).to_be_hidden()
    assert height(read) == pytest.approx(place, abs=1)


def test_an_unknown_function_and_level_find_nothing_wrong(stack: Stack, visit: Visit) -> None:
    page = visit(f"{console(stack)}#/logs?function=nobody&level=LOUD")

    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    expect(page.get_by_label("Level")).to_have_value("")
    expect(page.locator("#connection")).to_have_text("Live")
