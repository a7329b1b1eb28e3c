"""Reads the OpenAPI definition of a REST API, as the SAM translator writes it for API Gateway."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from emulator.apigateway.records import Authorizer, Cors, GatewayResponse, RestApi, Route
from emulator.common.text import words
from emulator.template.intrinsics import scalar
from emulator.template.keys import Keys
from emulator.template.properties import integer

_AUTHORIZER = "x-amazon-apigateway-authorizer"
_BINARY = "x-amazon-apigateway-binary-media-types"
_INTEGRATION = "x-amazon-apigateway-integration"
_RESPONSES = "x-amazon-apigateway-gateway-responses"
_RESPONSE_TYPES = words(
    "ACCESS_DENIED API_CONFIGURATION_ERROR AUTHORIZER_CONFIGURATION_ERROR AUTHORIZER_FAILURE BAD_REQUEST_BODY"
    " BAD_REQUEST_PARAMETERS DEFAULT_4XX DEFAULT_5XX EXPIRED_TOKEN INTEGRATION_FAILURE INTEGRATION_TIMEOUT"
    " INVALID_API_KEY INVALID_SIGNATURE MISSING_AUTHENTICATION_TOKEN QUOTA_EXCEEDED REQUEST_TOO_LARGE"
    " RESOURCE_NOT_FOUND THROTTLED UNAUTHORIZED UNSUPPORTED_MEDIA_TYPE WAF_FILTERED"
)
_METHODS = words("delete get head options patch post put x-amazon-apigateway-any-method")
_KEYS = Keys(
    used=[
        _BINARY,
        f"{_RESPONSES}.*.responseParameters.*",
        f"{_RESPONSES}.*.responseTemplates.*",
        f"{_RESPONSES}.*.statusCode",
        "paths.**",
        *(
            f"{place}.*.{key}"
            for place in ("components.securitySchemes", "securityDefinitions")
            for key in (
                "name",
                f"{_AUTHORIZER}.authorizerResultTtlInSeconds",
                f"{_AUTHORIZER}.authorizerUri",
                f"{_AUTHORIZER}.identitySource",
                f"{_AUTHORIZER}.type",
            )
        ),
    ],
    ignored=[
        *words("components.schemas info openapi swagger tags"),
        *(
            f"{place}.*.{key}"
            for place in ("components.securitySchemes", "securityDefinitions")
            for key in ("in", "type", f"{_AUTHORIZER}.authorizerCredentials", "x-amazon-apigateway-authtype")
        ),
    ],
)
_IGNORED_OF_METHOD = words("consumes description operationId parameters produces requestBody responses summary tags")
_METHOD_KEYS = Keys(
    used=["security.*", f"{_INTEGRATION}.timeoutInMillis", f"{_INTEGRATION}.type", f"{_INTEGRATION}.uri"],
    ignored=[
        *_IGNORED_OF_METHOD,
        # IAM, and what only other integrations than a proxy look at
        *(f"{_INTEGRATION}.{key}" for key in ("credentials", "httpMethod", "passthroughBehavior", "responses")),
    ],
)
_PREFLIGHT_KEYS = Keys(
    used=[
        f"{_INTEGRATION}.type",
        *(f"{_INTEGRATION}.responses.*.{key}" for key in ("responseParameters.*", "responseTemplates.*", "statusCode")),
    ],
    ignored=[*_IGNORED_OF_METHOD, f"{_INTEGRATION}.requestTemplates", "security"],
)
_CORS = "method.response.header.Access-Control-"
_CORS_HEADERS = {"Allow-Credentials", "Allow-Headers", "Allow-Methods", "Allow-Origin", "Max-Age"}


def rest_api(name: str, stage: str, body: dict[str, Any], function: Callable[[Any, str], str]) -> RestApi:
    """Returns the API. `function` returns the name of the function that an integration's URI invokes.

    Raises ValueError that names a part of the definition that is not supported.
    """
    _check(_KEYS, body, "Body")
    schemes = body.get("securityDefinitions") or (body.get("components") or {}).get("securitySchemes") or {}
    authorizers = {
        scheme: _authorizer(scheme, definition[_AUTHORIZER], definition, function)
        for scheme, definition in schemes.items()
        if _AUTHORIZER in definition
    }
    routes = []
    preflights = []
    for path, methods in (body.get("paths") or {}).items():
        for method, definition in methods.items():
            where = f"{method} {path}"
            if method not in _METHODS:
                raise ValueError(f"{where}: expected one of {', '.join(sorted(_METHODS))}")
            integration = definition.get(_INTEGRATION) or {}
            kind = str(integration.get("type")).lower()
            if kind == "mock" and method == "options":
                _check(_PREFLIGHT_KEYS, definition, where)
                preflights.append(_preflight(integration, where))
                continue
            if kind != "aws_proxy":
                raise ValueError(f"{where}: expected an aws_proxy integration, was {kind}")
            _check(_METHOD_KEYS, definition, where)
            verb = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
            authorizer = _chosen(definition.get("security") or [], authorizers, where)
            try:
                timeout = timeout_seconds(integration, "timeoutInMillis")
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from None
            routes.append(Route(verb, path, function(integration.get("uri"), where), authorizer, timeout))
    responses = {kind: _gateway_response(kind, value) for kind, value in (body.get(_RESPONSES) or {}).items()}
    return RestApi(name, stage, tuple(routes), _common(preflights), responses, binary=media_types(body.get(_BINARY)))


def timeout_seconds(integration: dict[str, Any], name: str) -> float | None:
    """Returns the integration's timeout, or None for the usual one. Raises ValueError."""
    milliseconds = integer(integration, name, None, 50, 29_000)
    return None if milliseconds is None else milliseconds / 1000


