"""Lambda authorizers: decide who may call, by the IAM policy that a function returns."""

from __future__ import annotations

import functools
import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emulator.apigateway.gateway import GatewayError, Integration, Json
from emulator.apigateway.records import Authorizer
from emulator.common.strict_json import parse_json

MAX_CACHED = 10_000

logger = logging.getLogger("emulator.authorizers")


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer of an authorizer's function: the statements of its policy, and the context for the integration."""

    statements: list[Json]
    context: dict[str, str]


class Authorizers:
    """Asks authorizers, and caches their answers by identity. `clock` is monotonic, in seconds."""

    def __init__(self, integration: Integration, clock: Callable[[], float] = time.monotonic) -> None:
        self._integration = integration
        self._clock = clock
        self._cache: dict[tuple[str, ...], tuple[float, Grant]] = {}

    async def authorize(self, authorizer: Authorizer, method_arn: str, request: Json) -> Json:
        """Returns the `authorizer` member of the request context, for a proxy event without a body.

        Raises GatewayError: 401 without an identity or if the function raises `Unauthorized`, 403 if the policy does
        not allow `method_arn`, 500 if the function fails or does not return a policy.
        """
        identity = _identity(authorizer, request)
        if not all(identity):
            raise _unauthorized()
        started = self._clock()
        key = (authorizer.name, *identity)
        grant = self._cached(key) if authorizer.ttl and identity else None
        if grant is None:
            grant = await self._ask(authorizer, method_arn, request, identity)
            if authorizer.ttl and identity:
                self._keep(key, started + authorizer.ttl, grant)
        _check(grant.statements, method_arn)
        return {**grant.context, "integrationLatency": round((self._clock() - started) * 1000)}

    def _cached(self, key: tuple[str, ...]) -> Grant | None:
        expires, grant = self._cache.get(key, (0.0, None))
        return grant if self._clock() < expires else None

    def _keep(self, key: tuple[str, ...], expires: float, grant: Grant) -> None:
        self._cache.pop(key, None)
        if len(self._cache) >= MAX_CACHED:
            del self._cache[next(iter(self._cache))]
        self._cache[key] = (expires, grant)

    async def _ask(self, authorizer: Authorizer, method_arn: str, request: Json, identity: tuple[str, ...]) -> Grant:
        event: Json = {"type": authorizer.type, "methodArn": method_arn}
        event |= {"authorizationToken": identity[0]} if authorizer.type == "TOKEN" else request
        try:
            invocation = await self._integration.invoke(authorizer.function, event)
        except GatewayError as error:
            raise _misconfigured(authorizer, str(error)) from error
        try:
            result = parse_json(invocation.payload)
        except ValueError:
            raise _misconfigured(authorizer, f"expected JSON, was {invocation.payload[:200]!r}") from None
        if invocation.error:
            if isinstance(result, dict) and result.get("errorMessage") == "Unauthorized":
                raise _unauthorized()
            raise _misconfigured(authorizer, f"the function failed: {str(result)[:200]}")
        try:
            return _grant(result)
        except ValueError as error:
            raise _misconfigured(authorizer, str(error)) from None


def _identity(authorizer: Authorizer, request: Json) -> tuple[str, ...]:
    headers = {name.lower(): value for name, value in request["headers"].items()}
    names = authorizer.identity_headers
    if authorizer.type == "TOKEN" and not names:
        names = ("Authorization",)
    query = request.get("queryStringParameters") or {}
    return (
        *(headers.get(name.lower(), "") for name in names),
        *(query.get(name, "") for name in authorizer.identity_query),
    )


def _grant(result: Any) -> Grant:
    """Reads the result of an authorizer's function. Raises ValueError that says what is wrong with it."""
    if not isinstance(result, dict) or not isinstance(result.get("principalId"), str):
        raise ValueError(f"expected an object with a principalId, was {str(result)[:200]}")
    policy = result.get("policyDocument")
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list):
        raise ValueError(f"expected a policyDocument with statements, was {str(policy)[:200]}")
    for statement in statements:
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            raise ValueError(f"expected a statement with the Effect Allow or Deny, was {str(statement)[:200]}")
        if not (_texts(statement.get("Action")) and _texts(statement.get("Resource"))):
            raise ValueError(f"expected a statement with Action and Resource, was {str(statement)[:200]}")
        if "Condition" in statement:
            raise ValueError("expected a statement without Condition, which the emulator does not evaluate")
    context = result.get("context") or {}
    if not isinstance(context, dict) or not all(isinstance(value, str | int | float) for value in context.values()):
        raise ValueError(f"expected a context of strings, numbers and booleans, was {str(context)[:200]}")
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in context.items()}
    return Grant(statements, {**texts, "principalId": result["principalId"]})


def _check(statements: list[Json], method_arn: str) -> None:
    effects = {
        statement["Effect"]
        for statement in statements
        if any(_pattern(action.lower()).fullmatch("execute-api:invoke") for action in _texts(statement["Action"]))
        and any(_pattern(resource).fullmatch(method_arn) for resource in _texts(statement["Resource"]))
    }
    if effects != {"Allow"}:
        explicit = " with an explicit deny" if effects else ""
        message = f"User is not authorized to access this resource{explicit}"
        raise GatewayError("ACCESS_DENIED", 403, "AccessDeniedException", {"Message": message})


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    texts = [item for item in values if isinstance(item, str)]
    return texts if len(texts) == len(values) else []


@functools.lru_cache(1024)
def _pattern(wildcard: str) -> re.Pattern[str]:
    return re.compile(re.escape(re.sub(r"\*+", "*", wildcard)).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _unauthorized() -> GatewayError:
    return GatewayError("UNAUTHORIZED", 401, "UnauthorizedException", {"message": "Unauthorized"})


def _misconfigured(authorizer: Authorizer, reason: str) -> GatewayError:
    logger.error("authorizer %s: %s", authorizer.name, reason)
    body = {"message": None}
    return GatewayError("AUTHORIZER_CONFIGURATION_ERROR", 500, "AuthorizerConfigurationException", body)
