"""The AWS port: dispatches the requests of boto3 and the AWS command line to SQS, Step Functions and Lambda."""

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
from emulator.common.guard import check_caller
from emulator.common.requests import read_body
from emulator.common.serving import Handler
from emulator.common.trace import HEADER, TRACE
from emulator.lambda_ import api
from emulator.lambda_.api import LambdaApi
from emulator.sqs.parameters import QUERY_ERROR_CODES

_CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")

_QUERY_PROTOCOL = (
    "SQS: the AWS query protocol is not supported here, only the JSON protocol. Expected at least boto3 1.34.90, "
    "AWS CLI 1.32.90, AWS SDK for .NET 3.7.681, service/sqs 1.28.0 of the SDK for Go v2, another SDK of November 2023."
)

_log = logging.getLogger(__name__)


class Service(Protocol):
    async def handle(self, operation: str, request: dict[str, Any]) -> dict[str, Any]: ...


class Endpoint:
    """A handler for `aiohttp.web.Server`.

    `services` maps target prefixes, such as `AmazonSQS`, to services. `pages` maps folders, such as `/_emulator/`, to
    handlers outside AWS's APIs; the first folder that matches is taken.
    """

    def __init__(
        self, services: Mapping[str, Service], lambda_api: LambdaApi, pages: Mapping[str, Handler] | None = None
    ) -> None:
        self._services = services
        self._lambda_api = lambda_api
        self._pages = dict(pages or {})

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        request_id = str(uuid.uuid4())
        TRACE.set(request.headers.get(HEADER))
        response: web.StreamResponse
        try:
            check_caller(request)
            for folder, page in self._pages.items():
                if f"{request.path}/".startswith(folder):
                    return await page(request)
            target = request.headers.get("X-Amz-Target")
            response = await (self._other(request) if target is None else self._json_protocol(request, target))
        except ApiError as error:
            response = _rest_error(error)
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
            result = await service.handle(operation, _object(await read_body(request)))
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
            if api.PATH.fullmatch(request.path):
                return await self._lambda_api.handle(request)
            form = parse_qs((await read_body(request)).decode(errors="replace")) if request.method == "POST" else {}
            action = form.get("Action", [""])[0]
            if action == "GetCallerIdentity":
                return _caller_identity()
            if "2012-11-05" in (*form.get("Version", ()), request.query.get("Version")):
                return _xml_error(ApiError("UnsupportedOperation", _QUERY_PROTOCOL))
            raise _unsupported(_service(request), action or f"{request.method} {request.path}")
        except ApiError as error:
            xml = request.content_type == "application/x-www-form-urlencoded" or _service(request) == "s3"
            return _xml_error(error) if xml else _rest_error(error)

    def _health(self) -> web.Response:
        names = {"AmazonSQS": "sqs", "AWSStepFunctions": "stepfunctions"}
        services = ["lambda", *(names.get(prefix, prefix) for prefix in self._services)]
        running = {"services": dict.fromkeys(sorted(services), "running")}
        return web.Response(body=json.dumps(running).encode(), content_type="application/json")


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise ApiError("SerializationException", f"The request's body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ApiError("SerializationException", f"The request must be an object, was {type(value).__name__}.")
    return value


def _service(request: web.BaseRequest) -> str:
    """Returns the name of the service for which the request was signed."""
    match = _CREDENTIAL.search(request.headers.get("Authorization", ""))
    return match[1] if match else "unknown service"


def _unsupported(service: str, operation: str) -> ApiError:
    return ApiError(
        "UnknownOperationException",
        f"{service}: {operation} is not supported here.",
        HTTPStatus.NOT_IMPLEMENTED,
    )


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
