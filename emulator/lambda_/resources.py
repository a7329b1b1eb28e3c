"""The resource types of Lambda."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from emulator.common.account import arn
from emulator.common.text import words
from emulator.lambda_.names import FunctionName
from emulator.lambda_.records import EventInvokeConfig, EventSourceMapping, Function, Layer, Qualifier
from emulator.sqs.records import MAX_BATCH
from emulator.sqs.resources import find_queue
from emulator.template.intrinsics import scalar
from emulator.template.properties import Values, boolean, integer, mapping
from emulator.template.registry import ResourceType, physical_name, without_effect
from emulator.template.resources import Resource

_FUNCTION = "AWS::Lambda::Function"
_LAYER = "AWS::Lambda::LayerVersion"
_VERSION = "AWS::Lambda::Version"
_ALIAS = "AWS::Lambda::Alias"
_EVENT_INVOKE_CONFIG = "AWS::Lambda::EventInvokeConfig"
_VERSION_NUMBER = "1"  # old code is not kept, so there is one version

_RUNTIMES = tuple(f"python3.{minor}" for minor in range(9, 15))
_RESERVED_VARIABLES = re.compile(
    r"_HANDLER|_X_AMZN_TRACE_ID|AWS_(DEFAULT_)?REGION|AWS_EXECUTION_ENV|AWS_(ACCESS_KEY(_ID)?|SECRET_ACCESS_KEY"
    r"|SESSION_TOKEN)|AWS_LAMBDA_(FUNCTION_(NAME|MEMORY_SIZE|VERSION)|INITIALIZATION_TYPE|LOG_(GROUP|STREAM)_NAME"
    r"|RUNTIME_API)|LAMBDA_(TASK_ROOT|RUNTIME_DIR)"
)


def target(resource: Resource, reference: Any, property_: str) -> str:
    """Returns the name of the template's function that a name or an ARN refers to.

    Raises ValueError for an unknown function, version or alias.
    """
    name, function = _function_named(resource, reference, property_)
    built: Function | None = function.built
    if built and name.qualifier not in (None, "$LATEST", *built.qualifiers):
        raise ValueError(f"{property_}: expected a version or an alias of {name.name}, was {name.qualifier}")
    return name.name


def _function_named(resource: Resource, reference: Any, property_: str) -> tuple[FunctionName, Resource]:
    try:
        name = FunctionName.parse(str(reference))
        function = resource.template.find(_FUNCTION, physical_name, name.name)
    except ValueError:
        function = None
    if function is None:
        raise ValueError(f"{property_}: expected a function of this template, was {reference}")
    return name, function


def _function_arn(resource: Resource) -> str:
    return arn("lambda", f"function:{resource.name}")


def _function(resource: Resource) -> Function:
    values = resource.values
    if values.get("PackageType", "Zip") != "Zip":
        raise ValueError(f"PackageType: expected Zip, was {values['PackageType']}")
    runtime = str(values.get("Runtime"))
    if runtime not in _RUNTIMES:
        raise ValueError(f"Runtime: expected one of {', '.join(_RUNTIMES)}, was {runtime}")
    handler = scalar(values.get("Handler", ""))
    if "." not in handler:
        raise ValueError(f"Handler: expected module.function, was {handler}")
    if "ZipFile" in values.get("Code", {}):
        raise ValueError(
            "InlineCode (Code.ZipFile): code in the template is not supported; expected a folder in CodeUri"
        )
    code = resource.template.file(values.get("Code"), "CodeUri")
    if not code.is_dir():
        raise ValueError(f"CodeUri: expected a folder, was {code}")
    layers = _layers(resource)
    return Function(
        name=resource.name,
        handler=handler,
        code=code,
        search_path=_search_path(layers, runtime),
        requirements=tuple(layer.content / "requirements.txt" for layer in layers if layer.source),
        environment=_variables(values),
        timeout=integer(values, "Timeout", 3, 1, 900),
        memory=integer(values, "MemorySize", 128, 128, 10_240),
        runtime=runtime,
        reserved_concurrency=integer(values, "ReservedConcurrentExecutions", None, 0, 1000),
        qualifiers=_qualifiers(resource),
        **_asynchronous(resource),
    )


def _layers(resource: Resource) -> list[Layer]:
    layers: list[Layer] = []
    for reference in resource.values.get("Layers", []):
        layer = resource.template.find(_LAYER, lambda layer: layer.ref, reference)
        if layer is None:
            raise ValueError(f"Layers: expected layers of this template, was {reference}")
        built: Layer | None = layer.built
        layers += [built] if built else []
    return layers


def _search_path(layers: list[Layer], runtime: str) -> tuple[Path, ...]:
    """Returns the folders of the layers in Lambda's order: a later layer hides the modules of an earlier one."""
    later_first = layers[::-1]
    versioned = [layer.content / "python" / "lib" / runtime / "site-packages" for layer in later_first]
    return tuple(root for root in (*versioned, *(layer.root for layer in later_first)) if root.is_dir())


