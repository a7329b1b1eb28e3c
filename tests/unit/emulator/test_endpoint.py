from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import pytest
import uvloop
from aiohttp import web
from botocore.config import Config
from botocore.exceptions import ClientError

from emulator.common.account import arn
from emulator.common.errors import ApiError
from emulator.endpoint import Endpoint, Service
from emulator.lambda_.api import LambdaApi
from emulator.lambda_.catalog import Catalog
from emulator.lambda_.functions import Invocation
from emulator.lambda_.records import Function
from emulator.sqs.records import Queue, Redrive
from emulator.sqs.service import Sqs


class FakeLambda:
    def __init__(self, names: Iterable[str]) -> None:
        self.catalog = Catalog(
            Function(name, "app.handler", Path("/code"), timeout=7, memory=512, qualifiers=frozenset({"live"}))
            for name in names
        )
        self.events: list[bytes] = []

    async def invoke(self, name_or_arn: str, payload: bytes, /) -> Invocation:
        self.catalog.find(name_or_arn)
        if payload == b'"throttle"':
            raise ApiError("TooManyRequestsException", "Rate Exceeded.", 429)
        if payload == b'"fail"':
            return Invocation(b'{"errorMessage": "no", "errorType": "ValueError"}', error=True)
        if payload == b'"break"':
            raise RuntimeError("a defect")
        return Invocation(payload or b"{}")

    async def invoke_event(self, name_or_arn: str, payload: bytes, /) -> str:
        self.events.append(payload)
        return "request-id"


class FakeStepFunctions:
    async def handle(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation == "StartSyncExecution":
            return {
                "executionArn": arn("states", "express:m:1:1"),
                "startDate": 1_700_000_000.5,
                "stopDate": 1_700_000_001.0,
                "status": "SUCCEEDED",
                "output": request["input"],
            }
        if operation == "DescribeStateMachine":
            raise ApiError("StateMachineDoesNotExist", "State Machine Does Not Exist: 'x'")
        raise KeyError(operation)


class Scene:
    def __init__(self, url: str, lambda_: FakeLambda) -> None:
        self.url = url
        self.lambda_ = lambda_

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False),
        )

    async def refusal(self, call: Callable[..., Any], **parameters: Any) -> tuple[str, str, int]:
        """Returns the code, the class and the HTTP status of the error that the call raises."""
        with pytest.raises(ClientError) as caught:
            await asyncio.to_thread(call, **parameters)
        response = caught.value.response
        return response["Error"]["Code"], type(caught.value).__name__, response["ResponseMetadata"]["HTTPStatusCode"]


async def page(request: web.BaseRequest) -> web.Response:
    return web.Response(text=request.raw_path)


def run(test: Callable[[Scene], Awaitable[None]], functions: Iterable[str] = ("echo",)) -> None:
    async def main() -> None:
        queues = [Queue("orders", redrive=Redrive(arn("sqs", "dead"), 3)), Queue("dead")]
        sqs = Sqs(queues, base_url="http://127.0.0.1:4566")
        lambda_ = FakeLambda(functions)
        services: dict[str, Service] = {"AmazonSQS": sqs, "AWSStepFunctions": FakeStepFunctions()}
        endpoint = Endpoint(services, LambdaApi(lambda_.catalog, lambda_), {"/_emulator/": page})
        runner = web.ServerRunner(web.Server(endpoint, access_log=None))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            await test(Scene(f"http://127.0.0.1:{port}", lambda_))
        finally:
            await runner.cleanup()

    uvloop.run(main())


def test_boto3_sends_receives_and_deletes_messages() -> None:
    def use(sqs: Any) -> None:
        url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
        attributes = {
            "kind": {"DataType": "String", "StringValue": "order"},
            "raw": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
        }
        sent = sqs.send_message(QueueUrl=url, MessageBody="hellö €", MessageAttributes=attributes)
        (message,) = sqs.receive_message(
            QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"], WaitTimeSeconds=1
        )["Messages"]
        assert message["Body"] == "hellö €"
        assert message["MessageAttributes"] == attributes
        assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
        assert "Messages" not in sqs.receive_message(QueueUrl=url)
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])
        assert counts["Attributes"] == {"ApproximateNumberOfMessagesNotVisible": "1"}
        response = sqs.delete_message_batch(
            QueueUrl=url, Entries=[{"Id": "a", "ReceiptHandle": message["ReceiptHandle"]}]
        )
        assert [entry["Id"] for entry in response["Successful"]] == ["a"]
        assert response["ResponseMetadata"]["RequestId"]
        sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(i), "MessageBody": "x"} for i in range(10)])
        assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 10
        assert len(list(sqs.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 1}))) == 2

    async def test(scene: Scene) -> None:
        await asyncio.to_thread(use, scene.client("sqs"))

    run(test)


