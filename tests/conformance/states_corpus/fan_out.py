"""Parallel and Map states."""

from __future__ import annotations

from typing import Any

from tests.conformance.states_corpus.machines import (
    ALL,
    FUNCTION,
    Case,
    branch,
    named,
    state,
)

_BOOM = branch(Type="Fail", Error="Boom", Cause="branch")
_ECHO = branch(Type="Pass")
_FAIL_TASK = branch(Type="Task", Resource=FUNCTION + "fail", Parameters={"raise": "Inner"})


def map_case(name: str, given: Any, processor: dict[str, Any] = _ECHO, **fields: Any) -> Case:
    return state(name, given, Type="Map", ItemProcessor=processor, **fields)


FAN_OUT = [
    state("Parallel", {"a": 1}, Type="Parallel", Branches=[_ECHO, named("B2", branch(Type="Pass", Result=2))]),
    state(
        "Parallel with paths",
        {"a": {"b": 1}, "k": 1},
        Type="Parallel",
        InputPath="$.a",
        Parameters={"c.$": "$.b"},
        Branches=[_ECHO],
        ResultSelector={"first.$": "$[0].c"},
        ResultPath="$.r",
    ),
    state("Parallel fails", {}, Type="Parallel", Branches=[_ECHO, named("B2", _BOOM)]),
    state(
        "Parallel caught",
        {"a": 1},
        Type="Parallel",
        Branches=[_BOOM],
        Catch=[{"ErrorEquals": ["Boom"], "ResultPath": "$.e", "Next": "Caught"}],
    ),
    state("Parallel caught by States.ALL", {}, Type="Parallel", Branches=[_FAIL_TASK], Catch=ALL),
    state(
        "Parallel caught by States.TaskFailed",
        {},
        Type="Parallel",
        Branches=[_FAIL_TASK],
        Catch=[{"ErrorEquals": ["States.TaskFailed"], "Next": "Caught"}],
    ),
    state(
        "Parallel retried in vain",
        {},
        Type="Parallel",
        Branches=[_BOOM],
        Retry=[{"ErrorEquals": ["Boom"], "IntervalSeconds": 1, "MaxAttempts": 1}],
        Catch=ALL,
    ),
    state(
        "Parallel in Parallel",
        1,
        Type="Parallel",
        Branches=[
            {
                "StartAt": "I",
                "States": {"I": {"Type": "Parallel", "Branches": [_ECHO, named("B2", _ECHO)], "End": True}},
            },
            named("B3", _ECHO),
        ],
    ),
    map_case("Map", [1, 2, 3]),
    map_case("Map of nothing", []),
    map_case("Map one at a time", ["a", "b"], MaxConcurrency=1),
    map_case("ItemsPath", {"list": [1, 2], "k": 9}, ItemsPath="$.list", ResultPath="$.out"),
    map_case(
        "ItemSelector",
        {"list": ["x", "y"], "k": 9},
        ItemsPath="$.list",
        ItemSelector={"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "k.$": "$.k"},
    ),
    map_case("MaxConcurrencyPath", {"list": [1], "m": 2}, ItemsPath="$.list", MaxConcurrencyPath="$.m"),
    map_case("MaxConcurrencyPath of no number", {"list": [1], "m": "x"}, ItemsPath="$.list", MaxConcurrencyPath="$.m"),
    map_case("MaxConcurrencyPath below 0", {"list": [1], "m": -1}, ItemsPath="$.list", MaxConcurrencyPath="$.m"),
    map_case("Map over no list", {"list": {"a": 1}}, ItemsPath="$.list"),
    map_case("ItemsPath missing", {}, ItemsPath="$.list"),
    map_case("Map with ResultSelector", [5, 6], ResultSelector={"all.$": "$", "second.$": "$[1]"}),
    map_case("Map fails", [1], _BOOM),
    map_case(
        "Map caught",
        {"l": [1, 2]},
        _BOOM,
        ItemsPath="$.l",
        Catch=[{"ErrorEquals": ["Boom"], "ResultPath": "$.e", "Next": "Caught"}],
    ),
    map_case("Map of tasks", [{"x": 1}, {"x": 2}], branch(Type="Task", Resource=FUNCTION + "echo", ResultPath="$.r")),
    map_case(
        "Map in Map",
        [[1, 2], [3]],
        {
            "StartAt": "I",
            "States": {
                "I": {
                    "Type": "Map",
                    "ItemProcessor": named("B2", branch(Type="Pass", Parameters={"v.$": "$$.Map.Item.Value"})),
                    "End": True,
                }
            },
        },
    ),
    map_case("ProcessorConfig", [1], {"ProcessorConfig": {"Mode": "INLINE"}, **_ECHO}),
    state(
        "Iterator and Parameters",
        {"l": [1], "k": 2},
        Type="Map",
        Iterator=_ECHO,
        ItemsPath="$.l",
        Parameters={"v.$": "$$.Map.Item.Value", "k.$": "$.k"},
    ),
]
