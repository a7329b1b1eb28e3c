from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from emulator.apigateway.records import Authorizer, Cors, GatewayResponse, RestApi, Route, WebSocketApi
from emulator.cloudformation.records import CustomResource
from emulator.common.errors import TemplateError
from emulator.lambda_.records import EventSourceMapping, Function
from emulator.scheduler.records import Schedule
from emulator.sqs.records import Queue, Redrive
from emulator.stack import load
from emulator.states.records import StateMachine
from emulator.template.stack import R, Stack

ROOT = Path(__file__).parents[3]

FUNCTION = """
  Worker:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: code, Handler: app.handler, Runtime: python3.13}
"""


def write(folder: Path, resources: str, rest: str = "") -> Path:
    (folder / "code").mkdir(exist_ok=True)
    path = folder / "template.yaml"
    path.write_text(f"Transform: AWS::Serverless-2016-10-31\n{rest}\nResources:\n{resources}")
    return path


def loaded(folder: Path, resources: str, rest: str = "", **parameters: str) -> Stack:
    return load(write(folder, resources, rest), parameters)


def only(stack: Stack, kind: type[R]) -> R:
    (record,) = stack.of(kind).values()
    return record


def problems(folder: Path, resources: str, rest: str = "", **parameters: str) -> list[str]:
    with pytest.raises(TemplateError) as refused:
        loaded(folder, resources, rest, **parameters)
    return refused.value.problems


def resolved(folder: Path, expression: str, rest: str = "", resources: str = "", **parameters: str) -> Any:
    outputs = f"{rest}\nOutputs:\n  Value:\n    Value: {expression}\n"
    return loaded(folder, f"{FUNCTION}{resources}", outputs, **parameters).outputs["Value"]


def test_our_template_loads() -> None:
    stack = load(ROOT / "template.yaml", {"DatabaseUrl": "postgresql://x", "RedisUrl": "redis://x"}, "orders")
    submit = stack.of(Function)["SubmitFunction"]
    assert (submit.code, submit.search_path) == (ROOT / "functions/submit", (ROOT / "layers/common",))
    assert (submit.handler, submit.timeout, submit.memory) == ("app.handler", 20, 512)
    assert submit.environment["ORDER_QUEUE_URL"] == "http://127.0.0.1:4566/000000000000/OrderQueue"
    assert submit.environment["WEBSOCKET_URL"] == "ws://127.0.0.1:3001"
    route = stack.of(Function)["RouteFunction"].environment
    assert route["CONNECTIONS_URL"] == "http://127.0.0.1:3001"
    assert {(r.method, r.path) for r in only(stack, RestApi).routes} >= {
        ("POST", "/api/orders/execute"),
        ("GET", "/health"),
    }
    assert only(stack, RestApi).cors == Cors(
        "*", "GET,POST,DELETE,OPTIONS", "Authorization,Content-Type,Idempotency-Key", "600"
    )
    assert set(only(stack, WebSocketApi).routes) == {"$connect", "$disconnect", "$default"}
    order = next(mapping for mapping in stack.of(EventSourceMapping).values() if mapping.function == "DispatchFunction")
    assert (order.batch_size, order.max_concurrency, order.report_batch_item_failures) == (1, 10, True)
    machine = stack.of(StateMachine)["OrderMachine"]
    assert machine.type == "EXPRESS"
    assert machine.definition["States"]["Route"]["Resource"] == f"{stack.of(Function)['RouteFunction'].arn}:live"
    assert "${" not in json.dumps(machine.definition)
    assert next(iter(stack.of(Schedule).values())).expression == "rate(1 minute)"
    assert only(stack, CustomResource).function == "MigrateFunction"
    assert stack.outputs["ApiUrl"] == "http://127.0.0.1:3000"


def test_our_template_loads_with_a_websocket_gateway_elsewhere() -> None:
    stores = {"DatabaseUrl": "postgresql://x", "RedisUrl": "redis://x"}
    elsewhere = {"WebSocketUrl": "ws://sockets:3001", "ConnectionsUrl": "http://gateway:3001"}
    stack = load(ROOT / "template.yaml", stores | elsewhere)
    assert stack.of(Function)["TicketFunction"].environment["WEBSOCKET_URL"] == "ws://sockets:3001"
    assert stack.of(Function)["RouteFunction"].environment["CONNECTIONS_URL"] == "http://gateway:3001"
    assert stack.outputs["WebSocketUrl"] == "ws://sockets:3001"
    assert "-c ws://sockets:3001 -H" in stack.outputs["WatchAnOrder"]
    for name, value in elsewhere.items():
        with pytest.raises(TemplateError, match="expected both WebSocketUrl and ConnectionsUrl, or neither"):
            load(ROOT / "template.yaml", stores | {name: value})


