"""Serves WebSocket APIs with Lambda proxy integrations, and their `@connections` management API."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import unquote

from aiohttp import web

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
from emulator.apigateway.records import WebSocketApi
from emulator.apigateway.traffic import Call, Traffic
from emulator.apigateway.websocket_connection import MAX_MESSAGE, Connection, End, Handshake, Limits, Switched
from emulator.common.account import arn
from emulator.common.errors import ApiError, TemplateError
from emulator.common.guard import check_caller
from emulator.common.service import Service
from emulator.common.strict_json import parse_json
from emulator.lambda_.functions import Functions

logger = logging.getLogger("emulator.websocket")

Select = Callable[[str], str | None]


class WebSocketGateway(Service):
    """Serves one WebSocket API at `/` and `/{stage}`, and manages its connections at `…/@connections/{id}`.

    The messages of a connection are handled in parallel, and `$disconnect` beside those that still run.
    A function's response body is not sent to the client, since no route has a route response. `timeout` is the
    integrations', in seconds. `clock` is monotonic, in seconds, and decides when a connection is idle or old.
    """

    def __init__(
        self,
        api: WebSocketApi,
        functions: Functions,
        limits: Limits | None = None,
        timeout: float = INTEGRATION_TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
        traffic: Traffic | None = None,
    ) -> None:
        self._api = api
        self._traffic = traffic or Traffic()
        self._limits = limits or Limits()
        self._clock = clock
        self._select = _selector(api.selection_expression)
        self._integration = Integration(functions, timeout)
        self._authorizers = Authorizers(self._integration)
        # API Gateway never caches the answer of a WebSocket API's authorizer.
        self._authorizer = replace(api.authorizer, ttl=0) if api.authorizer else None
        self._connections = self._traffic.connections
        self._requests = Requests()
        self._closing = False

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, query = target(request)
        path = unquote(path)
        prefix = f"/{self._api.stage}"
        if path == prefix or path.startswith(prefix + "/"):
            path = path[len(prefix) :] or "/"
        if path.startswith("/@connections/"):
            return await self._manage(request, path.removeprefix("/@connections/"))
        with self._requests.running():
            return await self._upgrade(request, path, query)

    async def close(self, grace: float) -> None:
        """Closes every connection as going away, and waits up to `grace` seconds until `$disconnect` is handled."""
        self._closing = True
        for connection in list(self._connections.values()):
            connection.close(End.GOING_AWAY)
        await self._requests.finish(grace)

    # Connections

    async def _upgrade(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        connection = Connection(request, self._limits, self._clock)
        call = Call("WebSocket", "$connect", path, query, connection.id)
        request_id = short_id()
        try:
            if self._closing:
                raise GatewayError.default(503, "ServiceUnavailableException", "Service Unavailable")
            if path != "/" or request.method != "GET":
                raise GatewayError.default(403, "ForbiddenException", "Forbidden")
            headers = headers_of(request)
            handshake = _handshake(request)
            protocols = await self._connect(connection, headers, call, request_id)
            self._ended(call, 101)
            await self._serve(connection, request, handshake, protocols)
            return Switched()
        except GatewayError as error:
            refusal = error
        except Exception:
            logger.exception("%s failed", connection.id)
            refusal = GatewayError.internal(500)
        self._ended(call, refusal.status)
        refusal.body = _notice(connection, request_id, refusal)
        return refusal.response()

    async def _serve(
        self, connection: Connection, request: web.BaseRequest, handshake: Handshake, protocols: tuple[str, ...]
    ) -> None:
        try:
            connection.open(request, handshake, protocols)
            self._connections[connection.id] = connection
            if self._closing:
                connection.close(End.GOING_AWAY)
            await connection.serve(lambda message: self._message(connection, message))
        except ConnectionError as error:
            logger.info("%s was lost: %s", connection.id, error)
        finally:
            self._connections.pop(connection.id, None)
            await self._disconnect(connection)
        await connection.handled()
        await connection.gone()

    async def _connect(
        self, connection: Connection, headers: dict[str, list[str]], call: Call, request_id: str
    ) -> tuple[str, ...]:
        """Asks the authorizer and `$connect`; returns the subprotocols that `$connect` chooses."""
        multi_query = query_of(call.query)
        context = self._context(connection, "$connect", "CONNECT", request_id)
        event: Json = {"headers": last_values(headers), "multiValueHeaders": headers}
        if multi_query:
            event["queryStringParameters"] = last_values(multi_query)
            event["multiValueQueryStringParameters"] = multi_query
        event["requestContext"] = context
        if self._authorizer:
            method_arn = arn("execute-api", f"{self._api.name}/{self._api.stage}/$connect")
            asked = {"stageVariables": {}, "queryStringParameters": {}, "multiValueQueryStringParameters": {}, **event}
            connection.authorizer = await self._authorizers.authorize(self._authorizer, method_arn, asked)
            context["authorizer"] = connection.authorizer
        function = self._api.routes.get("$connect")
        if function is None:
            return ()
        answer = await self._proxy(call, function, {**event, "isBase64Encoded": False})
        if not 200 <= answer.status < 300:
            raise GatewayError.default(answer.status, _error_type(answer.status), _phrase(answer.status))
        return tuple(value for name, value in answer.headers if name.lower() == "sec-websocket-protocol")

    async def _message(self, connection: Connection, message: str) -> None:
        request_id = short_id()
        key = self._select(message)
        if key is None or key.startswith("$") or key not in self._api.routes:
            key = "$default"
        call = Call("WebSocket", key, connection_id=connection.id)
        function = self._api.routes.get(key)
        try:
            if function is None:
                raise GatewayError.default(403, "ForbiddenException", "Forbidden")
            context = self._context(connection, key, "MESSAGE", request_id)
            context["messageId"] = short_id()
            event: Json = {"requestContext": context, "body": message, "isBase64Encoded": False}
            status = (await self._proxy(call, function, event)).status
        except GatewayError as error:
            status = error.status
            await self._notify(connection, request_id, error)
        except Exception:
            logger.exception("%s %s failed", connection.id, key)
            status = 500
            await self._notify(connection, request_id, GatewayError.internal(500))
        self._ended(call, status)

    async def _proxy(self, call: Call, function: str, event: Json) -> ProxyResponse:
        return await self._integration.proxy(function, event, call, timeout=self._api.timeouts.get(call.method))

    async def _disconnect(self, connection: Connection) -> None:
        function = self._api.routes.get("$disconnect")
        if function is None:
            return
        call = Call("WebSocket", "$disconnect", connection_id=connection.id)
        headers = {"Host": connection.host, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
        context = self._context(connection, "$disconnect", "DISCONNECT", short_id())
        context["disconnectStatusCode"], context["disconnectReason"] = connection.end
        event: Json = {
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "requestContext": context,
            "isBase64Encoded": False,
        }
        try:
            status = (await self._proxy(call, function, event)).status
        except GatewayError as error:
            status = error.status
        except Exception:
            logger.exception("%s $disconnect failed", connection.id)
            status = 500
        self._ended(call, status)

    def _context(self, connection: Connection, route_key: str, event_type: str, request_id: str) -> Json:
        now = time.time_ns() // 1_000_000
        context: Json = {
            "routeKey": route_key,
            "eventType": event_type,
            "extendedRequestId": request_id,
            "requestTime": request_time(now),
            "messageDirection": "IN",
            "stage": self._api.stage,
            "connectedAt": connection.connected_at,
            "requestTimeEpoch": now,
            "identity": connection.identity,
            "requestId": request_id,
            "domainName": connection.host,
            "connectionId": connection.id,
            "apiId": self._api.name,
        }
        if connection.authorizer is not None:
            context["authorizer"] = connection.authorizer
        return context

    async def _notify(self, connection: Connection, request_id: str, error: GatewayError) -> None:
        try:
            await connection.send(json.dumps(_notice(connection, request_id, error)).encode())
        except ApiError as refused:
            logger.info("%s did not get an error message: %s", connection.id, refused)

    def _ended(self, call: Call, status: int) -> None:
        self._traffic.ended(call, status)
        logger.info("%s %s %d %.1f ms", call.connection_id, call.method, status, call.milliseconds)

    # The management API

    async def _manage(self, request: web.BaseRequest, connection_id: str) -> web.Response:
        try:
            check_caller(request)
            body = await read_body(request, MAX_MESSAGE)
            if body is None:
                raise ApiError("PayloadTooLargeException", f"Expected at most {MAX_MESSAGE} bytes.", 413)
            connection = self._connections.get(connection_id)
            if connection is None:
                raise ApiError("GoneException", f"There is no connection {connection_id!r}.", 410)
            response = await self._act(request.method, connection, body)
        except ApiError as error:
            response = GatewayError.default(error.status, error.code, error.message).response()
        except GatewayError as error:
            response = error.response()
        response.headers["x-amzn-RequestId"] = short_id()
        logger.info("%r %s @connections %d", connection_id, request.method, response.status)
        return response

    async def _act(self, method: str, connection: Connection, body: bytes) -> web.Response:
        match method:
            case "POST":
                await connection.send(body)
                return web.Response()
            case "GET":
                described = json.dumps(connection.describe()).encode()
                return web.Response(body=described, content_type="application/json")
            case "DELETE":
                connection.close(End.DELETED)
                del self._connections[connection.id]
                return web.Response(status=204)
        raise ApiError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)


def _handshake(request: web.BaseRequest) -> Handshake:
    try:
        return Handshake(request)
    except ValueError:
        raise GatewayError.default(400, "BadRequestException", "Bad Request") from None


def _selector(expression: str) -> Select:
    """Compiles a route selection expression such as `$request.body.action`. Raises TemplateError for any other kind."""
    match = re.fullmatch(r"\$request\.body\.([\w.-]+)|\$\{request\.body\.([\w.-]+)\}", expression)
    if match is None:
        raise TemplateError([f"RouteSelectionExpression: expected $request.body.<path>, was {expression!r}"])
    path = (match[1] or match[2]).split(".")

    def select(message: str) -> str | None:
        try:
            value = parse_json(message)
            for name in path:
                value = value[name]
        except (ValueError, KeyError, TypeError):
            return None
        return value if isinstance(value, str) else json.dumps(value)

    return select


def _notice(connection: Connection, request_id: str, error: GatewayError) -> Json:
    message = error.message or "Internal server error"
    return {"message": message, "connectionId": connection.id, "requestId": request_id}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return str(status)


def _error_type(status: int) -> str:
    return {401: "UnauthorizedException", 403: "ForbiddenException", 429: "LimitExceededException"}.get(
        status, "BadRequestException" if status < 500 else "InternalServerErrorException"
    )
