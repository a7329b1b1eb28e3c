"""No key of a translated template is accepted without an effect, unless its type ignores it on purpose."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.common.errors import TemplateError
from emulator.stack import REGISTRY
from emulator.template import intrinsics, sam
from emulator.template.registry import Addresses
from emulator.template.resources import Resources
from tests.support.emulator.templates import ROOT

Path_ = tuple[str | int, ...]

STORES = {"DatabaseUrl": "postgresql://x", "RedisUrl": "redis://x"}
TEMPLATES = {
    "ours": (ROOT / "template.yaml", STORES | {"DeploymentPreference": "Canary10Percent5Minutes"}),
    "parcels": (ROOT / "tests/apps/parcels/template.yaml", {"Stage": "test"}),
    "faulty": (ROOT / "tests/apps/faulty/template.yaml", {}),
}
UNKNOWN = "Unheard"
# Indices, and the names of paths, methods, authorizers and gateway responses in an OpenAPI body
NAMES = re.compile(r"\d+|/.*|get|post|delete|options|[A-Z_\d]+X?|Key|Badge")


class Translated:
    """A template as the translator expands it, and what the emulator makes of it."""

    def __init__(self, path: Path, given: dict[str, str]) -> None:
        document = intrinsics.read(path)
        self.parameters = intrinsics.parameters(document.get("Parameters") or {}, given)
        self.files = sam.take_files(document, path.parent, REGISTRY.paths())
        self.template = sam.translate(document, self.parameters, [])
        self.unchanged = self.outcome(self.template)

    def outcome(self, template: dict[str, Any]) -> tuple[Any, ...]:
        """Returns the records, what other resources and outputs can see, and the problems."""
        try:
            resources = Resources(template, self.parameters, "orders", Addresses(), self.files, REGISTRY)
            records = resources.records()
            outputs = [resources.resolve(output.get("Value")) for output in template.get("Outputs", {}).values()]
        except (TemplateError, ValueError) as error:
            return ((), (), [str(error)])
        return records, outputs, resources.problems

    def changed(self, logical_id: str, path: Path_, value: Any) -> tuple[Any, ...]:
        """Returns the outcome with another value at a path below the properties of a resource."""
        definition = copy.deepcopy(self.template["Resources"][logical_id])
        place = definition["Properties"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        resources = self.template["Resources"] | {logical_id: definition}
        return self.outcome(self.template | {"Resources": resources})

    def places(self) -> Iterator[tuple[str, Path_, Any]]:
        """Yields each key at every depth once for each type of resource, without those that are ignored on purpose."""
        seen = set()
        for logical_id, definition in self.template["Resources"].items():
            type_ = REGISTRY.get(definition["Type"])
            if type_ is None or definition.get("Condition"):
                continue
            for path, value in keys(type_.keys.without_ignored(definition.get("Properties", {})), ()):
                known = (definition["Type"], *("*" if NAMES.fullmatch(str(step)) else step for step in path))
                if known not in seen:
                    seen.add(known)
                    yield logical_id, path, value


def keys(value: Any, path: Path_) -> Iterator[tuple[Path_, Any]]:
    match value:
        case dict() if not intrinsic(value):
            for key, item in value.items():
                yield (*path, key), item
                yield from keys(item, (*path, key))
        case list():
            for number, item in enumerate(value):
                yield from keys(item, (*path, number))


def intrinsic(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::", "Condition"))


@pytest.fixture(scope="module", params=TEMPLATES)
def translated(request: pytest.FixtureRequest) -> Translated:
    return Translated(*TEMPLATES[request.param])


# What a proxy integration and a preflight request do not look at, and any name of a substitution or a variable
FREE = {"Variables", "DefinitionSubstitutions"}
IGNORED_IN_BODY = {
    "consumes", "description", "httpMethod", "in", "info", "produces", "requestTemplates", "summary", "swagger", "tags",
    "x-amazon-apigateway-authtype",
}  # fmt: skip


def test_an_unknown_key_at_any_depth_is_refused(translated: Translated) -> None:
    accepted = []
    for logical_id, path, value in translated.places():
        in_body = path[0] == "Body"
        if not isinstance(value, dict) or intrinsic(value) or FREE & set(path) or (in_body and skipped(path)):
            continue
        if in_body and path[-1] in ("paths", "responseParameters", "responseTemplates", "security", "Key", "Badge"):
            continue  # their keys are names, which other tests check
        _, _, problems = translated.changed(logical_id, (*path, UNKNOWN), {"a": 1})
        if not any(UNKNOWN in problem for problem in problems):
            accepted.append((logical_id, path))
    assert accepted == []


def test_every_used_key_has_an_effect(translated: Translated) -> None:
    ineffective = []
    for logical_id, path, value in translated.places():
        if path[0] == "Body" and skipped(path):
            continue
        changed = f"{value}-{UNKNOWN}" if isinstance(value, str) else 77_777 if isinstance(value, int) else UNKNOWN
        if translated.changed(logical_id, path, changed) == translated.unchanged:
            ineffective.append((logical_id, path))
    assert ineffective == []


def skipped(path: Path_) -> bool:
    responses = "responses" in path and "x-amazon-apigateway-integration" not in path
    type_of_scheme = path[1:2] == ("securityDefinitions",) and path[3:] == ("type",)
    return responses or type_of_scheme or bool(IGNORED_IN_BODY & set(path))
