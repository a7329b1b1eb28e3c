"""What of `template.yaml`, its nested templates and its state machine decides about costs."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from emulator.template import intrinsics
from emulator.template.samconfig import parameter_overrides

NESTED = ("AWS::CloudFormation::Stack", "AWS::Serverless::Application")


@dataclass(frozen=True)
class Template:
    """One file, and the values of its parameters."""

    document: dict[str, Any]
    parameters: dict[str, Any]
    folder: Path

    @classmethod
    def read(cls, path: Path, given: dict[str, Any]) -> Template:
        document = intrinsics.read(path)
        declared = document.get("Parameters", {})
        values = {name: given.get(name, declaration.get("Default", "")) for name, declaration in declared.items()}
        return cls(document, values, path.parent)

    def value(self, value: Any) -> Any:
        """A literal, a parameter's value or what a condition chooses; anything else as the template writes it."""
        match value:
            case {"Ref": str(name)} if name in self.parameters:
                return self.parameters[name]
            case {"Fn::If": [str(name), yes, no]}:
                return self.value(yes if self.holds(name) else no)
            case list():
                return [self.value(item) for item in value]
        return value

    def holds(self, condition: Any) -> bool:
        """A condition by its name, or as it is written."""
        match condition:
            case str(name):
                return self.holds(self.document["Conditions"][name])
            case {"Condition": str(name)}:
                return self.holds(name)
            case {"Fn::Equals": [one, other]}:
                return str(self.value(one)) == str(self.value(other))
            case {"Fn::Not": [inner]}:
                return not self.holds(inner)
            case {"Fn::And": list(inner)}:
                return all(map(self.holds, inner))
            case {"Fn::Or": list(inner)}:
                return any(map(self.holds, inner))
        raise ValueError(f"expected a condition, was {condition!r}")

    def resources(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for name, resource in self.document["Resources"].items():
            if "Condition" not in resource or self.holds(resource["Condition"]):
                yield name, resource["Type"], resource.get("Properties", {})

    def nested(self) -> Iterator[Template]:
        for _, kind, properties in self.resources():
            location = properties.get("TemplateURL") or properties.get("Location")
            if kind in NESTED and isinstance(location, str):
                given = {name: self.value(value) for name, value in properties.get("Parameters", {}).items()}
                yield Template.read(self.folder / location, {k: v for k, v in given.items() if not isinstance(v, dict)})


@dataclass(frozen=True)
class Step:
    """A task state of the usual order, and the function that it invokes."""

    state: str
    function: str


class Application:
    """The stack as `sam deploy --config-env` of that environment creates it."""

    def __init__(self, path: Path, environment: str | None = None) -> None:
        self.main = Template.read(path, dict(parameter_overrides(path, environment)))

    @cached_property
    def templates(self) -> list[Template]:
        return [self.main, *self.main.nested()]

    @property
    def globals(self) -> dict[str, Any]:
        found: dict[str, Any] = self.main.document["Globals"]["Function"]
        return found

    @property
    def architecture(self) -> str:
        return str(self.main.value(self.globals.get("Architectures", ["x86_64"]))[0])

    def memory(self, function: str) -> int:
        properties = self.main.document["Resources"][function]["Properties"]
        return int(self.main.value(properties.get("MemorySize", self.globals["MemorySize"])))

    @property
    def traced(self) -> bool:
        return bool(self.main.value(self.globals.get("Tracing", "")) == "Active")

    @cached_property
    def machine(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The state machine's properties, and its definition."""
        (properties,) = [found for _, kind, found in self.main.resources() if kind == "AWS::Serverless::StateMachine"]
        definition = json.loads((self.main.folder / properties["DefinitionUri"]).read_text())
        return properties, definition

    def path(self) -> list[str]:
        """The states that an order goes through which nothing happens to."""
        _, definition = self.machine
        states, name = definition["States"], definition["StartAt"]
        found = []
        while name:
            found.append(name)
            state = states[name]
            name = state.get("Default") if state["Type"] == "Choice" else state.get("Next")
        return found

    def steps(self) -> list[Step]:
        properties, definition = self.machine
        found = []
        for name in self.path():
            state = definition["States"][name]
            if state["Type"] == "Task":
                variable = state["Resource"].strip("${}")
                found.append(Step(name, resource_of(properties["DefinitionSubstitutions"][variable])))
        return found

    def definition_bytes(self) -> int:
        return len(json.dumps(self.machine[1]))

    def queue_triggers(self) -> list[str]:
        """The queues that event source mappings poll."""
        return [
            resource_of(event["Properties"]["Queue"])
            for _, _, properties in self.main.resources()
            for event in properties.get("Events", {}).values()
            if event["Type"] == "SQS"
        ]

    def schedules(self) -> int:
        return sum(
            event["Type"] == "ScheduleV2"
            for _, _, properties in self.main.resources()
            for event in properties.get("Events", {}).values()
        )

    def counted(self) -> Counter[str]:
        """How many resources of which type, those of nested templates too."""
        return Counter(kind for template in self.templates for _, kind, _ in template.resources())

    def of(self, kind: str) -> Iterator[tuple[Template, dict[str, Any]]]:
        for template in self.templates:
            for _, found, properties in template.resources():
                if found == kind:
                    yield template, properties


def resource_of(value: Any) -> str:
    """The resource that a Ref or a GetAtt is of, or that a Sub begins with."""
    match value:
        case {"Ref": str(name)}:
            return name.partition(".")[0]
        case {"Fn::GetAtt": str(name)}:
            return name.partition(".")[0]
        case {"Fn::GetAtt": [str(name), *_]}:
            return name
        case {"Fn::Sub": str(text)} if named := re.match(r"\$\{(\w+)", text):
            return named[1]
    raise ValueError(f"expected a Ref, a GetAtt or a Sub that begins with a resource, was {value!r}")
