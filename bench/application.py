"""What the costs depend on: resources of `template.yaml` and its nested templates, and the state machine."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from emulator.template import intrinsics
from emulator.template.samconfig import parameter_overrides

NESTED = "AWS::CloudFormation::Stack"


class Template:
    """A template with the values of its parameters.

    A resource's Ref resolves to its logical id, and its GetAtt to `LogicalId.Attribute`.
    """

    def __init__(self, path: Path, given: dict[str, str], stack_name: str) -> None:
        self.folder = path.parent
        self.document = intrinsics.read(path)
        parameters = intrinsics.parameters(self.document.get("Parameters", {}), given)
        self._resolver = intrinsics.Resolver(self.document, parameters, stack_name, str, "{}.{}".format)

    def value(self, value: Any) -> Any:
        """The value with its intrinsic functions resolved."""
        return self._resolver.resolve(value)

    def resources(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Logical id, type and properties of each resource that is created. The properties are not resolved."""
        for name, resource in self.document["Resources"].items():
            if "Condition" not in resource or self._resolver.condition(resource["Condition"]):
                yield name, resource["Type"], resource.get("Properties", {})

    def nested(self) -> dict[str, Template]:
        """The nested stacks that are created, by logical id."""
        return {
            name: Template(self.folder / properties["TemplateURL"], self.value(properties.get("Parameters", {})), name)
            for name, kind, properties in self.resources()
            if kind == NESTED
        }


@dataclass(frozen=True)
class Step:
    """A task state and the function that it invokes."""

    state: str
    function: str


class Application:
    """The stack that `sam deploy --config-env ENVIRONMENT` creates."""

    def __init__(self, path: Path, environment: str | None = None) -> None:
        self.main = Template(path, parameter_overrides(path, environment), "orders")

    @cached_property
    def templates(self) -> list[Template]:
        return [self.main, *self.main.nested().values()]

    @property
    def globals(self) -> dict[str, Any]:
        found: dict[str, Any] = self.main.document["Globals"]["Function"]
        return found

    @property
    def architecture(self) -> str:
        return str(self.main.value(self.globals.get("Architectures", ["x86_64"]))[0])

    def memory(self, function: str) -> int:
        return self._of_function(function, "MemorySize")

    def timeout(self, function: str) -> int:
        """In seconds."""
        return self._of_function(function, "Timeout")

    def _of_function(self, function: str, name: str) -> int:
        properties = self.main.document["Resources"][function]["Properties"]
        return int(self.main.value(properties.get(name, self.globals[name])))

    def watch_interval(self) -> float:
        """The seconds between two looks at the market."""
        variables = self.main.document["Resources"]["WatchFunction"]["Properties"]["Environment"]["Variables"]
        return float(self.main.value(variables["WATCH_INTERVAL_SECONDS"]))

    @property
    def traced(self) -> bool:
        return bool(self.main.value(self.globals.get("Tracing", "")) == "Active")

    @cached_property
    def machine(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The state machine's properties and its definition."""
        (properties,) = [found for _, kind, found in self.main.resources() if kind == "AWS::Serverless::StateMachine"]
        definition = json.loads((self.main.folder / properties["DefinitionUri"]).read_text())
        return properties, definition

    def path(self) -> list[str]:
        """The states of an order that is confirmed at the first attempt, at the first question for its result."""
        _, definition = self.machine
        states, name = definition["States"], definition["StartAt"]
        found = []
        while name:
            found.append(name)
            state = states[name]
            name = state.get("Default") if state["Type"] == "Choice" else state.get("Next")
        return found

    def again(self) -> list[str]:
        """The states of each further question, from the pause on."""
        states = self.machine[1]["States"]
        (name,) = (name for name, state in states.items() if state["Type"] == "Wait")
        found: list[str] = []
        while name not in found:
            found.append(name)
            state = states[name]
            name = state["Choices"][0]["Next"] if state["Type"] == "Choice" else state["Next"]
        return found

    def pause(self) -> int:
        """How many seconds the machine waits between two questions."""
        return int(self.machine[1]["States"][self.again()[0]]["Seconds"])

    def steps(self, states: list[str] | None = None) -> list[Step]:
        """The tasks among these states, those of `path` by default."""
        properties, definition = self.machine
        found = []
        for name in self.path() if states is None else states:
            state = definition["States"][name]
            if state["Type"] == "Task":
                variable = state["Resource"].strip("${}")
                found.append(Step(name, self._resource(properties["DefinitionSubstitutions"][variable])))
        return found

    def _resource(self, reference: Any) -> str:
        """The logical id of the resource that a Ref, a GetAtt or an ARN built from them refers to."""
        return str(self.main.value(reference)).partition(".")[0]

    def definition_bytes(self) -> int:
        return len(json.dumps(self.machine[1]))

    def queue_triggers(self) -> list[str]:
        """The queues that event source mappings poll."""
        return [
            self._resource(event["Properties"]["Queue"])
            for _, _, properties in self.main.resources()
            for event in properties.get("Events", {}).values()
            if event["Type"] == "SQS"
        ]

    def runs_an_hour(self) -> dict[str, float]:
        """How often schedules run each function."""
        return {
            name: _an_hour(event["Properties"]["ScheduleExpression"])
            for name, _, properties in self.main.resources()
            for event in properties.get("Events", {}).values()
            if event["Type"] == "ScheduleV2"
        }

    def counted(self) -> Counter[str]:
        """The number of resources by type, nested stacks included."""
        return Counter(kind for template in self.templates for _, kind, _ in template.resources())

    def of(self, kind: str) -> Iterator[tuple[Template, dict[str, Any]]]:
        for template in self.templates:
            for _, found, properties in template.resources():
                if found == kind:
                    yield template, properties


def _an_hour(rate: str) -> float:
    """How often `rate(1 minute)` and the like come in an hour."""
    count, unit = rate.removeprefix("rate(").removesuffix(")").split()
    return {"minute": 60, "hour": 1, "day": 1 / 24}[unit.removesuffix("s")] / int(count)
