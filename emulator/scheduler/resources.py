"""The resource types of EventBridge Scheduler, and EventBridge's rules with a schedule."""

from __future__ import annotations

from emulator.lambda_.resources import target
from emulator.scheduler.records import Schedule
from emulator.scheduler.schedules import parse, rule_arn
from emulator.template.properties import Values, mapping
from emulator.template.registry import ResourceType, physical_name, words
from emulator.template.resources import Resource


def _rule_arn(resource: Resource) -> str:
    return rule_arn(resource.name)


def _schedule(resource: Resource) -> Schedule:
    timezone = resource.values.get("ScheduleExpressionTimezone", "UTC")
    if timezone != "UTC":
        raise ValueError(f"ScheduleExpressionTimezone: expected UTC, was {timezone}")
    invoked = mapping(resource.values.get("Target", {}), "Target", "Arn Input", "DeadLetterConfig RetryPolicy RoleArn")
    return _scheduled(resource, resource.name, invoked)


def _rule(resource: Resource) -> list[Schedule]:
    """Returns a schedule for each target of the rule."""
    targets = resource.values.get("Targets", [])
    for invoked in targets:
        mapping(invoked, "Targets", "Arn Input", "DeadLetterConfig Id RetryPolicy RoleArn")
    rule = resource.name
    names = [rule] if len(targets) == 1 else [f"{rule}-{number}" for number in range(len(targets))]
    return [_scheduled(resource, name, invoked, rule) for name, invoked in zip(names, targets, strict=True)]


def _scheduled(resource: Resource, name: str, invoked: Values, rule: str | None = None) -> Schedule:
    expression = str(resource.values.get("ScheduleExpression"))
    try:
        parse(expression)
    except ValueError as error:
        raise ValueError(f"ScheduleExpression: {error}") from None
    enabled = resource.values.get("State", "ENABLED") != "DISABLED"
    function = target(resource, invoked.get("Arn"), "Target")
    return Schedule(name, expression, function, invoked.get("Input"), enabled, rule)


TYPES = (
    ResourceType(
        "AWS::Scheduler::Schedule",
        used=words("Name ScheduleExpression ScheduleExpressionTimezone State Target"),
        ignored=words("Description FlexibleTimeWindow GroupName KmsKeyArn"),
        ref=physical_name,
        attributes={},
        build=_schedule,
        name="Name",
    ),
    ResourceType(
        "AWS::Events::Rule",
        used=words("Name ScheduleExpression State Targets"),
        ignored=words("Description RoleArn Tags"),
        ref=physical_name,
        attributes={"Arn": _rule_arn},
        build=_rule,
        name="Name",
    ),
)
