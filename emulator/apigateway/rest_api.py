"""Serves REST APIs with Lambda proxy integrations."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import re
import time
import uuid
import zlib
from dataclasses import dataclass, field

from aiohttp import web
from multidict import CIMultiDict

from emulator.apigateway.authorizers import Authorizers
from emulator.apigateway.gateway import (
    INTEGRATION_TIMEOUT,
    GatewayError,
    Integration,
    Json,
    ProxyResponse,
    Requests,
    headers_of,
    last_values,
    query_of,
    read_body,
    request_time,
    short_id,
    target,
)
from emulator.apigateway.records import MAX_PAYLOAD, Cors, RestApi, Route
from emulator.apigateway.traffic import Call, Traffic
from emulator.common.account import ACCOUNT, arn
from emulator.common.service import Service
from emulator.common.trace import HEADER, TRACE
from emulator.lambda_.functions import Functions

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
# The content codings that the gateway reads and writes; zlib wants to know their headers.
_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
# The gateway sends its own values for these, and a function's under another name.
REMAPPED_HEADERS = {"connection", "content-length", "date", "server", "www-authenticate"}
IDENTITY = {
    "accessKey": None,
    "accountId": None,
    "caller": None,
    "cognitoAuthenticationProvider": None,
    "cognitoAuthenticationType": None,
    "cognitoIdentityId": None,
    "cognitoIdentityPoolId": None,
    "principalOrgId": None,
    "user": None,
    "userArn": None,
}

logger = logging.getLogger("emulator.rest")


@dataclass(frozen=True, slots=True)
class Resource:
    """A path of the API with its methods."""

    path: str
    pattern: re.Pattern[str]
    parameters: tuple[str, ...]
    methods: dict[str, Route] = field(default_factory=dict)


class RestGateway(Service):
    """Serves one REST API, at `/path` and at `/{stage}/path`.

    A body of a binary media type reaches the function base64-encoded, and so does one that is not UTF-8. `timeout` is
    the integration's, in seconds.
    """

    def __init__(
        self,
        api: RestApi,
        functions: Functions,
        timeout: float = INTEGRATION_TIMEOUT,
        traffic: Traffic | None = None,
    ) -> None:
        self._api = api
        self._traffic = traffic or Traffic()
        self._integration = Integration(functions, timeout)
        self._authorizers = Authorizers(self._integration)
        self._resources = _resources(api.routes)
        self._requests = Requests()
        self._closing = False

    async def close(self, grace: float) -> None:
        """Refuses new requests, and waits up to `grace` seconds until earlier ones are answered."""
        self._closing = True
        await self._requests.finish(grace)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        with self._requests.running():
            return await self._handle(request)

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        path, query = target(request)
        call = Call("REST", request.method, path, query)
        request_id, extended_id = str(uuid.uuid4()), short_id()
        try:
            response = await self._answer(request, call, request_id, extended_id)
        except GatewayError as error:
            response = self._refusal(error)
        except Exception:
            logger.exception("%s %s failed", request.method, path)
            response = self._refusal(GatewayError.internal(500))
        self._compress(request, response)
        response.headers["x-amzn-RequestId"] = request_id
        response.headers["x-amz-apigw-id"] = extended_id
        self._traffic.ended(call, response.status)
        logger.info("%s %s %s %d %.1f ms", request.remote, request.method, path, response.status, call.milliseconds)
        return response

    async def _answer(self, request: web.BaseRequest, call: Call, request_id: str, extended_id: str) -> web.Response:
        path = call.path
        if self._closing:
            raise GatewayError.default(503, "ServiceUnavailableException", "Service Unavailable")
        headers = headers_of(request)
        trace = headers[HEADER][-1]
        TRACE.set(trace)
        coding = _coding(headers)
        if (request.content_length or 0) > MAX_PAYLOAD:
            raise _too_long()
        resource, values, path, sent = self._match(path)
        route = resource.methods.get(request.method)
        if route is None and request.method == "OPTIONS" and self._api.cors:
            return _preflight(self._api.cors, resource)
        if route is None and request.method in METHODS:
            route = resource.methods.get("ANY")
        if route is None:
            raise _unknown()

        multi_query = query_of(call.query)
        host = request.headers.get("Host", "")
        now = time.time_ns() // 1_000_000
        context: Json = {
            "accountId": ACCOUNT,
            "apiId": self._api.name,
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "extendedRequestId": extended_id,
            "httpMethod": request.method,
            "identity": {**IDENTITY, "sourceIp": request.remote, "userAgent": request.headers.get("User-Agent")},
            "path": f"/{self._api.stage}{sent}",
            "protocol": f"HTTP/{request.version.major}.{request.version.minor}",
            "requestId": request_id,
            "requestTime": request_time(now),
            "requestTimeEpoch": now,
            "resourcePath": resource.path,
            "stage": self._api.stage,
        }
        event: Json = {
            "resource": resource.path,
            "path": path,
            "httpMethod": request.method,
            "headers": last_values(headers),
            "multiValueHeaders": headers,
            "queryStringParameters": last_values(multi_query) or None,
            "multiValueQueryStringParameters": multi_query or None,
            "pathParameters": dict(zip(resource.parameters, values, strict=True)) or None,
            "stageVariables": None,
            "requestContext": context,
        }
        if route.authorizer:
            method_arn = arn("execute-api", f"{self._api.name}/{self._api.stage}/{request.method}{path}")
            # An authorizer gets an empty object where an integration gets null.
            asked = {name: {} if value is None else value for name, value in event.items()}
            context["authorizer"] = await self._authorizers.authorize(route.authorizer, method_arn, asked)

        body = await read_body(request, MAX_PAYLOAD)
        if body is None:
            raise _too_long()
        if coding is not None:
            body = _decompressed(body, coding)
        event |= _body(body, binary=_is_binary(request.headers.get("Content-Type"), self._api.binary))
        binary = _is_binary(request.headers.get("Accept", "*/*"), self._api.binary)
        answer = await self._integration.proxy(route.function, event, call, timeout=route.timeout, binary=binary)
        return _response(answer, trace)

    def _compress(self, request: web.BaseRequest, response: web.Response) -> None:
        smallest = self._api.compressed_from
        coding = _accepted_coding(request.headers.get("Accept-Encoding", ""))
        if smallest is None or coding is None or "Content-Encoding" in response.headers:
            return
        if isinstance(response.body, bytes) and len(response.body) >= smallest:
            response.enable_compression(coding)

    def _refusal(self, error: GatewayError) -> web.Response:
        response = error.response()
        default = self._api.responses.get(f"DEFAULT_{error.status // 100}XX")
        wanted = self._api.responses.get(error.response_type, default)
        if wanted is None:
            return response
        response.set_status(wanted.status or error.status)
        response.headers.update(wanted.headers)
        if wanted.template is not None:
            message = error.message or ""
            values = {"responseType": error.response_type, "messageString": json.dumps(message), "message": message}
            text = re.sub(r"\$context\.error\.(\w+)", lambda match: values[match[1]], wanted.template)
            response.body = text.encode()
        return response

    def _match(self, path: str) -> tuple[Resource, tuple[str, ...], str, str]:
        """Returns the resource of a path, the values of its parameters, and the path without the stage.

        That path comes without extra slashes at its start, and as it was sent.
        """
        prefix = f"/{self._api.stage}"
        paths = [path]
        staged = _one_slash(path)
        if staged == prefix or staged.startswith(prefix + "/"):
            paths.insert(0, staged[len(prefix) :] or "/")
        for sent in paths:
            candidate = _one_slash(sent)
            for resource in self._resources:
                if match := resource.pattern.fullmatch(candidate):
                    return resource, match.groups(), candidate, sent
        raise _unknown()


def _resources(routes: tuple[Route, ...]) -> list[Resource]:
    """Returns the resources in order of preference: static before parameter before proxy, segment by segment."""
    resources: dict[str, Resource] = {}
    ranks: dict[str, list[int]] = {}
    for route in routes:
        if route.path not in resources:
            pattern, parameters, rank = "", [], []
            for segment in route.path.strip("/").split("/"):
                if segment.startswith("{") and segment.endswith("}"):
                    proxy = segment.endswith("+}")
                    parameters.append(segment[1:-2] if proxy else segment[1:-1])
                    pattern += "/(.+)" if proxy else "/([^/]+)"
                    rank.append(2 if proxy else 1)
                else:
                    pattern += "/" + re.escape(segment)
                    rank.append(0)
            ranks[route.path] = rank
            # A trailing slash is optional, and not part of a parameter.
            compiled = re.compile(re.sub(r"\(\.\+\)$", "(.+?)", pattern).rstrip("/") + "/?")
            resources[route.path] = Resource(route.path, compiled, tuple(parameters))
        resources[route.path].methods[route.method] = route
    return sorted(resources.values(), key=lambda resource: ranks[resource.path])


def _preflight(cors: Cors, resource: Resource) -> web.Response:
    offered = METHODS if "ANY" in resource.methods else sorted({*resource.methods, "OPTIONS"})
    headers = {
        "Access-Control-Allow-Origin": cors.allow_origin,
        "Access-Control-Allow-Headers": cors.allow_headers,
        "Access-Control-Allow-Methods": cors.allow_methods or ",".join(offered),
        "Access-Control-Max-Age": cors.max_age,
        "Access-Control-Allow-Credentials": "true" if cors.allow_credentials else "",
    }
    given = {name: value for name, value in headers.items() if value}
    return web.Response(body=b"{}\n", content_type="application/json", headers=given)


def _one_slash(path: str) -> str:
    return "/" + path.lstrip("/")


def _coding(headers: dict[str, list[str]]) -> str | None:
    """Takes the content coding out of the headers, since the function gets a decompressed body.

    Raises GatewayError 415 for another one than gzip, deflate and identity.
    """
    name = next((name for name in headers if name.lower() == "content-encoding"), None)
    if name is None:
        return None
    coding = ",".join(headers[name]).strip().lower()
    if coding in ("", "identity"):
        return None
    if coding not in _WINDOW_BITS:
        raise _unsupported_media_type()
    del headers[name]
    return coding


def _decompressed(body: bytes, coding: str) -> bytes:
    """Raises GatewayError: 415 if the body does not have this coding, 413 if it is too large without it."""
    decompressor = zlib.decompressobj(_WINDOW_BITS[coding])
    try:
        content = decompressor.decompress(body, MAX_PAYLOAD + 1)
    except zlib.error:
        raise _unsupported_media_type() from None
    if len(content) > MAX_PAYLOAD:
        raise _too_long()
    if body and (not decompressor.eof or decompressor.unused_data):
        raise _unsupported_media_type()
    return content


def _accepted_coding(header: str) -> web.ContentCoding | None:
    """Returns the first coding of an Accept-Encoding header, unless it is unknown or its `q` is 0."""
    coding, *parameters = header.partition(",")[0].replace(" ", "").lower().split(";")
    if coding not in _WINDOW_BITS:
        return None
    refused = any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
    return None if refused else web.ContentCoding(coding)


def _is_binary(header: str | None, types: tuple[str, ...]) -> bool:
    """Returns whether the first media type of a Content-Type or an Accept header is one of `types`."""
    if "*/*" in types:
        return True
    media_type = (header or "").partition(",")[0].partition(";")[0].strip().lower()
    return media_type in types or f"{media_type.partition('/')[0]}/*" in types


def _body(body: bytes, *, binary: bool) -> Json:
    if not binary or not body:
        with contextlib.suppress(UnicodeDecodeError):
            return {"body": body.decode() or None, "isBase64Encoded": False}
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def _response(answer: ProxyResponse, trace_id: str) -> web.Response:
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in answer.headers:
        lower = name.lower()
        if lower != "transfer-encoding":
            headers.add(f"x-amzn-Remapped-{name}" if lower in REMAPPED_HEADERS else name, value)
    headers.setdefault("Content-Type", "application/json")
    headers.setdefault(HEADER, trace_id)
    return web.Response(body=answer.body, status=answer.status, headers=headers)


def _unknown() -> GatewayError:
    body = {"message": "Missing Authentication Token"}
    return GatewayError("MISSING_AUTHENTICATION_TOKEN", 403, "MissingAuthenticationTokenException", body)


def _unsupported_media_type() -> GatewayError:
    body = {"message": "Unsupported Media Type"}
    return GatewayError("UNSUPPORTED_MEDIA_TYPE", 415, "UnsupportedMediaTypeException", body)


def _too_long() -> GatewayError:
    return GatewayError("REQUEST_TOO_LARGE", 413, "RequestTooLargeException", {"message": "Request Too Long"})