def test_a_template_of_another_shape_loads(tmp_path: Path) -> None:
    (tmp_path / "layer" / "python").mkdir(parents=True)
    (tmp_path / "machine.asl.yaml").write_text(
        "StartAt: A\nStates:\n  A: {Type: Task, Resource: '${Target}', End: true}\n"
    )
    stack = loaded(
        tmp_path,
        """
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      Auth:
        DefaultAuthorizer: Token
        Authorizers:
          Token: {FunctionArn: !GetAtt Worker.Arn, Identity: {ReauthorizeEvery: 60}}
          Request:
            FunctionArn: !GetAtt Worker.Arn
            FunctionPayloadType: REQUEST
            Identity: {Headers: [X-Tenant], QueryStrings: [key]}
  Sockets:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      StageName: live
      RouteSelectionExpression: $request.body.type
      Auth: {AuthType: CUSTOM, AuthArn: !GetAtt Worker.Arn, IdentitySource: ["route.request.querystring.token"]}
      Routes: {$connect: {FunctionArn: !GetAtt Worker.Arn}, chat: {FunctionArn: !GetAtt Worker.Arn}}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub ${AWS::StackName}-worker
      CodeUri: code
      Handler: package/app.handler
      Runtime: python3.12
      AutoPublishAlias: live
      Layers: [!Ref Shared]
      ReservedConcurrentExecutions: 3
      LoggingConfig: {LogFormat: JSON}
      Events:
        Any: {Type: Api, Properties: {RestApiId: !Ref Api, Path: "/{proxy+}", Method: any}}
        Own: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /b, Method: get, Auth: {Authorizer: Request}}}
        Open: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /c, Method: get, Auth: {Authorizer: NONE}}}
        Rule: {Type: Schedule, Properties: {Schedule: cron(0 * * * ? *), Input: '{"a": 1}'}}
        Later: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(5 minutes), State: DISABLED}}
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: layer}
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: jobs
      RedrivePolicy: !Sub '{"deadLetterTargetArn": "${Dead.Arn}", "maxReceiveCount": 3}'
  Dead: {Type: AWS::SQS::Queue}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machine.asl.yaml
      DefinitionSubstitutions: {Target: !GetAtt Worker.Arn}
  Setup:
    Type: Custom::Setup
    Properties: {ServiceToken: !GetAtt Worker.Arn, Size: 3, Flags: [true]}
""",
    )
    worker = stack.of(Function)["local-worker"]
    assert worker.qualifiers == {"live", "1"}
    assert (worker.search_path, worker.reserved_concurrency, worker.runtime) == (
        (tmp_path / "layer/python",),
        3,
        "python3.12",
    )
    assert worker.environment == {"AWS_LAMBDA_LOG_FORMAT": "JSON"}
    name = worker.name
    token = Authorizer("Token", name, "TOKEN", ("Authorization",), ttl=60)
    request = Authorizer("Request", name, "REQUEST", ("X-Tenant",), ("key",))
    assert set(only(stack, RestApi).routes) == {
        Route("ANY", "/{proxy+}", name, token),
        Route("GET", "/b", name, request),
        Route("GET", "/c", name),
    }
    sockets = only(stack, WebSocketApi)
    assert (sockets.stage, sockets.selection_expression) == ("live", "$request.body.type")
    assert sockets.routes == {"$connect": name, "chat": name}
    assert sockets.authorizer is not None
    assert sockets.authorizer.identity_query == ("token",)
    assert stack.of(Queue)["jobs"] == Queue("jobs", redrive=Redrive("arn:aws:sqs:us-east-1:000000000000:Dead", 3))
    assert set(stack.of(Schedule).values()) == {
        Schedule("WorkerLater", "rate(5 minutes)", name, None, enabled=False),
        Schedule("WorkerRule", "cron(0 * * * ? *)", name, '{"a": 1}'),
    }
    assert stack.of(StateMachine)["Machine"].definition["States"]["A"]["Resource"] == worker.arn
    properties = {"ServiceToken": worker.arn, "Size": "3", "Flags": ["true"]}
    assert only(stack, CustomResource) == CustomResource("Setup", "Custom::Setup", name, properties)


