"""Models of answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from contract.events import Activation, Event, Failure, LimitTerms, RecurringProgress, SniperTerms, StopTerms
from contract.routes import Decision
from contract.values import (
    BaseUnits,
    Market,
    NetworkFee,
    OrderType,
    Price,
    Rent,
    Scope,
    Slot,
    Token,
    TxHash,
    Venue,
    Whole,
    Wire,
    missing,
    values,
)
from order_engine.domain.access import TICKET_PREFIX
from order_engine.domain.lifecycle import Status


class Problem(Wire):
    field: str
    message: Annotated[str, Field(description="What was expected and what was sent.")]


class Wait(Wire):
    retry_after: Annotated[int, Field(ge=1, description="Seconds.")]


class MissingScope(Wire):
    needed_scope: Scope
    scope: Annotated[Scope, Field(description="That of the key.")]


class ErrorBody(Wire):
    code: str
    message: str
    details: Annotated[list[Problem | Wait | MissingScope], Field(description="One for each invalid field.")]


class Error(Wire):
    """An error. All errors have this shape."""

    error: ErrorBody


class Quote(Decision):
    """The amount that an order would receive now."""

    quote_id: UUID
    market: Market
    expires_at: datetime
    token_in: Token
    token_out: Token
    amount_in: Whole
    amount_in_base_units: BaseUnits
    min_out: Annotated[Whole, Field(description="The minimum that an order with this quoteId receives.")]
    min_out_base_units: BaseUnits
    slippage_bps: int
    network_fee: NetworkFee
    network_fee_base_units: BaseUnits
    rent: Rent
    rent_base_units: BaseUnits
    slot: Slot
    wallet: Annotated[str, Field(default_factory=missing, description="The wallet that the quote was asked for.")]
    order_id: Annotated[
        UUID, Field(default_factory=missing, description="The id that the order of a quote for a wallet gets.")
    ]
    transaction: Annotated[
        str, Field(default_factory=missing, description="What the wallet is to sign, in base64: version 0, unsigned.")
    ]
    last_valid_block_height: Annotated[
        int, Field(default_factory=missing, description="Above this block height the transaction can't land.")
    ]


class Order(Wire):
    """An order. Fields that are not known yet are null."""

    order_id: UUID
    type: OrderType
    status: Annotated[str, Field(json_schema_extra=values(*Status))]
    market: Market
    token_in: Token
    token_out: Token
    amount_in: Whole
    amount_in_base_units: BaseUnits
    slippage_bps: Annotated[int, Field(ge=0, le=10_000)]
    max_price_impact_bps: Annotated[int, Field(ge=0, le=10_000)]
    attempt: Annotated[int, Field(ge=1)]
    venue: Venue | None
    quoted_out: Whole | None
    quoted_out_base_units: BaseUnits | None
    min_out: Whole | None
    min_out_base_units: BaseUnits | None
    amount_out: Whole | None
    amount_out_base_units: BaseUnits | None
    amount_spent: Annotated[
        Whole | None, Field(description="What the transaction took of amountIn. The rest stayed in the wallet.")
    ]
    amount_spent_base_units: BaseUnits | None
    executed_price: Price | None
    tx_hash: TxHash | None
    error: Failure | None
    client_order_id: str | None
    user_id: str | None
    quote_id: UUID | None
    parent_id: Annotated[UUID | None, Field(description="The recurring order that has made this one.")]
    linked_order_id: Annotated[
        UUID | None, Field(description="The other one of two orders, of which at most one is filled.")
    ]
    wallet: Annotated[
        str | None, Field(description="The client's wallet that has signed the transaction. null: the engine signs.")
    ]
    expires_at: Annotated[datetime | None, Field(description="Until when an order waits. null: until it is cancelled.")]
    terms: Annotated[
        LimitTerms | StopTerms | RecurringProgress | SniperTerms | None,
        Field(description="What an order waits for. null for a market order."),
    ]
    created_at: datetime
    updated_at: datetime


class AcceptedOrder(Order):
    """The order as it was accepted."""

    activation: Annotated[Activation | None, Field(description="Why an order that waits runs at once. null: it waits.")]
    web_socket_url: Annotated[str, Field(description="Where its events can be watched.")]


class OrderWithEvents(Order):
    """The order and its events, oldest first."""

    events: Annotated[list[Event], Field(description="Empty once the retention period of events is over.")]


class OrderPage(Wire):
    """Orders, newest first."""

    orders: list[Order]
    next_cursor: Annotated[str | None, Field(description="null on the last page.")]


class ActiveOrder(Wire):
    """An order that has not ended."""

    order_id: UUID
    type: OrderType
    market: Market
    token_in: Token
    token_out: Token
    amount_in: Whole
    amount_in_base_units: BaseUnits
    slippage_bps: Annotated[int, Field(ge=0, le=10_000)]
    max_price_impact_bps: Annotated[int, Field(ge=0, le=10_000)]
    client_order_id: str | None
    quote_id: UUID | None
    parent_id: UUID | None
    started_at: Annotated[datetime, Field(description="When it became pending; of an open order, its terms' time.")]
    event: Annotated[Event, Field(description="Its newest event.")]


class ActiveOrders(Wire):
    """Orders that have not ended, newest first."""

    orders: list[ActiveOrder]
    complete: Annotated[bool, Field(description="Whether these are all.")]


class CancelledOrders(Wire):
    """The orders that one request has cancelled."""

    cancelled: Annotated[list[UUID], Field(description="Their ids.")]
    complete: Annotated[bool, Field(description="Whether no other order is left to be cancelled.")]


class Ticket(Wire):
    """A ticket for one WebSocket connection."""

    ticket: Annotated[str, Field(pattern=f"^{TICKET_PREFIX}")]
    expires_at: datetime
    web_socket_url: Annotated[str, Field(description="The URL of the WebSocket API, without the ticket.")]
    scope: Annotated[Scope, Field(description="What the connection may do, as the key that the ticket stands for.")]


class Check(Wire):
    status: Annotated[str, Field(json_schema_extra=values("up", "down"))]
    latency_ms: Annotated[float, Field(ge=0)]
    error: Annotated[str, Field(default_factory=missing, description="The kind of error, present if it is down.")]


class Checks(Wire):
    postgres: Check
    redis: Check
    queue: Check


class Health(Wire):
    """Whether the stores and the queue answer."""

    market: Market
    status: Annotated[str, Field(json_schema_extra=values("up", "degraded", "down"))]
    checks: Checks


class Explorer(Wire):
    """Where a browser finds a transaction and an account."""

    transaction: Annotated[str, Field(description="A URL with {signature} in the place of the transaction's.")]
    address: Annotated[str, Field(description="A URL with {address} in the place of the account's.")]


class CurrentMarket(Wire):
    """The market in which the engine executes new orders."""

    market: Market
    explorer: Annotated[Explorer | None, Field(description="null on the simulated market.")]
    wallet: Annotated[
        str | None, Field(description="The engine's wallet. null if only clients sign, and on the simulated market.")
    ]
    tokens: Annotated[list[Token], Field(description="Those that can be swapped there.")]


class Balance(Wire):
    token: Token
    amount: Whole
    amount_base_units: BaseUnits


class Wallet(Wire):
    """A wallet, and what it holds."""

    market: Market
    address: str
    balances: Annotated[
        list[Balance],
        Field(description="Of every token that can be swapped there, and of others that it holds."),
    ]
