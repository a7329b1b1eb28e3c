"""The fields that each type of order has besides its tokens and its amount, and the shape of each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictStr, StringConstraints
from pydantic.alias_generators import to_camel

from order_engine.api.json_text import shown, whole_number
from order_engine.domain.money import BPS, parse_price
from order_engine.domain.orders import DEFAULT_MAX_PRICE_IMPACT_BPS, DEFAULT_SLIPPAGE_BPS
from order_engine.domain.timestamps import parse_rfc3339

MAX_WAIT = timedelta(days=365)
"""How far ahead an order may expire, or begin."""


def _future_time(value: object) -> datetime:
    time, now = parse_rfc3339(value if isinstance(value, str) else shown(value)), datetime.now(UTC)
    if not now < time <= now + MAX_WAIT:
        raise ValueError(f"expected a time in the future, at most {MAX_WAIT.days} days from now, was {shown(value)}")
    return time


def _price(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f'expected a positive decimal number like "180.5", was {shown(value)}')
    return parse_price(value)


def _integer(minimum: int, maximum: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        whole = whole_number(value)
        if isinstance(whole, bool) or not isinstance(whole, int) or not minimum <= whole <= maximum:
            raise ValueError(f"expected an integer from {minimum} to {maximum}, was {shown(value)}")
        return whole

    return check


BasisPoints = Annotated[int, Field(ge=0, le=BPS), BeforeValidator(_integer(0, BPS))]
Slices = Annotated[int, Field(ge=2, le=1_000), BeforeValidator(_integer(2, 1_000))]
Seconds = Annotated[int, Field(ge=1, le=31_536_000), BeforeValidator(_integer(1, 31_536_000))]
Ticks = Annotated[int, Field(ge=1, le=60), BeforeValidator(_integer(1, 60))]
Price = Annotated[Decimal, BeforeValidator(_price)]
Time = Annotated[datetime, BeforeValidator(_future_time)]
# Postgres stores any character but NUL.
ClientOrderId = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
UserId = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]*$")]


class OrderTerms(BaseModel):
    """The fields that every type of order has. Null means that a field is absent."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    type: str
    slippage_bps: BasisPoints | None = DEFAULT_SLIPPAGE_BPS
    allow_any_slippage: StrictBool | None = False
    allow_unverified: StrictBool | None = False
    max_price_impact_bps: BasisPoints | None = DEFAULT_MAX_PRICE_IMPACT_BPS
    client_order_id: ClientOrderId | None = None
    user_id: UserId | None = None


class MarketTerms(OrderTerms):
    type: Literal["market"]
    quote_id: Any = None


class SignedTerms(BaseModel):
    """An order whose transaction the client has signed: its quote says all else."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", defer_build=True)

    quote_id: Any
    signed_transaction: StrictStr
    type: str = "market"
    client_order_id: ClientOrderId | None = None
    user_id: UserId | None = None


class WaitingTerms(OrderTerms):
    """The fields of every order that waits. Amounts are checked once their tokens are known."""

    # Most requests are market orders: no cold start waits for the other models.
    model_config = ConfigDict(defer_build=True)

    expires_at: Time | None = None


class LimitTerms(WaitingTerms):
    type: Literal["limit"]
    limit_price: Price | None = None
    min_amount_out: Any = None


class StopTerms(WaitingTerms):
    type: Literal["stop"]
    stop_price: Price
    limit_price: Price | None = None
    confirm_ticks: Ticks | None = 1


class OcoTerms(WaitingTerms):
    """A limit order above the market and a stop order below it. At most one of them is filled."""

    type: Literal["oco"]
    limit_price: Price
    stop_price: Price
    stop_limit_price: Price | None = None
    confirm_ticks: Ticks | None = 1


class RecurringTerms(WaitingTerms):
    type: Literal["recurring"]
    slices: Slices
    interval_seconds: Seconds
    min_price: Price | None = None
    max_price: Price | None = None
    start_at: Time | None = None


class SniperTerms(WaitingTerms):
    type: Literal["sniper"]
    min_liquidity: Any
    max_price: Price | None = None
    allow_freeze_authority: StrictBool | None = False
    allow_extensions: StrictBool | None = False
    expires_at: Time


TERMS: dict[str, type[OrderTerms]] = {
    "market": MarketTerms,
    "limit": LimitTerms,
    "stop": StopTerms,
    "oco": OcoTerms,
    "recurring": RecurringTerms,
    "sniper": SniperTerms,
}
"""The fields of each type of order."""

FIELDS = frozenset(to_camel(name) for terms in TERMS.values() for name in terms.model_fields)
"""The names of all these fields."""
