from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.apigateway.records import Authorizer, Cors, RestApi, Route, WebSocketApi
from emulator.cloudformation.records import CustomResource
from emulator.common.errors import TemplateError
from emulator.lambda_.records import EventSourceMapping, Function
from emulator.scheduler.records import Schedule
from emulator.sqs.records import Queue, Redrive
from emulator.stack import load
from emulator.states.records import StateMachine
from tests.support.emulator.templates import FUNCTION, ROOT, loaded, only, problems


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
        "*", "GET,POST,PATCH,DELETE,OPTIONS", "Authorization,Content-Type,Idempotency-Key", "600"
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


def test_a_template_with_other_resources_loads(tmp_path: Path) -> None:
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
      EventInvokeConfig: {MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60}
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
    assert (worker.event_retries, worker.event_age) == (0, 60)
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
        Schedule("WorkerRule", "cron(0 * * * ? *)", name, '{"a": 1}', rule="WorkerRule"),
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
