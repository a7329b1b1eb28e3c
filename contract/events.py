"""Models of the events of orders."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from contract.routes import Decision
from contract.values import (
    BaseUnits,
    Market,
    NetworkFee,
    OrderType,
    Price,
    RealisedSlippage,
    Rent,
    SetPrice,
    Slot,
    Token,
    TxHash,
    Venue,
    Whole,
    Wire,
    missing,
    values,
)
from order_engine.domain.events import Activated, Opened


class Failure(Wire):
    """The reason why an order failed."""

    code: str
    message: str
    attempts: int
    retryable: Annotated[bool, Field(description="Whether the same order may succeed later.")]
    requote: Annotated[
        str,
        Field(
            default_factory=missing,
            description="Where to GET a fresh quote to sign, after an order that its client had signed.",
        ),
    ]


class LimitTerms(Wire):
    """What a limit order waits for."""

    limit_price: Annotated[SetPrice | None, Field(description="null if the client has set minAmountOut.")]
    min_amount_out: Annotated[Whole, Field(description="The least that the order receives.")]
    min_amount_out_base_units: BaseUnits


class StopTerms(Wire):
    """What a stop order waits for."""

    stop_price: SetPrice
    limit_price: SetPrice | None
    min_amount_out: Annotated[Whole | None, Field(description="The least that the order receives. null: no limit.")]
    min_amount_out_base_units: BaseUnits | None
    stop_reached: Annotated[bool, Field(description="Whether the order now waits for its limit.")]
    confirm_ticks: int


class RecurringTerms(Wire):
    """What a recurring order does."""

    slices: int
    interval_seconds: int
    min_price: SetPrice | None
    max_price: SetPrice | None


class RecurringProgress(RecurringTerms):
    """What a recurring order does, and how far it is."""

    slices_done: Annotated[int, Field(ge=0, description="How many slices were made.")]
    next_slice_at: Annotated[datetime | None, Field(description="When the next slice is due.")]


class SniperTerms(Wire):
    """What a sniper order waits for."""

    max_price: Annotated[SetPrice | None, Field(description="Whole tokenIn for one whole tokenOut.")]
    min_amount_out: Annotated[Whole | None, Field(description="The least that the order receives. null: no limit.")]
    min_amount_out_base_units: BaseUnits | None
    min_liquidity: Annotated[Whole, Field(description="What a pool has to hold, valued in whole tokenIn.")]
    min_liquidity_base_units: BaseUnits
    allow_freeze_authority: bool
    allow_extensions: bool


class _AcceptedTerms(Wire):
    type: OrderType
    market: Market
    token_in: Token
    token_out: Token
    amount_in: Whole
    amount_in_base_units: BaseUnits
    slippage_bps: int
    max_price_impact_bps: int
    client_order_id: str | None
    quote_id: UUID | None


class Slice(Wire):
    """The market order that a recurring order has made."""

    number: Annotated[int, Field(ge=1)]
    order_id: UUID
    amount_in: Whole
    amount_in_base_units: BaseUnits


class OpenTerms(_AcceptedTerms):
    reason: Annotated[str, Field(json_schema_extra=values(*Opened), description="Why the order is open.")]
    message: Annotated[str | None, Field(description="What has happened.")]
    slice: Slice | None
    expires_at: datetime | None
    terms: LimitTerms | StopTerms | RecurringTerms | SniperTerms


class Activation(Wire):
    """What an order has waited for."""

    reason: Annotated[str, Field(json_schema_extra=values(*Activated))]
    amount_out: Annotated[Whole, Field(description="What the order would have received in that slot.")]
    amount_out_base_units: BaseUnits
    price: Price
    slot: Slot


class AcceptedTerms(_AcceptedTerms):
    parent_id: Annotated[UUID | None, Field(description="The recurring order that has made this one.")]
    activation: Annotated[Activation | None, Field(description="null for an order that did not wait.")]


class Routing(Decision):
    quote_id: Annotated[UUID, Field(default_factory=missing, description="Present if the order named a quote.")]


class Built(Wire):
    venue: Venue
    min_out: Whole
    min_out_base_units: BaseUnits
    instructions: Annotated[list[str], Field(description="In order, with the wrapping and unwrapping of SOL.")]
    tx_hash: TxHash


class Sent(Wire):
    venue: Venue
    tx_hash: TxHash


class Filled(Wire):
    """What the swap moved. A recurring order has none of its own: null, and what its slices moved together."""

    tx_hash: TxHash | None
    slot: Slot | None
    amount_in: Whole
    amount_in_base_units: BaseUnits
    amount_out: Whole
    amount_out_base_units: BaseUnits
    executed_price: Price
    realised_slippage_bps: RealisedSlippage | None
    network_fee: NetworkFee
    network_fee_base_units: BaseUnits
    rent: Rent
    rent_base_units: BaseUnits


class Cancellation(Wire):
    reason: Annotated[
        str, Field(default_factory=missing, description="Present unless the client has cancelled the order.")
    ]


class Expiry(Wire):
    expires_at: Annotated[datetime, Field(description="When the order was to expire.")]


class _Event(Wire):
    order_id: UUID
    seq: Annotated[int, Field(ge=1, description="Counts 1, 2, 3 … per order without gaps.")]
    at: datetime
    attempt: Annotated[int, Field(ge=1, description="How many times the order has been routed.")]


class OpenEvent(_Event):
    """The order waits."""

    status: Literal["open"]
    data: OpenTerms


class PendingEvent(_Event):
    """The order was accepted, or has found what it waited for."""

    status: Literal["pending"]
    data: AcceptedTerms


class RoutingEvent(_Event):
    """The best route was found."""

    status: Literal["routing"]
    data: Routing


class BuildingEvent(_Event):
    """The transaction is signed and not sent yet."""

    status: Literal["building"]
    data: Built


class SubmittedEvent(_Event):
    """The transaction is being sent."""

    status: Literal["submitted"]
    data: Sent


class ConfirmedEvent(_Event):
    """The swap was executed, or the slices of a recurring order have ended. The order has ended."""

    status: Literal["confirmed"]
    data: Filled


class FailedEvent(_Event):
    """The order has ended without a swap."""

    status: Literal["failed"]
    data: Failure


class CancelledEvent(_Event):
    """The order was cancelled before anything was sent. It has ended."""

    status: Literal["cancelled"]
    data: Cancellation


class ExpiredEvent(_Event):
    """The order has waited in vain. It has ended."""

    status: Literal["expired"]
    data: Expiry


EVENTS: tuple[type[BaseModel], ...] = (
    OpenEvent,
    PendingEvent,
    RoutingEvent,
    BuildingEvent,
    SubmittedEvent,
    ConfirmedEvent,
    FailedEvent,
    CancelledEvent,
    ExpiredEvent,
)

Event = Annotated[
    OpenEvent
    | PendingEvent
    | RoutingEvent
    | BuildingEvent
    | SubmittedEvent
    | ConfirmedEvent
    | FailedEvent
    | CancelledEvent
    | ExpiredEvent,
    Field(discriminator="status"),
]
