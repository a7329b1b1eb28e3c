"""Starting and stopping executions in Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from emulator.states.records import StateMachine
from tests.browser.conftest import Small
from tests.support.browser import Visit, violations
from tests.support.console import expect_state, newest

ENDING = StateMachine("ending", {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}, "EXPRESS")
LARGE = 2**64 - 1


def waiting(kind: Literal["EXPRESS", "STANDARD"]) -> StateMachine:
    states = {"Hold": {"Type": "Wait", "Seconds": 10_000, "Next": "Go on"}, "Go on": {"Type": "Succeed"}}
    return StateMachine("waiting", {"StartAt": "Hold", "States": states}, kind)


def start(page: Page, text: str) -> None:
    page.get_by_role("button", name="Start execution").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Input").fill(text)
    dialog.get_by_role("button", name="Start execution").click()


def test_an_execution_starts_with_an_input_and_again_with_the_same(visit: Visit, small: Callable[..., Small]) -> None:
    page = visit(small(ENDING).url)
    status = page.locator("h1 + .badge")

    # WHEN one starts an execution
    start(page, f'{{"amount": {LARGE}}}')

    # THEN its page opens, and its input is as it was written
    expect(status).to_contain_text("Succeeded")
    first = page.url
    expect(page.locator(".panel .json").first).to_contain_text(f'"amount": {LARGE}')

    # WHEN one runs it again
    page.get_by_role("button", name="Run again").click()
    dialog = page.get_by_role("dialog", name="Start an execution of ending")
    expect(dialog.get_by_label("Input")).to_have_value(re.compile(str(LARGE)))
    assert violations(page) == []
    dialog.get_by_label("Name").fill("again")
    dialog.get_by_role("button", name="Start execution").click()

    # THEN another one has the same input
    expect(page.get_by_role("heading", name="again")).to_be_visible()
    assert page.url != first
    expect(page.locator(".panel .json").first).to_contain_text(f'"amount": {LARGE}')


def test_an_input_that_is_not_json_is_not_sent(visit: Visit, small: Callable[..., Small]) -> None:
    page = visit(small(ENDING).url)

    page.get_by_role("button", name="Start execution").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Input").fill('{"amount": }')
    expect(dialog.get_by_role("alert")).to_contain_text("Expected JSON")
    expect(dialog.get_by_role("button", name="Start execution")).to_be_disabled()

    # What the server refuses is said where it was asked.
    dialog.get_by_label("Input").fill("{}")
    dialog.get_by_label("Name").fill("not a name")
    dialog.get_by_role("button", name="Start execution").click()
    expect(dialog.get_by_role("alert")).to_contain_text("name")

    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("heading", name="No executions yet")).to_be_visible()


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_a_running_execution_is_stopped_after_a_question(
    visit: Visit, small: Callable[..., Small], kind: Literal["EXPRESS", "STANDARD"]
) -> None:
    page = visit(small(waiting(kind)).url)
    start(page, "{}")
    expect_state(page, "Hold", "running")

    # WHEN one does not mean it
    stop = page.get_by_role("button", name="Stop execution")
    stop.click()
    question = page.get_by_role("dialog", name="Stop this execution?")
    expect(question).to_contain_text("is aborted in Hold")
    assert violations(page) == []
    question.get_by_role("button", name="Go back").click()

    # THEN it goes on
    expect(question).to_have_count(0)
    expect_state(page, "Hold", "running")
    expect(stop).to_be_focused()

    # WHEN one means it
    stop.click()
    question.get_by_role("button", name="Stop execution").click()

    # THEN it is aborted, and there is nothing more to stop
    expect_state(page, "Hold", "aborted")
    expect(page.locator("h1 + .badge")).to_contain_text("Aborted")
    expect(stop).to_have_count(0)


def test_a_read_only_console_neither_starts_nor_stops(visit: Visit, small: Callable[..., Small]) -> None:
    server = small(ENDING, read_only=True)
    server.execute(ENDING)
    page = visit(server.url)

    expect(newest(page)).to_contain_text("Succeeded")
    expect(page.get_by_text("Read-only", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Start execution")).to_be_hidden()
    newest(page).get_by_role("link").click()
    expect(page.locator("h1 + .badge")).to_contain_text("Succeeded")
    expect(page.get_by_role("button", name="Run again")).to_have_count(0)
