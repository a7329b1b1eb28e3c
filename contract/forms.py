"""Models of the orders that clients ask for, and of the terms that they replace."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from contract.values import Amount, Time, Token, TokenPair, missing
from order_engine.api.order_terms import (
    LimitTerms,
    MarketTerms,
    OcoTerms,
    RecurringTerms,
    SignedTerms,
    SniperTerms,
    StopTerms,
    WaitingTerms,
)

_DECIMAL = {"anyOf": [{"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}, {"type": "number", "exclusiveMinimum": 0}]}
AskedPrice = Annotated[
    Decimal, WithJsonSchema({**_DECIMAL, "description": "Whole tokenOut for one whole tokenIn."}, mode="validation")
]
_STOP_PRICE = "The order sells once one whole tokenIn pays only this, in whole tokenOut. It is below the market."


class _Swap(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    token_in: Token
    token_out: Annotated[Token, Field(description="Not the same as tokenIn.")]
    amount_in: Amount


class _Waiting(WaitingTerms, _Swap):
    expires_at: Annotated[
        Time | None, Field(description="Until when the order waits. null: until it is cancelled.")
    ] = None


class _Market(MarketTerms):
    quote_id: Annotated[
        UUID | None, Field(description="A quote with the same terms. The order is executed at it or fails.")
    ] = None


class OrderForm(_Market, _Swap):
    """A market order."""


class ShortOrderForm(_Market):
    """A market order in the short form. Orders of the other types may have it too."""

    token_pair: TokenPair
    amount: Amount


class LimitOrderForm(LimitTerms, _Waiting):
    """An order that waits for a price, and never receives less. It has either limitPrice or minAmountOut."""

    limit_price: AskedPrice | None = None
    min_amount_out: Annotated[Amount | None, Field(description="Whole tokenOut for the whole amountIn.")] = None


class StopOrderForm(StopTerms, _Waiting):
    """An order that sells once the price has fallen."""

    stop_price: Annotated[AskedPrice, Field(description=_STOP_PRICE)]
    limit_price: Annotated[
        AskedPrice | None, Field(description="The order never sells for less than this. Not above stopPrice.")
    ] = None
    confirm_ticks: Annotated[
        int | None, Field(ge=1, le=60, description="For how many ticks in a row the price has to be there.")
    ] = 1


class OcoOrderForm(OcoTerms, _Waiting):
    """A limit order to take a profit and a stop order to end a loss. Once one is filled, the other is cancelled."""

    limit_price: AskedPrice
    stop_price: Annotated[AskedPrice, Field(description=f"{_STOP_PRICE} Below limitPrice.")]
    stop_limit_price: Annotated[
        AskedPrice | None, Field(description="The stop never sells for less than this. Not above stopPrice.")
    ] = None
    confirm_ticks: Annotated[
        int | None, Field(ge=1, le=60, description="For how many ticks in a row the stop's price has to be there.")
    ] = 1


class RecurringOrderForm(RecurringTerms, _Waiting):
    """An order that spends its amount in equal market orders, one in each interval."""

    slices: Annotated[int, Field(ge=2, le=1_000, description="At most one for each base unit of amountIn.")]
    interval_seconds: Annotated[int, Field(ge=1, le=31_536_000)]
    min_price: Annotated[
        AskedPrice | None, Field(description="A slice waits until one whole tokenIn pays at least this.")
    ] = None
    max_price: Annotated[
        AskedPrice | None, Field(description="A slice waits until one whole tokenIn pays at most this.")
    ] = None
    start_at: Annotated[Time | None, Field(description="When the first slice is due. null: at once.")] = None


class SniperOrderForm(SniperTerms, _Waiting):
    """An order that buys a token as soon as a pool holds enough of it."""

    min_liquidity: Annotated[Amount, Field(description="What a pool has to hold, valued in whole tokenIn.")]
    max_price: Annotated[
        AskedPrice | None, Field(description="The most that one whole tokenOut may cost, in whole tokenIn.")
    ] = None
    expires_at: Annotated[Time, Field(description="Until when the order waits.")]


class SignedOrderForm(SignedTerms):
    """A quote's transaction, signed. The order is what the quote says."""

    type: Literal["market"] = "market"
    quote_id: Annotated[UUID, Field(description="A quote for the wallet that has signed.")]
    signed_transaction: Annotated[str, Field(description="The quote's transaction with its signature, in base64.")]


Form: TypeAlias = Annotated[
    OrderForm | LimitOrderForm | StopOrderForm | OcoOrderForm | RecurringOrderForm | SniperOrderForm,
    Field(discriminator="type"),
]


class ReplaceForm(BaseModel):
    """The terms to replace, as they fit the order's type. The others stay. null takes away a term that is optional."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", json_schema_extra={"minProperties": 1})

    amount_in: Annotated[Amount, Field(default_factory=missing, description="Not of a recurring order.")]
    limit_price: Annotated[AskedPrice | None, Field(default_factory=missing)]
    min_amount_out: Annotated[Amount | None, Field(default_factory=missing)]
    stop_price: Annotated[AskedPrice, Field(default_factory=missing)]
    min_price: Annotated[AskedPrice | None, Field(default_factory=missing)]
    max_price: Annotated[AskedPrice | None, Field(default_factory=missing)]
    min_liquidity: Annotated[Amount, Field(default_factory=missing)]
    expires_at: Annotated[Time | None, Field(default_factory=missing)]
