"""Loads a SAM template: AWS's own translator expands it, and what comes out becomes a `Stack`."""

from __future__ import annotations

import contextlib
import copy
import logging
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from emulator.common.account import REGION
from emulator.common.errors import TemplateError
from emulator.scheduler import schedules
from emulator.states import language
from emulator.template import intrinsics
from emulator.template.references import Addresses, References
from emulator.template.resources import Builder
from emulator.template.stack import Stack

_SECTIONS = {
    "AWSTemplateFormatVersion", "Conditions", "Description", "Globals", "Mappings", "Metadata", "Outputs", "Parameters",
    "Resources", "Rules", "Transform",
}  # fmt: skip
_SAM = "AWS::Serverless-2016-10-31"
_BUCKET = "local"  # where the translator believes the code to be
_LOCATIONS = {
    "AWS::CloudFormation::Stack": "TemplateURL",
    "AWS::Lambda::Function": "Code",
    "AWS::Lambda::LayerVersion": "Content",
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
    "AWS::StepFunctions::StateMachine": "DefinitionS3Location",
}


def load(
    path: Path,
    parameters: dict[str, str],
    stack_name: str = "local",
    *,
    endpoint_url: str = Addresses.endpoint,
    rest_url: str = Addresses.rest,
    websocket_url: str = Addresses.websocket,
) -> Stack:
    """The stack that the template at `path` describes.

    The URLs say where the services will listen; they take the place of AWS's addresses in environment variables,
    outputs and definitions. Raises TemplateError naming all that is wrong with the template or its parameters, and
    all that it asks for and this emulator cannot do.
    """
    template = intrinsics.read(path)
    named = set(template["Resources"])
    problems = _take_unsupported(template)
    try:
        _check_sections(template)
        values = intrinsics.parameters(template.get("Parameters") or {}, parameters)
        files = _take_files(template, path.resolve().parent)
        translated = _translate(template, values, problems)
    except TemplateError as error:
        raise TemplateError([*problems, *error.problems]) from error
    try:
        references = References(translated, values, stack_name, Addresses(endpoint_url, rest_url, websocket_url))
        problems += references.broken_rules()
        builder = Builder(references, files)
    except ValueError as error:
        raise TemplateError([*problems, str(error)]) from error
    stack = builder.build(stack_name)
    consequences = builder.problems + _definition_problems(stack)
    outputs = {}
    for name, output in (translated.get("Outputs") or {}).items():
        try:
            if "Condition" not in output or references.condition(output["Condition"]):
                outputs[name] = intrinsics.scalar(references.resolve(output.get("Value")))
        except ValueError as error:
            consequences.append(f"Outputs: {name}: {error}")
    # What was refused already is missing to whatever refers to it.
    missing = named - template["Resources"].keys()
    problems += [problem for problem in consequences if missing.isdisjoint(re.findall(r"\w+", problem))]
    if problems:
        raise TemplateError(problems)
    sources = (path.resolve(), *(file for file in files.values() if file.is_file()))
    return replace(stack, outputs=outputs, sources=sources)


def _take_unsupported(template: dict[str, Any]) -> list[str]:
    """Takes out what the translator would stop at, so that what else is not supported is found as well."""
    problems = [
        f"{section}: this section of a template is not supported" for section in template if section not in _SECTIONS
    ]
    for section in template.keys() - _SECTIONS:
        del template[section]
    for logical_id, resource in list(template["Resources"].items()):
        if isinstance(resource, dict) and resource.get("Type") == "AWS::Serverless::Application":
            problems.append(f"{logical_id} ({resource['Type']}): this type of resource is not supported")
            del template["Resources"][logical_id]
    transform = template.pop("Transform", [])
    transforms = transform if isinstance(transform, list) else [transform]
    if _SAM in transforms:
        template["Transform"] = _SAM
    return problems + [f"Transform: expected {_SAM}, was {macro}" for macro in transforms if macro != _SAM]


def _definition_problems(stack: Stack) -> list[str]:
    problems = []
    for name, machine in stack.state_machines.items():
        try:
            language.parse(machine.definition)
        except TemplateError as error:
            problems += [f"{name}: {problem}" for problem in error.problems]
    for schedule in stack.schedules:
        try:
            schedules.parse(schedule.expression)
        except ValueError as error:
            problems.append(f"schedule {schedule.name}: {error}")
    return problems


