from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from multidict import CIMultiDict

from emulator.apigateway.authorizers import Authorizers
from emulator.apigateway.gateway import GatewayError, Integration
from emulator.apigateway.records import Authorizer, GatewayResponse, Route
from emulator.common.errors import ApiError
from tests.support.emulator.gateways import Event, Functions
from tests.support.emulator.rest_client import Client, run


def policy(effect: str, *resources: str, action: str = "execute-api:Invoke", **context: Any) -> Event:
    statement = {"Action": action, "Effect": effect, "Resource": list(resources)}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": "user", "policyDocument": document, "context": context}


TOKEN = Authorizer("Token", "authorize", "TOKEN", ttl=0)
REQUEST = Authorizer("Request", "authorize", identity_headers=("x-key",), identity_query=("user",), ttl=0)


def authorized(
    authorizer: Authorizer,
    function: Callable[[Event], Any],
    path: str = "/a/b",
    headers: dict[str, str] | None = None,
) -> tuple[int, CIMultiDict[str], Any]:
    routes = (Route("ANY", "/{proxy+}", "echo", authorizer),)
    given = {"Authorization": "t"} if headers is None else headers
    answer: tuple[int, CIMultiDict[str], Any] = run(
        lambda get: get(path, headers=given), routes=routes, authorize=function
    )
    return answer


def test_a_token_authorizers_context_is_passed_on_as_strings() -> None:
    asked = []

    def function(event: Event) -> Event:
        asked.append(event)
        return policy("Allow", event["methodArn"], name="n", number=7, share=0.5, flag=True)

    status, _, event = authorized(TOKEN, function)
    assert status == 200
    arn = "arn:aws:execute-api:us-east-1:000000000000:Api/v1/GET/a/b"
    assert asked == [{"type": "TOKEN", "methodArn": arn, "authorizationToken": "t"}]
    context = event["requestContext"]["authorizer"]
    assert isinstance(context.pop("integrationLatency"), int)
    assert context == {"principalId": "user", "name": "n", "number": "7", "share": "0.5", "flag": "true"}


def test_a_request_authorizer_is_asked_with_the_request() -> None:
    asked = []

    def function(event: Event) -> Event:
        asked.append(event)
        return policy("Allow", "*")

    assert authorized(REQUEST, function, "/a?user=u", {"X-Key": "k"})[0] == 200
    event = asked[0]
    assert event["type"] == "REQUEST"
    assert event["headers"]["X-Key"] == "k"
    assert event["queryStringParameters"] == {"user": "u"}
    assert (event["pathParameters"], event["stageVariables"]) == ({"proxy": "a"}, {})
    assert event["requestContext"]["resourcePath"] == "/{proxy+}"
    assert "body" not in event


@pytest.mark.parametrize(
    ("authorizer", "path", "headers"),
    [
        (TOKEN, "/a", {}),
        (TOKEN, "/a", {"Authorization": ""}),
        (REQUEST, "/a?user=u", {}),
        (REQUEST, "/a", {"x-key": "k"}),
    ],
)
def test_no_authorizer_is_invoked_without_an_identity(
    authorizer: Authorizer, path: str, headers: dict[str, str]
) -> None:
    def function(event: Event) -> Event:
        raise AssertionError("asked")

    status, answered, body = authorized(authorizer, function, path, headers)
    assert (status, body) == (401, {"message": "Unauthorized"})
    assert answered["x-amzn-ErrorType"] == "UnauthorizedException"


def test_the_exception_unauthorized_returns_401() -> None:
    def function(event: Event) -> Event:
        raise Exception("Unauthorized")

    assert authorized(TOKEN, function)[0::2] == (401, {"message": "Unauthorized"})


SHAPE = '{"kind": "$context.error.responseType", "text": $context.error.messageString, "raw": "$context.error.message"}'
RESPONSES = {
    "UNAUTHORIZED": GatewayResponse(headers={"WWW-Authenticate": "Bearer"}, template='{"who": "nobody"}'),
    "AUTHORIZER_CONFIGURATION_ERROR": GatewayResponse(503, {"Retry-After": "1"}),
    "DEFAULT_4XX": GatewayResponse(404, {"X-Default": "4"}, SHAPE),
    "DEFAULT_5XX": GatewayResponse(headers={"X-Default": "5"}, template=SHAPE),
}


