"""The console in a browser."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.support.stack import Stack


def console(stack: Stack) -> str:
    return f"{stack.endpoint}/_emulator/"


def state(page: Page, name: str) -> Locator:
    return page.locator(f'.state[data-name="{name}"]')


def expect_state(page: Page, name: str, status: str) -> None:
    """Expects the state's accessible name to begin with its own and to end with its `status`."""
    expect(state(page, name)).to_have_accessible_name(re.compile(rf"^{re.escape(name)} .*, {re.escape(status)}$"))


def newest(page: Page) -> Locator:
    return page.locator(".executions tbody tr").first
