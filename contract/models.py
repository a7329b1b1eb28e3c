"""What clients and the engine send each other, as models: from them come the schemas of both descriptions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from order_engine.api.requests import OrderTerms
from order_engine.dex.pool import KINDS
from order_engine.domain.access import TICKET
from order_engine.domain.lifecycle import Status
from order_engine.domain.money import TOKENS

_SYMBOL = "|".join(TOKENS)


def _values(*values: str) -> dict[str, Any]:
    return {"enum": list(values)}


def missing() -> Any:
    """Of a field that may be missing, but is never null."""
    raise NotImplementedError


Token = Annotated[str, Field(json_schema_extra=_values(*TOKENS))]
Whole = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$", description="Whole tokens.")]
BaseUnits = Annotated[str, Field(pattern=r"^[0-9]+$", description="The same in base units.")]
Price = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$", description="Whole tokenOut for one whole tokenIn.")]
Amount = Annotated[
    Whole | Annotated[float, Field(gt=0)],
    Field(description="No more decimals than the token has, and at most 2^64 - 1 base units."),
]
Venue = Annotated[str, Field(description="One venue, or several joined by +.")]
Impact = Annotated[int, Field(description="The price paid, without fees, against the pools' before; in basis points.")]
TxHash = Annotated[str, Field(description="The transaction's signature.")]
Slot = Annotated[int, Field(description="The slot of the chain.")]

IdempotencyKey = Annotated[str, Field(pattern="^[ -~]{1,255}$")]


class _Terms(OrderTerms):
    quote_id: Annotated[
        UUID | None, Field(description="A quote of the same tokens, amount and slippage: executed at it, or failed.")
    ] = None


class OrderForm(_Terms):
    """A market order."""

    token_in: Token
    token_out: Annotated[Token, Field(description="Another one than tokenIn.")]
    amount_in: Amount


class ShortOrderForm(_Terms):
    """A market order, the short way."""

    token_pair: Annotated[str, Field(pattern=f"^({_SYMBOL})-({_SYMBOL})$", description="tokenIn-tokenOut.")]
    amount: Amount


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class Problem(_Wire):
    field: str
    message: Annotated[str, Field(description="What was expected, and what came.")]


class Wait(_Wire):
    retry_after: Annotated[int, Field(ge=1, description="Seconds.")]


class ErrorBody(_Wire):
    code: str
    message: str
    details: Annotated[list[Problem | Wait], Field(description="One for each field that is wrong.")]


class Error(_Wire):
    """What went wrong, in the one shape that all errors have."""

    error: ErrorBody


class Failure(_Wire):
    """Why an order has failed."""

    code: str
    message: str
    attempts: int
    retryable: Annotated[bool, Field(description="Whether the same order may succeed later.")]


class Fee(_Wire):
    token: Token
    kind: Annotated[str, Field(json_schema_extra=_values("trade", "protocol", "fund", "creator"))]
    amount: Whole
    amount_base_units: BaseUnits


class Leg(_Wire):
    """A swap in one pool."""

    venue: Venue
    pool: str
    kind: Annotated[str, Field(json_schema_extra=_values(*KINDS))]
    share_bps: Annotated[int, Field(description="Of the hop's amount, in basis points.")]
    amount_in: Whole
    amount_in_base_units: BaseUnits
    amount_out: Whole
    amount_out_base_units: BaseUnits
    price_impact_bps: Impact
    slot: Slot


class Hop(_Wire):
    """From one token to the next, through one pool or several that share the amount."""

    token_in: Token
    token_out: Token
    legs: Annotated[list[Leg], Field(min_length=1)]


class RouteSummary(_Wire):
    """A route that was compared."""

    pools: Annotated[str, Field(description="+ joins those of one hop, > separates hops.")]
    venue: Venue
    amount_out: Whole
    amount_out_base_units: BaseUnits
    price: Price
    price_impact_bps: Impact
    fee_bps: Annotated[int, Field(description="The fees of all its pools, as a share of what is traded; rounded up.")]
    cost: Annotated[Whole, Field(description="What its further swaps cost in network fees, in tokenOut.")]


class Unavailable(_Wire):
    venue: Annotated[str, Field(description="A venue that did not answer, or a pool whose state is corrupt.")]
    code: str
    message: str


class _Decision(_Wire):
    amount_out: Whole
    amount_out_base_units: BaseUnits
    venue: Venue
    reason: Annotated[str, Field(description="What the route was chosen over.")]
    price: Price
    price_impact_bps: Impact
    fees: Annotated[list[Fee], Field(description="Of all pools, by token and kind; they are in amountOut already.")]
    route: Annotated[list[Hop], Field(min_length=1, max_length=2)]
    quotes: Annotated[list[RouteSummary], Field(min_length=1, description="The routes compared, the best one first.")]
    unavailable: list[Unavailable]


class Quote(_Decision):
    """What an order would be paid now."""

    quote_id: UUID
    expires_at: datetime
    token_in: Token
    token_out: Token
    amount_in: Whole
    amount_in_base_units: BaseUnits
    min_out: Annotated[Whole, Field(description="The least that an order that names the quote is paid.")]
    min_out_base_units: BaseUnits
    slippage_bps: int
    slot: Slot


class AcceptedTerms(_Wire):
    type: Literal["market"]
    token_in: Token
    token_out: Token
    amount_in: Whole
    amount_in_base_units: BaseUnits
    slippage_bps: int
    client_order_id: str | None
    quote_id: UUID | None


class Routing(_Decision):
    quote_id: Annotated[UUID, Field(default_factory=missing, description="If the order named one.")]


class Built(_Wire):
    venue: Venue
    min_out: Whole
    min_out_base_units: BaseUnits
    instructions: Annotated[list[str], Field(description="In order; SOL is wrapped and unwrapped.")]
    tx_hash: TxHash


class Sent(_Wire):
    venue: Venue
    tx_hash: TxHash


class Filled(_Wire):
    tx_hash: TxHash
    slot: Slot
    amount_in: Whole
    amount_in_base_units: BaseUnits
    amount_out: Whole
    amount_out_base_units: BaseUnits
    executed_price: Price
    realised_slippage_bps: Annotated[int, Field(description="Above zero: less than quoted.")]


class Nothing(_Wire):
    model_config = ConfigDict(extra="forbid")


class _Event(_Wire):
    order_id: UUID
    seq: Annotated[int, Field(ge=1, description="Counts 1, 2, 3 … per order without gaps.")]
    at: datetime
    attempt: Annotated[int, Field(ge=1, description="Counts the times that the order was routed.")]


class PendingEvent(_Event):
    """The order was accepted."""

    status: Literal["pending"]
    data: AcceptedTerms


class RoutingEvent(_Event):
    """The best route was found."""

    status: Literal["routing"]
    data: Routing


class BuildingEvent(_Event):
    """The transaction was signed, and nothing is sent yet."""

    status: Literal["building"]
    data: Built


class SubmittedEvent(_Event):
    """The transaction is being sent."""

    status: Literal["submitted"]
    data: Sent


class ConfirmedEvent(_Event):
    """The swap was carried out. The order has ended."""

    status: Literal["confirmed"]
    data: Filled


class FailedEvent(_Event):
    """The order has ended without a swap."""

    status: Literal["failed"]
    data: Failure


class CancelledEvent(_Event):
    """The client has taken the order back, and nothing was sent. The order has ended."""

    status: Literal["cancelled"]
    data: Nothing


EVENTS: tuple[type[BaseModel], ...] = (
    PendingEvent,
    RoutingEvent,
    BuildingEvent,
    SubmittedEvent,
    ConfirmedEvent,
    FailedEvent,
    CancelledEvent,
)

Event = Annotated[
    PendingEvent | RoutingEvent | BuildingEvent | SubmittedEvent | ConfirmedEvent | FailedEvent | CancelledEvent,
    Field(discriminator="status"),
]


class Order(_Wire):
    """An order. What is not known yet is null."""

    order_id: UUID
    type: Literal["market"]
    status: Annotated[str, Field(json_schema_extra=_values(*Status))]
    token_in: Token
    token_out: Token
    amount_in: Whole
    amount_in_base_units: BaseUnits
    slippage_bps: Annotated[int, Field(ge=0, le=10_000)]
    attempt: Annotated[int, Field(ge=1)]
    venue: Venue | None
    quoted_out: Whole | None
    quoted_out_base_units: BaseUnits | None
    min_out: Whole | None
    min_out_base_units: BaseUnits | None
    amount_out: Whole | None
    amount_out_base_units: BaseUnits | None
    executed_price: Price | None
    tx_hash: TxHash | None
    error: Failure | None
    client_order_id: str | None
    user_id: str | None
    quote_id: UUID | None
    created_at: datetime
    updated_at: datetime


class AcceptedOrder(Order):
    """The order as it was accepted."""

    web_socket_url: Annotated[str, Field(description="Where its events can be watched.")]


class OrderWithEvents(Order):
    """The order and everything that has happened to it, oldest first."""

    events: Annotated[list[Event], Field(description="Empty once they are too old to be kept.")]


class OrderPage(_Wire):
    """Orders, newest first."""

    orders: list[Order]
    next_cursor: Annotated[str | None, Field(description="null on the last page.")]


class Ticket(_Wire):
    """Good for one WebSocket connection."""

    ticket: Annotated[str, Field(pattern=f"^{TICKET}")]
    expires_at: datetime
    web_socket_url: Annotated[str, Field(description="Of the WebSocket API, without the ticket.")]


class Check(_Wire):
    status: Annotated[str, Field(json_schema_extra=_values("up", "down"))]
    latency_ms: Annotated[float, Field(ge=0)]
    error: Annotated[str, Field(default_factory=missing, description="What kind, if it is down.")]


class Checks(_Wire):
    postgres: Check
    redis: Check
    queue: Check


class Health(_Wire):
    """Whether everything that the engine stands on answers."""

    status: Annotated[str, Field(json_schema_extra=_values("up", "degraded", "down"))]
    checks: Checks
