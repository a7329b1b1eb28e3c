from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from emulator.cloudformation.custom_resources import CustomResourceError, CustomResources
from emulator.cloudformation.records import CustomResource
from tests.support.emulator.no_functions import NoFunctions
from tests.support.emulator.templates import FUNCTION, loaded, problems


class Answering(NoFunctions):
    """Lambda with a function that answers at once. It fails for the resources named in `failing`."""

    def __init__(self, *failing: str) -> None:
        self.resources: CustomResources
        self.created: list[str] = []
        self._failing = failing

    async def invoke_event(self, name_or_arn: str, payload: bytes, /) -> str:
        event = json.loads(payload)
        name = event["LogicalResourceId"]
        self.created.append(name)
        answer = {"Status": "FAILED", "Reason": "no"} if name in self._failing else {"Status": "SUCCESS"}
        await self.resources.handle(cast(Any, Answer(event["ResponseURL"], answer)))
        return "id"


class Answer(SimpleNamespace):
    def __init__(self, url: str, answer: dict[str, str]) -> None:
        super().__init__(method="PUT", path=url.removeprefix("http://emulator"))
        self._answer = answer

    async def read(self) -> bytes:
        return json.dumps(self._answer).encode()


def created(folder: Path, resources: str, *failing: str) -> list[str]:
    """The custom resources in the order in which they are created."""
    functions = Answering(*failing)
    stack = loaded(folder, FUNCTION + resources)
    functions.resources = CustomResources(
        stack.of(CustomResource).values(), functions, "stack", "http://emulator", timeout=1
    )
    with pytest.raises(CustomResourceError) if failing else nullcontext():
        asyncio.run(functions.resources.start())
    return functions.created


def custom(name: str, properties: str = "", rest: str = "") -> str:
    return f"""
  {name}:
    Type: Custom::{name}
    {rest}
    Properties: {{ServiceToken: !GetAtt Worker.Arn{properties}}}
"""


def test_independent_resources_are_created_in_the_templates_order(tmp_path: Path) -> None:
    assert created(tmp_path, custom("B") + custom("A") + custom("C")) == ["B", "A", "C"]


@pytest.mark.parametrize(
    "first",
    [
        custom("A", rest="DependsOn: B"),
        custom("A", rest="DependsOn: [Worker, B]"),
        custom("A", ", Value: !Ref B"),
        custom("A", ", Values: [{Deep: !Sub '${B}-x'}]"),
        custom("A", ", Value: !Sub ['${Name}', {Name: !Ref B}]"),
        custom("A", rest="DependsOn: Jobs") + "  Jobs: {Type: AWS::SQS::Queue, DependsOn: B}\n",
        custom("A", ", Value: !GetAtt Jobs.Arn") + "  Jobs: {Type: AWS::SQS::Queue, DependsOn: [B]}\n",
    ],
)
def test_a_resource_is_created_after_those_on_which_it_depends(tmp_path: Path, first: str) -> None:
    assert created(tmp_path, first + custom("C") + custom("B")) == ["B", "A", "C"]


def test_dependencies_are_followed_through_several_resources(tmp_path: Path) -> None:
    chain = custom("A", rest="DependsOn: B") + custom("B", rest="DependsOn: [D, C]") + custom("C") + custom("D")
    assert created(tmp_path, chain) == ["D", "C", "B", "A"]


def test_a_resource_is_not_created_when_one_on_which_it_depends_fails(tmp_path: Path) -> None:
    assert created(tmp_path, custom("A", rest="DependsOn: B") + custom("B"), "B") == ["B"]


def test_a_variable_that_sub_is_given_is_not_a_resource(tmp_path: Path) -> None:
    first = custom("A", ", Value: !Sub ['${B} ${!B}', {B: x}]")
    assert created(tmp_path, first + custom("B")) == ["A", "B"]


def test_a_dependency_that_its_condition_leaves_out_is_not_waited_for(tmp_path: Path) -> None:
    never = "Conditions: {Never: !Equals [a, b]}"
    stack = loaded(tmp_path, FUNCTION + custom("A", rest="DependsOn: B") + custom("B", rest="Condition: Never"), never)
    assert [resource.name for resource in stack.of(CustomResource).values()] == ["A"]


def test_a_circular_dependency_is_refused(tmp_path: Path) -> None:
    circle = custom("A", rest="DependsOn: B") + custom("B", rest="DependsOn: A") + custom("C", rest="DependsOn: A")
    assert problems(tmp_path, FUNCTION + circle) == [
        f"{name} (Custom::{name}): circular dependency between resources: A, B" for name in ("A", "B")
    ]


def test_a_dependency_that_is_no_name_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, FUNCTION + custom("A", rest="DependsOn: {Ref: B}")) == [
        "A (Custom::A): DependsOn: expected a logical id or a list of them, was {'Ref': 'B'}"
    ]