def test_a_waiting_boto3_receive_gets_a_message_that_is_sent_later() -> None:
    async def test(scene: Scene) -> None:
        sqs = scene.client("sqs")
        waiting = asyncio.create_task(asyncio.to_thread(sqs.receive_message, QueueUrl="orders", WaitTimeSeconds=20))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(sqs.send_message, QueueUrl="orders", MessageBody="late")
        assert (await waiting)["Messages"][0]["Body"] == "late"

    run(test)


def test_boto3_tells_sqs_errors_apart_by_code_and_by_class() -> None:
    async def test(scene: Scene) -> None:
        sqs = scene.client("sqs")
        prefix = "AWS.SimpleQueueService."
        assert await scene.refusal(sqs.send_message, QueueUrl="none", MessageBody="x") == (
            f"{prefix}NonExistentQueue",
            "QueueDoesNotExist",
            400,
        )
        assert await scene.refusal(sqs.delete_message, QueueUrl="orders", ReceiptHandle="x") == (
            "ReceiptHandleIsInvalid",
            "ReceiptHandleIsInvalid",
            400,
        )
        assert await scene.refusal(sqs.send_message_batch, QueueUrl="orders", Entries=[]) == (
            f"{prefix}EmptyBatchRequest",
            "EmptyBatchRequest",
            400,
        )
        assert await scene.refusal(sqs.send_message, QueueUrl="orders", MessageBody="\x01") == (
            "InvalidMessageContents",
            "InvalidMessageContents",
            400,
        )
        assert await scene.refusal(sqs.list_queue_tags, QueueUrl="orders") == (
            "UnknownOperationException",
            "ClientError",
            400,
        )

    run(test)


def test_step_functions_calls_and_errors_reach_boto3_and_a_defect_is_an_internal_failure() -> None:
    async def test(scene: Scene) -> None:
        states = scene.client("stepfunctions")
        machine = arn("states", "stateMachine:m")
        response = await asyncio.to_thread(states.start_sync_execution, stateMachineArn=machine, input='{"a": 1}')
        assert response["output"] == '{"a": 1}'
        assert response["startDate"].timestamp() == 1_700_000_000.5
        assert await scene.refusal(states.describe_state_machine, stateMachineArn=machine) == (
            "StateMachineDoesNotExist",
            "StateMachineDoesNotExist",
            400,
        )
        assert await scene.refusal(states.list_state_machines) == ("InternalFailure", "ClientError", 500)

    run(test)


def test_boto3_invokes_functions() -> None:
    async def test(scene: Scene) -> None:
        client = scene.client("lambda")

        def invoke(**parameters: Any) -> tuple[dict[str, Any], bytes]:
            response = client.invoke(**{"FunctionName": "echo"} | parameters)
            return response, response["Payload"].read()

        response, payload = await asyncio.to_thread(invoke, Payload=b'{"a": 1}')
        assert payload == b'{"a": 1}'
        assert (response["StatusCode"], response["ExecutedVersion"]) == (200, "$LATEST")
        assert "FunctionError" not in response
        response, payload = await asyncio.to_thread(invoke, FunctionName=arn("lambda", "function:echo"))
        assert payload == b"{}"
        response, payload = await asyncio.to_thread(invoke, Payload=b'"fail"')
        assert response["FunctionError"] == "Unhandled"
        assert json.loads(payload)["errorType"] == "ValueError"
        response, _ = await asyncio.to_thread(invoke, Payload=b"1", InvocationType="Event")
        assert response["StatusCode"] == 202
        assert scene.lambda_.events == [b"1"]
        response, _ = await asyncio.to_thread(invoke, InvocationType="DryRun")
        assert response["StatusCode"] == 204
        response, _ = await asyncio.to_thread(invoke, InvocationType="DryRun", Qualifier="live")
        assert response["StatusCode"] == 204
        assert (await asyncio.to_thread(invoke, Payload=b"2", Qualifier="live"))[1] == b"2"
        large = b'"' + b"x" * 5_000_000 + b'"'
        assert (await asyncio.to_thread(invoke, Payload=large))[1] == large

    run(test)


