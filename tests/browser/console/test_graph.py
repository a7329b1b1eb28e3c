"""The graph of a state machine in Chromium."""

from __future__ import annotations

import json
from collections.abc import Callable

from playwright.sync_api import expect

from emulator.states.records import StateMachine
from tests.browser.conftest import Small
from tests.support.browser import Visit
from tests.support.console import expect_state, newest, state

MARKUP = '<img src="x" onerror="alert(1)"><script>alert(2)</script>'


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


def test_the_source_marks_the_chosen_state(visit: Visit, small: Callable[..., Small]) -> None:
    states = {
        "Sort": {"Type": "Pass", "Parameters": {"Count": {"Sort": "ascending"}}, "Next": "Count"},
        "Count": {"Type": "Pass", "End": True},
    }
    definition = {"StartAt": "Sort", "States": states}
    written = json.dumps(definition, indent=2)
    page = visit(small(StateMachine("sorting", definition, "EXPRESS", source=written)).url)

    state(page, "Count").click()
    page.get_by_role("button", name="Source").click()
    source = page.get_by_role("region", name="Source")
    expect(source).to_have_text(written)
    expect(source.locator(".chosen")).to_have_text(['"Count": {', '"Type": "Pass",', '"End": true', "}"])


def test_a_source_in_yaml_or_on_one_line_marks_the_chosen_state(visit: Visit, small: Callable[..., Small]) -> None:
    definition = {"StartAt": "Sort", "States": {"Sort": {"Type": "Pass", "End": True}}}
    written = "StartAt: Sort\nStates:\n  Sort:\n    Type: Pass\n    End: true\n"
    machines = [
        StateMachine("yaml", definition, "EXPRESS", source=written),
        StateMachine("line", definition, "EXPRESS", source=json.dumps(definition)),
    ]
    page = visit(small(*machines).url)
    chosen = page.get_by_role("region", name="Source").locator(".chosen")

    state(page, "Sort").click()
    page.get_by_role("button", name="Source").click()
    expect(chosen).to_have_text(["Sort:", "Type: Pass", "End: true"])

    page.get_by_role("combobox", name="State machine").select_option("line")
    state(page, "Sort").click()
    page.get_by_role("button", name="Source").click()
    expect(chosen).to_have_text(['"Sort": {', '"Type": "Pass",', '"End": true', "}"])


def test_an_event_opens_to_the_whole_event(visit: Visit, small: Callable[..., Small]) -> None:
    machine = StateMachine("one", {"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}}, "EXPRESS")
    server = small(machine)
    server.execute(machine, json.dumps({"amount": 2**64 - 1, "legs": [{"pool": "A"}, {"pool": "B"}]}))
    page = visit(server.url, permissions=["clipboard-read", "clipboard-write"])
    newest(page).get_by_role("link").click()

    page.get_by_text("Event history").click()
    events = page.locator(".event-list > li")
    expect(events).to_have_count(4)
    events.filter(has_text="PassStateEntered").locator("summary").first.click()
    whole = events.filter(has_text="PassStateEntered").locator(".json")
    expect(whole).to_contain_text('"amount": 18446744073709551615')

    # Its parts close, with a word of what is in them.
    expect(whole.get_by_text('"pool": "B"')).to_be_visible()
    whole.locator("summary").filter(has_text='"legs"').click()
    expect(whole.get_by_text('"pool": "B"')).to_be_hidden()

    page.get_by_role("button", name="Copy event 2").click()
    expect(page.get_by_role("button", name="Copied event 2")).to_be_visible()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied["stateEnteredEventDetails"]["input"]["amount"] == 2**64 - 1
