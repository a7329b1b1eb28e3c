"""Loads a SAM template: AWS's own translator expands it, and its resources become the records of a `Stack`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from emulator.common.errors import TemplateError
from emulator.template import intrinsics, sam
from emulator.template.registry import Addresses, Registry
from emulator.template.resources import Resources
from emulator.template.stack import Stack

_SECTIONS = {
    "AWSTemplateFormatVersion", "Conditions", "Description", "Globals", "Mappings", "Metadata", "Outputs", "Parameters",
    "Resources", "Rules", "Transform",
}  # fmt: skip


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
    named = set(template["Resources"])
    problems = _take_unsupported(template)
    try:
        _check_sections(template)
        values = intrinsics.parameters(template.get("Parameters") or {}, parameters)
        files = sam.take_files(template, path.resolve().parent, registry.paths())
        translated = sam.translate(template, values, problems)
    except TemplateError as error:
        raise TemplateError([*problems, *error.problems]) from error
    try:
        resources = Resources(translated, values, stack_name, addresses or Addresses(), files, registry)
        problems += resources.resolver.broken_rules()
    except ValueError as error:
        raise TemplateError([*problems, str(error)]) from error
    records = resources.records()
    outputs, wrong_outputs = _outputs(translated.get("Outputs") or {}, resources)
    # What refers to a resource that has been refused has a problem too, but only the cause is reported.
    missing = named - template["Resources"].keys()
    consequences = resources.problems + wrong_outputs
    problems += [problem for problem in consequences if missing.isdisjoint(re.findall(r"\w+", problem))]
    if problems:
        raise TemplateError(problems)
    sources = (path.resolve(), *(file for file in files.values() if file.is_file()))
    return Stack(stack_name, records, outputs, sources)


def _outputs(declared: dict[str, Any], resources: Resources) -> tuple[dict[str, str], list[str]]:
    """Returns the outputs whose condition holds, and the problems with the others."""
    outputs, problems = {}, []
    for name, output in declared.items():
        try:
            if "Condition" not in output or resources.resolver.condition(output["Condition"]):
                outputs[name] = intrinsics.scalar(resources.resolve(output.get("Value")))
        except ValueError as error:
            problems.append(f"Outputs: {name}: {error}")
    return outputs, problems


def _take_unsupported(template: dict[str, Any]) -> list[str]:
    """Removes what would stop the translator, so that other problems are found as well; returns the problems."""
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
    if sam.TRANSFORM in transforms:
        template["Transform"] = sam.TRANSFORM
    return problems + [
        f"Transform: expected {sam.TRANSFORM}, was {macro}" for macro in transforms if macro != sam.TRANSFORM
    ]


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