def test_boto3_tells_lambda_errors_apart() -> None:
    async def test(scene: Scene) -> None:
        client = scene.client("lambda")
        missing = ("ResourceNotFoundException", "ResourceNotFoundException", 404)
        assert await scene.refusal(client.invoke, FunctionName="none") == missing
        assert await scene.refusal(client.invoke, FunctionName="none", InvocationType="DryRun") == missing
        assert await scene.refusal(client.invoke, FunctionName="echo", Qualifier="7") == missing
        unknown = {"FunctionName": "echo", "Qualifier": "7", "InvocationType": "DryRun"}
        assert await scene.refusal(client.invoke, **unknown) == missing
        assert await scene.refusal(client.get_function, FunctionName="none") == missing
        for payload, expected in (
            (b'"throttle"', ("TooManyRequestsException", "TooManyRequestsException", 429)),
            (b"{", ("InvalidRequestContentException", "InvalidRequestContentException", 400)),
            (b"NaN", ("InvalidRequestContentException", "InvalidRequestContentException", 400)),
            (b'{"a": -Infinity}', ("InvalidRequestContentException", "InvalidRequestContentException", 400)),
            ("{}".encode("utf-16"), ("InvalidRequestContentException", "InvalidRequestContentException", 400)),
            (b"[" * 100_000, ("InvalidRequestContentException", "InvalidRequestContentException", 400)),
            (b'"break"', ("InternalFailure", "ClientError", 500)),
            (b"x" * 9_000_000, ("RequestTooLargeException", "RequestTooLargeException", 413)),
        ):
            assert await scene.refusal(client.invoke, FunctionName="echo", Payload=payload) == expected

    run(test)


def test_boto3_lists_and_describes_functions() -> None:
    async def test(scene: Scene) -> None:
        client = scene.client("lambda")
        (function,) = (await asyncio.to_thread(client.list_functions))["Functions"]
        assert (function["FunctionName"], function["Timeout"], function["MemorySize"]) == ("echo", 7, 512)
        described = await asyncio.to_thread(client.get_function, FunctionName="echo")
        assert described["Configuration"] == function
        configuration = await asyncio.to_thread(client.get_function_configuration, FunctionName=function["FunctionArn"])
        assert configuration["Handler"] == "app.handler"

    run(test)


def test_functions_are_listed_in_pages() -> None:
    async def test(scene: Scene) -> None:
        client = scene.client("lambda")
        first = await asyncio.to_thread(client.list_functions, MaxItems=2)
        assert [function["FunctionName"] for function in first["Functions"]] == ["a", "b"]
        second = await asyncio.to_thread(client.list_functions, MaxItems=2, Marker=first["NextMarker"])
        assert [function["FunctionName"] for function in second["Functions"]] == ["c"]
        assert "NextMarker" not in second
        for wrong in ({"Marker": "x"}, {"FunctionVersion": "ALL"}, {"MasterRegion": "ALL"}):
            refused = await scene.refusal(client.list_functions, **wrong)
            assert refused[0] == "InvalidParameterValueException", wrong

    run(test, "cab")


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("LogType", "Tail"), ("ClientContext", "e30="), ("TenantId", "a")],
)
def test_an_invocation_with_an_unsupported_parameter_is_refused_by_name(parameter: str, value: str) -> None:
    async def test(scene: Scene) -> None:
        client = scene.client("lambda")
        with pytest.raises(ClientError) as refused:
            await asyncio.to_thread(client.invoke, FunctionName="echo", **{parameter: value})
        error = refused.value.response["Error"]
        assert error["Code"] == "InvalidParameterValueException"
        assert error["Message"] == f"Invoke: the parameter {parameter} is not supported here."

    run(test)


def test_an_invocation_may_ask_for_no_log() -> None:
    async def test(scene: Scene) -> None:
        answer = await asyncio.to_thread(scene.client("lambda").invoke, FunctionName="echo", LogType="None")
        assert answer["StatusCode"] == 200

    run(test)


def test_the_trace_header_of_a_request_goes_with_its_message() -> None:
    async def test(scene: Scene) -> None:
        trace = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1"
        client = scene.client("sqs")
        client.meta.events.register(
            "before-call.sqs.SendMessage", lambda params, **_: params["headers"].update({"X-Amzn-Trace-Id": trace})
        )
        url = (await asyncio.to_thread(client.get_queue_url, QueueName="orders"))["QueueUrl"]
        sent = await asyncio.to_thread(client.send_message, QueueUrl=url, MessageBody="a")
        assert "MD5OfMessageSystemAttributes" not in sent
        own = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=own"}}
        await asyncio.to_thread(client.send_message, QueueUrl=url, MessageBody="b", MessageSystemAttributes=own)
        received = await asyncio.to_thread(
            client.receive_message, QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["AWSTraceHeader"]
        )
        traces = {message["Body"]: message["Attributes"]["AWSTraceHeader"] for message in received["Messages"]}
        assert traces == {"a": trace, "b": "Root=own"}

    run(test)


