"""The template as AWS's own translator expands it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.application import Template
from emulator.stack import REGISTRY
from emulator.template import intrinsics, sam

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template.yaml"

Resources = dict[str, dict[str, Any]]


GIVEN = {"DatabaseUrl": "postgresql://", "RedisUrl": "redis://", "DeploymentPreference": "Canary10Percent5Minutes"}
"""A gradual deployment, which has every resource but the stores."""


def translated(change: Callable[[dict[str, Any]], None] = lambda document: None, **parameters: str) -> Resources:
    """The resources of a gradual deployment. `change` edits the template before it is translated."""
    document = intrinsics.read(TEMPLATE)
    values = intrinsics.parameters(document["Parameters"], GIVEN | parameters)
    sam.take_files(document, TEMPLATE.parent, REGISTRY.paths())
    change(document)
    found: Resources = sam.translate(document, values, [])["Resources"]
    return found


def template(**parameters: str) -> Template:
    """The template as it is written, with its nested stacks."""
    return Template(TEMPLATE, GIVEN | parameters, "orders")


def watching(**parameters: str) -> Resources:
    """The alarms and the dashboard of the nested stacks, resolved. A stack's only alarm has the stack's name."""
    return {
        stack if name == "Alarm" else name: {"Type": kind, "Properties": nested.value(properties)}
        for stack, nested in template(**parameters).nested().items()
        for name, kind, properties in nested.resources()
        if kind.startswith("AWS::CloudWatch::")
    }


def of_type(resources: Resources, kind: str) -> Resources:
    """The properties of all resources of a type."""
    return {name: item.get("Properties", {}) for name, item in resources.items() if item["Type"] == kind}


def references(value: Any) -> set[str]:
    """The logical ids that a resource or a value names."""
    match value:
        case {"Ref": str(name)}:
            return {name}
        case {"Fn::GetAtt": [str(name), *_]}:
            return {name}
        case {"Fn::GetAtt": str(name)}:
            return {name.partition(".")[0]}
        case {"Fn::Sub": str(template)}:
            return set(re.findall(r"\$\{(\w+)", template))
        case {"Fn::Sub": [str(template), variables]}:
            return set(re.findall(r"\$\{(\w+)", template)) | references(variables)
        case dict():
            depends = set(as_list(value.get("DependsOn", []))) if "Type" in value else set()
            return depends.union(*map(references, value.values()))
        case list():
            return set().union(*map(references, value))
    return set()


def as_list(value: Any) -> list[Any]:
    """What may stand alone, or depend on a condition, as a list."""
    if isinstance(value, dict) and "Fn::If" in value:
        return [item for branch in value["Fn::If"][1:] for item in as_list(branch)]
    return value if isinstance(value, list) else [value]
