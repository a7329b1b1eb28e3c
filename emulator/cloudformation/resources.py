"""Custom resources, and the types of other services that have no effect on one machine."""

from __future__ import annotations

from typing import Any

from emulator.cloudformation.records import CustomResource
from emulator.common.account import ACCOUNT, arn
from emulator.common.errors import TemplateError
from emulator.lambda_.resources import target
from emulator.template import intrinsics
from emulator.template.intrinsics import scalar
from emulator.template.registry import ANYTHING, ResourceType, physical_name, without_effect, words
from emulator.template.resources import Resource


def _custom_resource(resource: Resource) -> CustomResource:
    function = target(resource, resource.values.get("ServiceToken"), "ServiceToken")
    return CustomResource(resource.logical_id, resource.kind, function, _strings(resource.values))


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
        types = [template.registry.get(str(inner.get("Type"))) for inner in nested["Resources"].values()]
    except (TemplateError, ValueError):
        types = [None]
    if any(type_ is None or type_.has_effect for type_ in types):
        raise ValueError(template.refusal(resource))


TYPES = (
    _custom("Custom::*"),
    _custom("AWS::CloudFormation::CustomResource"),
    ResourceType(
        "AWS::CloudFormation::Stack",
        used=words("TemplateURL"),
        ignored=ANYTHING,
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
    without_effect("AWS::SNS::Topic", _topic_arn, name="TopicName"),
    without_effect("AWS::SNS::TopicPolicy", physical_name),
    # Deployment
    without_effect("AWS::CodeDeploy::Application", physical_name, name="ApplicationName"),
    without_effect("AWS::CodeDeploy::DeploymentGroup", physical_name, name="DeploymentGroupName"),
)
