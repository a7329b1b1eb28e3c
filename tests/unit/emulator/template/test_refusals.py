from __future__ import annotations

from pathlib import Path

import pytest

from emulator.apigateway.records import GatewayResponse, RestApi
from emulator.lambda_.records import Function
from tests.support.emulator.templates import FUNCTION, loaded, problems


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
        (
            "{Type: AWS::SNS::Topic, Properties: {Subscription: [{Protocol: email, Endpoint: a@b.example}]}}",
            "X (AWS::SNS::Topic): the property Subscription is not supported",
        ),
        (
            "{Type: AWS::SQS::Queue, Properties: {QueueName: '{{resolve:ssm:name}}'}}",
            "X (AWS::SQS::Queue): QueueName: the dynamic reference {{resolve:ssm:name}} is not supported",
        ),
        (
            "{Type: AWS::SQS::Queue, Properties: {RedriveAllowPolicy: {redrivePermission: ''}}}",
            "X (AWS::SQS::Queue): RedriveAllowPolicy: redrivePermission: expected allowAll, denyAll or byQueue, was ''",
        ),
        (
            "{Type: AWS::SQS::Queue, CreationPolicy: {ResourceSignal: {Count: 1}}}",
            "the property Resources.X.CreationPolicy is not supported",
        ),
        (
            "{Type: AWS::Serverless::HttpApi}",
            "X (AWS::Serverless::HttpApi): this type of resource is not supported",
        ),
        (
            "{Type: AWS::ApiGatewayV2::Api, Properties: {Name: a, ProtocolType: HTTP, CorsConfiguration: {MaxAge: 1}}}",
            (
                "X (AWS::ApiGatewayV2::Api): HTTP APIs (ProtocolType: HTTP) are not supported; expected a REST or a "
                "WebSocket API"
            ),
        ),
        (
            "{Type: AWS::Serverless::Function, Properties: {InlineCode: x, Handler: a.b, Runtime: python3.13}}",
            (
                "X (AWS::Lambda::Function): InlineCode (Code.ZipFile): code in the template is not supported; expected "
                "a folder in CodeUri"
            ),
        ),
        (
            "{Type: AWS::Events::Rule, Properties: {EventPattern: {source: [a]}, Targets: [{Arn: a, Id: b}]}}",
            "X (AWS::Events::Rule): EventPattern: event patterns are not supported; expected a ScheduleExpression",
        ),
        (
            (
                "{Type: AWS::Scheduler::Schedule, Properties: {ScheduleExpression: rate(1 minute),"
                " Target: {Arn: !GetAtt Worker.Arn, RoleArn: r, RetryPolicy: {MaximumRetryAttempts: 1}}}}"
            ),
            "X (AWS::Scheduler::Schedule): the property Target.RetryPolicy is not supported",
        ),
        (
            (
                "{Type: AWS::Scheduler::Schedule, Properties: {ScheduleExpression: rate(1 minute),"
                " Target: {Arn: !GetAtt Worker.Arn, RoleArn: r, DeadLetterConfig: {Arn: a}}}}"
            ),
            "X (AWS::Scheduler::Schedule): the property Target.DeadLetterConfig is not supported",
        ),
        (
            "{Type: AWS::ApiGateway::Stage, Properties: {StageName: v1, RestApiId: a, CacheClusterEnabled: true}}",
            "X (AWS::ApiGateway::Stage): the API cache (CacheClusterEnabled, CachingEnabled) is not supported",
        ),
        (
            (
                "{Type: AWS::ApiGateway::Stage, Properties: {StageName: v1, RestApiId: a,"
                " MethodSettings: [{HttpMethod: GET, ResourcePath: /, CacheTtlInSeconds: 5}]}}"
            ),
            "X (AWS::ApiGateway::Stage): the property MethodSettings.CacheTtlInSeconds is not supported",
        ),
        (
            "{Type: AWS::ApiGateway::Deployment, Properties: {RestApiId: a, StageDescription: {CachingEnabled: true}}}",
            "X (AWS::ApiGateway::Deployment): the property StageDescription is not supported",
        ),
    ],
)
def test_unsupported_resources_and_values_are_named(tmp_path: Path, resource: str, problem: str) -> None:
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
def test_wrong_properties_of_a_function_are_named(tmp_path: Path, properties: str, problem: str) -> None:
    (found,) = problems(tmp_path, f"{FUNCTION.rstrip().rstrip('}')}, {properties}}}\n")
    assert found.startswith(f"Worker (AWS::Lambda::Function): {problem}")


