"""Models of requests, answers and events, from which both descriptions get their schemas."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from order_engine.api.order_terms import MarketTerms
from order_engine.dex.pool import KINDS
from order_engine.domain.access import TICKET_PREFIX
from order_engine.domain.lifecycle import Status
from order_engine.domain.markets import CLUSTERS, SIMULATED
from order_engine.domain.tokens import TOKENS

_SYMBOL = "|".join(TOKENS)


def _values(*values: str) -> dict[str, Any]:
    return {"enum": list(values)}


def missing() -> Any:
    """The default of a field that may be missing but is never null."""
    raise NotImplementedError


Token = Annotated[str, Field(json_schema_extra=_values(*TOKENS))]
Market = Annotated[
    str,
    Field(json_schema_extra=_values(SIMULATED, *CLUSTERS.values()), description="Where the engine executes orders."),
]
Whole = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$", description="Whole tokens.")]
BaseUnits = Annotated[str, Field(pattern=r"^[0-9]+$", description="The same amount in base units.")]
Price = Annotated[
    str,
    Field(
        pattern=r"^[0-9]+(\.[0-9]+)?$",
        description="Whole tokenOut for one whole tokenIn, rounded down to 12 significant digits.",
    ),
]
Amount = Annotated[
    Whole | Annotated[float, Field(gt=0)],
    Field(description="At most as many decimals as the token has, and at most 2^64 - 1 base units."),
]
Venue = Annotated[str, Field(description="One venue, or several joined by +.")]
Impact = Annotated[
    int, Field(description="How far the price without fees is below the pools' price before the swap, in basis points.")
]
TxHash = Annotated[str, Field(description="The transaction's signature.")]
Slot = Annotated[int, Field(description="The slot of the chain.")]
NetworkFee = Annotated[Whole, Field(description="What the network takes for the transaction, in SOL.")]
Rent = Annotated[
    Whole,
    Field(description="The rent of the token accounts that the transaction creates, in SOL. The wallet keeps them."),
]

IdempotencyKey = Annotated[str, Field(pattern="^[ -~]{1,255}$")]


class _Terms(MarketTerms):
    quote_id: Annotated[
        UUID | None, Field(description="A quote with the same terms. The order is executed at it or fails.")
    ] = None


class OrderForm(_Terms):
    """A market order."""

    token_in: Token
    token_out: Annotated[Token, Field(description="Not the same as tokenIn.")]
    amount_in: Amount


class ShortOrderForm(_Terms):
    """A market order in the short form."""

    token_pair: Annotated[str, Field(pattern=f"^({_SYMBOL})-({_SYMBOL})$", description="tokenIn-tokenOut.")]
    amount: Amount


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class Problem(_Wire):
    field: str
    message: Annotated[str, Field(description="What was expected and what was sent.")]


class Wait(_Wire):
    retry_after: Annotated[int, Field(ge=1, description="Seconds.")]


class ErrorBody(_Wire):
    code: str
    message: str
    details: Annotated[list[Problem | Wait], Field(description="One for each invalid field.")]


class Error(_Wire):
    """An error. All errors have this shape."""

    error: ErrorBody


class Failure(_Wire):
    """The reason why an order failed."""

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
    pool: Annotated[str, Field(description="Its address; on the simulated market, its name.")]
    kind: Annotated[str, Field(json_schema_extra=_values(*KINDS))]
    share_bps: Annotated[int, Field(description="Share of the hop's amount, in basis points.")]
    amount_in: Whole
    amount_in_base_units: BaseUnits
    amount_out: Whole
    amount_out_base_units: BaseUnits
    price_impact_bps: Impact
    slot: Slot


class Hop(_Wire):
    """A trade of one token for the next, through one pool or split over several."""

    token_in: Token
    token_out: Token
    legs: Annotated[list[Leg], Field(min_length=1)]


class RouteSummary(_Wire):
    """A route that was considered."""

    pools: Annotated[str, Field(description="The pools' names: + joins those of one hop, > separates hops.")]
    venue: Venue
    amount_out: Whole
    amount_out_base_units: BaseUnits
    price: Price
    price_impact_bps: Impact
    fee_bps: Annotated[int, Field(description="The fees of all pools as a share of the amount; rounded up.")]
    cost: Annotated[Whole, Field(description="The network fees of all swaps after the first, in tokenOut.")]


class Unavailable(_Wire):
    venue: Annotated[str, Field(description="A venue that did not answer, or a pool whose state is corrupt.")]
    code: str
    message: str


class _Decision(_Wire):
    amount_out: Whole
    amount_out_base_units: BaseUnits
    venue: Venue
    reason: Annotated[str, Field(description="Why this route was chosen over the others.")]
    price: Price
    unspent: Annotated[
        Whole, Field(description="What the route leaves of amountIn: one of two hops on Solana buys an exact amount.")
    ]
    unspent_base_units: BaseUnits
    price_impact_bps: Impact
    fees: Annotated[list[Fee], Field(description="Of all pools, by token and kind; already deducted from amountOut.")]
    route: Annotated[list[Hop], Field(min_length=1, max_length=2)]
    quotes: Annotated[list[RouteSummary], Field(min_length=1, description="The routes considered, the best one first.")]
    unavailable: list[Unavailable]


class Quote(_Decision):
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


class AcceptedTerms(_Wire):
    type: Literal["market"]
    market: Market
    token_in: Token
    token_out: Token
    amount_in: Whole
    amount_in_base_units: BaseUnits
    slippage_bps: int
    max_price_impact_bps: int
    client_order_id: str | None
    quote_id: UUID | None


class Routing(_Decision):
    quote_id: Annotated[UUID, Field(default_factory=missing, description="Present if the order named a quote.")]


class Built(_Wire):
    venue: Venue
    min_out: Whole
    min_out_base_units: BaseUnits
    instructions: Annotated[list[str], Field(description="In order, with the wrapping and unwrapping of SOL.")]
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
    realised_slippage_bps: Annotated[int, Field(description="Positive if the order received less than quoted.")]
    network_fee: NetworkFee
    network_fee_base_units: BaseUnits
    rent: Rent
    rent_base_units: BaseUnits


class Nothing(_Wire):
    model_config = ConfigDict(extra="forbid")


class _Event(_Wire):
    order_id: UUID
    seq: Annotated[int, Field(ge=1, description="Counts 1, 2, 3 … per order without gaps.")]
    at: datetime
    attempt: Annotated[int, Field(ge=1, description="How many times the order has been routed.")]


class PendingEvent(_Event):
    """The order was accepted."""

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
    """The swap was executed. The order has ended."""

    status: Literal["confirmed"]
    data: Filled


class FailedEvent(_Event):
    """The order has ended without a swap."""

    status: Literal["failed"]
    data: Failure


class CancelledEvent(_Event):
    """The client cancelled the order before anything was sent. The order has ended."""

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
    """An order. Fields that are not known yet are null."""

    order_id: UUID
    type: Literal["market"]
    status: Annotated[str, Field(json_schema_extra=_values(*Status))]
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
    created_at: datetime
    updated_at: datetime


class AcceptedOrder(Order):
    """The order as it was accepted."""

    web_socket_url: Annotated[str, Field(description="Where its events can be watched.")]


class OrderWithEvents(Order):
    """The order and its events, oldest first."""

    events: Annotated[list[Event], Field(description="Empty once the retention period of events is over.")]


class OrderPage(_Wire):
    """Orders, newest first."""

    orders: list[Order]
    next_cursor: Annotated[str | None, Field(description="null on the last page.")]


class Ticket(_Wire):
    """A ticket for one WebSocket connection."""

    ticket: Annotated[str, Field(pattern=f"^{TICKET_PREFIX}")]
    expires_at: datetime
    web_socket_url: Annotated[str, Field(description="The URL of the WebSocket API, without the ticket.")]


class Check(_Wire):
    status: Annotated[str, Field(json_schema_extra=_values("up", "down"))]
    latency_ms: Annotated[float, Field(ge=0)]
    error: Annotated[str, Field(default_factory=missing, description="The kind of error, present if it is down.")]


class Checks(_Wire):
    postgres: Check
    redis: Check
    queue: Check


class Health(_Wire):
    """Whether the stores and the queue answer."""

    market: Market
    status: Annotated[str, Field(json_schema_extra=_values("up", "degraded", "down"))]
    checks: Checks


class Explorer(_Wire):
    """Where a browser finds a transaction and an account."""

    transaction: Annotated[str, Field(description="A URL with {signature} in the place of the transaction's.")]
    address: Annotated[str, Field(description="A URL with {address} in the place of the account's.")]


class CurrentMarket(_Wire):
    """The market in which the engine executes new orders."""

    market: Market
    explorer: Annotated[Explorer | None, Field(description="null on the simulated market.")]
    wallet: Annotated[
        str | None, Field(description="The address of the wallet that pays. null on the simulated market.")
    ]
    tokens: Annotated[list[Token], Field(description="Those that can be swapped there.")]


class Balance(_Wire):
    token: Token
    amount: Whole
    amount_base_units: BaseUnits


class Wallet(_Wire):
    """The wallet that pays for the orders of all clients."""

    market: Market
    address: str
    balances: Annotated[list[Balance], Field(description="Of every token that can be swapped there.")]