def media_types(given: Any) -> tuple[str, ...]:
    """Returns binary media types; a template may write their slash as `~1`. Raises ValueError."""
    if not isinstance(given or [], list):
        raise ValueError(f"binary media types: expected a list, was {given!r:.100}")
    return tuple(scalar(media_type).replace("~1", "/").lower() for media_type in given or [])


def _check(keys: Keys, value: dict[str, Any], where: str) -> None:
    problems = keys.problems(value)
    if problems:
        raise ValueError("; ".join(f"{where}: {problem}" for problem in problems))


def _gateway_response(kind: str, definition: dict[str, Any]) -> GatewayResponse:
    if kind not in _RESPONSE_TYPES:
        expected = ", ".join(sorted(_RESPONSE_TYPES))
        raise ValueError(f"the gateway response {kind}: expected one of {expected}")
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
    try:
        status = integer(definition, "statusCode", None, 100, 599)
    except ValueError as error:
        raise ValueError(f"the gateway response {kind}: {error}") from None
    return GatewayResponse(status, headers, template)


def _chosen(security: list[dict[str, Any]], authorizers: dict[str, Authorizer], where: str) -> Authorizer | None:
    if any(scopes for requirement in security for scopes in requirement.values()):
        raise ValueError(f"{where}: security: scopes are not supported")
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
    ttl = integer(definition, "authorizerResultTtlInSeconds", 300, 0, 3600)
    target = function(definition.get("authorizerUri"), f"the authorizer {name}")
    return Authorizer(name, target, "TOKEN" if kind == "TOKEN" else "REQUEST", tuple(headers), tuple(query), ttl)


def _preflight(integration: dict[str, Any], where: str) -> Cors:
    """Reads the answer to a preflight request, as SAM writes it from `Cors`. Raises ValueError for any other."""
    responses = list((integration.get("responses") or {}).values())
    if len(responses) != 1:
        raise ValueError(f"{where}: expected one response of the mock integration, was {len(responses)}")
    (response,) = responses
    status = scalar(response.get("statusCode", "200"))
    templates = {scalar(template).strip() for template in (response.get("responseTemplates") or {}).values()}
    if status != "200" or not templates <= {"", "{}"}:
        raise ValueError(f"{where}: expected a mock integration that answers 200 with {{}}, was {status} {templates}")
    headers = {}
    for name, value in (response.get("responseParameters") or {}).items():
        header = name.removeprefix(_CORS)
        if header not in _CORS_HEADERS:
            raise ValueError(f"{where}: expected a header Access-Control-Allow-… or -Max-Age, was {name}")
        headers[header] = scalar(value).strip("'")
    if "Allow-Origin" not in headers:
        raise ValueError(f"{where}: expected the header Access-Control-Allow-Origin")
    return Cors(
        allow_origin=headers["Allow-Origin"],
        allow_methods=headers.get("Allow-Methods", ""),
        allow_headers=headers.get("Allow-Headers", ""),
        max_age=headers.get("Max-Age", ""),
        allow_credentials=headers.get("Allow-Credentials") == "true",
    )


def _common(preflights: list[Cors]) -> Cors | None:
    """Returns what all paths answer. Without given methods, SAM names those of each path, and so does the gateway."""
    if not preflights:
        return None
    methods = {preflight.allow_methods for preflight in preflights}
    common = preflights[0] if len(methods) == 1 else replace(preflights[0], allow_methods="")
    if any(replace(preflight, allow_methods=common.allow_methods) != common for preflight in preflights):
        raise ValueError("expected the same CORS headers for every path")
    return common
