"""How an operation of the REST API is declared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from contract import errors
from contract.examples import shown
from contract.models import Error
from order_engine.api.rest import RATE_HEADERS
from order_engine.domain.errors import EngineError, RateLimited, StoreUnavailable, Unauthorized

app = APIGatewayRestResolver()

_RATE_HEADERS = {
    name: {
        "description": meaning,
        "required": False,
        "schema": {"type": "integer", "minimum": 0},
        "examples": shown(value),
    }
    for name, meaning, value in zip(
        RATE_HEADERS,
        (
            "How many the client may make a minute. Missing if there is no limit.",
            "How many are left. Missing if this one was not counted.",
            "When all are back, in Unix seconds. Missing if this one was not counted.",
        ),
        (100, 99, 1_795_978_800),
        strict=True,
    )
}

WITH_KEY = (Unauthorized, errors.Throttled, StoreUnavailable, errors.ServiceUnavailable)


def operation(
    declare: Callable[..., Callable[[Callable[..., None]], object]],
    path: str,
    tag: str,
    summary: str,
    answers: dict[int, dict[str, Any]],
    *refusals: type[EngineError],
    **more: Any,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator that declares an operation with the function's parameters and, as its description, its docstring.

    `declare` is the resolver's decorator for the method.
    """
    kinds = errors.by_status((*refusals, *WITH_KEY) if "openapi_extensions" not in more else refusals)
    responses = {**answers, **{status: _refusal(status, kinds[status]) for status in kinds}}

    def declared(function: Callable[..., None]) -> Callable[..., None]:
        description = " ".join((function.__doc__ or "").split())
        declare(
            path,
            tags=[tag],
            summary=summary,
            description=description,
            operation_id=to_camel(function.__name__),
            responses=responses,
            **more,
        )(function)
        return function

    return declared


def answer(model: type[BaseModel], description: str, **examples: Any) -> dict[str, Any]:
    shown = {name: {"value": value} for name, value in examples.items()}
    return {"description": description, "content": {"application/json": {"model": model, "examples": shown}}}


def counted(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer of a route that a client may use a number of times a minute."""
    return answer | {"headers": _RATE_HEADERS}


def links(order: str) -> dict[str, Any]:
    """Links to the operations on an order. `order` is the runtime expression of its id in the answer."""
    return {
        "links": {
            to: {"operationId": to, "parameters": {"orderId": order}}
            for to in ("getOrder", "replaceOrder", "cancelOrder")
        }
    }


def _refusal(status: int, kinds: list[errors.Kind]) -> dict[str, Any]:
    content = {"model": Error, "examples": {kind.__name__: errors.example(kind) for kind in kinds}}
    refusal: dict[str, Any] = {
        "description": ", ".join(kind.__name__ for kind in kinds),
        "content": {"application/json": content},
    }
    if status in (429, 503):
        header = {
            "description": "Seconds.",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
            "examples": shown(1),
        }
        refusal["headers"] = {"Retry-After": header}
        if status == 429 and RateLimited in kinds:
            refusal["headers"] |= _RATE_HEADERS
    if status == 401:
        refusal["headers"] = {"WWW-Authenticate": {"required": True, "schema": {"type": "string", "const": "Bearer"}}}
    return refusal