@pytest.mark.parametrize(
    ("metadata", "root"),
    [("{BuildMethod: python3.13}", "layer"), ("{BuildMethod: python3.13, SamResourceId: Shared}", "layer/python")],
)
def test_a_layer_is_importable_before_and_after_sam_build(tmp_path: Path, metadata: str, root: str) -> None:
    (tmp_path / "layer" / "python").mkdir(parents=True)
    layer = f"  Shared:\n    Type: AWS::Serverless::LayerVersion\n    Metadata: {metadata}\n"
    stack = loaded(
        tmp_path,
        f"{layer}    Properties: {{ContentUri: layer}}\n{FUNCTION}",
        "Globals: {Function: {Layers: [!Ref Shared]}}",
    )
    assert stack.of(Function)["Worker"].search_path == (tmp_path / root,)


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


def test_what_leaves_out_a_resource_that_is_not_supported_is_named(tmp_path: Path) -> None:
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


def test_an_alias_stands_for_a_copy(tmp_path: Path) -> None:
    """The translator turns such a policy into another one, in place."""
    policies = "[&policy !If [Always, {Statement: [{Effect: Allow, Action: a, Resource: b}]}, !Ref 'AWS::NoValue']]"
    properties = "CodeUri: code, Handler: app.handler, Runtime: python3.13"
    resources = f"""
  First: {{Type: AWS::Serverless::Function, Properties: {{{properties}, Policies: {policies}}}}}
  Second: {{Type: AWS::Serverless::Function, Properties: {{{properties}, Policies: [*policy]}}}}
"""
    assert set(loaded(tmp_path, resources, "Conditions: {Always: !Equals [a, a]}").of(Function)) == {"First", "Second"}


def test_an_alias_that_contains_itself_is_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, FUNCTION, "Metadata: &m {again: *m}")
    assert found.endswith("template.yaml: expected aliases that do not contain themselves")


def test_no_value_leaves_a_property_out(tmp_path: Path) -> None:
    resources = "  Q: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: !Ref AWS::NoValue}}\n"
    assert loaded(tmp_path, resources).of(Queue)["Q"].delay == 0


