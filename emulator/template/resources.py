"""From CloudFormation resources to the records that the services run on."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from emulator.apigateway.openapi import rest_api
from emulator.apigateway.records import Authorizer, RestApi, WebSocketApi
from emulator.cloudformation.records import CustomResource
from emulator.common.account import arn
from emulator.common.errors import TemplateError
from emulator.lambda_.records import EventSourceMapping, Function
from emulator.scheduler.records import Schedule
from emulator.sqs.records import MAX_MESSAGE_SIZE, Queue, Redrive
from emulator.states.records import StateMachine
from emulator.template import intrinsics
from emulator.template.intrinsics import scalar
from emulator.template.references import References, is_custom
from emulator.template.resource_types import IGNORED_TYPES, PROPERTIES, RESERVED_VARIABLES
from emulator.template.stack import Stack

Values = dict[str, Any]


class Builder:
    """Collects the stack from resolved resources, and what is wrong with them in `problems`."""

    def __init__(self, references: References, files: dict[str, Path]) -> None:
        self.problems: list[str] = []
        self._references = references
        self._resources = references.resources
        self._files = files
        self._values: dict[str, Values] = {}
        self._wrong: set[str] = set()
        self._function_names: set[str] = set()
        self._aliases: dict[str, frozenset[str]] = {}
        self._queue_arns: set[str] = set()
        self._timeouts: dict[str, int] = {}
        self._visibility_timeouts: dict[str, int] = {}

    def build(self, name: str) -> Stack:
        """The stack, but for its outputs. Of no use if there are problems."""
        for logical_id, resource in self._resources.items():
            self._resolve(logical_id, resource)
        self._function_names = set(self._names("AWS::Lambda::Function"))
        self._queue_arns = {arn("sqs", queue) for queue in self._names("AWS::SQS::Queue")}
        for _, (function, alias) in self._each("AWS::Lambda::Alias", self._alias):
            self._aliases[function] = self._aliases.get(function, frozenset()) | {alias}
        layers = dict(self._each("AWS::Lambda::LayerVersion", self._layer))
        functions = [item for _, item in self._each("AWS::Lambda::Function", lambda i, v: self._function(i, v, layers))]
        queues = [item for _, item in self._each("AWS::SQS::Queue", self._queue)]
        self._timeouts = {function.name: function.timeout for function in functions}
        self._visibility_timeouts = {queue.arn: queue.visibility_timeout for queue in queues}
        machines = [item for _, item in self._each("AWS::StepFunctions::StateMachine", self._state_machine)]
        schedules = self._each("AWS::Scheduler::Schedule", self._schedule)
        rules = self._each("AWS::Events::Rule", self._rule)
        return Stack(
            name=name,
            functions={function.name: function for function in functions},
            queues={queue.name: queue for queue in queues},
            mappings=tuple(item for _, item in self._each("AWS::Lambda::EventSourceMapping", self._mapping)),
            state_machines={machine.name: machine for machine in machines},
            schedules=(*(item for _, item in schedules), *(item for _, items in rules for item in items)),
            rest_apis=tuple(item for _, item in self._each("AWS::ApiGateway::RestApi", self._rest_api)),
            websocket_apis=tuple(item for _, item in self._each("AWS::ApiGatewayV2::Api", self._websocket_api)),
            custom_resources=tuple(item for _, item in self._each("Custom::", self._custom_resource)),
        )

    def _resolve(self, logical_id: str, resource: Values) -> None:
        kind = resource["Type"]
        properties = resource.get("Properties") or {}
        if kind in IGNORED_TYPES or (kind == "AWS::CloudFormation::Stack" and self._nests_nothing(properties)):
            return
        if is_custom(kind):
            used = frozenset(properties)
        elif kind in PROPERTIES:
            used, ignored = PROPERTIES[kind]
            self.problems += [
                f"{logical_id} ({kind}): the property {name} is not supported"
                for name in properties
                if name not in used and name not in ignored
            ]
        else:
            problem = f"{logical_id} ({kind}): this type of resource is not supported"
            self.problems.append(problem + self._way_around(resource.get("Condition")))
            return
        values = {}
        for name in properties:
            if name in used:
                try:
                    values[name] = self._references.resolve(properties[name])
                except ValueError as error:
                    self.problems.append(f"{logical_id} ({kind}): {name}: {error}")
                    self._wrong.add(logical_id)
        self._values[logical_id] = {name: value for name, value in values.items() if value is not None}

    def _nests_nothing(self, properties: Values) -> bool:
        """Whether a nested stack consists of resources without a local meaning, such as alarms."""
        try:
            nested = intrinsics.read(self._file(properties.get("TemplateURL"), "TemplateURL"))
        except (TemplateError, ValueError):
            return False
        return all(resource.get("Type") in IGNORED_TYPES for resource in nested["Resources"].values())

    def _way_around(self, condition: str | None) -> str:
        """What leaves a resource out that can't be made."""
        parameters = self._references.parameters_of(condition) if condition else []
        if not parameters:
            return ""
        return (
            f"; its condition {condition} depends on {', '.join(parameters)}: expected other values, by --parameter "
            "NAME=VALUE, or by --postgres NAME and --redis NAME for the URL of an embedded store"
        )

    def _each(self, kind: str, build: Callable[[str, Values], Any]) -> list[tuple[str, Any]]:
        """Builds every resource of the type. One that is wrong is left out, and named among the problems."""
        built = []
        for logical_id, values in self._values.items():
            actual = self._resources[logical_id]["Type"]
            if (actual == kind or (kind == "Custom::" and is_custom(actual))) and logical_id not in self._wrong:
                try:
                    built.append((logical_id, build(logical_id, values)))
                except ValueError as error:
                    self.problems.append(f"{logical_id} ({actual}): {error}")
                except (AttributeError, KeyError, TypeError) as error:
                    self.problems.append(
                        f"{logical_id} ({actual}): a property has another shape than expected: {error}"
                    )
        return built

    def _layer(self, logical_id: str, values: Values) -> tuple[Path, ...]:
        content = self._file(values.get("Content"), "Content")
        metadata = self._resources[logical_id].get("Metadata") or {}
        if "BuildMethod" in metadata and "SamResourceId" not in metadata:
            return (content,)  # `sam build` will put it under python/, and add SamResourceId
        roots = [content / "python", *sorted(content.glob("python/lib/python3.*/site-packages"))]
        return tuple(root for root in roots if root.is_dir())

    def _function(self, logical_id: str, values: Values, layers: dict[str, tuple[Path, ...]]) -> Function:
        if values.get("PackageType", "Zip") != "Zip":
            raise ValueError(f"PackageType: expected Zip, was {values['PackageType']}")
        runtime = str(values.get("Runtime"))
        if not runtime.startswith("python3"):
            raise ValueError(f"Runtime: expected a python3.x, was {runtime}")
        if "." not in str(values.get("Handler")):
            raise ValueError(f"Handler: expected module.function, was {values.get('Handler')}")
        code = self._file(values.get("Code"), "CodeUri")
        if not code.is_dir():
            raise ValueError(f"CodeUri: expected a folder, was {code}")
        known = {
            arn("lambda", f"layer:{self._references.name(layer)}:1"): layer
            for layer in self._of_type("AWS::Lambda::LayerVersion")
        }
        search_path: list[Path] = []
        for layer in values.get("Layers", []):
            if layer not in known:
                raise ValueError(f"Layers: expected layers of this template, was {layer}")
            search_path += layers.get(known[layer], ())
        return Function(
            name=self._references.name(logical_id),
            handler=values["Handler"],
            code=code,
            search_path=tuple(search_path),
            environment=_variables(values),
            timeout=_integer(values, "Timeout", 3, 1, 900),
            memory=_integer(values, "MemorySize", 128, 128, 10_240),
            runtime=runtime,
            reserved_concurrency=_integer(values, "ReservedConcurrentExecutions", None, 0, 1000),
            aliases=self._aliases.get(self._references.name(logical_id), frozenset()),
        )

    def _alias(self, logical_id: str, values: Values) -> tuple[str, str]:
        return self._target(values.get("FunctionName"), "FunctionName"), str(values.get("Name", logical_id))

    def _queue(self, logical_id: str, values: Values) -> Queue:
        redrive = values.get("RedrivePolicy")
        if isinstance(redrive, str):
            redrive = json.loads(redrive)
        if redrive is not None:
            _only(redrive, "RedrivePolicy", "deadLetterTargetArn maxReceiveCount")
            target = redrive.get("deadLetterTargetArn")
            if target not in self._queue_arns:
                raise ValueError(f"RedrivePolicy: expected a queue of this template, was {target}")
            redrive = Redrive(target, _integer(redrive, "maxReceiveCount", 10, 1, 1000))
        return Queue(
            name=self._references.name(logical_id),
            visibility_timeout=_integer(values, "VisibilityTimeout", 30, 0, 43_200),
            delay=_integer(values, "DelaySeconds", 0, 0, 900),
            receive_wait=_integer(values, "ReceiveMessageWaitTimeSeconds", 0, 0, 20),
            retention=_integer(values, "MessageRetentionPeriod", 345_600, 60, 1_209_600),
            max_message_size=_integer(values, "MaximumMessageSize", Queue.max_message_size, 1024, MAX_MESSAGE_SIZE),
            redrive=redrive,
        )

    def _mapping(self, logical_id: str, values: Values) -> EventSourceMapping:
        queue = values.get("EventSourceArn")
        if queue not in self._queue_arns:
            raise ValueError(f"EventSourceArn: expected a queue of this template, was {queue}")
        responses = values.get("FunctionResponseTypes", [])
        if not set(responses) <= {"ReportBatchItemFailures"}:
            raise ValueError(f"FunctionResponseTypes: expected ReportBatchItemFailures, was {responses}")
        scaling = _only(values.get("ScalingConfig", {}), "ScalingConfig", "MaximumConcurrency")
        window = _integer(values, "MaximumBatchingWindowInSeconds", 0, 0, 300)
        batch_size = _integer(values, "BatchSize", 10, 1, 10_000)
        if batch_size > 10 and not window:
            raise ValueError(f"BatchSize: expected at most 10 without MaximumBatchingWindowInSeconds, was {batch_size}")
        function = self._target(values.get("FunctionName"), "FunctionName")
        timeout, visible_after = self._timeouts.get(function, 0), self._visibility_timeouts.get(queue, math.inf)
        if visible_after < timeout:
            raise ValueError(
                f"EventSourceArn: expected a queue whose VisibilityTimeout is at least the Timeout of {function}, "
                f"{timeout}, was {visible_after}"
            )
        return EventSourceMapping(
            name=logical_id,
            queue_arn=queue,
            function=function,
            batch_size=batch_size,
            window=window,
            max_concurrency=_integer(scaling, "MaximumConcurrency", None, 2, 1000),
            report_batch_item_failures=bool(responses),
            enabled=_boolean(values, "Enabled", True),
        )

    def _state_machine(self, logical_id: str, values: Values) -> StateMachine:
        kind = values.get("StateMachineType", "STANDARD")
        if kind not in ("STANDARD", "EXPRESS"):
            raise ValueError(f"Type: expected STANDARD or EXPRESS, was {kind}")
        if "DefinitionS3Location" in values:
            path = self._file(values["DefinitionS3Location"], "DefinitionUri")
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"DefinitionUri: {error}") from error
        else:
            path = Path("definition.json")
            text = values.get("DefinitionString") or json.dumps(values.get("Definition"))
        substitutions = values.get("DefinitionSubstitutions", {})
        missing = {name for name in re.findall(r"\$\{(\w+)\}", text) if name not in substitutions}
        if missing:
            raise ValueError(f"DefinitionSubstitutions: {', '.join(sorted(missing))} is used, but not given")
        text = re.sub(r"\$\{(\w+)\}", lambda match: str(substitutions[match[1]]), text)
        try:
            definition = yaml.load(text, yaml.CSafeLoader) if path.suffix in (".yaml", ".yml") else json.loads(text)
        except (yaml.YAMLError, json.JSONDecodeError) as error:
            raise ValueError(f"the definition: {error}") from error
        if not isinstance(definition, dict):
            raise ValueError(f"the definition: expected an object, was {definition!r:.100}")
        return StateMachine(self._references.name(logical_id), definition, kind)

    def _schedule(self, logical_id: str, values: Values) -> Schedule:
        if values.get("ScheduleExpressionTimezone", "UTC") != "UTC":
            raise ValueError(f"ScheduleExpressionTimezone: expected UTC, was {values['ScheduleExpressionTimezone']}")
        target = _only(values.get("Target", {}), "Target", "Arn Input", "DeadLetterConfig RetryPolicy RoleArn")
        return self._scheduled(self._references.name(logical_id), values, target)

    def _rule(self, logical_id: str, values: Values) -> list[Schedule]:
        targets = values.get("Targets", [])
        for target in targets:
            _only(target, "Targets", "Arn Input", "DeadLetterConfig Id RetryPolicy RoleArn")
        names = [logical_id] if len(targets) == 1 else [f"{logical_id}-{number}" for number in range(len(targets))]
        return [self._scheduled(name, values, target) for name, target in zip(names, targets, strict=True)]

    def _scheduled(self, name: str, values: Values, target: Values) -> Schedule:
        expression = values.get("ScheduleExpression")
        if not isinstance(expression, str) or not re.fullmatch(r"(rate|cron|at)\(.+\)", expression):
            raise ValueError(f"ScheduleExpression: expected rate(…), cron(…) or at(…), was {expression}")
        enabled = values.get("State", "ENABLED") != "DISABLED"
        return Schedule(name, expression, self._target(target.get("Arn"), "Target"), target.get("Input"), enabled)

    def _rest_api(self, logical_id: str, values: Values) -> RestApi:
        self._check_sole(logical_id)
        if "Body" not in values:
            raise ValueError("Body: expected an OpenAPI definition")
        stage = self._stage("AWS::ApiGateway::Stage", "RestApiId", logical_id)
        api = rest_api(logical_id, stage, values["Body"], self._target)
        smallest = values.get("MinimumCompressionSize")
        return replace(api, compressed_from=None if smallest is None else int(smallest))

    def _websocket_api(self, logical_id: str, values: Values) -> WebSocketApi:
        self._check_sole(logical_id)
        if values.get("ProtocolType") != "WEBSOCKET":
            raise ValueError(f"ProtocolType: expected WEBSOCKET, was {values.get('ProtocolType')}")
        routes: dict[str, str] = {}
        authorizer = None
        for route in self._parts("AWS::ApiGatewayV2::Route", "ApiId", logical_id):
            integration = self._values.get(str(route.get("Target")).removeprefix("integrations/"), {})
            if integration.get("IntegrationType") != "AWS_PROXY":
                raise ValueError(f"{route.get('RouteKey')}: expected an AWS_PROXY integration, was {integration}")
            routes[str(route.get("RouteKey"))] = self._target(integration.get("IntegrationUri"), "IntegrationUri")
            if route.get("AuthorizationType", "NONE") == "CUSTOM":
                authorizer = self._authorizer(self._values.get(str(route.get("AuthorizerId")), {}))
            elif route.get("AuthorizationType", "NONE") != "NONE":
                raise ValueError(f"AuthorizationType: expected CUSTOM or NONE, was {route['AuthorizationType']}")
        selection = values.get("RouteSelectionExpression", WebSocketApi.selection_expression)
        stage = self._stage("AWS::ApiGatewayV2::Stage", "ApiId", logical_id)
        return WebSocketApi(logical_id, stage, routes, selection, authorizer)

    def _authorizer(self, values: Values) -> Authorizer:
        headers, query = [], []
        for source in values.get("IdentitySource", []):
            match str(source).split(".", 3):
                case ["route", "request", "header", name]:
                    headers.append(name)
                case ["route", "request", "querystring", name]:
                    query.append(name)
                case _:
                    raise ValueError(f"IdentitySource: expected route.request.header.… or .querystring.…, was {source}")
        function = self._target(values.get("AuthorizerUri"), "AuthorizerUri")
        # API Gateway never caches a WebSocket authorizer's answer.
        return Authorizer(values.get("Name", "authorizer"), function, "REQUEST", tuple(headers), tuple(query), ttl=0)

    def _custom_resource(self, logical_id: str, values: Values) -> CustomResource:
        function = self._target(values.get("ServiceToken"), "ServiceToken")
        return CustomResource(logical_id, self._resources[logical_id]["Type"], function, _strings(values))

    def _check_sole(self, logical_id: str) -> None:
        apis = self._of_type(self._resources[logical_id]["Type"])
        if len(apis) > 1:
            raise ValueError(f"expected one API of this type, since it has a port to itself, was {', '.join(apis)}")

    def _names(self, kind: str) -> list[str]:
        names = []
        for logical_id in self._of_type(kind):
            with suppress(ValueError):  # its resource is named among the problems
                names.append(self._references.name(logical_id))
        return names

    def _of_type(self, kind: str) -> list[str]:
        return [logical_id for logical_id, resource in self._resources.items() if resource["Type"] == kind]

    def _parts(self, kind: str, property_: str, api: str) -> list[Values]:
        values = [self._values[logical_id] for logical_id in self._of_type(kind) if logical_id in self._values]
        return [value for value in values if value.get(property_) == api]

    def _stage(self, kind: str, property_: str, api: str) -> str:
        stages = [str(stage.get("StageName")) for stage in self._parts(kind, property_, api)]
        if len(stages) != 1:
            raise ValueError(f"expected one stage, was {', '.join(stages) or 'none'}")
        return stages[0]

    def _target(self, reference: Any, property_: str) -> str:
        """The name of the function that an ARN, a name, or API Gateway's invocation URI means."""
        name = str(reference).removesuffix("/invocations").rpartition("/")[2].partition("function:")[2] or str(
            reference
        )
        name = name.partition(":")[0]
        if name not in self._function_names:
            raise ValueError(f"{property_}: expected a function of this template, was {reference}")
        return name

    def _file(self, location: Any, property_: str) -> Path:
        key = location.get("S3Key", location.get("Key")) if isinstance(location, dict) else None
        if key not in self._files:
            raise ValueError(f"{property_}: expected a path on this machine, was {location}")
        if not self._files[key].exists():
            raise ValueError(f"{property_}: expected a path on this machine, {self._files[key]} does not exist")
        return self._files[key]


