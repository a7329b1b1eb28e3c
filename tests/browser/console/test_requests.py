"""The requests to the APIs and the open connections in Chromium."""

from __future__ import annotations

import contextlib
import re
from urllib.error import HTTPError
from urllib.request import urlopen

from playwright.sync_api import expect

from tests.support.browser import Visit, submit, violations
from tests.support.console import console
from tests.support.stack import Stack


def test_a_request_shows_its_outcome_and_leads_to_its_log(stack: Stack, visit: Visit) -> None:
    submit(stack)
    with contextlib.suppress(HTTPError):
        urlopen(f"{stack.rest}/api/orders")
    page = visit(f"{console(stack)}#/requests")
    rows = page.locator(".requests tbody tr")

    # The newest first, refused ones included.
    expect(rows.first.locator('[data-label="Status"]')).to_have_text("401")
    expect(rows.first.locator('[data-label="Path"]')).to_have_text("/api/orders")

    # WHEN one looks for another
    page.get_by_label("Find requests").fill("/api/orders/execute")
    expect(rows.first.locator('[data-label="Status"]')).to_have_text("202")
    expect(rows.first.locator('[data-label="Duration"]')).to_have_text(re.compile(r"^[\d.]+ ms$"))
    expect(rows.filter(has_text="401")).to_have_count(0)
    page.reload()
    expect(rows.filter(has_text="401")).to_have_count(0)
    assert violations(page) == []

    # THEN it leads to what the function logged of it
    expect(rows.first.get_by_role("link", name="SubmitFunction")).to_be_visible()
    rows.first.get_by_role("link", name="Log of request").click()
    expect(page.locator(".record").filter(has_text="REPORT")).to_have_count(1)


def test_nothing_found_says_so(stack: Stack, visit: Visit) -> None:
    page = visit(f"{console(stack)}#/requests?find=/nowhere/at/all")

    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()


def test_a_connection_is_shown_while_it_is_open(stack: Stack, visit: Visit) -> None:
    page = visit(f"{console(stack)}#/requests")
    connections = page.get_by_role("region", name="Open connections")
    expect(connections).to_contain_text("No WebSocket connection is open.")

    dashboard = visit(f"{stack.rest}/#key={stack.key}")
    row = connections.locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row.locator('[data-label="Sent"]')).to_have_text(re.compile(r"^\d+$"))
    identity = row.get_by_role("link").inner_text()
    dashboard.close()
    expect(row).to_have_count(0)

    # Its requests are found by its id.
    page.get_by_label("Find requests").fill(identity)
    expect(page.locator(".requests tbody tr").filter(has_text="WebSocket")).not_to_have_count(0)