def test_the_caller_identity_is_returned_and_other_services_are_refused_by_name() -> None:
    async def test(scene: Scene) -> None:
        sts = scene.client("sts")
        assert (await asyncio.to_thread(sts.get_caller_identity))["Account"] == "000000000000"
        for service, call, parameters in (
            ("cloudformation", "list_stacks", {}),
            ("dynamodb", "list_tables", {}),
            ("s3", "list_buckets", {}),
            ("apigateway", "get_rest_apis", {}),
            ("lambda", "delete_function", {"FunctionName": "echo"}),
        ):
            method = getattr(scene.client(service), call)
            with pytest.raises(ClientError, match="is not supported here") as caught:
                await asyncio.to_thread(method, **parameters)
            assert caught.value.response["Error"]["Code"] == "UnknownOperationException"
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
            assert service in caught.value.response["Error"]["Message"].lower()

    run(test)


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_query_protocol_of_sqs_is_refused_with_the_oldest_sdk_that_works(method: str) -> None:
    async def test(scene: Scene) -> None:
        parameters = {"Action": "SendMessage", "Version": "2012-11-05", "MessageBody": "x"}
        data, params = (parameters, None) if method == "POST" else (None, parameters)
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{scene.url}/000000000000/orders", data=data, params=params) as response,
        ):
            assert response.status == 400
            assert response.content_type == "text/xml"
            text = await response.text()
            assert "<Code>UnsupportedOperation</Code>" in text
            assert "at least boto3 1.34.90" in text

    run(test)


def test_the_health_page_names_the_services() -> None:
    async def test(scene: Scene) -> None:
        async with aiohttp.ClientSession() as session, session.get(f"{scene.url}/_localstack/health") as response:
            assert await response.json() == {
                "services": {"lambda": "running", "sqs": "running", "stepfunctions": "running"}
            }

    run(test)


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"x"', b"\xff\xfe\x00", b"[" * 100_000, b"NaN", b"null"])
def test_a_body_other_than_a_json_object_is_refused(body: bytes) -> None:
    async def test(scene: Scene) -> None:
        headers = {"X-Amz-Target": "AmazonSQS.ListQueues"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(scene.url, data=body, headers=headers) as response,
        ):
            assert response.status == 400
            assert (await response.json(content_type=None))["__type"].endswith("#SerializationException")

    run(test)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.\xff\xfe\r\nContent-Length: 2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: .\r\nContent-Type: /\xe9;;\r\nContent-Length: 0\r\n\r\n",
        b"GET /2015-03-31/functions/%ff%00/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.ListQueues\r\nContent-Length: 100\r\n\r\n{",
    ],
)
def test_garbage_is_refused_and_does_not_stop_the_endpoint(garbage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def test(scene: Scene) -> None:
        port = int(scene.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(garbage)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer == b"" or answer.split(b" ")[1].startswith((b"4", b"5"))
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        assert "QueueUrls" in await asyncio.to_thread(scene.client("sqs").list_queues)

    run(test)


def test_a_page_serves_its_folder() -> None:
    async def test(scene: Scene) -> None:
        async with aiohttp.ClientSession() as session:
            for path in ("/_emulator", "/_emulator?x=1", "/_emulator/page?x=1"):
                async with session.get(scene.url + path) as response:
                    assert await response.text() == path
            async with session.get(scene.url + "/_emulators") as response:
                assert response.status == 501

    run(test)


@pytest.mark.parametrize("path", ["/", "/2015-03-31/functions/echo/invocations", "/_emulator/executions", "/_x"])
@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example", "Content-Type": "text/plain"}, {"Host": "evil.example"}]
)
def test_a_web_page_of_another_origin_reaches_nothing(path: str, headers: dict[str, str]) -> None:
    async def test(scene: Scene) -> None:
        async with aiohttp.ClientSession() as session:
            target = {"X-Amz-Target": "AmazonSQS.ListQueues"} if path == "/" else {}
            async with session.post(scene.url + path, data="{}", headers={**headers, **target}) as response:
                assert response.status == 403
                assert (await response.json())["__type"] == "AccessDeniedException"
        assert scene.lambda_.events == []

    run(test)
