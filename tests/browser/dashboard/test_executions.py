"""From an order to the executions of its runs."""

from __future__ import annotations

from html import escape

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.browser import Visit, submit
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(180)


def with_executions(page: Page, url: str) -> None:
    """Makes the dashboard one of a stack whose `ExecutionsUrl` is this one."""

    def changed(route: Route) -> None:
        response = route.fetch()
        unset, setting = (escape(f'"executionsUrl": {value}') for value in ("null", f'"{url}"'))
        assert unset in response.text()
        route.fulfill(response=response, body=response.text().replace(unset, setting))

    page.route(lambda address: address.partition("#")[0].endswith("/"), changed)
    page.reload()


def test_an_order_leads_to_its_executions(stack: Stack, enter: Visit) -> None:
    order = submit(stack)
    page = enter(f"#/orders/{order}")
    with_executions(page, f"{stack.endpoint}/_emulator/#/executions?find=")
    expect(page.locator(".title .badge")).to_contain_text("Confirmed")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Show its runs").click()
    console = opened.value
    run = console.locator(".executions tbody tr")
    expect(run).to_have_count(1)
    run.get_by_role("link").first.click()
    expect(console.get_by_role("heading", level=1)).to_contain_text(order)


def test_without_an_address_nothing_is_offered(stack: Stack, enter: Visit) -> None:
    page = enter(f"#/orders/{submit(stack)}")
    expect(page.locator(".title .badge")).to_contain_text("Confirmed")
    expect(page.get_by_role("link", name="Show its runs")).to_have_count(0)
