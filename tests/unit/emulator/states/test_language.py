from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emulator.common.errors import TemplateError
from emulator.states.language import parse

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
TASK = {"Type": "Task", "Resource": FUNCTION, "End": True}


def problems(states: dict[str, Any], **fields: Any) -> list[str]:
    with pytest.raises(TemplateError) as refused:
        parse({"StartAt": next(iter(states), ""), "States": states, **fields})
    return refused.value.problems


def test_the_order_machine_is_accepted() -> None:
    text = (Path(__file__).parents[4] / "statemachine" / "order.asl.json").read_text()
    text = text.replace("${RouteFunctionArn}", FUNCTION).replace("${ExecuteFunctionArn}", FUNCTION)
    definition = json.loads(text)
    machine = parse(definition)
    assert machine.timeout == definition["TimeoutSeconds"]
    assert machine.graph.start == "Resume"


def test_all_problems_are_named_at_once_with_their_places() -> None:
    states = {
        "Route": {
            **TASK,
            "Retry": [{"ErrorEquals": ["E"], "BackoffRate": "x", "Attempts": 1}],
            "Catch": [{"ErrorEquals": [], "Next": "Nowhere"}],
            "Color": "red",
        },
        "Lost": {"Type": "Pass"},
    }
    assert problems(states, TimeoutSeconds=0) == [
        "TimeoutSeconds: expected an integer from 1 to 99999999, was 0",
        'States.Route.Retry[0].BackoffRate: expected a number >= 1, was "x"',
        "States.Route.Retry[0].Attempts: unknown field",
        "States.Route.Catch[0].ErrorEquals: expected a list of error names, was []",
        "States.Route.Color: unknown field",
        "States.Lost: expected either Next or End: true",
        'States.Route: leads to "Nowhere", which is not a state here',
        "States.Lost: cannot be reached from StartAt",
    ]


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        (
            {"Type": "Activity"},
            'S.Type: expected Task or Choice or Wait or Pass or Succeed or Fail or Parallel or Map, was "Activity"',
        ),
        ({**TASK, "QueryLanguage": "JSONata"}, 'S.QueryLanguage: expected JSONPath, was "JSONata"'),
        ({**TASK, "Assign": {}}, "S.Assign: is not supported"),
        ({**TASK, "Arguments": {}}, "S.Arguments: is not supported"),
        ({**TASK, "InputPath": "order"}, 'S.InputPath: expected a JSONPath that begins with $, was "order"'),
        ({**TASK, "ResultPath": "$.a[*]"}, 'S.ResultPath: expected a reference path such as $.result, was "$.a[*]"'),
        ({**TASK, "ResultPath": "$$.a"}, 'S.ResultPath: expected a reference path such as $.result, was "$$.a"'),
        ({**TASK, "Parameters": {"a.$": 1}}, "S.Parameters.a.$: expected a path or an intrinsic function, was 1"),
        (
            {**TASK, "Parameters": {"l": [{"a.$": "x"}]}},
            'S.Parameters.l[0].a.$: expected a path or an intrinsic function, was "x"',
        ),
        (
            {**TASK, "Parameters": {"a.$": "States.UUID(1)"}},
            "S.Parameters.a.$: States.UUID: expected 0 arguments, was 1",
        ),
        (
            {**TASK, "Parameters": {"a.$": r"States.Format('\x')"}},
            r"S.Parameters.a.$: expected \', \{, \} or \\ after a backslash, was \x",
        ),
        (
            {**TASK, "TimeoutSeconds": 5, "HeartbeatSeconds": 5},
            "S.HeartbeatSeconds: expected less than TimeoutSeconds (5), was 5",
        ),
        (
            {**TASK, "TimeoutSeconds": 5, "TimeoutSecondsPath": "$.t"},
            "S.TimeoutSeconds: expected either TimeoutSeconds or TimeoutSecondsPath",
        ),
        (
            {**TASK, "Retry": [{"ErrorEquals": ["States.ALL", "E"]}]},
            "S.Retry[0].ErrorEquals: expected States.ALL to stand alone",
        ),
        (
            {**TASK, "Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}]},
            "S.Retry[0].ErrorEquals: expected States.ALL in the last of Retry only",
        ),
        (
            {**TASK, "Retry": [{"ErrorEquals": ["E"], "JitterStrategy": "HALF"}]},
            'S.Retry[0].JitterStrategy: expected FULL or NONE, was "HALF"',
        ),
        (
            {**TASK, "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 5, "MaxDelaySeconds": 5}]},
            "S.Retry[0].MaxDelaySeconds: expected more than IntervalSeconds (5), was 5",
        ),
        ({**TASK, "Resource": "arn:aws:states:::lambda:invoke"}, "S.Parameters: expected an object with FunctionName"),
        (
            {
                **TASK,
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": "f", "LogType": "Tail"},
            },
            "S.Parameters: LogType is not supported",
        ),
        ({"Type": "Wait", "End": True}, "S: expected one of Seconds, SecondsPath, Timestamp, TimestampPath, was none"),
        (
            {"Type": "Wait", "Timestamp": "tomorrow", "End": True},
            'S.Timestamp: expected a timestamp such as 2026-01-31T12:00:00Z, was "tomorrow"',
        ),
        ({"Type": "Fail", "Error": "E", "ErrorPath": "$.e"}, "S.Error: expected either Error or ErrorPath"),
        ({"Type": "Choice", "Choices": []}, "S.Choices: expected a list of objects, was []"),
        (
            {"Type": "Choice", "Choices": [{"Variable": "$.a", "StringIs": "x", "Next": "S"}]},
            "S.Choices[0].StringIs: unknown comparison",
        ),
        (
            {"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": "1", "Next": "S"}]},
            'S.Choices[0].NumericEquals: expected a number, was "1"',
        ),
        (
            {"Type": "Choice", "Choices": [{"And": [{"Variable": "$.a", "IsNull": 1}], "Next": "S"}]},
            "S.Choices[0].And[0].IsNull: expected a boolean, was 1",
        ),
        (
            {
                "Type": "Choice",
                "Choices": [{"Not": {"Variable": "$.a", "IsNull": True, "Comment": 1}, "Next": "S"}],
            },
            "S.Choices[0].Not.Comment: expected a string, was 1",
        ),
        (
            {"Type": "Choice", "Choices": [{"Not": {"Variable": "$.a", "IsNull": True, "Next": "S"}, "Next": "S"}]},
            "S.Choices[0].Not: expected one comparison, was IsNull, Next",
        ),
        ({"Type": "Map", "End": True}, "S.ItemProcessor: is required"),
        (
            {
                "Type": "Map",
                "ItemReader": {},
                "Iterator": {"StartAt": "P", "States": {"P": {"Type": "Succeed"}}},
                "End": True,
            },
            "S.ItemReader: is not supported",
        ),
        (
            {"Type": "Parallel", "Branches": [{"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}], "End": True},
            "S.Branches[0].States.S: there is another state of this name in the machine",
        ),
        ("text", 'S: expected an object, was "text"'),
    ],
)
def test_a_state_that_cannot_run_is_refused(state: Any, problem: str) -> None:
    assert problems({"S": state}) == [f"States.{problem}"]


def test_an_unresolved_substitution_is_refused() -> None:
    assert problems({"S": {**TASK, "Resource": "${RouteFunctionArn}"}}) == [
        (
            "States.S.Resource: expected a Lambda function's ARN, arn:aws:states:::lambda:invoke or "
            'arn:aws:states:::sqs:sendMessage, was "${RouteFunctionArn}"'
        )
    ]


def test_a_distributed_map_is_refused() -> None:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "P", "States": {"P": {"Type": "Succeed"}}}
    assert problems({"S": {"Type": "Map", "ItemProcessor": processor, "End": True}}) == [
        'States.S.ItemProcessor.ProcessorConfig.Mode: expected INLINE, was "DISTRIBUTED"'
    ]


@pytest.mark.parametrize("definition", [None, [], {}, {"StartAt": 1, "States": []}, {"StartAt": "A", "States": {}}])
def test_an_invalid_definition_is_refused(definition: Any) -> None:
    with pytest.raises(TemplateError):
        parse(definition)
