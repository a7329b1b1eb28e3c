"""What states do with their data, and how long they wait."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator.lambda_.functions import Invocation
from tests.support.emulator.interpreter import (
    CAUGHT,
    FUNCTION,
    TASK,
    Function,
    Machine,
)


def test_a_result_above_the_limit_fails_the_task() -> None:
    failure = Machine(TASK, function=Function(Invocation(json.dumps("x" * 262_143).encode()))).fails()
    assert failure.error == "States.DataLimitExceeded"
    assert failure.cause is not None
    assert failure.cause.startswith(f"The state/task '{FUNCTION}' returned a result with a size exceeding")


def test_the_limit_counts_bytes_of_a_states_output() -> None:
    state = {"Type": "Pass", "Parameters": {"a.$": "$.t", "b.$": "$.t"}, "End": True}
    assert Machine(state).run({"t": "é" * 60_000})
    assert Machine(state).fails({"t": "é" * 70_000}).error == "States.DataLimitExceeded"


def test_a_result_that_is_not_json_fails() -> None:
    assert Machine(TASK, function=Function(Invocation(b"<html>"))).fails().error == "States.Runtime"


def test_the_input_is_never_changed() -> None:
    data = {"a": {"b": 1}}
    state = {"Type": "Pass", "Result": 2, "ResultPath": "$.a.b", "End": True}
    assert Machine(state).run(data) == {"a": {"b": 2}}
    assert data == {"a": {"b": 1}}


@pytest.mark.parametrize(("path", "data"), [("$.r", "text"), ("$.r", [1]), ("$.a.b", {"a": 1}), ("$.l[3]", {"l": []})])
def test_a_result_path_that_does_not_match_can_be_caught(path: str, data: Any) -> None:
    state = {
        **TASK,
        "ResultPath": path,
        "Catch": [{"ErrorEquals": ["States.ResultPathMatchFailure"], "Next": "Caught"}],
    }
    assert Machine(state, Caught=CAUGHT).run(data)["Error"] == "States.ResultPathMatchFailure"


def test_a_failing_intrinsic_can_be_caught() -> None:
    state = {
        **TASK,
        "Parameters": {"n.$": "States.MathAdd($.n, 1)"},
        "Catch": [{"ErrorEquals": ["States.IntrinsicFailure"], "Next": "Caught"}],
    }
    assert Machine(state, Caught=CAUGHT).run({"n": "x"})["Error"] == "States.IntrinsicFailure"


def test_a_wait_sleeps_until_its_time() -> None:
    states = {
        "Type": "Wait",
        "TimestampPath": "$.t",
        "End": True,
    }
    machine = Machine(states)
    machine.run({"t": "2023-11-14T22:13:50+00:00"})
    assert machine.slept == [30]


def test_the_context_object_describes_execution_state_and_machine() -> None:
    state = {"Type": "Pass", "Parameters": {"c.$": "$$"}, "End": True}
    assert Machine(state).run()["c"] == {
        "Execution": {"Name": "e"},
        "StateMachine": {"Name": "m"},
        "State": {"Name": "S", "EnteredTime": "2023-11-14T22:13:20.000Z"},
    }


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (r"""$['a"b']""", 'a"b'),
        (r"""$["a'b"]""", "a'b"),
        (r"$['a\"b']", r"a\"b"),
        (r"""$['a\""b"']""", r'a\""b"'),
        (r"$['a\'b']", r"a\'b"),
        (r"""$["a\"b"]""", r"a\"b"),
        (r"$['a\\']", r"a\\"),
        (r"$['a\nb']", r"a\nb"),
        (r"$['a.b']", "a.b"),
        (r"$['a,b)']", "a,b)"),
    ],
)
def test_a_quoted_name_in_a_path_is_taken_as_it_stands(path: str, name: str) -> None:
    chosen = {"Variable": path, "NumericEquals": 7, "Next": "S1"}
    machine = Machine(
        {"Type": "Choice", "Choices": [chosen]},
        {
            "Type": "Pass",
            "InputPath": path,
            "Parameters": {"v.$": "$"},
            "ResultPath": "$.out",
            "Next": "S2",
        },
        {
            "Type": "Pass",
            "Parameters": {"f.$": f"States.Format('{{}}-{{}}', {path}, 1)", "v.$": path},
            "ResultPath": path,
            "End": True,
        },
    )
    assert machine.run({name: 7}) == {name: {"f": "7-1", "v": 7}, "out": {"v": 7}}


def test_a_rule_may_be_commented_at_every_depth() -> None:
    comparison = {"Variable": "$.v", "NumericEquals": 1, "Comment": "one"}
    rule = {
        "And": [{"Or": [comparison], "Comment": "any"}, {"Not": {"Not": comparison, "Comment": "no"}}],
        "Comment": "all",
        "Next": "S1",
    }
    machine = Machine({"Type": "Choice", "Choices": [rule]}, {"Type": "Pass", "Result": "chosen", "End": True})
    assert machine.run({"v": 1}) == "chosen"


@pytest.mark.parametrize(("days", "too_long"), [(24_855, False), (24_856, True)])
def test_a_wait_may_last_as_many_days_as_on_aws(days: int, too_long: bool) -> None:
    until = datetime.fromtimestamp(1_700_000_000, UTC) + timedelta(days=days)
    machine = Machine({"Type": "Wait", "TimestampPath": "$.until", "End": True})
    given = {"until": until.isoformat()}
    if not too_long:
        machine.run(given)
        assert machine.slept == [days * 86_400]
        return
    failure = machine.fails(given)
    assert failure.error == "States.Runtime"
    assert str(failure.cause).endswith("Wait state delay is too long.")
