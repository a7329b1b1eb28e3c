"""Builders for state machines with one state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"


@dataclass(frozen=True)
class Case:
    name: str
    definition: dict[str, Any]
    input: Any


def machine(**states: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


def pass_case(name: str, given: Any, **fields: Any) -> Case:
    return Case(name, machine(P={"Type": "Pass", **fields, "End": True}), given)


def value(expression: str, given: Any = None) -> Case:
    """Returns the case of one path or intrinsic function."""
    return pass_case(expression, {} if given is None else given, Parameters={"v.$": expression})


def choice(rule: dict[str, Any], given: Any) -> Case:
    definition = machine(
        C={"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"},
        Yes={"Type": "Pass", "Result": True, "End": True},
        No={"Type": "Pass", "Result": False, "End": True},
    )
    return Case(f"{rule} on {given}", definition, given)


def task(name: str, given: Any, function: str = "echo", **fields: Any) -> Case:
    """Returns the case of one task, whose catchers may lead to `Caught`."""
    states = {"T": {"Type": "Task", "Resource": FUNCTION + function, **fields, "End": True}}
    if "Catch" in fields:
        states["Caught"] = {"Type": "Pass", "Parameters": {"caught.$": "$"}, "End": True}
    return Case(name, machine(**states), given)


def state(name: str, given: Any, **fields: Any) -> Case:
    states = {"S": {**fields, "End": True}}
    if "Catch" in fields:
        states["Caught"] = {"Type": "Pass", "Parameters": {"caught.$": "$"}, "End": True}
    return Case(name, machine(**states), given)


def branch(**fields: Any) -> dict[str, Any]:
    ends = {} if fields["Type"] in ("Fail", "Succeed") else {"End": True}
    return {"StartAt": "B", "States": {"B": {**fields, **ends}}}


def named(name: str, branch: dict[str, Any]) -> dict[str, Any]:
    """Returns `branch` with another name for its only state, because names are unique in a machine."""
    return {"StartAt": name, "States": {name: branch["States"]["B"]}}


def single(name: str, given: Any, **fields: Any) -> Case:
    return Case(name, machine(S=fields), given)


ALL = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