def _qualifiers(resource: Resource) -> frozenset[str]:
    declared = [declared.built for kind in (_VERSION, _ALIAS) for declared in resource.template.of(kind)]
    return frozenset(qualifier.name for qualifier in declared if qualifier and qualifier.function == resource.name)


def _asynchronous(resource: Resource) -> dict[str, Any]:
    declared = [declared.built for declared in resource.template.of(_EVENT_INVOKE_CONFIG)]
    return {
        name: value
        for config in declared
        if config and config.function == resource.name
        for name, value in (("event_retries", config.retries), ("event_age", config.age))
    }


def _variables(values: Values) -> dict[str, str]:
    variables = {}
    for name, value in values.get("Environment", {}).get("Variables", {}).items():
        try:
            variables[name] = scalar(value)
        except ValueError as error:
            raise ValueError(f"Environment: {name}: {error}") from None
    reserved = sorted(name for name in variables if _RESERVED_VARIABLES.fullmatch(name))
    if reserved:
        raise ValueError(f"Environment: Lambda itself sets {', '.join(reserved)}")
    logging = values.get("LoggingConfig", {})
    if "LogFormat" in logging:
        variables["AWS_LAMBDA_LOG_FORMAT"] = scalar(logging["LogFormat"])
    if "ApplicationLogLevel" in logging:
        variables["AWS_LAMBDA_LOG_LEVEL"] = scalar(logging["ApplicationLogLevel"])
    return variables


def _layer_arn(resource: Resource) -> str:
    return arn("lambda", f"layer:{resource.name}:1")


def _layer(resource: Resource) -> Layer:
    content = resource.template.file(resource.values.get("Content"), "Content")
    metadata = resource.definition.get("Metadata") or {}
    # `sam build` moves a source to python/ and adds SamResourceId.
    return Layer(resource.name, content, "BuildMethod" in metadata and "SamResourceId" not in metadata)


def _qualified_arn(resource: Resource, qualifier: Any) -> str:
    function = FunctionName.parse(str(resource.resolved("FunctionName")))
    return f"{arn('lambda', f'function:{function.name}')}:{qualifier}"


def _version(resource: Resource) -> Qualifier:
    name, _ = _function_named(resource, resource.values.get("FunctionName"), "FunctionName")
    return Qualifier(name.name, _VERSION_NUMBER)


def _alias(resource: Resource) -> Qualifier:
    name, _ = _function_named(resource, resource.values.get("FunctionName"), "FunctionName")
    return Qualifier(name.name, str(resource.values["Name"]))


def _event_invoke_config(resource: Resource) -> EventInvokeConfig:
    mapping(resource.values.get("DestinationConfig", {}), "DestinationConfig", "")
    name, _ = _function_named(resource, resource.values.get("FunctionName"), "FunctionName")
    retries = integer(resource.values, "MaximumRetryAttempts", 2, 0, 2)
    return EventInvokeConfig(
        name.name, retries, integer(resource.values, "MaximumEventAgeInSeconds", 21_600, 60, 21_600)
    )


