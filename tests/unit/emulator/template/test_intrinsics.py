from __future__ import annotations

from pathlib import Path

import pytest

from emulator.lambda_.records import Function
from emulator.sqs.records import Queue
from tests.support.emulator.templates import FUNCTION, loaded, problems, resolved


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("!Ref AWS::Region", "us-east-1"),
        ("!Sub '${AWS::AccountId}-${!Literal}-${Name}'", "000000000000-${Literal}-x"),
        ("!Sub ['${A}/${Worker.Arn}', {A: !Ref Name}]", "x/arn:aws:lambda:us-east-1:000000000000:function:Worker"),
        ("!Join ['-', [a, !Ref Name, !Select [1, !Split [',', 'p,q']]]]", "a-x-q"),
        ("!If [IsX, 'yes', 'no']", "yes"),
        ("!If [IsNeither, 'yes', 'no']", "no"),
        ("!FindInMap [Sizes, !Ref Name, big]", "9"),
        ("!Select [1, !Ref Items]", "b"),
        ("!If [IsZero, none, some]", "none"),
        ("{Fn::Base64: hi}", "aGk="),
        ("!GetAtt Queue.QueueName", "Queue"),
        ("!Ref Queue", "http://127.0.0.1:4566/000000000000/Queue"),
        (
            "!Join ['', ['https://', {Ref: Sockets}, '.execute-api.us-east-1.amazonaws.com/v1']]",
            "http://127.0.0.1:3001",
        ),
        ("!Sub '${Sockets.ApiEndpoint}/v1?token=1'", "ws://127.0.0.1:3001?token=1"),
        (
            "https://other.execute-api.us-east-1.amazonaws.com/v1",
            "https://other.execute-api.us-east-1.amazonaws.com/v1",
        ),
    ],
)
def test_intrinsic_functions(tmp_path: Path, expression: str, value: str) -> None:
    rest = """
Parameters:
  Name: {Type: String, Default: x}
  Items: {Type: CommaDelimitedList, Default: "a, b"}
  Count: {Type: Number, Default: 0}
Mappings: {Sizes: {x: {big: 9}}}
Conditions:
  IsX: !Equals [!Ref Name, x]
  IsNeither: !And [!Not [Condition: IsX], !Or [!Equals [a, b], !Equals [a, a]]]
  IsZero: !Equals [!Ref Count, 0]
"""
    resources = """
  Queue: {Type: AWS::SQS::Queue}
  Sockets:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      StageName: v1
      RouteSelectionExpression: $request.body.action
      Routes: {$default: {FunctionArn: !GetAtt Worker.Arn}}
"""
    assert resolved(tmp_path, expression, rest, resources) == value


def test_a_resource_whose_condition_fails_is_left_out(tmp_path: Path) -> None:
    resources = "  Extra: {Type: AWS::SQS::Queue, Condition: Never, Properties: {DelaySeconds: 1}}\n"
    conditions = "Conditions: {Never: !Equals [a, b]}"
    assert loaded(tmp_path, FUNCTION + resources, conditions).of(Queue) == {}


def test_the_parameters_that_leave_out_an_unsupported_resource_are_named(tmp_path: Path) -> None:
    rest = """
Parameters:
  Url: {Type: String, Default: ""}
  Size: {Type: String, Default: small}
  Colour: {Type: String, Default: red}
Conditions:
  Creates: !Equals [!Ref Url, ""]
  CreatesSmall: !And [!Condition Creates, !Not [!Equals [!Ref Size, !Ref "AWS::Region"]]]
  Always: !Equals [a, a]
"""
    resources = """
  Stores:
    Type: AWS::CloudFormation::Stack
    Condition: CreatesSmall
    Properties: {TemplateURL: stores.yaml}
  Table: {Type: AWS::DynamoDB::Table, Condition: Always}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: python3.13
      Environment: {Variables: {URL: !If [Creates, !GetAtt Stores.Outputs.Url, !Ref Url]}}
"""
    table, stores = problems(tmp_path, resources, rest)
    assert stores == (
        "Stores (AWS::CloudFormation::Stack): this type of resource is not supported; its condition CreatesSmall"
        " depends on Url, Size: expected other values, by --parameter NAME=VALUE, or by --postgres NAME and"
        " --redis NAME for the URL of an embedded store"
    )
    assert table == "Table (AWS::DynamoDB::Table): this type of resource is not supported"
    given = loaded(tmp_path, resources.replace("Condition: Always", "Condition: Creates"), rest, Url="x")
    assert given.of(Function)["Worker"].environment == {"URL": "x"}


