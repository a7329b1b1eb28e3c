"""The Python client's models are those of the OpenAPI document."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from contract.client_models import MODELS, client_models
from contract.errors import EXAMPLES as ERRORS
from contract.examples import EXAMPLES, ORDER_FORMS
from contract.openapi import openapi
from order_engine_client import models
from order_engine_client.errors import (
    AccessDenied,
    BadRequest,
    Conflict,
    Impossible,
    NotFound,
    RateLimited,
    Unavailable,
    refusal,
)
from order_engine_client.fields import Json
from tests.support.descriptions import operations

ANSWERS = [
    (operation["operationId"], content["schema"]["$ref"].rpartition("/")[2], name, example["value"])
    for _, _, operation in operations()
    for status, response in operation["responses"].items()
    if status < "300" and "$ref" in (content := response["content"]["application/json"])["schema"]
    for name, example in content["examples"].items()
]
FORMS = [form["value"] for form in ORDER_FORMS.values() if "tokenPair" not in form["value"]]


def test_the_committed_models_are_up_to_date() -> None:
    assert MODELS.read_text() == client_models(openapi()), "expected the client's models up to date: make descriptions"


@pytest.mark.parametrize(("model", "answer"), [one[1::2] for one in ANSWERS], ids=[f"{a[0]}-{a[2]}" for a in ANSWERS])
def test_every_answer_is_read_whole(model: str, answer: Json) -> None:
    read = getattr(models, model).model_validate(answer)
    assert read.raw == answer
    assert names(read.model_dump(by_alias=True, exclude_unset=True)) == names(answer)


def names(node: Any) -> Any:
    """The names of all fields of a document, and nothing of their values."""
    match node:
        case dict():
            return {name: names(value) for name, value in node.items()}
        case list():
            return [names(value) for value in node]
    return None


def test_amounts_and_times_are_exact() -> None:
    quote = models.Quote.model_validate(EXAMPLES["quote"])
    assert (str(quote.amount_out), quote.amount_out_base_units) == (
        EXAMPLES["quote"]["amountOut"],
        int(EXAMPLES["quote"]["amountOutBaseUnits"]),
    )
    assert isinstance(quote.amount_out, Decimal)
    assert quote.expires_at.tzinfo is not None


def test_a_value_that_a_newer_service_knows_is_read() -> None:
    newer = {**EXAMPLES["confirmed"], "market": "Elsewhere", "type": "iceberg", "hidden": True}
    assert models.OrderWithEvents.model_validate(newer).type == "iceberg"


def is_of(kind: type[BaseModel], form: Json) -> bool:
    names = {field.alias for field in kind.model_fields.values()}
    return kind.model_fields["type"].default == form["type"] and form.keys() <= names


@pytest.mark.parametrize("form", FORMS, ids=[form["type"] for form in FORMS])
def test_every_order_is_sent_as_it_is_described(form: Json) -> None:
    (kind,) = (kind for kind in get_args(models.OrderRequest) if is_of(kind, form))
    assert kind.model_validate(form).body() == form


KINDS = {400: BadRequest, 401: AccessDenied, 403: AccessDenied, 404: NotFound, 409: Conflict, 422: Impossible}
KINDS |= {413: BadRequest, 415: BadRequest, 429: RateLimited, 503: Unavailable}


@pytest.mark.parametrize("error", ERRORS, ids=[error.code for error in ERRORS])
def test_every_error_has_a_class(error: Any) -> None:
    status = models.STATUSES[error.code]
    refused = refusal(status, error.code, str(error), error.details)
    assert type(refused) is KINDS[status]
    assert (refused.code, str(refused), refused.details) == (error.code, str(error), error.details)
    assert refused.retry_after == (12 if error.code == "RateLimited" else 1 if error.code == "Throttled" else None)
