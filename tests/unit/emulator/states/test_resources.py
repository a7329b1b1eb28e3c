"""State machines as a template deploys them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from emulator.states.records import StateMachine
from emulator.states.service import StepFunctions
from emulator.template.stack import Stack
from tests.support.emulator.no_functions import NoFunctions
from tests.support.emulator.templates import loaded, only

TEXT = """{ "StartAt":"S",
     "States": {"S": {"Type": "Pass", "Comment": "\\u00e9", "Result": 1.50, "End": true}} }
"""


def machine(rest: str) -> str:
    return f"""
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      {rest}
"""


def described(stack: Stack) -> dict[str, Any]:
    found = only(stack, StateMachine)

    async def no_queue(request: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError(request)

    service = StepFunctions([found], NoFunctions(), no_queue)
    return asyncio.run(service.handle("DescribeStateMachine", {"stateMachineArn": found.arn}))


def test_a_definition_in_a_file_is_described_as_it_stands_there(tmp_path: Path) -> None:
    (tmp_path / "machine.asl.json").write_text(TEXT)
    assert described(loaded(tmp_path, machine("DefinitionUri: machine.asl.json")))["definition"] == TEXT


def test_only_the_substitutions_change_a_definition(tmp_path: Path) -> None:
    (tmp_path / "machine.asl.json").write_text(TEXT.replace("1.50", '"${Value}"'))
    properties = "DefinitionUri: machine.asl.json\n      DefinitionSubstitutions: {Value: x}"
    assert described(loaded(tmp_path, machine(properties)))["definition"] == TEXT.replace("1.50", '"x"')


def test_a_definition_as_a_string_is_described_as_it_is(tmp_path: Path) -> None:
    resource = f"""
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      DefinitionString: {json.dumps(TEXT)}
      RoleArn: arn:aws:iam::000000000000:role/Mine
"""
    answer = described(loaded(tmp_path, resource))
    assert (answer["definition"], answer["roleArn"]) == (TEXT, "arn:aws:iam::000000000000:role/Mine")


def test_a_definition_in_yaml_is_described_as_json(tmp_path: Path) -> None:
    (tmp_path / "machine.asl.yaml").write_text("StartAt: S\nStates: {S: {Type: Succeed}}\n")
    definition = described(loaded(tmp_path, machine("DefinitionUri: machine.asl.yaml")))["definition"]
    assert definition == '{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}'


def test_the_role_is_the_one_that_the_template_gives_the_machine(tmp_path: Path) -> None:
    role = "\n  Mine: {Type: AWS::IAM::Role, Properties: {RoleName: states, AssumeRolePolicyDocument: {}}}\n"
    (tmp_path / "machine.asl.json").write_text(TEXT)
    given = machine("DefinitionUri: machine.asl.json\n      Role: !GetAtt Mine.Arn")
    assert described(loaded(tmp_path, given + role))["roleArn"] == "arn:aws:iam::000000000000:role/states"
    made = machine("DefinitionUri: machine.asl.json")
    assert described(loaded(tmp_path, made))["roleArn"] == "arn:aws:iam::000000000000:role/MachineRole"
