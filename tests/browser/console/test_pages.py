"""What all pages of the console have in common, in Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from emulator.states.records import StateMachine
from tests.browser.conftest import Small
from tests.support.browser import Visit, submit, violations
from tests.support.concurrency import eventually
from tests.support.console import console, expect_state, newest, state
from tests.support.market import Market
from tests.support.stack import Stack

# The other pages, and what each lists.
PAGES = {"Queues": "tbody tr", "Functions": "tbody tr", "Logs": ".record", "Requests": "tbody tr", "Stack": "tbody tr"}


@pytest.fixture
def rerouted(stack: Stack, market: Market) -> str:
    """Returns the name of an execution that succeeded with a second quote."""

    def found() -> str:
        executions = json.load(urlopen(f"{console(stack)}executions?status=SUCCEEDED"))
        for execution in executions["executions"]:
            details = json.load(urlopen(f"{console(stack)}executions?arn={execution['arn']}"))
            if any(event["type"] == "PassStateEntered" for event in details["events"]):
                return str(execution["name"])
        return ""

    if not found():
        market.reset()
        for venue in ("raydium", "meteora"):
            market.fault(venue, "submit", "slip", times=1)
        submit(stack)
    return eventually(found)


# 1440 by 900 pixels at 200 % are 720 by 450.
@pytest.mark.parametrize(
    ("width", "height", "scheme"),
    [
        (1440, 900, "light"),
        (1440, 900, "dark"),
        (720, 450, "light"),
        (390, 844, "light"),
        (390, 844, "dark"),
        (320, 844, "light"),
    ],
)
def test_every_page_fits_wide_and_narrow_screens_in_both_colour_schemes(
    stack: Stack, rerouted: str, visit: Visit, screenshots: Path, width: int, height: int, scheme: str
) -> None:
    page = visit(console(stack), viewport={"width": width, "height": height}, color_scheme=scheme)

    def look(name: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert violations(page) == []
        page.screenshot(path=screenshots / f"{name}-{width}-{scheme}.png", full_page=True)

    expect(page.get_by_role("link", name=rerouted)).to_be_visible()
    look("executions")
    page.get_by_role("link", name=rerouted).click()
    expect_state(page, "Reroute", "succeeded")
    look("execution")
    state(page, "Route").click()
    heading = page.get_by_role("region", name="Details").get_by_role("heading", name="Route")
    expect(heading).to_be_in_viewport()
    expect(state(page, "Route")).to_be_in_viewport()
    look("state")
    page.get_by_role("button", name="Close").press("Escape")
    expect(heading).to_have_count(0)
    expect(state(page, "Route")).to_be_focused()
    for name, row in PAGES.items():
        page.get_by_role("navigation", name="Services").get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
        expect(page.locator(row).first).to_be_visible()
        look(name.lower())


def test_a_stack_without_a_state_machine_says_so(visit: Visit, small: Callable[..., Small]) -> None:
    page = visit(small().url)

    expect(page.get_by_role("heading", name="No state machine")).to_be_visible()
    for name in ("Queues", "Functions"):
        page.get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", name=f"No {name.lower()}")).to_be_visible()


def test_an_address_without_the_final_slash_works(visit: Visit, small: Callable[..., Small]) -> None:
    page = visit(small().url.removesuffix("/"))

    expect(page).to_have_url(re.compile("/_emulator/$"))
    expect(page.get_by_role("heading", name="No state machine")).to_be_visible()


def test_a_lost_connection_keeps_the_filter_and_the_search(visit: Visit, small: Callable[..., Small]) -> None:
    machine = StateMachine("only", {"StartAt": "S", "States": {"S": {"Type": "Fail", "Error": "Refused"}}}, "EXPRESS")
    server = small(machine)
    server.execute(machine)
    page = visit(server.url)
    page.get_by_role("button", name=re.compile(r"^Failed 1")).click()
    page.get_by_role("searchbox").fill("refused")
    expect(newest(page)).to_contain_text("Refused")

    page.context.set_offline(True)
    expect(page.locator("#connection")).to_have_text("Not answering, trying again")
    server.execute(machine)
    page.context.set_offline(False)

    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.get_by_role("button", name=re.compile(r"^Failed 2"))).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("searchbox")).to_have_value("refused")
    expect(page.locator(".executions tbody tr")).to_have_count(2)
