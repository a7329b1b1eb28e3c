"""What REST and WebSocket gateways share: reading requests, invoking functions, and refusals."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote

from aiohttp import web

from emulator.apigateway.traffic import Call
from emulator.common.errors import ApiError
from emulator.common.requests import receive
from emulator.common.strict_json import parse_json
from emulator.common.trace import HEADER
from emulator.lambda_.functions import Functions, Invocation

INTEGRATION_TIMEOUT = 29.0  # seconds
MAX_HEADERS = 10_240  # bytes

# API Gateway does not pass these on.
DROPPED_HEADERS = frozenset(
    b"connection content-length content-md5 expect max-forwards proxy-authenticate server te trailer"
    b" transfer-encoding upgrade www-authenticate".split()
)
_RESPELT = {b"authorization": "Authorization", b"user-agent": "User-Agent", b"x-amzn-trace-id": HEADER}
HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
FORBIDDEN_IN_HEADER = re.compile(r"[\x00\r\n]")

Json = dict[str, Any]


class GatewayError(Exception):
    """An answer of the gateway itself: `status`, the header `x-amzn-ErrorType: error_type` and a JSON `body`.

    `response_type` names the gateway response with which a template may change the answer, such as `UNAUTHORIZED`.
    """

    def __init__(self, response_type: str, status: int, error_type: str, body: Json) -> None:
        super().__init__(f"{status} {error_type}: {body}")
        self.response_type = response_type
        self.status = status
        self.error_type = error_type
        self.body = body

    @property
    def message(self) -> str | None:
        message: str | None = self.body.get("message", self.body.get("Message"))
        return message

    @classmethod
    def default(cls, status: int, error_type: str, message: str | None) -> GatewayError:
        """Returns an error that only the gateway responses `DEFAULT_4XX` and `DEFAULT_5XX` change."""
        return cls(f"DEFAULT_{status // 100}XX", status, error_type, {"message": message})

    @classmethod
    def internal(cls, status: int) -> GatewayError:
        return cls.default(status, "InternalServerErrorException", "Internal server error")

    def response(self) -> web.Response:
        return web.Response(
            body=json.dumps(self.body).encode(),
            status=self.status,
            content_type="application/json",
            headers={"x-amzn-ErrorType": self.error_type},
        )


@dataclass(frozen=True, slots=True)
class ProxyResponse:
    """A function's answer to a proxy integration, with `headers` in the order of sending."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Integration:
    """Invokes functions as API Gateway's Lambda proxy integration does. `timeout` is in seconds."""

    def __init__(self, functions: Functions, timeout: float = INTEGRATION_TIMEOUT) -> None:
        self._functions = functions
        self._timeout = timeout

    async def invoke(self, function: str, event: Json, timeout: float | None = None) -> Invocation:
        """Invokes a function with a JSON event. `timeout` replaces the usual one.

        Raises GatewayError: 500 if Lambda refuses, as when it throttles, and 504 after the timeout. An invocation
        continues after its timeout, and after its client has gone.
        """
        try:
            async with asyncio.timeout(timeout or self._timeout):
                return await self._functions.invoke(function, json.dumps(event).encode())
        except ApiError as error:
            message = {"message": "Internal server error"}
            raise GatewayError("INTEGRATION_FAILURE", 500, "InternalServerErrorException", message) from error
        except TimeoutError:
            message = {"message": "Endpoint request timed out"}
            raise GatewayError("INTEGRATION_TIMEOUT", 504, "InternalServerErrorException", message) from None

    async def proxy(
        self, function: str, event: Json, call: Call, *, timeout: float | None = None, binary: bool = False
    ) -> ProxyResponse:
        """Invokes a function and reads its proxy response. Raises GatewayError as `invoke`, and 502 if that fails.

        Notes on the `call` which function answers it.
        """
        call.function = function
        invocation = await self.invoke(function, event, timeout)
        call.request_id = invocation.request_id
        if invocation.error:
            raise GatewayError.internal(502)
        return proxy_response(invocation.payload, binary=binary)


def proxy_response(payload: bytes, *, binary: bool) -> ProxyResponse:
    """Reads a function's result. Raises GatewayError 502 if it is malformed for API Gateway.

    No member is required, unknown members are refused, and header values are strings or booleans. A body with
    `isBase64Encoded` is decoded if the client accepts a binary response, and sent as it is otherwise.
    """
    malformed = GatewayError.internal(502)
    try:
        result = parse_json(payload)
    except ValueError:
        raise malformed from None
    if not isinstance(result, dict) or not result.keys() <= _RESPONSE_MEMBERS:
        raise malformed
    status, body = result.get("statusCode", 200), result.get("body") or ""
    single, multi = result.get("headers") or {}, result.get("multiValueHeaders") or {}
    if isinstance(status, str) and status.isascii() and status.isdigit():
        status = int(status)
    if not (type(status) is int and 200 <= status <= 599 and isinstance(body, str)):
        raise malformed
    if not (isinstance(single, dict) and isinstance(multi, dict)):
        raise malformed
    # A name in both has all values, in the spelling of `multiValueHeaders`.
    spelling = {name.lower(): name for name in multi}
    headers = []
    for name, values in multi.items():
        if not isinstance(values, list):
            raise malformed
        headers += [(name, value) for value in values]
    headers += [(spelling.get(name.lower(), name), value) for name, value in single.items()]
    decode = binary and result.get("isBase64Encoded") is True
    try:
        content = base64.b64decode(body, validate=True) if decode else body.encode()
    except ValueError:
        raise GatewayError.internal(500) from None
    return ProxyResponse(status, [_header(name, value) for name, value in headers], content)


