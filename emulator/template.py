"""Loads a SAM template: AWS's own translator expands it, and what comes out becomes a `Stack`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from emulator import cloudformation
from emulator.errors import TemplateError
from emulator.references import Addresses, References
from emulator.resources import Builder
from emulator.stack import REGION, Stack

_SECTIONS = {
    "AWSTemplateFormatVersion", "Conditions", "Description", "Globals", "Mappings", "Metadata", "Outputs", "Parameters",
    "Resources", "Transform",
}  # fmt: skip
_SAM = "AWS::Serverless-2016-10-31"
_BUCKET = "local"  # where the translator believes the code to be
_LOCATIONS = {
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
    template = cloudformation.read(path)
    _check_sections(template)
    values = cloudformation.parameters(template.get("Parameters") or {}, parameters)
    files = _take_files(template, path.resolve().parent)
    translated = _translate(template, values)
    try:
        references = References(translated, values, stack_name, Addresses(endpoint_url, rest_url, websocket_url))
        builder = Builder(references, files)
    except ValueError as error:
        raise TemplateError([str(error)]) from error
    stack = builder.build(stack_name)
    outputs = {}
    for name, output in (translated.get("Outputs") or {}).items():
        try:
            if "Condition" not in output or references.condition(output["Condition"]):
                outputs[name] = cloudformation.scalar(references.resolve(output.get("Value")))
        except ValueError as error:
            builder.problems.append(f"Outputs: {name}: {error}")
    if builder.problems:
        raise TemplateError(builder.problems)
    return replace(stack, outputs=outputs)


def _check_sections(template: dict[str, Any]) -> None:
    problems = [
        f"{section}: this section of a template is not supported" for section in template if section not in _SECTIONS
    ]
    for section in ("Conditions", "Globals", "Mappings", "Outputs", "Parameters"):
        content = template.get(section) or {}
        if not isinstance(content, dict):
            problems.append(f"{section}: expected a mapping, was {content!r:.100}")
        elif section in ("Globals", "Outputs", "Parameters"):
            problems += [
                f"{section}: {name}: expected a mapping, was {item!r:.100}"
                for name, item in content.items()
                if not isinstance(item, dict)
            ]
    transform = template.get("Transform", [])
    transforms = transform if isinstance(transform, list) else [transform]
    problems += [f"Transform: expected {_SAM}, was {macro}" for macro in transforms if macro != _SAM]
    for logical_id, resource in template["Resources"].items():
        kind = resource.get("Type") if isinstance(resource, dict) else None
        if not isinstance(kind, str) or not isinstance(resource.get("Properties") or {}, dict):
            problems.append(f"{logical_id}: expected a mapping with Type and Properties, was {resource!r:.100}")
        elif kind == "AWS::Serverless::Application":
            problems.append(f"{logical_id} ({kind}): this type of resource is not supported")
        elif kind.startswith("AWS::Serverless::") and not transforms:
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


def _translate(template: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    with _without_boto3():
        from samtranslator.model.exceptions import ExceptionWithMessage, InvalidDocumentException
        from samtranslator.parser.parser import Parser
        from samtranslator.translator.translator import Translator
    translator = Translator(None, Parser(), boto_session=SimpleNamespace(region_name=REGION))
    try:
        translated: dict[str, Any] = translator.translate(
            template, parameters, passthrough_metadata=True, get_managed_policy_map=dict
        )
    except InvalidDocumentException as error:
        raise TemplateError([cause.message for cause in error.causes]) from error
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
