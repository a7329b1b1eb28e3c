"""The stack's outputs, parameters and schedules in Chromium."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.support.browser import Visit, violations
from tests.support.console import console
from tests.support.stack import KEY, Stack


def test_the_stack_shows_its_outputs_schedules_and_parameters(stack: Stack, visit: Visit) -> None:
    page = visit(f"{console(stack)}#/stack", permissions=["clipboard-read", "clipboard-write"])

    outputs = page.get_by_role("region", name="Outputs")
    expect(outputs.get_by_role("link", name=stack.rest, exact=True)).to_have_attribute("href", stack.rest)
    outputs.get_by_role("button", name="Copy ApiUrl").click()
    expect(outputs.get_by_role("button", name="Copied ApiUrl")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == stack.rest

    watch = page.get_by_role("row").filter(has_text="WatchFunctionWatch")
    expect(watch).to_contain_text("rate(1 minute)")
    expect(watch.locator("time")).to_have_attribute("datetime", re.compile("^20"))

    parameters = page.get_by_role("region", name="Parameters").locator(".values > div")
    expect(parameters.filter(has_text="DevelopmentKey")).to_contain_text("****")
    expect(parameters.filter(has_text="MarketLatency")).to_contain_text("instant")
    expect(page.locator("body")).not_to_contain_text(KEY)
    assert violations(page) == []
