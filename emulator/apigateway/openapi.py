"""Reads the OpenAPI definition of a REST API, as the SAM translator writes it for API Gateway."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from emulator.apigateway.records import Authorizer, Cors, GatewayResponse, RestApi, Route

_RESPONSES = "x-amazon-apigateway-gateway-responses"
_TOP_LEVEL = {"components", "info", "openapi", "paths", "securityDefinitions", "swagger", "tags", _RESPONSES}
_METHODS = {"delete", "get", "head", "options", "patch", "post", "put", "x-amazon-apigateway-any-method"}
_METHOD_KEYS = {
    "consumes",
    "description",
    "operationId",
    "parameters",
    "produces",
    "requestBody",
    "responses",
    "security",
    "summary",
    "tags",
    "x-amazon-apigateway-integration",
}
_CORS = "method.response.header.Access-Control-"


def rest_api(name: str, stage: str, body: dict[str, Any], function: Callable[[Any, str], str]) -> RestApi:
    """Returns the API. `function` returns the name of the function that an integration's URI invokes.

    Raises ValueError that names a part of the definition that is not supported.
    """
    unknown = sorted(set(body) - _TOP_LEVEL)
    if unknown:
        raise ValueError(f"Body: {', '.join(unknown)} is not supported")
    schemes = body.get("securityDefinitions") or (body.get("components") or {}).get("securitySchemes") or {}
    authorizers = {
        scheme: _authorizer(scheme, definition["x-amazon-apigateway-authorizer"], definition, function)
        for scheme, definition in schemes.items()
        if "x-amazon-apigateway-authorizer" in definition
    }
    routes = []
    cors = None
    for path, methods in (body.get("paths") or {}).items():
        for method, definition in methods.items():
            where = f"{method} {path}"
            if method not in _METHODS:
                raise ValueError(f"{where}: expected one of {', '.join(sorted(_METHODS))}")
            unknown = sorted(set(definition) - _METHOD_KEYS)
            if unknown:
                raise ValueError(f"{where}: {', '.join(unknown)} is not supported")
            integration = definition.get("x-amazon-apigateway-integration") or {}
            kind = str(integration.get("type")).lower()
            if kind == "mock" and method == "options":
                cors = _cors(integration) or cors
                continue
            if kind != "aws_proxy":
                raise ValueError(f"{where}: expected an aws_proxy integration, was {kind}")
            verb = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
            authorizer = _chosen(definition.get("security") or [], authorizers, where)
            routes.append(Route(verb, path, function(integration.get("uri"), where), authorizer))
    responses = {kind: _gateway_response(kind, value) for kind, value in (body.get(_RESPONSES) or {}).items()}
    return RestApi(name, stage, tuple(routes), cors, responses)


def _gateway_response(kind: str, definition: dict[str, Any]) -> GatewayResponse:
    headers = {}
    for name, value in (definition.get("responseParameters") or {}).items():
        header = name.removeprefix("gatewayresponse.header.")
        if header == name or not re.fullmatch("'[^']*'", str(value)):
            raise ValueError(
                f"the gateway response {kind}: expected a header with a value in quotes, was {name}: {value}"
            )
        headers[header] = value[1:-1]
    templates = definition.get("responseTemplates") or {}
    template = templates.get("application/json")
    variables = set(re.findall(r"\$[\w.]*", template or ""))
    unknown = variables - {f"$context.error.{name}" for name in ("message", "messageString", "responseType")}
    if unknown or set(templates) - {"application/json"}:
        problem = ", ".join(sorted(unknown)) or "another content type than application/json"
        raise ValueError(f"the gateway response {kind}: {problem} is not supported")
    status = definition.get("statusCode")
    return GatewayResponse(int(status) if status else None, headers, template)


def _chosen(security: list[dict[str, Any]], authorizers: dict[str, Authorizer], where: str) -> Authorizer | None:
    names = [name for requirement in security for name in requirement if name != "NONE"]
    for name in names:
        if name not in authorizers:
            raise ValueError(f"{where}: expected a Lambda authorizer, was {name}")
    if len(names) > 1:
        raise ValueError(f"{where}: expected at most one authorizer, was {', '.join(names)}")
    return authorizers[names[0]] if names else None


def _authorizer(
    name: str, definition: dict[str, Any], scheme: dict[str, Any], function: Callable[[Any, str], str]
) -> Authorizer:
    kind = str(definition.get("type")).upper()
    if kind not in ("TOKEN", "REQUEST"):
        raise ValueError(f"the authorizer {name}: expected a Lambda authorizer, was {kind}")
    for unsupported in ("identityValidationExpression",):
        if unsupported in definition:
            raise ValueError(f"the authorizer {name}: {unsupported} is not supported")
    headers, query = [], []
    if kind == "TOKEN":
        headers.append(str(scheme.get("name", "Authorization")))
    for source in filter(None, map(str.strip, str(definition.get("identitySource", "")).split(","))):
        match source.split(".", 3):
            case ["method", "request", "header", header]:
                headers = [*headers, header] if kind == "REQUEST" else [header]
            case ["method", "request", "querystring", parameter]:
                query.append(parameter)
            case _:
                raise ValueError(f"the authorizer {name}: the identity source {source} is not supported")
    ttl = int(definition.get("authorizerResultTtlInSeconds", 300))
    target = function(definition.get("authorizerUri"), f"the authorizer {name}")
    return Authorizer(name, target, "TOKEN" if kind == "TOKEN" else "REQUEST", tuple(headers), tuple(query), ttl)


def _cors(integration: dict[str, Any]) -> Cors | None:
    for response in (integration.get("responses") or {}).values():
        headers = {
            name.removeprefix(_CORS): str(value).strip("'")
            for name, value in (response.get("responseParameters") or {}).items()
            if name.startswith(_CORS)
        }
        if "Allow-Origin" in headers:
            return Cors(
                allow_origin=headers["Allow-Origin"],
                allow_methods=headers.get("Allow-Methods", ""),
                allow_headers=headers.get("Allow-Headers", ""),
                max_age=headers.get("Max-Age", ""),
                allow_credentials=headers.get("Allow-Credentials") == "true",
            )
    return None