def _mapping(resource: Resource) -> EventSourceMapping:
    values = resource.values
    queue = find_queue(resource.template, values.get("EventSourceArn"))
    if queue is None:
        raise ValueError(f"EventSourceArn: expected a queue of this template, was {values.get('EventSourceArn')}")
    responses = values.get("FunctionResponseTypes", [])
    if not set(responses) <= {"ReportBatchItemFailures"}:
        raise ValueError(f"FunctionResponseTypes: expected ReportBatchItemFailures, was {responses}")
    scaling = values.get("ScalingConfig", {})
    window = integer(values, "MaximumBatchingWindowInSeconds", 0, 0, 300)
    batch_size = integer(values, "BatchSize", 10, 1, 10_000)
    if batch_size > MAX_BATCH and not window:
        raise ValueError(
            f"BatchSize: expected at most {MAX_BATCH} without MaximumBatchingWindowInSeconds, was {batch_size}"
        )
    function = target(resource, values.get("FunctionName"), "FunctionName")
    _check_visibility(resource, function, queue)
    return EventSourceMapping(
        name=resource.logical_id,
        queue_arn=values["EventSourceArn"],
        function=function,
        batch_size=batch_size,
        window=window,
        max_concurrency=integer(scaling, "MaximumConcurrency", None, 2, 1000),
        report_batch_item_failures=bool(responses),
        enabled=boolean(values, "Enabled", True),
    )


def _check_visibility(resource: Resource, function: str, queue: Resource) -> None:
    consumer = resource.template.find(_FUNCTION, physical_name, function)
    timeout = consumer.built.timeout if consumer and consumer.built else 0
    visible_after = queue.built.visibility_timeout if queue.built else math.inf
    if visible_after < timeout:
        raise ValueError(
            f"EventSourceArn: expected a queue whose VisibilityTimeout is at least the Timeout of {function}, "
            f"{timeout}, was {visible_after}"
        )


TYPES = (
    ResourceType(
        _FUNCTION,
        used=words(
            "Code.S3Bucket Code.S3Key Code.ZipFile Environment.Variables.* FunctionName Handler Layers"
            " LoggingConfig.ApplicationLogLevel LoggingConfig.LogFormat MemorySize PackageType"
            " ReservedConcurrentExecutions Runtime Timeout"
        ),
        ignored=words(
            "Architectures CodeSigningConfigArn Description EphemeralStorage KmsKeyArn LoggingConfig.LogGroup"
            " LoggingConfig.SystemLogLevel RecursiveLoop Role"
            " RuntimeManagementConfig SnapStart Tags TracingConfig VpcConfig"
        ),
        ref=physical_name,
        attributes={"Arn": _function_arn},
        build=_function,
        name="FunctionName",
        path="Code",
    ),
    ResourceType(
        _LAYER,
        used=words("Content.S3Bucket Content.S3Key LayerName"),
        ignored=words("CompatibleArchitectures CompatibleRuntimes Description LicenseInfo"),
        ref=_layer_arn,
        attributes={},
        build=_layer,
        name="LayerName",
        path="Content",
    ),
    ResourceType(
        _VERSION,
        used=words("FunctionName"),
        ignored=words("CodeSha256 Description RuntimePolicy"),
        ref=lambda version: _qualified_arn(version, _VERSION_NUMBER),
        attributes={"Version": lambda version: _VERSION_NUMBER},
        build=_version,
    ),
    ResourceType(
        _ALIAS,
        used=words("FunctionName Name"),
        ignored=words("Description FunctionVersion RoutingConfig"),
        ref=lambda alias: _qualified_arn(alias, alias.resolved("Name")),
        attributes={},
        build=_alias,
    ),
    ResourceType(
        _EVENT_INVOKE_CONFIG,
        used=words("DestinationConfig.** FunctionName MaximumEventAgeInSeconds MaximumRetryAttempts"),
        # All aliases and versions run the current code.
        ignored=words("Qualifier"),
        ref=physical_name,
        attributes={},
        build=_event_invoke_config,
    ),
    ResourceType(
        "AWS::Lambda::EventSourceMapping",
        used=words(
            "BatchSize Enabled EventSourceArn FunctionName FunctionResponseTypes MaximumBatchingWindowInSeconds"
            " ScalingConfig.MaximumConcurrency"
        ),
        ignored=words("KmsKeyArn MetricsConfig Tags"),
        ref=physical_name,
        attributes={},
        build=_mapping,
    ),
    without_effect("AWS::Lambda::LayerVersionPermission", physical_name),
    without_effect("AWS::Lambda::Permission", physical_name),
)