@pytest.mark.parametrize("runtime", ["python3.99", "python3.8", "python3x", "nodejs22.x"])
def test_another_runtime_than_lambdas_python_is_refused(tmp_path: Path, runtime: str) -> None:
    (problem,) = problems(tmp_path, FUNCTION.replace("python3.13", runtime))
    expected = "python3.9, python3.10, python3.11, python3.12, python3.13, python3.14"
    assert problem == f"Worker (AWS::Lambda::Function): Runtime: expected one of {expected}, was {runtime}"


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ("{Type: HttpApi, Properties: {Path: /, Method: get}}", "the event type HttpApi is not supported"),
        ("{Type: EventBridgeRule, Properties: {Pattern: {source: [a]}}}", "the event type EventBridgeRule is not"),
        ("{Type: SNS, Properties: {Topic: arn:a}}", "the event type SNS is not supported"),
    ],
)
def test_an_unsupported_event_is_refused_under_the_name_in_the_template(
    tmp_path: Path, event: str, problem: str
) -> None:
    (found,) = problems(
        tmp_path,
        f"{FUNCTION.rstrip().rstrip('}')}, Events: {{Asked: {event}}}}}\n",
        "Outputs: {O: {Value: !Sub 'https://${ServerlessHttpApi}.execute-api.us-east-1.amazonaws.com'}}",
    )
    assert found.startswith(f"Worker (AWS::Serverless::Function): Events: Asked: {problem}")


def test_outputs_of_refused_resources_are_not_reported(tmp_path: Path) -> None:
    resources = """
  Table: {Type: AWS::DynamoDB::Table}
  Http: {Type: AWS::Serverless::HttpApi}
  Queue: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}
"""
    outputs = """
Outputs:
  Stream: {Value: !GetAtt Table.StreamArn}
  Url: {Value: !Sub "https://${Http}.execute-api.${AWS::Region}.amazonaws.com"}
  Id: {Value: !GetAtt Queue.Colour}
  Wrong: {Value: !GetAtt Worker.Colour}
"""
    assert problems(tmp_path, FUNCTION + resources, outputs) == [
        "Http (AWS::Serverless::HttpApi): this type of resource is not supported",
        "Table (AWS::DynamoDB::Table): this type of resource is not supported",
        "Queue (AWS::SQS::Queue): the property FifoQueue is not supported",
        "Outputs: Wrong: Worker (AWS::Lambda::Function): the attribute Colour is not supported",
    ]


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("Parameters: {P: {Type: String, Default: a, Defalt: b}}", "the property Parameters.P.Defalt is not supported"),
        ("Outputs: {O: {Value: a, Exprot: {Name: b}}}", "the property Outputs.O.Exprot is not supported"),
        ("Rules: {R: {Assertions: [{Assert: !Equals [a, a], Say: b}]}}", "the property Rules.R.Assertions.Say is not"),
        ("AWSTemplateFormatVersion: 2011-01-01", "AWSTemplateFormatVersion: expected 2010-09-09, was 2011-01-01"),
    ],
)
def test_an_unknown_key_of_a_section_is_named(tmp_path: Path, section: str, problem: str) -> None:
    (found,) = problems(tmp_path, FUNCTION, section)
    assert found.startswith(problem)


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
def test_a_mapping_that_lambda_refuses_is_named(tmp_path: Path, queue: str, properties: str, problem: str) -> None:
    resources = f"""{FUNCTION.rstrip().rstrip("}")}, Timeout: 30}}
  Jobs: {{Type: AWS::SQS::Queue, Properties: {{{queue}}}}}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {{EventSourceArn: !GetAtt Jobs.Arn, FunctionName: !Ref Worker, {properties}}}
"""
    assert problems(tmp_path, resources) == [f"Mapping (AWS::Lambda::EventSourceMapping): {problem}"]


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        (
            "DestinationConfig: {OnFailure: {Destination: x}}",
            "the property DestinationConfig.OnFailure is not supported",
        ),
        ("MaximumRetryAttempts: 3", "MaximumRetryAttempts: expected a whole number from 0 to 2, was 3"),
        (
            "MaximumEventAgeInSeconds: 59",
            "MaximumEventAgeInSeconds: expected a whole number from 60 to 21600, was 59",
        ),
    ],
)
def test_a_configuration_of_asynchronous_invocations_that_is_refused_is_named(
    tmp_path: Path, properties: str, problem: str
) -> None:
    resources = f"""{FUNCTION}
  Config:
    Type: AWS::Lambda::EventInvokeConfig
    Properties: {{FunctionName: !Ref Worker, Qualifier: $LATEST, {properties}}}
"""
    assert problems(tmp_path, resources) == [f"Config (AWS::Lambda::EventInvokeConfig): {problem}"]


