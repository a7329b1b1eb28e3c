"""Runs Task states: invokes Lambda functions and sends SQS messages."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from emulator.common.errors import ApiError
from emulator.lambda_.functions import Functions
from emulator.states.encoding import MAX_BYTES, decode, encode, exceeds_limit
from emulator.states.errors import Failure, RuntimeFailure, data_limit
from emulator.states.interpreter import Scope
from emulator.states.model import Task

SendMessage = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

_PARAMETER_TYPES: dict[str, tuple[type, str]] = {
    "FunctionName": (str, "a STRING"),
    "QueueUrl": (str, "a STRING"),
    "DelaySeconds": (int, "an INTEGER"),
    "MessageAttributes": (dict, "a MAP"),
}

# SendMessage's errors that have an exception class of their own in AWS's SDK for Java, whose names the integration
# passes on. The code of each is the one of SQS's former XML protocol.
_SQS_EXCEPTIONS = {
    "InvalidMessageContents": ("InvalidMessageContentsException", "InvalidMessageContents"),
    "QueueDoesNotExist": ("QueueDoesNotExistException", "AWS.SimpleQueueService.NonExistentQueue"),
    "UnsupportedOperation": ("UnsupportedOperationException", "AWS.SimpleQueueService.UnsupportedOperation"),
}


class Tasks:
    """Runs tasks. An invoked function runs to its end, even if its task has timed out or has been stopped."""

    def __init__(self, functions: Functions, send_message: SendMessage) -> None:
        self._functions = functions
        self._send_message = send_message

    async def __call__(self, state: Task, parameters: Any, scope: Scope, timeout: float | None) -> Any:
        if state.service == "lambda":
            return await self._call_function(state, parameters, scope, timeout)
        call = self._invoke if state.service == "lambda:invoke" else self._send
        return await self._call_service(call, state, parameters, scope, timeout)

    async def _call_function(self, state: Task, parameters: Any, scope: Scope, timeout: float | None) -> Any:
        payload = _bytes(parameters)
        if len(payload) > MAX_BYTES:
            raise data_limit(state.name)
        details = {"resource": state.resource, "input": parameters, "timeoutInSeconds": timeout}
        await _start(scope, "LambdaFunction", details, {})
        try:
            result = await _within(timeout, self._result(state.resource, payload, state.resource))
        except Failure as failure:
            kind = "LambdaFunctionTimedOut" if failure.error == "States.Timeout" else "LambdaFunctionFailed"
            scope.record(kind, {"error": failure.error, "cause": failure.cause})
            raise
        scope.record("LambdaFunctionSucceeded", {"output": result})
        return result

    async def _call_service(
        self,
        call: Callable[[Any], Coroutine[Any, Any, Any]],
        state: Task,
        parameters: Any,
        scope: Scope,
        timeout: float | None,
    ) -> Any:
        if exceeds_limit(parameters):
            raise data_limit(state.name)
        _check(parameters)
        kind, _, action = state.service.partition(":")
        service = {"resourceType": kind, "resource": action}
        await _start(scope, "Task", {**service, "parameters": parameters, "timeoutInSeconds": timeout}, service)
        try:
            result = await _within(timeout, call(parameters))
        except Failure as failure:
            failed = "TaskTimedOut" if failure.error == "States.Timeout" else "TaskFailed"
            scope.record(failed, {**service, "error": failure.error, "cause": failure.cause})
            raise
        scope.record("TaskSucceeded", {**service, "output": result})
        return result

    async def _result(self, function: str, payload: bytes, resource: str) -> Any:
        try:
            invocation = await self._functions.invoke(function, payload)
        except ApiError as error:
            raise Failure(f"Lambda.{error.code}", _service_cause("AWSLambda", error, error.code)) from None
        text = invocation.payload.decode("utf-8", "replace")
        if invocation.error:
            raise _function_failure(text)
        if len(invocation.payload) > MAX_BYTES:
            raise data_limit(resource)
        try:
            return decode(text) if text else None
        except ValueError as error:
            raise Failure("States.Runtime", f"The function {function} returned what is not JSON: {error}") from None

    async def _invoke(self, parameters: dict[str, Any]) -> dict[str, Any]:
        function, payload = parameters["FunctionName"], _service_payload(parameters.get("Payload"))
        try:
            result = await self._result(function, payload, "lambda")
        except Failure as failure:
            raise Failure(failure.error, failure.cause and _compact(failure.cause)) from None
        headers = {
            "Connection": "keep-alive",
            "Content-Length": str(len(_bytes(result))),
            "Content-Type": "application/json",
            "X-Amz-Executed-Version": "$LATEST",
            "x-amzn-Remapped-Content-Length": "0",
        }
        return {"ExecutedVersion": "$LATEST", "Payload": result, **_sdk_metadata(headers), "StatusCode": 200}

    async def _send(self, parameters: dict[str, Any]) -> dict[str, Any]:
        url, body = parameters["QueueUrl"], parameters["MessageBody"]
        if url and not urlsplit(url).netloc:
            raise Failure("SQS.SdkClientException", f"Unable to execute HTTP request: {url}: Name or service not known")
        request = {**parameters, "MessageBody": body if body is None or isinstance(body, str) else encode(body)}
        try:
            answer = await self._send_message(request)
        except ApiError as error:
            exception, code = _SQS_EXCEPTIONS.get(error.code, ("AmazonSQSException", error.code))
            raise Failure(f"SQS.{exception}", _service_cause("AmazonSQS", error, code)) from None
        names = ("MD5OfMessageBody", "MD5OfMessageAttributes", "MessageId")
        fields: dict[str, Any] = {name: answer[name] for name in names if name in answer}
        headers = {
            "connection": "keep-alive",
            "Content-Length": str(len(_bytes(fields))),
            "Content-Type": "application/x-amz-json-1.0",
        }
        return {**fields, **_sdk_metadata(headers)}


async def _within(timeout: float | None, call: Coroutine[Any, Any, Any]) -> Any:
    timer = asyncio.timeout(timeout)
    try:
        async with timer:
            return await call
    except TimeoutError:
        if not timer.expired():
            raise
        raise Failure("States.Timeout", None) from None


async def _start(scope: Scope, kind: str, scheduled: dict[str, Any], started: dict[str, Any]) -> None:
    """Records that a task is scheduled and started, with these details.

    Tasks of parallel sequences are all scheduled before the first starts, and all started before the first ends.
    """
    scope.record(f"{kind}Scheduled", scheduled)
    await asyncio.sleep(0)
    scope.record(f"{kind}Started", started)
    await asyncio.sleep(0)


def _check(parameters: dict[str, Any]) -> None:
    """Raises RuntimeFailure for a parameter of a wrong type, with which the task is not started."""
    wrong = [
        f"The value for the field '{name}' must be {expected}"
        for name, (kind, expected) in _PARAMETER_TYPES.items()
        if (value := parameters.get(name)) is not None and (not isinstance(value, kind) or isinstance(value, bool))
    ]
    if wrong:
        raise RuntimeFailure(
            f"The Parameters '{encode(parameters)}' could not be used to start the Task: [{', '.join(wrong)}]"
        )


def _bytes(value: Any) -> bytes:
    return encode(value).encode("utf-8", "surrogatepass")


def _service_payload(payload: Any) -> bytes:
    """Returns the payload of `lambda:invoke`. A string that is JSON is the payload itself."""
    if payload is None:
        return b"{}"
    if isinstance(payload, str):
        try:
            decode(payload)
        except ValueError:
            return _bytes(payload)
        return payload.encode("utf-8", "surrogatepass")
    return _bytes(payload)


def _compact(cause: str) -> str:
    """Returns a cause that is JSON without spaces, as `lambda:invoke` passes it on; a function's ARN as the resource
    passes the text on as the function returned it."""
    try:
        return encode(decode(cause))
    except ValueError:
        return cause


def _function_failure(payload: str) -> Failure:
    try:
        error = decode(payload)["errorType"]
    except (ValueError, TypeError, KeyError):
        error = None
    if isinstance(error, str) and error:
        return Failure(error, payload)
    return Failure(
        "Lambda.Unknown",
        f"The cause could not be determined because Lambda did not return an error type. Returned payload: {payload}",
    )


def _service_cause(service: str, error: ApiError, code: str) -> str:
    return (
        f"{error.message} (Service: {service}; Status Code: {error.status}; Error Code: {code}; "
        f"Request ID: {uuid.uuid4()}; Proxy: null)"
    )


def _sdk_metadata(headers: dict[str, str]) -> dict[str, Any]:
    request_id = str(uuid.uuid4())
    headers = {**headers, "Date": formatdate(usegmt=True), "x-amzn-RequestId": request_id}
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
    }
