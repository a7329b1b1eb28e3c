"""The functions in Chromium."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Locator, Page, Route, expect

from tests.support.browser import Visit, submit, violations
from tests.support.console import console
from tests.support.market import Market
from tests.support.stack import Stack


def invoke(page: Page) -> Locator:
    """Invokes the function with the event on the page, and returns the result."""
    page.get_by_role("button", name="Invoke function").click()
    page.get_by_role("dialog").get_by_role("button", name="Invoke function").click()
    return page.get_by_role("region", name="Result")


def test_a_function_shows_its_counters_configuration_and_log(stack: Stack, market: Market, visit: Visit) -> None:
    submit(stack)
    page = visit(f"{console(stack)}#/functions")

    row = page.get_by_role("row").filter(has_text="RouteFunction")
    expect(row.locator('[data-label="Invocations"]')).not_to_have_text("0")
    expect(row.locator('[data-label="Mean duration"]')).to_have_text(re.compile(r"\d m?s"))
    row.get_by_role("link").click()
    expect(page.locator(".facts")).to_contain_text("app.handler")
    expect(page.get_by_role("log")).to_contain_text("REPORT")
    page.get_by_role("link", name="Find in the log").click()
    expect(page.get_by_label("Function")).to_have_value("RouteFunction")


def test_a_function_is_invoked_with_one_of_its_events(stack: Stack, visit: Visit) -> None:
    page = visit(f"{console(stack)}#/functions/SubmitFunction", viewport={"width": 320, "height": 844})
    event = page.get_by_label("Event as JSON")
    choice = page.get_by_label("Begin with")
    own = choice.locator("optgroup").first
    expect(own.locator("option").first).to_have_text("submit-health")

    # WHEN one chooses an event of the function, and agrees to invoke it
    choice.select_option("submit-health")
    expect(event).to_have_value(re.compile('"/health"'))
    result = invoke(page)

    # THEN the page shows what it returns and logs
    expect(result).to_contain_text("Succeeded")
    expect(result).to_contain_text('"statusCode": 200')
    expect(result.locator(".block").filter(has_text="Its body")).to_contain_text('"status": "up"')
    expect(result.get_by_role("log")).to_contain_text("REPORT")
    expect(result.get_by_role("heading", name="Result")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert violations(page) == []

    # AND the log of that request alone
    identity = result.locator(".facts a").inner_text()
    result.locator(".facts a").click()
    expect(page.get_by_label("Request id")).to_have_value(identity)
    expect(page.locator(".record").filter(has_text="REPORT")).to_have_count(1)


def test_an_event_that_fails_shows_the_error(stack: Stack, visit: Visit) -> None:
    page = visit(f"{console(stack)}#/functions/RouteFunction")
    page.get_by_label("Event as JSON").fill('{"order": ')
    expect(page.get_by_text("Expected JSON: ")).to_be_visible()
    expect(page.get_by_role("button", name="Invoke function")).to_be_disabled()

    page.get_by_label("Event as JSON").fill("{}")
    result = invoke(page)

    expect(result).to_contain_text("Failed")
    expect(result.locator(".problem strong")).to_have_text("KeyError")
    expect(result.locator(".record.ERROR").first).to_be_visible()
    expect(result).not_to_contain_text("false")


def test_a_function_is_not_invoked_unless_one_agrees(stack: Stack, visit: Visit) -> None:
    page = visit(f"{console(stack)}#/functions/DescribeFunction")
    invocations = page.locator(".facts div").filter(has_text="Invocations")
    before = invocations.inner_text()
    page.get_by_label("Event as JSON").press("Control+Enter")

    page.get_by_role("dialog").get_by_role("button", name="Go back").click()

    expect(page.get_by_text("What the function returns and logs appears here.")).to_be_visible()
    assert invocations.inner_text() == before


def test_a_console_that_only_reads_invokes_nothing(stack: Stack, visit: Visit) -> None:
    def only_reading(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=json.dumps({**response.json(), "readOnly": True}))

    page = visit(f"{console(stack)}#/functions/SubmitFunction")
    expect(page.get_by_role("button", name="Invoke function")).to_be_visible()

    page.route("**/overview?*", only_reading)

    expect(page.get_by_role("button", name="Invoke function")).to_be_hidden()
    expect(page.get_by_role("log")).to_be_visible()


def test_an_unknown_function_links_to_the_list(stack: Stack, visit: Visit) -> None:
    page = visit(f"{console(stack)}#/functions/nobody")

    page.get_by_role("link", name="See the functions").click()
    expect(page.get_by_role("link", name="RouteFunction")).to_be_visible()