@pytest.mark.parametrize(
    ("declaration", "given", "problem"),
    [
        ("{Type: String}", None, "P: a value is required: it has no default"),
        ("{Type: Number, MinValue: 2, MaxValue: 5}", "9", "P: expected a number from 2 to 5, was '9'"),
        ("{Type: Number}", "many", "P: expected a number, was 'many'"),
        ("{Type: String, AllowedValues: [a, b]}", "c", "P: expected one of a, b, was 'c'"),
        ("{Type: String, AllowedPattern: '[a-z]+'}", "A", "P: expected a match of [a-z]+, was 'A'"),
        (
            "{Type: String, MinLength: 2, NoEcho: true}",
            "s",
            "P: expected a length from 2, was a value that is not shown",
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


def test_a_section_of_the_wrong_shape_is_named(tmp_path: Path) -> None:
    found = problems(tmp_path, FUNCTION, "Mappings: 3\nOutputs: {O: 1}")
    assert found == ["Mappings: expected a mapping, was 3", "Outputs: O: expected a mapping, was 1"]


@pytest.mark.parametrize(
    ("resource", "problem"),
    [
        ("{Type: AWS::S3::Bucket}", "X (AWS::S3::Bucket): this type of resource is not supported"),
        (
            "{Type: AWS::Serverless::Application, Properties: {Location: a.yaml}}",
            "X (AWS::Serverless::Application): this type of resource is not supported",
        ),
        (
            "{Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}",
            "X (AWS::SQS::Queue): the property FifoQueue is not supported",
        ),
        (
            "{Type: AWS::SQS::Queue, Properties: {DelaySeconds: 901}}",
            "X (AWS::SQS::Queue): DelaySeconds: expected a whole number from 0 to 900, was 901",
        ),
        (
            "{Type: AWS::SQS::Queue, Properties: {QueueName: !Ref Nobody}}",
            "X (AWS::SQS::Queue): QueueName: no parameter or resource is named Nobody",
        ),
        (
            "{Type: AWS::SQS::Queue, Properties: {DelaySeconds: !ImportValue other}}",
            "X (AWS::SQS::Queue): DelaySeconds: Fn::ImportValue is not supported",
        ),
        (
            "{Type: Custom::Thing, Properties: {ServiceToken: elsewhere}}",
            "X (Custom::Thing): ServiceToken: expected a function of this template, was elsewhere",
        ),
        (
            "{Type: AWS::Lambda::Function, Properties: {Code: ., Handler: a.b, Runtime: python3.9, ImageConfig: 1}}",
            "X (AWS::Lambda::Function): the property ImageConfig is not supported",
        ),
        ("not a resource", "X: expected a mapping with Type and Properties, was 'not a resource'"),
    ],
)
def test_what_is_not_supported_is_named(tmp_path: Path, resource: str, problem: str) -> None:
    assert problems(tmp_path, f"{FUNCTION}  X: {resource}\n") == [problem]


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ("DeadLetterQueue: {Type: SQS, TargetArn: a}", "the property DeadLetterConfig is not supported"),
        ("FileSystemConfigs: [{Arn: a, LocalMountPath: /mnt/a}]", "the property FileSystemConfigs is not supported"),
        ("Environment: {Variables: {AWS_REGION: x}}", "Environment: Lambda itself sets AWS_REGION"),
        ("Timeout: 901", "Timeout: expected a whole number from 1 to 900, was 901"),
        (
            "Layers: ['arn:aws:lambda:us-east-1:1:layer:x:1']",
            "Layers: expected layers of this template, was arn:aws:lambda",
        ),
    ],
)
def test_what_a_function_cannot_have_is_named(tmp_path: Path, properties: str, problem: str) -> None:
    (found,) = problems(tmp_path, f"{FUNCTION.rstrip().rstrip('}')}, {properties}}}\n")
    assert found.startswith(f"Worker (AWS::Lambda::Function): {problem}")


@pytest.mark.parametrize(
    ("queue", "properties", "problem"),
    [
        (
            "VisibilityTimeout: 29",
            "",
            "EventSourceArn: expected a queue whose VisibilityTimeout is at least the Timeout of Worker, 30, was 29",
        ),
        ("", "BatchSize: 11", "BatchSize: expected at most 10 without MaximumBatchingWindowInSeconds, was 11"),
        (
            "",
            "ScalingConfig: {MaximumConcurrency: 1}",
            "MaximumConcurrency: expected a whole number from 2 to 1000, was 1",
        ),
    ],
)
def test_a_mapping_that_lambda_would_refuse_is_named(tmp_path: Path, queue: str, properties: str, problem: str) -> None:
    resources = f"""{FUNCTION.rstrip().rstrip("}")}, Timeout: 30}}
  Jobs: {{Type: AWS::SQS::Queue, Properties: {{{queue}}}}}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {{EventSourceArn: !GetAtt Jobs.Arn, FunctionName: !Ref Worker, {properties}}}
"""
    assert problems(tmp_path, resources) == [f"Mapping (AWS::Lambda::EventSourceMapping): {problem}"]


@pytest.mark.parametrize("kind", ["AWS::Serverless::Api", "AWS::Serverless::WebSocketApi"])
def test_a_second_api_on_a_port_is_refused(tmp_path: Path, kind: str) -> None:
    routes = ", Routes: {$default: {FunctionArn: !GetAtt Worker.Arn}}" if "Web" in kind else ""
    properties = f"StageName: v1{', RouteSelectionExpression: $request.body.action' if routes else ''}{routes}"
    apis = "".join(f"  {name}: {{Type: {kind}, Properties: {{{properties}}}}}\n" for name in ("A", "B"))
    found = problems(tmp_path, FUNCTION + apis)
    assert len(found) == 2
    assert all("expected one API of this type, since it has a port to itself, was A, B" in problem for problem in found)


def test_a_redrive_policy_without_its_queue_is_named(tmp_path: Path) -> None:
    nowhere = "arn:aws:sqs:us-east-1:000000000000:nowhere"
    policy = f"{{deadLetterTargetArn: '{nowhere}', maxReceiveCount: 3}}"
    (problem,) = problems(
        tmp_path, f"{FUNCTION}  Jobs: {{Type: AWS::SQS::Queue, Properties: {{RedrivePolicy: {policy}}}}}\n"
    )
    assert problem == f"Jobs (AWS::SQS::Queue): RedrivePolicy: expected a queue of this template, was {nowhere}"


API = """
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: v1
      DefinitionBody: {{openapi: 3.0.1, paths: {{}}}}
      GatewayResponses: {}
"""


def test_gateway_responses_are_read(tmp_path: Path) -> None:
    response = """
        UNAUTHORIZED: {StatusCode: 418, ResponseParameters: {Headers: {X-Why: "'tea'"}}}
        DEFAULT_5XX: {ResponseTemplates: {application/json: '{"m": $context.error.messageString}'}}"""
    assert loaded(tmp_path, API.format(response)).of(RestApi)["Api"].responses == {
        "UNAUTHORIZED": GatewayResponse(418, {"X-Why": "tea"}),
        "DEFAULT_5XX": GatewayResponse(template='{"m": $context.error.messageString}'),
    }


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        ("ResponseParameters: {Headers: {X: method.request.header.Y}}", "expected a header with a value in quotes"),
        ("ResponseParameters: {Paths: {X: \"'y'\"}}", "expected a header with a value in quotes"),
        ("ResponseTemplates: {application/json: $context.identity.sourceIp}", "$context.identity.sourceIp is not"),
        ("ResponseTemplates: {text/html: no}", "another content type than application/json is not supported"),
    ],
)
def test_a_gateway_response_that_is_not_supported_is_named(tmp_path: Path, response: str, problem: str) -> None:
    (found,) = problems(tmp_path, API.format(f"{{UNAUTHORIZED: {{{response}}}}}"))
    assert "the gateway response UNAUTHORIZED: " in found
    assert problem in found


