"""The resource types of EventBridge Scheduler, and EventBridge's rules with a schedule."""

from __future__ import annotations

from emulator.lambda_.resources import target
from emulator.scheduler.records import Schedule
from emulator.scheduler.schedules import parse
from emulator.template.properties import Values, mapping
from emulator.template.registry import ResourceType, physical_name, words
from emulator.template.resources import Resource


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
    name = resource.logical_id
    names = [name] if len(targets) == 1 else [f"{name}-{number}" for number in range(len(targets))]
    return [_scheduled(resource, name, invoked) for name, invoked in zip(names, targets, strict=True)]


def _scheduled(resource: Resource, name: str, invoked: Values) -> Schedule:
    expression = str(resource.values.get("ScheduleExpression"))
    try:
        parse(expression)
    except ValueError as error:
        raise ValueError(f"ScheduleExpression: {error}") from None
    enabled = resource.values.get("State", "ENABLED") != "DISABLED"
    return Schedule(name, expression, target(resource, invoked.get("Arn"), "Target"), invoked.get("Input"), enabled)


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
        used=words("ScheduleExpression State Targets"),
        ignored=words("Description Name RoleArn Tags"),
        ref=physical_name,
        attributes={},
        build=_rule,
    ),
)