def _variables(values: Values) -> dict[str, str]:
    environment = _only(values.get("Environment", {}), "Environment", "Variables")
    variables = {str(name): scalar(value) for name, value in environment.get("Variables", {}).items()}
    reserved = sorted(name for name in variables if RESERVED_VARIABLES.fullmatch(name))
    if reserved:
        raise ValueError(f"Environment: Lambda itself sets {', '.join(reserved)}")
    logging = _only(
        values.get("LoggingConfig", {}), "LoggingConfig", "ApplicationLogLevel LogFormat", "LogGroup SystemLogLevel"
    )
    if "LogFormat" in logging:
        variables["AWS_LAMBDA_LOG_FORMAT"] = scalar(logging["LogFormat"])
    if "ApplicationLogLevel" in logging:
        variables["AWS_LAMBDA_LOG_LEVEL"] = scalar(logging["ApplicationLogLevel"])
    return variables


def _only(value: Any, where: str, used: str, ignored: str = "") -> Values:
    """The mapping, once it is sure that it holds nothing else."""
    if not isinstance(value, dict):
        raise ValueError(f"{where}: expected a mapping, was {value!r}")
    unknown = set(value) - set(used.split()) - set(ignored.split())
    if unknown:
        raise ValueError(f"the property {', '.join(f'{where}.{name}' for name in sorted(unknown))} is not supported")
    return value


def _integer(values: Values, name: str, default: Any, low: int, high: int) -> Any:
    """The property as an int from `low` to `high`; the default where it is left out."""
    value = values.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not re.fullmatch(r"\d+", str(value)) or not low <= int(value) <= high:
        raise ValueError(f"{name}: expected a whole number from {low} to {high}, was {value!r}")
    return int(value)


def _boolean(values: Values, name: str, default: bool) -> bool:
    value = scalar(values.get(name, default))
    if value not in ("true", "false"):
        raise ValueError(f"{name}: expected true or false, was {value}")
    return value == "true"


def _strings(value: Any) -> Any:
    """A custom resource is given each of its properties' scalars as a string."""
    match value:
        case dict():
            return {key: _strings(item) for key, item in value.items()}
        case list():
            return [_strings(item) for item in value]
    return scalar(value)