def test_what_has_no_local_meaning_is_ignored(tmp_path: Path) -> None:
    ignored = "Tracing: Active, Architectures: [arm64], Role: some-role, Tags: {a: b}, Description: d"
    resources = f"""{FUNCTION.rstrip().rstrip("}")}, {ignored}}}
  Logs: {{Type: AWS::Logs::LogGroup, Properties: {{RetentionInDays: 7}}}}
  Alarm: {{Type: AWS::CloudWatch::Alarm, Properties: {{Threshold: 1, AlarmActions: [!Ref Topic]}}}}
  Topic: {{Type: AWS::SNS::Topic, Properties: {{Subscription: [{{Protocol: email, Endpoint: a@b.example}}]}}}}
  Plan: {{Type: AWS::ApiGateway::UsagePlan, Properties: {{Throttle: {{RateLimit: 1}}}}}}
"""
    assert list(loaded(tmp_path, resources).of(Function)) == ["Worker"]


@pytest.mark.parametrize(
    ("nested", "refused"),
    [
        ("Resources: {A: {Type: AWS::CloudWatch::Alarm}}", False),
        ("Resources: {A: {Type: AWS::CloudWatch::Alarm}, B: {Type: AWS::SQS::Queue}}", True),
        ("Resources: {}", True),
        (None, True),
    ],
)
def test_a_nested_stack_is_ignored_if_all_its_resources_are(tmp_path: Path, nested: str | None, refused: bool) -> None:
    if nested is not None:
        (tmp_path / "nested.yaml").write_text(nested)
    stack = "  Nested: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: nested.yaml}}\n"
    refusal = "Nested (AWS::CloudFormation::Stack): this type of resource is not supported"
    if refused:
        assert problems(tmp_path, FUNCTION + stack) == [refusal]
    else:
        assert list(loaded(tmp_path, FUNCTION + stack).of(Function)) == ["Worker"]


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    resources = "  A: {Type: AWS::S3::Bucket}\n  B: {Type: AWS::SNS::Subscription}\n"
    assert len(problems(tmp_path, FUNCTION + resources, "Outputs: {O: {Value: !Ref Nobody}}")) == 3


def test_what_the_translator_refuses_is_passed_on(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: code, Runtime: 3}}\n")
    assert "[F]" in problem


def test_a_missing_code_folder_is_named(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, FUNCTION.replace("CodeUri: code", "CodeUri: nowhere"))
    assert problem.endswith(f"CodeUri: expected a path on this machine, {tmp_path / 'nowhere'} does not exist")


@pytest.mark.parametrize("text", ["", "Resources: {", "- a", "Resources: {}", "\x00"])
def test_garbage_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(text)
    with pytest.raises(TemplateError):
        load(path, {})


def test_loading_does_not_import_boto3() -> None:
    program = (
        "import pathlib, sys; from emulator.stack import load;"
        f"load(pathlib.Path({str(ROOT / 'template.yaml')!r}), {{'DatabaseUrl': 'x', 'RedisUrl': 'y'}});"
        "import boto3; boto3.session.Session; print('botocore.session' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout == "True\n"
