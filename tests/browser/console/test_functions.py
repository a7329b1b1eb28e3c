"""The functions in Chromium."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.support.browser import Visit, submit
from tests.support.console import console
from tests.support.market import Market
from tests.support.stack import Stack


def test_a_function_shows_its_counters_and_log(stack: Stack, market: Market, visit: Visit) -> None:
    submit(stack)
    page = visit(f"{console(stack)}#/functions")

    row = page.get_by_role("row").filter(has_text="RouteFunction")
    expect(row.locator('[data-label="Invocations"]')).not_to_have_text("0")
    expect(row.locator('[data-label="Mean duration"]')).to_have_text(re.compile(r"\d m?s"))
    row.get_by_role("link").click()
    expect(page.get_by_role("log")).to_contain_text("REPORT RequestId")