def test_a_yaml_alias_is_a_copy(tmp_path: Path) -> None:
    """The translator changes such a policy in place."""
    policies = "[&policy !If [Always, {Statement: [{Effect: Allow, Action: a, Resource: b}]}, !Ref 'AWS::NoValue']]"
    properties = "CodeUri: code, Handler: app.handler, Runtime: python3.13"
    resources = f"""
  First: {{Type: AWS::Serverless::Function, Properties: {{{properties}, Policies: {policies}}}}}
  Second: {{Type: AWS::Serverless::Function, Properties: {{{properties}, Policies: [*policy]}}}}
"""
    assert set(loaded(tmp_path, resources, "Conditions: {Always: !Equals [a, a]}").of(Function)) == {"First", "Second"}


def test_a_yaml_alias_that_refers_to_itself_is_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, FUNCTION, "Metadata: &m {again: *m}")
    assert found.endswith("template.yaml: expected aliases that do not refer to themselves")


def test_no_value_leaves_a_property_out(tmp_path: Path) -> None:
    resources = "  Q: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: !Ref AWS::NoValue}}\n"
    assert loaded(tmp_path, resources).of(Queue)["Q"].delay == 0


@pytest.mark.parametrize(
    ("declaration", "given", "problem"),
    [
        ("{Type: String}", None, "P: expected a value: it has no default"),
        ("{Type: Number, MinValue: 2, MaxValue: 5}", "9", "P: expected a number from 2 to 5, was '9'"),
        ("{Type: Number}", "many", "P: expected a number, was 'many'"),
        ("{Type: String, AllowedValues: [a, b]}", "c", "P: expected one of a, b, was 'c'"),
        ("{Type: String, AllowedPattern: '[a-z]+'}", "A", "P: expected a match of [a-z]+, was 'A'"),
        (
            "{Type: String, MinLength: 2, NoEcho: true}",
            "s",
            "P: expected a length from 2, was a hidden value",
        ),
    ],
)
def test_a_wrong_parameter_is_named(tmp_path: Path, declaration: str, given: str | None, problem: str) -> None:
    values = {} if given is None else {"P": given}
    assert problems(tmp_path, FUNCTION, f"Parameters: {{P: {declaration}}}", **values) == [problem]


def test_an_unknown_parameter_is_named(tmp_path: Path) -> None:
    assert problems(tmp_path, FUNCTION, Typo="1") == ["Typo: no such parameter; the template has none"]


def test_a_broken_rule_is_named(tmp_path: Path) -> None:
    rules = """
Parameters: {Size: {Type: String}, Stage: {Type: String}}
Rules:
  Sizes:
    RuleCondition: !Equals [!Ref Stage, production]
    Assertions:
      - Assert: !Contains [[medium, large], !Ref Size]
        AssertDescription: expected a medium or large size in production
"""
    assert problems(tmp_path, FUNCTION, rules, Size="small", Stage="production") == [
        "Sizes: expected a medium or large size in production"
    ]
    assert loaded(tmp_path, FUNCTION, rules, Size="large", Stage="production")
    assert loaded(tmp_path, FUNCTION, rules, Size="small", Stage="test")


STAGES = """
  Api: {Type: AWS::Serverless::Api, Properties: {StageName: !Sub "v${Number}", DefinitionBody: {paths: {}}}}
  Sockets:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      StageName: live
      RouteSelectionExpression: $request.body.action
      Routes: {$default: {FunctionArn: !GetAtt Worker.Arn}}
  Published:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: code, Handler: app.handler, Runtime: python3.13, AutoPublishAlias: now}
"""


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("!Ref Api.Stage", "v1"),
        ("!Sub '${Api.Stage}/orders'", "v1/orders"),
        ("!Ref SocketsliveStage", "live"),
        ("!Ref Published.Version", "arn:aws:lambda:us-east-1:000000000000:function:Published:1"),
        ("!Ref Published.Alias", "arn:aws:lambda:us-east-1:000000000000:function:Published:now"),
        ("!GetAtt Published.Version.Version", "1"),
    ],
)
def test_what_sam_generates_can_be_referred_to(tmp_path: Path, expression: str, value: str) -> None:
    rest = "Parameters: {Number: {Type: String, Default: '1'}}"
    assert resolved(tmp_path, expression, rest, STAGES) == value
