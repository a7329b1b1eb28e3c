"""What Ref and Fn::GetAtt of a resource are here, and which local addresses stand for those of AWS."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from emulator.common.account import ACCOUNT, REGION, arn
from emulator.template.intrinsics import NO_VALUE, Resolver

_NAMES = {
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::Scheduler::Schedule": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
_ADDRESS = re.compile(
    r"(?P<scheme>https|wss)://(?P<api>\w+)\.execute-api\.[\w-]+\.amazonaws\.com(?:/(?P<stage>[\w-]+))?"
)


@dataclass(frozen=True)
class Addresses:
    """Where the services listen: base URLs without a slash at the end."""

    endpoint: str = "http://127.0.0.1:4566"
    rest: str = "http://127.0.0.1:3000"
    websocket: str = "ws://127.0.0.1:3001"


class References:
    """Resolves values against the resources of one stack: those whose condition holds."""

    def __init__(
        self, template: dict[str, Any], parameters: dict[str, Any], stack_name: str, addresses: Addresses
    ) -> None:
        self._resolver = Resolver(template, parameters, stack_name, self._ref, self._attribute)
        self._addresses = addresses
        self._naming: list[str] = []
        self.resources: dict[str, dict[str, Any]] = {
            logical_id: resource
            for logical_id, resource in template["Resources"].items()
            if "Condition" not in resource or self._resolver.condition(resource["Condition"])
        }

    def resolve(self, value: Any) -> Any:
        """The value with intrinsic functions carried out and local addresses; None for AWS::NoValue.

        Raises ValueError saying what cannot be resolved.
        """
        resolved = self._resolver.resolve(value)
        return None if resolved is NO_VALUE else self._localize(resolved)

    def condition(self, name: str) -> bool:
        """Whether the condition holds. Raises ValueError if there is none of this name."""
        return self._resolver.condition(name)

    def broken_rules(self) -> list[str]:
        """What the template's rules say of parameters that don't go together. Raises ValueError as `resolve`."""
        return self._resolver.broken_rules()

    def parameters_of(self, condition: str) -> list[str]:
        """The parameters on which it depends whether the condition holds."""
        return self._resolver.parameters_of(condition)

    def name(self, logical_id: str) -> str:
        """A resource's physical name: what the template gives, or the logical id."""
        resource = self.resources[logical_id]
        given = (resource.get("Properties") or {}).get(_NAMES.get(resource["Type"], ""))
        if given is None:
            return logical_id
        if logical_id in self._naming:
            raise ValueError(f"{logical_id}: its name refers to itself")
        self._naming.append(logical_id)
        try:
            resolved = self._resolver.resolve(given)
        finally:
            self._naming.pop()
        return logical_id if resolved is NO_VALUE else str(resolved)

    def _ref(self, logical_id: str) -> str:
        name = self._name_of(logical_id)
        match self.resources[logical_id]["Type"]:
            case "AWS::SQS::Queue":
                return f"{self._addresses.endpoint}/{ACCOUNT}/{name}"
            case "AWS::StepFunctions::StateMachine":
                return arn("states", f"stateMachine:{name}")
            case "AWS::Lambda::LayerVersion":
                return arn("lambda", f"layer:{name}:1")
            case "AWS::Lambda::Version":
                return f"{self._function_of(logical_id)}:1"
            case "AWS::Lambda::Alias":
                alias = self._resolver.resolve(self.resources[logical_id]["Properties"].get("Name"))
                return f"{self._function_of(logical_id)}:{alias}"
        return name

    def _attribute(self, logical_id: str, attribute: str) -> str:
        name = self._name_of(logical_id)
        kind = self.resources[logical_id]["Type"]
        match kind, attribute:
            case "AWS::Lambda::Function", "Arn":
                return arn("lambda", f"function:{name}")
            case "AWS::Lambda::Version", "Version":
                return "1"
            case "AWS::SQS::Queue", "Arn":
                return arn("sqs", name)
            case "AWS::SQS::Queue", "QueueName":
                return name
            case ("AWS::SQS::Queue", "QueueUrl") | ("AWS::StepFunctions::StateMachine", "Arn"):
                return self._ref(logical_id)
            case "AWS::StepFunctions::StateMachine", "Name":
                return name
            case ("AWS::ApiGateway::RestApi", "RestApiId") | ("AWS::ApiGatewayV2::Api", "ApiId"):
                return name
            case "AWS::ApiGatewayV2::Api", "ApiEndpoint":
                return f"wss://{name}.execute-api.{REGION}.amazonaws.com"
            case "AWS::IAM::Role", "Arn":
                return f"arn:aws:iam::{ACCOUNT}:role/{name}"
            case "AWS::Logs::LogGroup", "Arn":
                return arn("logs", f"log-group:{name}:*")
            case "AWS::CloudFormation::Stack", _ if attribute.startswith("Outputs."):
                return ""  # refused itself, which says it all
        raise ValueError(f"{logical_id} ({kind}): the attribute {attribute} is not supported")

    def _name_of(self, logical_id: str) -> str:
        if not isinstance(logical_id, str) or logical_id not in self.resources:
            raise ValueError(f"no parameter or resource is named {logical_id}")
        return self.name(logical_id)

    def _function_of(self, logical_id: str) -> str:
        function = str(self._resolver.resolve(self.resources[logical_id]["Properties"].get("FunctionName")))
        return function if function.startswith("arn:") else arn("lambda", f"function:{function}")

    def _localize(self, value: Any) -> Any:
        match value:
            case str():
                return _ADDRESS.sub(self._local_address, value)
            case list():
                return [self._localize(item) for item in value]
            case dict():
                return {key: self._localize(item) for key, item in value.items()}
        return value

    def _local_address(self, match: re.Match[str]) -> str:
        kind = self.resources.get(match["api"], {}).get("Type")
        if kind == "AWS::ApiGateway::RestApi":
            return self._addresses.rest
        if kind != "AWS::ApiGatewayV2::Api":
            return match[0]
        websocket = self._addresses.websocket
        return websocket if match["scheme"] == "wss" else websocket.replace("ws", "http", 1)


def is_custom(kind: str) -> bool:
    """Whether a function makes resources of this type."""
    return kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource"