@pytest.mark.parametrize("kind", ["AWS::Serverless::Api", "AWS::Serverless::WebSocketApi"])
def test_a_second_api_on_a_port_is_refused(tmp_path: Path, kind: str) -> None:
    routes = ", Routes: {$default: {FunctionArn: !GetAtt Worker.Arn}}" if "Web" in kind else ""
    properties = f"StageName: v1{', RouteSelectionExpression: $request.body.action' if routes else ''}{routes}"
    apis = "".join(f"  {name}: {{Type: {kind}, Properties: {{{properties}}}}}\n" for name in ("A", "B"))
    found = problems(tmp_path, FUNCTION + apis)
    assert len(found) == 2
    assert all("expected one API of this type, which has a port of its own, was A, B" in problem for problem in found)


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
        ("StatusCode: 99", "statusCode: expected a whole number from 100 to 599, was '99'"),
        ("ResponseParameters: {Headers: {X: method.request.header.Y}}", "expected a header with a value in quotes"),
        ("ResponseParameters: {Paths: {X: \"'y'\"}}", "expected a header with a value in quotes"),
        ("ResponseTemplates: {application/json: $context.identity.sourceIp}", "$context.identity.sourceIp is not"),
        ("ResponseTemplates: {text/html: no}", "another content type than application/json is not supported"),
    ],
)
def test_an_unsupported_gateway_response_is_named(tmp_path: Path, response: str, problem: str) -> None:
    (found,) = problems(tmp_path, API.format(f"{{UNAUTHORIZED: {{{response}}}}}"))
    assert "the gateway response UNAUTHORIZED: " in found
    assert problem in found


def test_an_unknown_gateway_response_is_named(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, API.format("{UNAUTHORISED: {StatusCode: 418}}"))
    assert "the gateway response UNAUTHORISED: expected one of ACCESS_DENIED, " in found


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        ("x-amazon-apigateway-request-validator: all", "the property x-amazon-apigateway-request-validator is not"),
        (
            "x-amazon-apigateway-integration: {type: aws_proxy, uri: u, cacheNamespace: a}",
            "the property x-amazon-apigateway-integration.cacheNamespace is not supported",
        ),
        (
            "x-amazon-apigateway-integration: {type: aws_proxy, uri: u, timeoutInMillis: 30000}",
            "timeoutInMillis: expected a whole number from 50 to 29000, was 30000",
        ),
    ],
)
def test_an_unsupported_key_of_a_method_is_named(tmp_path: Path, method: str, problem: str) -> None:
    path = f"/a: {{get: {{{method}}}}}"
    if "integration" not in method:
        path = f"/a: {{get: {{{method}, x-amazon-apigateway-integration: {{type: aws_proxy, uri: u}}}}}}"
    api = API.format("{}").replace("paths: {}", f"paths: {{{path}}}")
    (found,) = problems(tmp_path, api)
    assert f"get /a: {problem}" in found


def test_resources_and_properties_without_an_effect_are_ignored(tmp_path: Path) -> None:
    ignored = "Tracing: Active, Architectures: [arm64], Role: some-role, Tags: {a: b}, Description: d"
    resources = f"""{FUNCTION.rstrip().rstrip("}")}, {ignored}}}
  Logs: {{Type: AWS::Logs::LogGroup, Properties: {{RetentionInDays: 7}}}}
  Alarm: {{Type: AWS::CloudWatch::Alarm, Properties: {{Threshold: 1, AlarmActions: [!Ref Topic]}}}}
  Topic: {{Type: AWS::SNS::Topic, Properties: {{DisplayName: Alarms}}}}
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


def test_the_translators_errors_are_reported(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: code, Runtime: 3}}\n")
    assert "[F]" in problem
