"""The endpoint that boto3 and the AWS command line talk to: SQS, Step Functions, Lambda."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from aiohttp import web

from emulator.common.account import ACCOUNT
from emulator.common.errors import ApiError
from emulator.lambda_.invocations import EventInvoker, Invoker
from emulator.lambda_.records import Function
from emulator.sqs.parameters import QUERY_ERROR_CODES

MAX_BODY = 8 * 1024 * 1024  # above every limit of the services behind it, which refuse by their own rules

_FUNCTIONS = re.compile(r"/2015-03-31/functions(?:/([^/]+))?(/invocations|/configuration)?/?")
_CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")

_log = logging.getLogger(__name__)


class Service(Protocol):
    async def handle(self, operation: str, request: dict[str, Any]) -> dict[str, Any]: ...


class Lambda(Invoker, EventInvoker, Protocol):
    @property
    def functions(self) -> Mapping[str, Function]: ...

    def function(self, name_or_arn: str, /) -> Function: ...


class Endpoint:
    """A handler for `aiohttp.web.Server`. `services` by target prefix: `AmazonSQS`, `AWSStepFunctions`."""

    def __init__(self, services: Mapping[str, Service], lambda_: Lambda) -> None:
        self._services = services
        self._lambda = lambda_

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        request_id = str(uuid.uuid4())
        try:
            target = request.headers.get("X-Amz-Target")
            response = await (self._other(request) if target is None else self._json_protocol(request, target))
        except Exception:
            _log.exception("%s %s", request.method, request.path)
            response = _rest_error(ApiError("InternalFailure", "The emulator failed; its log says why.", 500))
        response.headers["x-amzn-RequestId"] = request_id
        return response

    async def _json_protocol(self, request: web.BaseRequest, target: str) -> web.Response:
        prefix, _, operation = target.partition(".")
        status = 200
        headers = {"Content-Type": request.headers.get("Content-Type", "application/x-amz-json-1.0")}
        try:
            service = self._services.get(prefix)
            if service is None:
                raise _unsupported(prefix, operation)
            result = await service.handle(operation, _object(await _body(request)))
        except ApiError as error:
            status, result = error.status, {"__type": error.code, "message": error.message}
            if prefix == "AmazonSQS":
                result["__type"] = f"com.amazonaws.sqs#{error.code}"
                fault = "Sender" if status < 500 else "Receiver"
                headers["x-amzn-query-error"] = f"{QUERY_ERROR_CODES.get(error.code, error.code)};{fault}"
        except Exception:
            _log.exception("%s", target)
            status, result = 500, {"__type": "InternalFailure", "message": f"{target} failed; the log says why."}
        return web.Response(body=json.dumps(result).encode(), status=status, headers=headers)

    async def _other(self, request: web.BaseRequest) -> web.Response:
        if request.path == "/_localstack/health":
            return self._health()
        try:
            if match := _FUNCTIONS.fullmatch(request.path):
                return await self._functions(request, match[1], match[2])
            form = parse_qs((await _body(request)).decode(errors="replace")) if request.method == "POST" else {}
            action = form.get("Action", [""])[0]
            if action == "GetCallerIdentity":
                return _caller_identity()
            raise _unsupported(_service(request), action or f"{request.method} {request.path}")
        except ApiError as error:
            xml = request.content_type == "application/x-www-form-urlencoded" or _service(request) == "s3"
            return _xml_error(error) if xml else _rest_error(error)

    def _health(self) -> web.Response:
        names = {"AmazonSQS": "sqs", "AWSStepFunctions": "stepfunctions"}
        services = ["lambda", *(names.get(prefix, prefix) for prefix in self._services)]
        return _json({"services": dict.fromkeys(sorted(services), "running")})

    # Lambda

    async def _functions(self, request: web.BaseRequest, name: str | None, what: str | None) -> web.Response:
        if what == "/invocations" and name and request.method == "POST":
            return await self._invoke(request, name)
        if what == "/invocations" or request.method != "GET":
            raise _unsupported("lambda", f"{request.method} {request.path}")
        if name is None:
            return _json({"Functions": [_configuration(function) for function in self._lambda.functions.values()]})
        configuration = _configuration(self._lambda.function(name))
        return _json(configuration if what else {"Configuration": configuration})

    async def _invoke(self, request: web.BaseRequest, name: str) -> web.Response:
        if qualifier := request.query.get("Qualifier"):
            name = f"{name}:{qualifier}"
        payload = await _body(request)
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        _check_json(payload)
        version = {"X-Amz-Executed-Version": "$LATEST"}
        if kind == "RequestResponse":
            invocation = await self._lambda.invoke(name, payload)
            if invocation.error:
                version["X-Amz-Function-Error"] = "Unhandled"
            return web.Response(body=invocation.payload, content_type="application/json", headers=version)
        if kind == "Event":
            await self._lambda.invoke_event(name, payload)
            return web.Response(status=202)
        if kind == "DryRun":
            self._lambda.function(name)
            return web.Response(status=204, headers=version)
        raise ApiError(
            "InvalidParameterValueException",
            f"X-Amz-Invocation-Type: expected RequestResponse, Event or DryRun, was {kind!r}",
        )


def _configuration(function: Function) -> dict[str, Any]:
    configuration: dict[str, Any] = {
        "FunctionName": function.name,
        "FunctionArn": function.arn,
        "Runtime": function.runtime,
        "Handler": function.handler,
        "Timeout": function.timeout,
        "MemorySize": function.memory,
        "Version": "$LATEST",
        "State": "Active",
        "PackageType": "Zip",
        "Environment": {"Variables": function.environment},
    }
    return configuration


async def _body(request: web.BaseRequest) -> bytes:
    chunks = []
    size = 0
    try:
        while chunk := await request.content.readany():
            size += len(chunk)
            if size > MAX_BODY:
                raise ApiError("RequestTooLargeException", f"The request is larger than {MAX_BODY} bytes.", 413)
            chunks.append(chunk)
    except (web.RequestPayloadError, ConnectionError):
        raise ApiError("IncompleteBody", "The request ends before its body does.") from None
    return b"".join(chunks)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise ApiError("SerializationException", f"The request's body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ApiError("SerializationException", f"The request must be an object, was {type(value).__name__}.")
    return value


def _check_json(payload: bytes) -> None:
    try:
        json.loads(payload or b"{}")
    except (ValueError, RecursionError) as error:
        raise ApiError("InvalidRequestContentException", f"Could not parse request body into json: {error}") from None


def _service(request: web.BaseRequest) -> str:
    """The service that the request was signed for, by the name that boto3 has for its signatures."""
    match = _CREDENTIAL.search(request.headers.get("Authorization", ""))
    return match[1] if match else "unknown service"


def _unsupported(service: str, operation: str) -> ApiError:
    return ApiError(
        "UnknownOperationException",
        f"{service}: {operation} is not supported here.",
        HTTPStatus.NOT_IMPLEMENTED,
    )


def _json(value: dict[str, Any]) -> web.Response:
    return web.Response(body=json.dumps(value).encode(), content_type="application/json")


def _rest_error(error: ApiError) -> web.Response:
    content = {"Type": "User" if error.status < 500 else "Service", "message": error.message, "__type": error.code}
    return web.Response(
        body=json.dumps(content).encode(),
        status=error.status,
        content_type="application/json",
        headers={"x-amzn-ErrorType": error.code},
    )


def _xml_error(error: ApiError) -> web.Response:
    fault = "Sender" if error.status < 500 else "Receiver"
    content = (
        f"<ErrorResponse><Error><Type>{fault}</Type><Code>{escape(error.code)}</Code>"
        f"<Message>{escape(error.message)}</Message></Error></ErrorResponse>"
    )
    return web.Response(body=content.encode(), status=error.status, content_type="text/xml")


def _caller_identity() -> web.Response:
    content = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>arn:aws:iam::{ACCOUNT}:root</Arn><UserId>{ACCOUNT}</UserId><Account>{ACCOUNT}</Account>"
        "</GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
    return web.Response(body=content.encode(), content_type="text/xml")
