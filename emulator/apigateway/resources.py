"""The resource types of API Gateway."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from emulator.apigateway.openapi import media_types, rest_api, timeout_seconds
from emulator.apigateway.records import MAX_PAYLOAD, Authorizer, RestApi, WebSocketApi
from emulator.common.account import REGION
from emulator.common.text import words
from emulator.lambda_.resources import target
from emulator.template.intrinsics import scalar
from emulator.template.properties import Values, boolean, integer
from emulator.template.registry import Addresses, ResourceType, physical_name, without_effect
from emulator.template.resources import Resource

_REST_API = "AWS::ApiGateway::RestApi"
_REST_STAGE = "AWS::ApiGateway::Stage"
_WEBSOCKET_API = "AWS::ApiGatewayV2::Api"
_WEBSOCKET_STAGE = "AWS::ApiGatewayV2::Stage"
_WEBSOCKET_ROUTE = "AWS::ApiGatewayV2::Route"


def _stage_name(stage: Resource) -> str:
    return scalar(stage.resolved("StageName"))


def _rest_api(resource: Resource) -> RestApi:
    _check_sole(resource)
    if "Body" not in resource.values:
        raise ValueError("Body: expected an OpenAPI definition")
    stage = _stage(resource, _REST_STAGE, "RestApiId")
    api = rest_api(
        resource.logical_id, stage, resource.values["Body"], lambda uri, where: _invoked(resource, uri, where)
    )
    binary = media_types(resource.values.get("BinaryMediaTypes"))
    smallest = integer(resource.values, "MinimumCompressionSize", None, 0, MAX_PAYLOAD)
    return replace(api, compressed_from=smallest, binary=api.binary + binary)


def _rest_stage(resource: Resource) -> None:
    """Raises ValueError if the stage has a cache."""
    settings = resource.values.get("MethodSettings", [])
    if boolean(resource.values, "CacheClusterEnabled", False) or any(
        boolean(setting, "CachingEnabled", False) for setting in settings
    ):
        raise ValueError("the API cache (CacheClusterEnabled, CachingEnabled) is not supported")


def _websocket_api(resource: Resource) -> WebSocketApi:
    values = resource.values
    if values.get("ProtocolType") == "HTTP":
        raise ValueError("HTTP APIs (ProtocolType: HTTP) are not supported; expected a REST or a WebSocket API")
    if values.get("ProtocolType") != "WEBSOCKET":
        raise ValueError(f"ProtocolType: expected WEBSOCKET, was {values.get('ProtocolType')}")
    _check_sole(resource)
    routes: dict[str, str] = {}
    timeouts: dict[str, float] = {}
    authorizer = None
    for route in _parts(resource, _WEBSOCKET_ROUTE, "ApiId"):
        integration = _values(resource, str(route.get("Target")).removeprefix("integrations/"))
        if integration.get("IntegrationType") != "AWS_PROXY":
            raise ValueError(f"{route.get('RouteKey')}: expected an AWS_PROXY integration, was {integration}")
        key = scalar(route.get("RouteKey"))
        routes[key] = _invoked(resource, integration.get("IntegrationUri"), "IntegrationUri")
        timeout = timeout_seconds(integration, "TimeoutInMillis")
        if timeout is not None:
            timeouts[key] = timeout
        if boolean(route, "ApiKeyRequired", False):
            raise ValueError(f"{key}: API keys (ApiKeyRequired) are not supported")
        if route.get("AuthorizationType", "NONE") == "CUSTOM":
            authorizer = _authorizer(resource, _values(resource, str(route.get("AuthorizerId"))))
        elif route.get("AuthorizationType", "NONE") != "NONE":
            raise ValueError(f"AuthorizationType: expected CUSTOM or NONE, was {route['AuthorizationType']}")
    selection = values.get("RouteSelectionExpression", WebSocketApi.selection_expression)
    stage = _stage(resource, _WEBSOCKET_STAGE, "ApiId")
    return WebSocketApi(resource.logical_id, stage, routes, selection, authorizer, timeouts)


def _authorizer(resource: Resource, values: Values) -> Authorizer:
    if values.get("AuthorizerType") != "REQUEST":
        raise ValueError(f"AuthorizerType: expected REQUEST, was {values.get('AuthorizerType')}")
    headers, query = [], []
    for source in values.get("IdentitySource", []):
        match str(source).split(".", 3):
            case ["route", "request", "header", name]:
                headers.append(name)
            case ["route", "request", "querystring", name]:
                query.append(name)
            case _:
                raise ValueError(f"IdentitySource: expected route.request.header.… or .querystring.…, was {source}")
    function = _invoked(resource, values.get("AuthorizerUri"), "AuthorizerUri")
    return Authorizer(values.get("Name", "authorizer"), function, "REQUEST", tuple(headers), tuple(query))


def _invoked(resource: Resource, uri: Any, where: str) -> str:
    """Returns the function of a URI `arn:aws:apigateway:…:lambda:path/2015-03-31/functions/{ARN}/invocations`."""
    return target(resource, str(uri).removesuffix("/invocations").rpartition("/functions/")[2], where)


def _check_sole(resource: Resource) -> None:
    apis = [
        api.logical_id
        for api in resource.template.of(resource.kind)
        if api.values.get("ProtocolType") == resource.values.get("ProtocolType")
    ]
    if len(apis) > 1:
        raise ValueError(f"expected one API of this type, which has a port of its own, was {', '.join(apis)}")


def _parts(api: Resource, kind: str, property_: str) -> list[Values]:
    """Returns the properties of the resources of a type that belong to the API."""
    parts = [part.values for part in api.template.of(kind)]
    return [values for values in parts if values.get(property_) == api.ref]


def _stage(api: Resource, kind: str, property_: str) -> str:
    stages = [scalar(stage.get("StageName")) for stage in _parts(api, kind, property_)]
    if len(stages) != 1:
        raise ValueError(f"expected one stage, was {', '.join(stages) or 'none'}")
    return stages[0]


def _values(api: Resource, logical_id: str) -> Values:
    part = api.template.get(logical_id)
    if part is None or part.values.get("ApiId") != api.ref:
        raise ValueError(f"expected an integration or an authorizer of this API, was {logical_id}")
    return part.values


def _websocket_address(addresses: Addresses, scheme: str) -> str:
    return addresses.websocket if scheme == "wss" else addresses.websocket.replace("ws", "http", 1)


TYPES = (
    ResourceType(
        _REST_API,
        used=words("BinaryMediaTypes Body.** MinimumCompressionSize"),
        ignored=words(
            "Description DisableExecuteApiEndpoint EndpointConfiguration FailOnWarnings Name Parameters Policy Tags"
        ),
        ref=physical_name,
        attributes={"RestApiId": physical_name},
        build=_rest_api,
        address=lambda addresses, scheme: addresses.rest,
    ),
    ResourceType(
        _REST_STAGE,
        used=words("CacheClusterEnabled MethodSettings.CachingEnabled RestApiId StageName"),
        ignored=words(
            "AccessLogSetting DeploymentId Description MethodSettings.DataTraceEnabled MethodSettings.HttpMethod"
            " MethodSettings.LoggingLevel MethodSettings.MetricsEnabled MethodSettings.ResourcePath"
            " MethodSettings.ThrottlingBurstLimit MethodSettings.ThrottlingRateLimit Tags TracingEnabled"
        ),
        ref=_stage_name,
        attributes={},
        build=_rest_stage,
    ),
    ResourceType(
        _WEBSOCKET_API,
        # The body and the CORS settings of an HTTP API, which is refused as a whole
        used=words("Body.** CorsConfiguration.** ProtocolType RouteSelectionExpression"),
        ignored=words("Description DisableExecuteApiEndpoint DisableSchemaValidation IpAddressType Name Tags"),
        ref=physical_name,
        attributes={
            "ApiEndpoint": lambda api: f"wss://{api.name}.execute-api.{REGION}.amazonaws.com",
            "ApiId": physical_name,
        },
        build=_websocket_api,
        address=_websocket_address,
    ),
    ResourceType(
        _WEBSOCKET_STAGE,
        used=words("ApiId StageName"),
        ignored=words("AccessLogSettings AutoDeploy DefaultRouteSettings DeploymentId Description RouteSettings Tags"),
        ref=_stage_name,
        attributes={},
        build=None,
    ),
    ResourceType(
        _WEBSOCKET_ROUTE,
        used=words("ApiId ApiKeyRequired AuthorizationType AuthorizerId RouteKey Target"),
        ignored=words("OperationName"),
        ref=physical_name,
        attributes={},
        build=None,
    ),
    ResourceType(
        "AWS::ApiGatewayV2::Integration",
        used=words("ApiId IntegrationType IntegrationUri TimeoutInMillis"),
        ignored=words("ConnectionType CredentialsArn Description IntegrationMethod PassthroughBehavior"),
        ref=physical_name,
        attributes={},
        build=None,
    ),
    ResourceType(
        "AWS::ApiGatewayV2::Authorizer",
        used=words("ApiId AuthorizerType AuthorizerUri IdentitySource Name"),
        ignored=words("AuthorizerCredentialsArn"),
        ref=physical_name,
        attributes={},
        build=None,
    ),
    without_effect("AWS::ApiGateway::Account", physical_name),
    without_effect("AWS::ApiGateway::Deployment", physical_name, ignored=words("Description RestApiId StageName")),
    without_effect("AWS::ApiGateway::UsagePlan", physical_name),
    without_effect("AWS::ApiGatewayV2::Deployment", physical_name),
)
