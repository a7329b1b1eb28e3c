"""Custom resources, and the types of other services that have no effect on one machine."""

from __future__ import annotations

from typing import Any

from emulator.cloudformation.records import CustomResource
from emulator.common.account import ACCOUNT, arn
from emulator.common.errors import TemplateError
from emulator.common.text import words
from emulator.lambda_.resources import target
from emulator.template import intrinsics
from emulator.template.intrinsics import scalar
from emulator.template.registry import ANYTHING, ResourceType, physical_name, without_effect
from emulator.template.resources import Resource, Resources


def _custom_resource(resource: Resource) -> CustomResource:
    function = target(resource, resource.values.get("ServiceToken"), "ServiceToken")
    dependencies = _dependencies(resource)
    if resource.logical_id in dependencies:
        circle = [name for name, other in dependencies.items() if resource.logical_id in _dependencies(other)]
        raise ValueError(f"circular dependency between resources: {', '.join(sorted(circle))}")
    after = tuple(name for name, other in dependencies.items() if _is_custom(other))
    return CustomResource(resource.logical_id, resource.kind, function, _strings(resource.values), after)


def _is_custom(resource: Resource) -> bool:
    return resource.type is not None and resource.type.build is _custom_resource


def _dependencies(resource: Resource) -> dict[str, Resource]:
    """Returns the resources that CloudFormation creates before this one, by logical id."""
    found: dict[str, Resource] = {}
    ahead = [resource]
    while ahead:
        current = ahead.pop(0)
        wanted = current.definition.get("DependsOn", [])
        names = [wanted] if isinstance(wanted, str) else wanted
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"DependsOn: expected a logical id or a list of them, was {names!r}")
        for name in (*names, *intrinsics.references(current.properties)):
            # A resource that its condition leaves out is not waited for.
            if name not in found and (other := current.template.get(name)) is not None:
                found[name] = other
                ahead.append(other)
    return found


def _strings(value: Any) -> Any:
    """Returns the value with every scalar as a string, as CloudFormation passes it to the function."""
    match value:
        case dict():
            return {key: _strings(item) for key, item in value.items()}
        case list():
            return [_strings(item) for item in value]
    return scalar(value)


def _custom(kind: str) -> ResourceType:
    return ResourceType(kind, ANYTHING, (), physical_name, {}, _custom_resource)


def _role_arn(resource: Resource) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{resource.name}"


def _policy_arn(resource: Resource) -> str:
    return f"arn:aws:iam::{ACCOUNT}:policy/{resource.name}"


def _log_group_arn(resource: Resource) -> str:
    return arn("logs", f"log-group:{resource.name}:*")


def _topic_arn(resource: Resource) -> str:
    return arn("sns", resource.name)


def _nested_stack(resource: Resource) -> None:
    """Raises ValueError unless no resource of the nested stack has an effect on one machine, such as an alarm."""
    template = resource.template
    try:
        nested = intrinsics.read(template.file(resource.values.get("TemplateURL"), "TemplateURL"))
        has_effect = any(_has_effect(template, inner) for inner in nested["Resources"].values())
    except (TemplateError, ValueError):
        has_effect = True
    if has_effect:
        raise ValueError(template.refusal(resource))


def _has_effect(template: Resources, definition: Any) -> bool:
    if not isinstance(definition, dict):
        return True
    type_ = template.registry.get(str(definition.get("Type")))
    properties = definition.get("Properties") or {}
    return type_ is None or type_.has_effect or bool(type_.keys.problems(properties))


TYPES = (
    _custom("Custom::*"),
    _custom("AWS::CloudFormation::CustomResource"),
    ResourceType(
        "AWS::CloudFormation::Stack",
        used=words("TemplateURL.**"),
        # A nested stack with an effect is refused, so nothing reads its parameters.
        ignored=words("Description NotificationARNs Parameters Tags TimeoutInMinutes"),
        ref=lambda stack: arn("cloudformation", f"stack/{stack.name}"),
        attributes={"Outputs.*": lambda stack: ""},  # a stack with outputs is refused
        build=_nested_stack,
        path="TemplateURL",
    ),
    # Permissions and encryption
    without_effect("AWS::IAM::ManagedPolicy", _policy_arn, name="ManagedPolicyName"),
    without_effect("AWS::IAM::Policy", physical_name, name="PolicyName"),
    without_effect("AWS::IAM::Role", physical_name, {"Arn": _role_arn}, name="RoleName"),
    without_effect("AWS::KMS::Alias", physical_name, name="AliasName"),
    without_effect("AWS::KMS::Key", physical_name),
    # Logs, alarms and their topics
    without_effect("AWS::ApplicationInsights::Application", physical_name),
    without_effect("AWS::CloudWatch::Alarm", physical_name, name="AlarmName"),
    without_effect("AWS::CloudWatch::CompositeAlarm", physical_name, name="AlarmName"),
    without_effect("AWS::CloudWatch::Dashboard", physical_name, name="DashboardName"),
    without_effect("AWS::Logs::LogGroup", physical_name, {"Arn": _log_group_arn}, name="LogGroupName"),
    without_effect("AWS::Logs::MetricFilter", physical_name, name="FilterName"),
    without_effect("AWS::ResourceGroups::Group", physical_name, name="Name"),
    without_effect(
        "AWS::SNS::Topic",
        _topic_arn,
        name="TopicName",
        # Not Subscription: nothing delivers a topic's messages.
        ignored=words(
            "ArchivePolicy ContentBasedDeduplication DataProtectionPolicy DeliveryStatusLogging DisplayName"
            " FifoThroughputScope FifoTopic KmsMasterKeyId SignatureVersion Tags TopicName TracingConfig"
        ),
    ),
    without_effect("AWS::SNS::TopicPolicy", physical_name),
    # Deployment
    without_effect("AWS::CodeDeploy::Application", physical_name, name="ApplicationName"),
    without_effect("AWS::CodeDeploy::DeploymentGroup", physical_name, name="DeploymentGroupName"),
)
