"""The operations on what orders have come to, and their answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.models import Tag
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from contract.examples import EXAMPLES, shown
from contract.operations import answer, app, operation
from contract.values import Impact, Market, OrderType, Price, RealisedSlippage, Token, Venue, Wire, values
from order_engine.api.statistics import MAX_COUNTED
from order_engine.domain.errors import InvalidRequest
from order_engine.domain.lifecycle import FINAL

TAG = Tag(name="statistics", description="What the client's orders have come to.")

Count = Annotated[int, Field(ge=0, le=MAX_COUNTED)]
Milliseconds = Annotated[float | None, Field(description="In milliseconds. null if the order was not in this status.")]


class Counts(Wire):
    """The number of orders in each status."""

    open: Count
    pending: Count
    routing: Count
    building: Count
    submitted: Count
    confirmed: Count
    failed: Count
    cancelled: Count
    expired: Count


class OrderCounts(Wire):
    """How many orders there are."""

    counts: Counts
    at_most: Annotated[int, Field(description="As far as is counted. A count that has reached it stands for more.")]


class Steps(Wire):
    """How long the order was in each status, all attempts together, without the time in which it was open."""

    pending: Milliseconds
    routing: Milliseconds
    building: Milliseconds
    submitted: Milliseconds


class VenueQuote(Wire):
    """The best route through one venue, or through a mix of venues."""

    venue: Venue
    price: Price
    price_impact_bps: Impact


class Routed(Wire):
    """What was quoted when the order was routed."""

    at: datetime
    price_impact_bps: Annotated[Impact, Field(description="That of the chosen route.")]
    quotes: Annotated[list[VenueQuote], Field(min_length=1, description="One of each venue, and of each mix.")]


class Timing(Wire):
    """How long an order that has ended took."""

    order_id: UUID
    type: OrderType
    market: Market
    token_in: Token
    token_out: Token
    status: Annotated[str, Field(json_schema_extra=values(*sorted(FINAL)))]
    ended_at: datetime
    venue: Venue | None
    error_code: Annotated[str | None, Field(description="Why it failed. null unless it has.")]
    realised_slippage_bps: RealisedSlippage | None
    attempts: Annotated[int, Field(ge=1, description="How many times the order has been routed.")]
    steps: Steps
    routed: Annotated[Routed | None, Field(description="The last time. null if it was not routed.")]


class TimingList(Wire):
    """Orders that have ended, the newest one first."""

    orders: list[Timing]
    complete: Annotated[bool, Field(description="Whether these are all that have ended.")]


@operation(
    app.get,
    "/api/orders/counts",
    TAG.name,
    "Count orders",
    {200: answer(OrderCounts, "The number of the client's orders in each status.", counts=EXAMPLES["counts"])},
    InvalidRequest,
)
def count_orders() -> None:
    """Those that the list of orders has, in each status."""


@operation(
    app.get,
    "/api/orders/timings",
    TAG.name,
    "List how long orders took",
    {200: answer(TimingList, "The client's newest orders that have ended.", timings=EXAMPLES["timings"])},
    InvalidRequest,
)
def list_timings(
    limit: Annotated[int, Field(ge=1, le=1_000), Query(description="Orders.", openapi_examples=shown(100))] = 100,
) -> None:
    """Of each order how long it was in each status, what it lost to slippage, and how it ended."""