_RESPONSE_MEMBERS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}


def _header(name: str, value: object) -> tuple[str, str]:
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, str) or FORBIDDEN_IN_HEADER.search(value) or not HEADER_NAME.fullmatch(name):
        raise GatewayError.internal(502)
    return name, value


def target(request: web.BaseRequest) -> tuple[str, str]:
    """Returns the path and the query string as the client sent them, percent-encoded."""
    raw = request.raw_path
    if not raw.isascii():
        raw = quote(raw.encode("utf-8", "surrogateescape"), safe="!$%&'()*+,/:;=?@[]~")
    path, _, query = raw.partition("?")
    if not path.startswith("/"):
        path = "/" + path.partition("://")[2].partition("/")[2]
    return path, query


def headers_of(request: web.BaseRequest) -> dict[str, list[str]]:
    """Returns the headers as API Gateway passes them on: by the first spelling of a name, with its own added.

    It spells Authorization, User-Agent and X-Amzn-Trace-Id itself, however the client does.

    Raises GatewayError 431 if the request line and the headers exceed 10,240 bytes in total.
    """
    size = len(request.method) + len(request.raw_path)
    headers: dict[str, list[str]] = {}
    names: dict[bytes, str] = {}
    for raw_name, raw_value in request.raw_headers:
        size += len(raw_name) + len(raw_value)
        lower = raw_name.lower()
        if lower not in DROPPED_HEADERS:
            name = names.setdefault(lower, _RESPELT.get(lower) or raw_name.decode("latin-1"))
            headers.setdefault(name, []).append(raw_value.decode("utf-8", "replace"))
    if size > MAX_HEADERS:
        raise GatewayError.default(431, "BadRequestException", "Request Header Fields Too Large")
    if "Root=" not in headers.get(HEADER, [""])[-1]:
        headers[HEADER] = [f"Root=1-{int(time.time()):08x}-{os.urandom(12).hex()}"]
    came_for = headers.pop(names.get(b"x-forwarded-for", ""), [])
    headers["X-Forwarded-For"] = [", ".join([*came_for, request.remote or ""])]
    headers[names.get(b"x-forwarded-port", "X-Forwarded-Port")] = [_port(request)]
    headers[names.get(b"x-forwarded-proto", "X-Forwarded-Proto")] = ["http"]
    return headers


def _port(request: web.BaseRequest) -> str:
    socket = request.transport.get_extra_info("sockname") if request.transport else None
    return str(socket[1]) if isinstance(socket, tuple) else ""


def last_values(multi: dict[str, list[str]]) -> dict[str, str]:
    return {name: values[-1] for name, values in multi.items()}


def query_of(query: str) -> dict[str, list[str]]:
    """Returns the decoded parameters of a query string. A semicolon separates them too, as in API Gateway."""
    parameters: dict[str, list[str]] = {}
    for name, value in parse_qsl(query.replace(";", "&"), keep_blank_values=True, errors="replace"):
        parameters.setdefault(name, []).append(value)
    return parameters


def short_id() -> str:
    """Returns an identifier of 16 characters such as `L0SM9cOFvHcCIhw=`, for a connection, a message or a request."""
    return base64.urlsafe_b64encode(os.urandom(11)).decode()


def request_time(epoch_ms: int) -> str:
    """Returns the time as `09/Apr/2015:12:34:56 +0000`."""
    return datetime.fromtimestamp(epoch_ms // 1000, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")


class Requests:
    """The requests that a gateway is handling."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Counts the current task as a request while the block runs."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    async def finish(self, grace: float) -> None:
        """Waits up to `grace` seconds until all of them are answered."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)


async def read_body(request: web.BaseRequest, limit: int) -> bytes | None:
    """Returns the body, or None if it exceeds `limit` bytes. Raises GatewayError: 400 if incomplete, 408 if late."""
    if (request.content_length or 0) > limit:
        return None
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        return await receive(request, limit)
    except TimeoutError:
        raise GatewayError.default(408, "RequestTimeoutException", "Request Timeout") from None
    except (web.RequestPayloadError, ConnectionError):
        raise GatewayError.default(400, "BadRequestException", "Bad Request") from None
