"""What the models are made of."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, PlainValidator, PrivateAttr, model_validator
from pydantic.alias_generators import to_camel

Json: TypeAlias = dict[str, Any]

Amount: TypeAlias = Decimal | int | str
"""Whole tokens, or a price. Never a float, which is not exact."""


def exact(amount: Amount) -> str:
    """The amount as the API takes it. Raises `ValueError` for a float."""
    if isinstance(amount, bool) or not isinstance(amount, Decimal | int | str):
        raise ValueError(f"expected a Decimal, an int or a str, was {amount!r}")
    return f"{amount:f}" if isinstance(amount, Decimal) else str(amount)


AskedAmount = Annotated[Decimal | int | str, PlainValidator(exact)]


# A program uses few of the models, and building all of them would double the time in which the command line starts.
_NAMED = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, defer_build=True)


class Model(BaseModel):
    """Part of an answer. Fields that this version does not know are left out."""

    model_config = _NAMED


class Answer(Model):
    """What the service sends as a whole: an answer, an order in a list, an event."""

    _raw: Json = PrivateAttr()

    @property
    def raw(self) -> Json:
        """The same as the service has sent it."""
        return self._raw

    @model_validator(mode="wrap")
    @classmethod
    def _keep(cls, value: Json, read: ModelWrapValidatorHandler[Self]) -> Self:
        answer = read(value)
        answer._raw = value
        return answer


class Form(BaseModel):
    """A request. Fields that are not given are not sent, and have the service's defaults."""

    model_config = ConfigDict(**_NAMED, extra="forbid")

    def body(self) -> Json:
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)