def _check_sections(template: dict[str, Any]) -> None:
    problems = []
    for section in ("Conditions", "Globals", "Mappings", "Outputs", "Parameters", "Rules"):
        content = template.get(section) or {}
        if not isinstance(content, dict):
            problems.append(f"{section}: expected a mapping, was {content!r:.100}")
        elif section in ("Globals", "Outputs", "Parameters", "Rules"):
            problems += [
                f"{section}: {name}: expected a mapping, was {item!r:.100}"
                for name, item in content.items()
                if not isinstance(item, dict)
            ]
    for logical_id, resource in template["Resources"].items():
        kind = resource.get("Type") if isinstance(resource, dict) else None
        if not isinstance(kind, str) or not isinstance(resource.get("Properties") or {}, dict):
            problems.append(f"{logical_id}: expected a mapping with Type and Properties, was {resource!r:.100}")
        elif kind.startswith("AWS::Serverless::") and "Transform" not in template:
            problems.append(f"{logical_id} ({kind}): the template needs Transform: {_SAM}")
    if problems:
        raise TemplateError(problems)


def _take_files(template: dict[str, Any], folder: Path) -> dict[str, Path]:
    """Puts an S3 location, which the translator insists on, in each local path's place; returns key and path."""
    files: dict[str, Path] = {}
    function_globals = (template.get("Globals") or {}).get("Function") or {}
    places = [(function_globals, "CodeUri", "AWS::Serverless::Function")]
    places += [
        (resource.get("Properties") or {}, _LOCATIONS[resource["Type"]], resource["Type"])
        for resource in template["Resources"].values()
        if resource["Type"] in _LOCATIONS
    ]
    for properties, name, kind in places:
        location = properties.get(name)
        if isinstance(location, str) and "://" not in location:
            key = str(len(files))
            files[key] = (folder / location).resolve()
            if kind.startswith("AWS::Serverless::"):
                properties[name] = {"Bucket": _BUCKET, "Key": key}
            else:
                properties[name] = {"S3Bucket": _BUCKET, "S3Key": key}
    return files


def _translate(template: dict[str, Any], parameters: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    """What the translator makes of the template. A resource that it refuses is named and taken out."""
    with _without_boto3():
        from samtranslator.model.exceptions import ExceptionWithMessage, InvalidDocumentException
        from samtranslator.parser.parser import Parser
        from samtranslator.translator.translator import Translator
    # It warns of each of its features that only AWS's own configuration turns on.
    logging.getLogger("samtranslator.feature_toggle").setLevel(logging.ERROR)
    translator = Translator(None, Parser(), boto_session=SimpleNamespace(region_name=REGION))
    try:
        translated: dict[str, Any] = translator.translate(
            copy.deepcopy(template), parameters, passthrough_metadata=True, get_managed_policy_map=dict
        )
    except InvalidDocumentException as error:
        messages = [cause.message for cause in error.causes]
        refused = {getattr(cause, "_logical_id", None) for cause in error.causes}
        refused &= template["Resources"].keys()
        if not refused or refused == template["Resources"].keys():
            raise TemplateError(messages) from error
        problems += messages
        for logical_id in refused:
            del template["Resources"][logical_id]
        return _translate(template, parameters, problems)
    except ExceptionWithMessage as error:
        raise TemplateError([error.message]) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TemplateError([f"the SAM translator cannot read this template: {error!r}"]) from error
    finally:
        translator.metrics.publish()  # to nowhere; it complains otherwise
    return translated


@contextlib.contextmanager
def _without_boto3() -> Iterator[None]:
    """The translator imports boto3 for calls that are never made here; that would take half of the start."""
    if "boto3" in sys.modules or "botocore" in sys.modules:
        yield
        return
    needed = {
        "boto3": ["Session"],
        "botocore": [],
        "botocore.client": ["BaseClient"],
        "botocore.config": ["Config"],
        "botocore.exceptions": ["ClientError", "EndpointConnectionError"],
    }
    for name, classes in needed.items():
        module = ModuleType(name)
        module.__dict__.update(dict.fromkeys(classes, type))
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in needed:
            del sys.modules[name]
