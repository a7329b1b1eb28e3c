from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Sockets, Visit, violations
from tests.support.folders import data_folder
from tests.support.stack import Stack, running


@pytest.fixture(scope="session")
def stack(chromium: str) -> Iterator[Stack]:
    with running(data_folder()) as stack:
        yield stack


@pytest.fixture
def enter(stack: Stack, visit: Visit) -> Visit:
    """Opens a page of the dashboard by its hash, signed in by a link like that of `make run`."""

    def enter(where: str = "", **options: Any) -> Page:
        page = visit(f"{stack.rest}/#key={stack.key}", **options)
        expect(page.locator("#connection")).to_have_text("Live")
        if where:
            page.goto(f"{stack.rest}/{where}")
        return page

    return enter


@pytest.fixture
def sockets(enter: Visit) -> Callable[[Page], Sockets]:
    """Reloads a page with its WebSocket connections in the test's hands."""

    def sockets(page: Page) -> Sockets:
        found = Sockets()
        page.route_web_socket(re.compile("^ws:"), found.take)
        page.reload()
        expect(page.locator("#connection")).to_have_text("Live")
        return found

    return sockets


@pytest.fixture
def look(screenshots: Path) -> Callable[[Page, str], None]:
    """Takes a picture of a page. Fails if it is wider than its window, or not accessible."""

    def look(page: Page, name: str) -> None:
        assert page.viewport_size
        width = page.viewport_size["width"]
        scheme = "dark" if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
        assert page.evaluate("document.documentElement.scrollWidth") == width, name
        page.screenshot(path=screenshots / f"dashboard-{name}-{width}-{scheme}.png", full_page=True)
        assert violations(page) == []

    return look