@pytest.mark.parametrize(
    ("path", "headers", "status", "header", "body"),
    [
        ("/closed", {}, 401, ("WWW-Authenticate", "Bearer"), {"who": "nobody"}),
        ("/closed", {"Authorization": "t"}, 503, ("Retry-After", "1"), {"message": None}),
        (
            *("/none", {}, 404, ("X-Default", "4")),
            {
                "kind": "MISSING_AUTHENTICATION_TOKEN",
                "text": "Missing Authentication Token",
                "raw": "Missing Authentication Token",
            },
        ),
        (
            *("/broken", {}, 502, ("X-Default", "5")),
            {"kind": "DEFAULT_5XX", "text": "Internal server error", "raw": "Internal server error"},
        ),
    ],
)
def test_refusals_follow_the_templates_gateway_responses(
    path: str, headers: dict[str, str], status: int, header: tuple[str, str], body: Event
) -> None:
    routes = (Route("GET", "/closed", "echo", TOKEN), Route("GET", "/broken", "broken"), Route("GET", "/open", "open"))

    async def scenario(get: Client) -> None:
        answered, found, content = await get(path, headers=headers)
        assert (answered, found[header[0]], content) == (status, header[1], body)
        assert found["Content-Type"].startswith("application/json")
        # The gateway does not change the refusal of a function.
        assert (await get("/open"))[0::2] == (404, {"own": True})

    run(
        scenario,
        routes=routes,
        responses=RESPONSES,
        authorize=lambda event: {"no": "policy"},
        broken=lambda event: "broken",
        open=lambda event: {"statusCode": 404, "body": '{"own": true}'},
    )


ARN = "arn:aws:execute-api:us-east-1:000000000000:Api/v1/"
IMPLICIT = {"Message": "User is not authorized to access this resource"}
EXPLICIT = {"Message": "User is not authorized to access this resource with an explicit deny"}


@pytest.mark.parametrize(
    ("result", "status", "refusal"),
    [
        (policy("Allow", ARN + "GET/a/b"), 200, None),
        (policy("Allow", ARN + "GET/*"), 200, None),
        (policy("Allow", ARN + "*/a/?"), 200, None),
        (policy("Allow", "arn:aws:execute-api:*:*:*/v1/*"), 200, None),
        (policy("Allow", "*", action="execute-api:*"), 200, None),
        (policy("Allow", "*", action="Execute-API:invoke"), 200, None),
        (policy("Allow", ARN + "POST/*", ARN + "GET/a/*"), 200, None),
        (policy("Allow", ARN + "POST/*"), 403, IMPLICIT),
        (policy("Allow", ARN + "GET/a"), 403, IMPLICIT),
        (policy("Allow", ARN + "GET/a/[b]"), 403, IMPLICIT),
        (policy("Allow", "*", action="lambda:InvokeFunction"), 403, IMPLICIT),
        (policy("Deny", ARN + "GET/*"), 403, EXPLICIT),
        (policy("Deny", ARN + "POST/*"), 403, IMPLICIT),
    ],
)
def test_the_policy_decides(result: Event, status: int, refusal: Event | None) -> None:
    answered = authorized(TOKEN, lambda event: result)
    assert answered[0] == status
    if refusal:
        assert answered[2] == refusal
        assert answered[1]["x-amzn-ErrorType"] == "AccessDeniedException"


def test_a_deny_outweighs_an_allow() -> None:
    result = policy("Allow", "*")
    result["policyDocument"]["Statement"] += policy("Deny", ARN + "GET/a/*")["policyDocument"]["Statement"]
    assert authorized(TOKEN, lambda event: result)[0::2] == (403, EXPLICIT)


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        b"no JSON",
        {"principalId": "user"},
        {"policyDocument": policy("Allow", "*")["policyDocument"]},
        policy("Perhaps", "*"),
        {"principalId": "user", "policyDocument": {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": [1]}]}},
        {"principalId": "user", "policyDocument": {"Statement": ["Allow"]}},
        policy("Allow", "*", nested={"not": "taken"}),
        ValueError("broken"),
        ApiError("TooManyRequestsException", "Rate Exceeded.", 429),
    ],
)
def test_an_authorizer_that_fails_is_a_configuration_error(result: Any) -> None:
    def function(event: Event) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    status, headers, body = authorized(TOKEN, function)
    assert (status, body) == (500, {"message": None})
    assert headers["x-amzn-ErrorType"] == "AuthorizerConfigurationException"


def test_a_policy_is_cached_by_identity_until_it_expires() -> None:
    asked: list[str] = []
    now = 100.0

    def function(event: Event) -> Event:
        asked.append(event["authorizationToken"])
        return policy("Allow", ARN + "GET/a")

    async def main() -> None:
        nonlocal now
        authorizers = Authorizers(Integration(Functions(authorize=function)), clock=lambda: now)
        token = Authorizer("Token", "authorize", "TOKEN", ttl=300)

        async def authorize(who: str, path: str = "a") -> None:
            await authorizers.authorize(token, f"{ARN}GET/{path}", {"headers": {"authorization": who}})

        await authorize("one")
        await authorize("one")
        await authorize("two")
        # The cached policy decides on another path.
        with pytest.raises(GatewayError, match="AccessDenied"):
            await authorize("one", "b")
        now += 299
        await authorize("one")
        assert asked == ["one", "two"]
        now += 1
        await authorize("one")
        assert asked == ["one", "two", "one"]

    asyncio.run(main())
