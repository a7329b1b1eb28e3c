"""The resource types of EventBridge Scheduler, and EventBridge's rules with a schedule."""

from __future__ import annotations

from dataclasses import replace

from emulator.common.text import words
from emulator.lambda_.resources import target
from emulator.scheduler.records import Schedule
from emulator.scheduler.schedules import parse, rule_arn
from emulator.template.intrinsics import scalar
from emulator.template.properties import Values
from emulator.template.registry import ResourceType, physical_name
from emulator.template.resources import Resource


def _rule_arn(resource: Resource) -> str:
    return rule_arn(resource.name)


def _schedule(resource: Resource) -> Schedule:
    timezone = resource.values.get("ScheduleExpressionTimezone", "UTC")
    if timezone != "UTC":
        raise ValueError(f"ScheduleExpressionTimezone: expected UTC, was {timezone}")
    group = scalar(resource.values.get("GroupName", "default"))
    return replace(_scheduled(resource, resource.name, resource.values.get("Target", {})), group=group)


def _rule(resource: Resource) -> list[Schedule]:
    """Returns a schedule for each target of the rule."""
    if "EventPattern" in resource.values:
        raise ValueError("EventPattern: event patterns are not supported; expected a ScheduleExpression")
    targets = resource.values.get("Targets", [])
    rule = resource.name
    names = [rule] if len(targets) == 1 else [f"{rule}-{number}" for number in range(len(targets))]
    return [_scheduled(resource, name, invoked, rule) for name, invoked in zip(names, targets, strict=True)]


def _scheduled(resource: Resource, name: str, invoked: Values, rule: str | None = None) -> Schedule:
    if "ScheduleExpression" not in resource.values:
        raise ValueError("ScheduleExpression: expected rate(…) or cron(…), was missing")
    expression = scalar(resource.values["ScheduleExpression"])
    try:
        parse(expression)
    except ValueError as error:
        raise ValueError(f"ScheduleExpression: {error}") from None
    state = resource.values.get("State", "ENABLED")
    if state not in ("ENABLED", "DISABLED"):
        raise ValueError(f"State: expected ENABLED or DISABLED, was {state}")
    function = target(resource, invoked.get("Arn"), "Target")
    given = scalar(invoked["Input"]) if "Input" in invoked else None
    return Schedule(name, expression, function, given, state == "ENABLED", rule)


TYPES = (
    ResourceType(
        "AWS::Scheduler::Schedule",
        used=words("GroupName Name ScheduleExpression ScheduleExpressionTimezone State Target.Arn Target.Input"),
        # A flexible schedule may run at any time in its window, and so at its start.
        ignored=words(
            "Description FlexibleTimeWindow.MaximumWindowInMinutes FlexibleTimeWindow.Mode KmsKeyArn Target.RoleArn"
        ),
        ref=physical_name,
        attributes={},
        build=_schedule,
        name="Name",
    ),
    ResourceType(
        "AWS::Events::Rule",
        used=words("EventPattern.** Name ScheduleExpression State Targets.Arn Targets.Input"),
        ignored=words("Description RoleArn Tags Targets.Id Targets.RoleArn"),
        ref=physical_name,
        attributes={"Arn": _rule_arn},
        build=_rule,
        name="Name",
    ),
)
