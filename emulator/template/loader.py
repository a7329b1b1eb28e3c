"""Loads a SAM template: AWS's own translator expands it, and its resources become the records of a `Stack`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emulator.common.errors import TemplateError
from emulator.common.text import words
from emulator.template import intrinsics, sam
from emulator.template.keys import Keys
from emulator.template.registry import Addresses, Registry
from emulator.template.resources import Resources
from emulator.template.stack import Stack

_FORMAT_VERSION = "2010-09-09"
_KEYS = Keys(
    used=words(
        "AWSTemplateFormatVersion Conditions.** Globals.** Mappings.** Outputs.*.Condition Outputs.*.Value.**"
        " Parameters.*.AllowedPattern Parameters.*.AllowedValues Parameters.*.ConstraintDescription"
        " Parameters.*.Default Parameters.*.Description Parameters.*.MaxLength Parameters.*.MaxValue"
        " Parameters.*.MinLength Parameters.*.MinValue Parameters.*.NoEcho Parameters.*.Type Resources.*.Condition"
        " Resources.*.Properties.** Resources.*.Type Rules.*.Assertions.Assert.** Rules.*.Assertions.AssertDescription"
        " Rules.*.RuleCondition.** Transform"
    ),
    # Only the translator reads Connectors and IgnoreGlobals. Fn::ImportValue is refused, so nothing reads an Export.
    ignored=words(
        "Description Metadata Outputs.*.Description Outputs.*.Export Resources.*.Connectors Resources.*.DeletionPolicy"
        " Resources.*.DependsOn Resources.*.IgnoreGlobals Resources.*.Metadata Resources.*.UpdatePolicy"
        " Resources.*.UpdateReplacePolicy"
    ),
)


def load(
    path: Path,
    parameters: dict[str, str],
    registry: Registry,
    stack_name: str = "local",
    addresses: Addresses | None = None,
) -> Stack:
    """Returns the stack that the template at `path` describes.

    `addresses` say where the services will listen; they replace AWS's addresses in environment variables, outputs and
    definitions. Raises TemplateError that names everything that is wrong with the template or its parameters and
    everything in it that is not supported.
    """
    template = intrinsics.read(path)
    declared = template.get("Parameters") or {}
    named = set(template["Resources"])
    problems, missing = _take_unsupported(template)
    try:
        _check_sections(template)
        problems += _KEYS.problems(template)
        values = intrinsics.parameters(declared, parameters)
        files = sam.take_files(template, path.resolve().parent, registry.paths())
        translated = sam.translate(template, values, problems)
        _check_nulls(translated)
    except TemplateError as error:
        raise TemplateError([*problems, *error.problems]) from error
    try:
        resources = Resources(translated, values, stack_name, addresses or Addresses(), files, registry)
        problems += resources.resolver.broken_rules()
    except ValueError as error:
        raise TemplateError([*problems, str(error)]) from error
    records = resources.records()
    # What refers to a resource that has been refused has a problem too, but only the cause is reported.
    missing |= named - template["Resources"].keys()
    problems += [problem for problem in resources.problems if missing.isdisjoint(re.findall(r"\w+", problem))]
    outputs, wrong_outputs = _outputs(translated.get("Outputs") or {}, resources, missing | resources.refused)
    problems += wrong_outputs
    if problems:
        raise TemplateError(problems)
    sources = (path.resolve(), *(file for file in files.values() if file.is_file()))
    return Stack(stack_name, records, outputs, sources, _shown(declared, values))


def _shown(declared: dict[str, Any], values: dict[str, Any]) -> dict[str, str]:
    texts = {name: ",".join(value) if isinstance(value, list) else value for name, value in values.items()}
    return {name: "****" if text and declared[name].get("NoEcho") else text for name, text in texts.items()}


def _outputs(declared: dict[str, Any], resources: Resources, refused: set[str]) -> tuple[dict[str, str], list[str]]:
    """Returns the outputs whose condition holds, and the problems with the others. Leaves out those of `refused`."""
    outputs, problems = {}, []
    for name, output in declared.items():
        if not refused.isdisjoint(intrinsics.references(output)):
            continue
        try:
            if "Condition" not in output or resources.resolver.condition(output["Condition"]):
                outputs[name] = intrinsics.scalar(resources.resolve(output.get("Value")))
        except ValueError as error:
            problems.append(f"Outputs: {name}: {error}")
    return outputs, problems


def _take_unsupported(template: dict[str, Any]) -> tuple[list[str], set[str]]:
    """Removes what would stop the translator or be refused under another name.

    Returns the problems, and the resources that the translator does not create now.
    """
    unknown = [section for section in template if section not in _KEYS]
    problems = [f"{section}: this section of a template is not supported" for section in unknown]
    for section in unknown:
        del template[section]
    version = template.get("AWSTemplateFormatVersion", _FORMAT_VERSION)
    if version != _FORMAT_VERSION:
        problems.append(f"AWSTemplateFormatVersion: expected {_FORMAT_VERSION}, was {version}")
    unsupported, missing = sam.take_unsupported(template["Resources"])
    problems += unsupported
    transform = template.pop("Transform", [])
    transforms = transform if isinstance(transform, list) else [transform]
    if sam.TRANSFORM in transforms:
        template["Transform"] = sam.TRANSFORM
    problems += [f"Transform: expected {sam.TRANSFORM}, was {macro}" for macro in transforms if macro != sam.TRANSFORM]
    return problems, missing


def _check_nulls(template: dict[str, Any]) -> None:
    """Raises TemplateError for each null outside the metadata, which CloudFormation refuses too."""

    def nulls(value: Any, path: str) -> Iterator[str]:
        match value:
            case None:
                yield f"{path}: null is not allowed in a template; expected a value, or !Ref AWS::NoValue"
            case dict():
                for key, item in value.items():
                    if key != "Metadata":
                        yield from nulls(item, f"{path}.{key}" if path else key)
            case list():
                for number, item in enumerate(value):
                    yield from nulls(item, f"{path}[{number}]")

    problems = list(nulls(template, ""))
    if problems:
        raise TemplateError(problems)


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
            problems.append(f"{logical_id} ({kind}): the template needs Transform: {sam.TRANSFORM}")
    if problems:
        raise TemplateError(problems)
