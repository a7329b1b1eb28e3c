"""Runs Task states: invokes Lambda functions and sends SQS messages."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from emulator.common.errors import ApiError
from emulator.lambda_.functions import Functions
from emulator.states.encoding import MAX_BYTES, decode, encode, exceeds_limit
from emulator.states.errors import Failure, data_limit
from emulator.states.interpreter import Scope
from emulator.states.model import Task

SendMessage = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Tasks:
    """Runs tasks. An invoked function runs to its end, even if its task has timed out or has been stopped."""

    def __init__(self, functions: Functions, send_message: SendMessage) -> None:
        self._functions = functions
        self._send_message = send_message
        self._running: set[asyncio.Task[Any]] = set()

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
        scope.record("LambdaFunctionScheduled", details)
        scope.record("LambdaFunctionStarted", {})
        try:
            result = await self._within(timeout, self._result(state.resource, payload, state.resource))
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
        kind, _, action = state.service.partition(":")
        service = {"resourceType": kind, "resource": action}
        scope.record("TaskScheduled", {**service, "parameters": parameters, "timeoutInSeconds": timeout})
        scope.record("TaskStarted", service)
        try:
            result = await self._within(timeout, call(parameters))
        except Failure as failure:
            failed = "TaskTimedOut" if failure.error == "States.Timeout" else "TaskFailed"
            scope.record(failed, {**service, "error": failure.error, "cause": failure.cause})
            raise
        scope.record("TaskSucceeded", {**service, "output": result})
        return result

    async def _within(self, timeout: float | None, call: Coroutine[Any, Any, Any]) -> Any:
        task = asyncio.ensure_future(call)
        self._running.add(task)
        task.add_done_callback(self._forget)
        timer = asyncio.timeout(timeout)
        try:
            async with timer:
                return await asyncio.shield(task)
        except TimeoutError:
            if not timer.expired():
                raise
            raise Failure("States.Timeout", None) from None

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # An abandoned task's failure would be reported as never retrieved.
            task.exception()

    async def _result(self, function: str, payload: bytes, resource: str) -> Any:
        try:
            invocation = await self._functions.invoke(function, payload)
        except ApiError as error:
            raise Failure(f"Lambda.{error.code}", _service_cause("AWSLambda", error)) from None
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
        function, payload = parameters["FunctionName"], parameters.get("Payload")
        if not isinstance(function, str):
            raise Failure("States.Runtime", f"FunctionName must be a string, was {encode(function)}")
        result = await self._result(function, _service_payload(payload), "lambda")
        return {"ExecutedVersion": "$LATEST", "Payload": result, **_sdk_metadata("application/json"), "StatusCode": 200}

    async def _send(self, parameters: dict[str, Any]) -> dict[str, Any]:
        body = parameters["MessageBody"]
        request = {**parameters, "MessageBody": body if isinstance(body, str) else encode(body)}
        try:
            answer = await self._send_message(request)
        except ApiError as error:
            raise Failure(f"SQS.{error.code.rpartition('.')[2]}", _service_cause("AmazonSQS", error)) from None
        names = ("MD5OfMessageBody", "MD5OfMessageAttributes", "MessageId")
        fields: dict[str, Any] = {name: answer[name] for name in names if name in answer}
        return {**fields, **_sdk_metadata("application/x-amz-json-1.0")}


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


def _service_cause(service: str, error: ApiError) -> str:
    return (
        f"{error.message} (Service: {service}; Status Code: {error.status}; Error Code: {error.code}; "
        f"Request ID: {uuid.uuid4()}; Proxy: null)"
    )


def _sdk_metadata(content_type: str) -> dict[str, Any]:
    request_id = str(uuid.uuid4())
    headers = {"Content-Type": content_type, "x-amzn-RequestId": request_id}
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
    }
