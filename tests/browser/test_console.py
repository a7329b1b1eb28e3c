"""The console in Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Locator, Page, expect

from emulator.common.account import arn
from emulator.states.records import StateMachine
from tests.browser.conftest import Small
from tests.support.browser import Visit, submit
from tests.support.concurrency import eventually
from tests.support.market import Market
from tests.support.stack import Stack

MARKUP = '<img src="x" onerror="alert(1)"><script>alert(2)</script>'


def console(stack: Stack) -> str:
    return f"{stack.endpoint}/_emulator/"


def state(page: Page, name: str) -> Locator:
    return page.locator(f'.state[data-name="{name}"]')


def expect_state(page: Page, name: str, status: str) -> None:
    expect(state(page, name)).to_have_accessible_name(f"{name}, {status}")


def newest(page: Page) -> Locator:
    return page.locator(".executions tbody tr").first


def test_a_running_execution_appears_and_its_states_turn_green(
    stack: Stack, market: Market, visit: Visit, screenshots: Path
) -> None:
    page = visit(console(stack))
    expect(page.get_by_role("heading", name="No executions yet")).to_be_visible()
    expect(state(page, "Route")).to_be_visible()

    # WHEN an order runs that cannot end
    with market.held("USDC"):
        submit(stack)

        # THEN the page shows the execution and its progress without a reload
        expect(newest(page)).to_contain_text("Running")
        newest(page).get_by_role("link").click()
        expect(page.locator(".state.RUNNING")).to_have_count(1)
        for name in ("Resume", "Route", "Build"):
            expect_state(page, name, "succeeded")
        expect_state(page, "MarkFailed", "not entered")
        page.screenshot(path=screenshots / "running.png")

        # AND its message is in flight
        queues = visit(f"{console(stack)}#/queues")
        row = queues.get_by_role("row").filter(has=queues.get_by_text("OrderQueue", exact=True))
        expect(row.locator('[data-label="In flight"]')).to_have_text("1")

    # WHEN the order goes on
    # THEN every state on its path succeeds, and so does the execution
    for name in ("Submit", "Confirm", "Confirmed"):
        expect_state(page, name, "succeeded")
    expect(page.locator("h1 + .badge")).to_contain_text("Succeeded")
    expect(page.locator(".edge.taken")).to_have_count(8)
    expect(row.locator('[data-label="In flight"]')).to_have_text("0")

    # AND a state shows its input and output, at an address of its own
    state(page, "Route").click()
    panel = page.get_by_role("region", name="Details")
    expect(panel.get_by_role("heading", name="Route")).to_be_visible()
    expect(panel.locator("pre")).to_have_count(3)
    expect(panel.locator("pre").nth(1)).to_contain_text('"venue": ')
    page.reload()
    expect(panel.get_by_role("heading", name="Route")).to_be_visible()


def test_a_failed_order_shows_its_state_error_and_attempts(
    stack: Stack, market: Market, visit: Visit, screenshots: Path
) -> None:
    market.fault("raydium", "quote", "fail")
    market.fault("meteora", "quote", "fail")
    page = visit(console(stack), viewport={"width": 1440, "height": 1120})
    submit(stack)

    page.get_by_role("button", name=re.compile(r"^Failed \d")).click()
    expect(newest(page)).to_contain_text("OrderFailed")
    newest(page).get_by_role("link").click()

    expect(page.locator("h1 + .badge")).to_contain_text("Failed")
    expect(page.locator(".problem").first).to_contain_text("raydium refused to quote; meteora refused to quote")
    expect_state(page, "Failed", "failed")
    expect_state(page, "Route", "caught error, 3 attempts")
    expect_state(page, "Build", "not entered")

    # The keyboard works like the mouse.
    state(page, "Route").press("Enter")
    attempts = page.get_by_role("region", name="Details").locator(".attempts-list li")
    expect(attempts).to_have_count(3)
    expect(attempts.last).to_contain_text("VenueUnavailable")
    expect(state(page, "Route")).to_have_attribute("aria-pressed", "true")
    page.screenshot(path=screenshots / "console.png")


def test_a_function_shows_its_counters_and_log(stack: Stack, market: Market, visit: Visit) -> None:
    submit(stack)
    page = visit(f"{console(stack)}#/functions")

    row = page.get_by_role("row").filter(has_text="RouteFunction")
    expect(row.locator('[data-label="Invocations"]')).not_to_have_text("0")
    expect(row.locator('[data-label="Mean duration"]')).to_have_text(re.compile(r"\d m?s"))
    row.get_by_role("link").click()
    expect(page.get_by_role("log")).to_contain_text("REPORT RequestId")


@pytest.fixture
def rerouted(stack: Stack, market: Market) -> str:
    """Returns the name of an execution that succeeded with a second quote."""

    def found() -> str:
        executions = json.load(urlopen(f"{console(stack)}executions?status=SUCCEEDED"))
        for execution in executions:
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_fits_wide_and_narrow_screens_in_both_colour_schemes(
    stack: Stack, rerouted: str, visit: Visit, screenshots: Path, width: int, scheme: str
) -> None:
    page = visit(console(stack), viewport={"width": width, "height": 900}, color_scheme=scheme)

    def look(name: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.screenshot(path=screenshots / f"{name}-{width}-{scheme}.png", full_page=True)

    expect(page.get_by_role("link", name=rerouted)).to_be_visible()
    look("executions")
    page.get_by_role("link", name=rerouted).click()
    expect_state(page, "Reroute", "succeeded")
    look("execution")
    for name in ("Queues", "Functions"):
        page.get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
        expect(page.locator("tbody tr").first).to_be_visible()
        look(name.lower())


def test_the_data_of_an_execution_is_shown_as_text(visit: Visit, small: Callable[..., Small]) -> None:
    failing = StateMachine(
        "failing",
        {
            "StartAt": "Keep <b>",
            "States": {
                "Keep <b>": {"Type": "Pass", "Comment": MARKUP, "Next": "Give up"},
                "Give up": {"Type": "Fail", "ErrorPath": "$.text", "CausePath": "$.text"},
            },
        },
        "EXPRESS",
    )
    server = small(failing)
    server.execute(failing, json.dumps({"text": MARKUP, "amount": 2**64 - 1}))
    page = visit(server.url)

    expect(newest(page)).to_contain_text(MARKUP)
    newest(page).get_by_role("link").click()
    expect(page.locator("#main > div > div > .problem")).to_have_text(MARKUP + MARKUP)
    state(page, "Keep <b>").click()
    expect(page.locator(".panel .comment")).to_have_text(MARKUP)
    # Long numbers keep every digit.
    expect(page.locator(".panel .json").first).to_contain_text("18446744073709551615")
    expect(page.locator("main img, main script, main b")).to_have_count(0)


def test_branches_and_iterations_are_drawn_inside_their_state(visit: Visit, small: Callable[..., Small]) -> None:
    function = "arn:aws:lambda:us-east-1:000000000000:function:f"

    def passing(*names: str) -> dict[str, object]:
        ways = [{"Next": name} for name in names[1:]] + [{"End": True}]
        states = {name: {"Type": "Pass", **way} for name, way in zip(names, ways, strict=True)}
        return {"StartAt": names[0], "States": states}

    retry = {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "JitterStrategy": "FULL"}
    machine = StateMachine(
        "nested",
        {
            "StartAt": "Both",
            "States": {
                "Both": {"Type": "Parallel", "Branches": [passing("Left", "Left 2"), passing("Right")], "Next": "Each"},
                "Each": {
                    "Type": "Map",
                    "ItemProcessor": {
                        "StartAt": "Ask",
                        "States": {"Ask": {"Type": "Task", "Resource": function, "Retry": [retry], "End": True}},
                    },
                    "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Recover"}],
                    "Next": "Done",
                },
                "Recover": {"Type": "Pass", "Next": "Done"},
                "Done": {"Type": "Succeed"},
            },
        },
        "EXPRESS",
    )

    def refuse(event: object) -> None:
        raise ValueError(MARKUP)

    server = small(machine, **{function: refuse})
    server.execute(machine)
    page = visit(server.url)
    newest(page).get_by_role("link").click()

    for name in ("Both", "Left", "Left 2", "Right", "Recover", "Done"):
        expect_state(page, name, "succeeded")
    expect_state(page, "Each", "caught error")
    expect_state(page, "Ask", "failed, 2 attempts")
    outer, inner = state(page, "Both").bounding_box(), state(page, "Left 2").bounding_box()
    assert outer
    assert inner
    assert outer["x"] < inner["x"]
    assert inner["y"] + inner["height"] < outer["y"] + outer["height"]


def test_a_stack_without_a_state_machine_says_so(visit: Visit, small: Callable[..., Small]) -> None:
    page = visit(small().url)

    expect(page.get_by_role("heading", name="No state machine")).to_be_visible()
    for name in ("Queues", "Functions"):
        page.get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", name=f"No {name.lower()}")).to_be_visible()


def test_an_unknown_execution_links_to_the_list(visit: Visit, small: Callable[..., Small]) -> None:
    machine = StateMachine("only", {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}, "EXPRESS")
    unknown = arn("states", "express:only:name:id")
    page = visit(f"{small(machine).url}#/executions")
    page.goto(f"{page.url}/{unknown}")

    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    page.get_by_role("link", name="See the executions").click()
    expect(page.get_by_role("heading", name="No executions yet")).to_be_visible()


def test_an_address_without_the_final_slash_works(visit: Visit, small: Callable[..., Small]) -> None:
    page = visit(small().url.removesuffix("/"))

    expect(page).to_have_url(re.compile("/_emulator/$"))
    expect(page.get_by_role("heading", name="No state machine")).to_be_visible()


def test_a_truncated_address_shows_not_found(visit: Visit, small: Callable[..., Small]) -> None:
    machine = StateMachine("only", {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}, "EXPRESS")
    page = visit(f"{small(machine).url}#/executions/arn%3Aaws%3")

    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    expect(page.locator("#connection")).to_have_text("Live")


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
