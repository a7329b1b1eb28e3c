"""Values that YAML reads otherwise than they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.lambda_.records import Function
from emulator.sqs.records import Queue
from emulator.states.records import StateMachine
from tests.support.emulator.templates import FUNCTION, loaded, only, problems, resolved

WORKER = FUNCTION.rstrip().rstrip("}")


@pytest.mark.parametrize(
    ("written", "value"),
    [("true", "true"), ("No", "false"), ("2024-01-01", "2024-01-01"), ("1.10", "1.1"), ("'No'", "No"), ("7", "7")],
)
def test_a_scalar_is_the_text_that_cloudformation_makes_of_it(tmp_path: Path, written: str, value: str) -> None:
    queue = f"  Q: {{Type: AWS::SQS::Queue, Properties: {{QueueName: {written}}}}}\n"
    stack = loaded(tmp_path, f"{WORKER}, Environment: {{Variables: {{A: {written}}}}}}}\n{queue}")
    assert stack.of(Function)["Worker"].environment == {"A": value}
    assert list(stack.of(Queue)) == [value]
    assert resolved(tmp_path, written) == value


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("[1, 2]", "Environment: A: expected a string, was [1, 2]"),
        ("{b: 1}", 'Environment.Variables.A: expected a string or a number, was {"b": 1}'),
    ],
)
def test_a_list_or_mapping_is_no_string(tmp_path: Path, written: str, problem: str) -> None:
    assert problems(tmp_path, f"{WORKER}, Environment: {{Variables: {{A: {written}}}}}}}\n") == [
        f"Worker (AWS::Lambda::Function): {problem}"
    ]


@pytest.mark.parametrize(("written", "shown"), [("[1, 2]", "[1, 2]"), ("{b: 1}", '{"b": 1}')])
def test_an_output_is_a_string(tmp_path: Path, written: str, shown: str) -> None:
    found = problems(tmp_path, FUNCTION, f"Outputs: {{O: {{Value: {written}}}}}")
    assert found == [f"Outputs: O: expected a string, was {shown}"]


def test_the_default_of_a_parameter_is_a_string(tmp_path: Path) -> None:
    found = problems(tmp_path, FUNCTION, "Parameters: {P: {Type: CommaDelimitedList, Default: [a, b]}}")
    assert found == ['P: expected a string, was ["a", "b"]']


def test_null_is_refused_with_its_place(tmp_path: Path) -> None:
    found = problems(
        tmp_path, f"{WORKER}, Environment: {{Variables: {{A: null, B: ~}}}}}}\n", "Outputs: {O: {Value: }}"
    )
    place = "Resources.Worker.Properties.Environment.Variables"
    wanted = [f"{place}.A", f"{place}.B", "Outputs.O.Value"]
    assert sorted(found) == sorted(
        f"{place}: null is not allowed in a template; expected a value, or !Ref AWS::NoValue" for place in wanted
    )


@pytest.mark.parametrize("name", ["Yes", "No", "On", "Off", "true", "~"])
def test_a_name_that_yaml_reads_as_another_type_is_refused(tmp_path: Path, name: str) -> None:
    for resources, rest in (
        (f"  {name}: {{Type: AWS::SQS::Queue}}\n", ""),
        ("", f"Outputs: {{{name}: {{Value: a}}}}"),
        ("", f"Parameters: {{{name}: {{Type: String, Default: a}}}}"),
        (f"  Q: {{Type: AWS::SQS::Queue, Properties: {{{name}: 1}}}}\n", ""),
    ):
        (found,) = problems(tmp_path, FUNCTION + resources, rest)
        assert "expected a string as a key, was the " in found
        assert "names such as Yes, No, On and Off need quotes" in found
        assert ", line " in found


def test_dates_and_numbers_are_names(tmp_path: Path) -> None:
    rest = "Mappings: {Days: {2024-01-01: {7: week}}}"
    assert resolved(tmp_path, "!FindInMap [Days, 2024-01-01, '7']", rest) == "week"


def test_a_repeated_key_is_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, f"{FUNCTION}  Worker: {{Type: AWS::SQS::Queue}}\n")
    assert "expected each key once, was Worker twice" in found


def test_a_merge_may_replace_a_key(tmp_path: Path) -> None:
    resources = f"""
  A: {{Type: AWS::SQS::Queue, Properties: &a {{DelaySeconds: 1, VisibilityTimeout: 9}}}}
  B: {{Type: AWS::SQS::Queue, Properties: &b {{<<: *a, DelaySeconds: 2}}}}
  C: {{Type: AWS::SQS::Queue, Properties: {{<<: *b, DelaySeconds: 3}}}}
{FUNCTION}"""
    queues = loaded(tmp_path, resources).of(Queue)
    assert [(queue.delay, queue.visibility_timeout) for queue in queues.values()] == [(1, 9), (2, 9), (3, 9)]


def test_a_definition_takes_substitutions_as_cloudformation_writes_them(tmp_path: Path) -> None:
    (tmp_path / "machine.asl.yaml").write_text(
        "StartAt: A\nStates:\n  A: {Type: Pass, Result: {'on': ${Flag}, at: ${At}, day: 2024-01-01}, End: true}\n"
    )
    machine = """
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machine.asl.yaml
      DefinitionSubstitutions: {Flag: true, At: 2024-01-01}
"""
    definition = only(loaded(tmp_path, FUNCTION + machine), StateMachine).definition
    assert definition["States"]["A"]["Result"] == {"on": True, "at": "2024-01-01", "day": "2024-01-01"}


def test_a_substitution_is_a_string(tmp_path: Path) -> None:
    (tmp_path / "machine.asl.json").write_text('{"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": ${S}}}}')
    machine = """
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties: {DefinitionUri: machine.asl.json, DefinitionSubstitutions: {S: [1]}}
"""
    assert problems(tmp_path, FUNCTION + machine) == [
        "Machine (AWS::StepFunctions::StateMachine): DefinitionSubstitutions: S: expected a string, was [1]"
    ]
