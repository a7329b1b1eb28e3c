"""The models of the API's requests, answers and events. Made from docs/openapi.json by make descriptions."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from order_engine_client.fields import Answer, AskedAmount, Form, Model


class Slice(Model):
    """The market order that a recurring order has made."""

    number: int
    order_id: str
    amount_in: Decimal
    """Whole tokens."""
    amount_in_base_units: int
    """The same amount in base units."""


class LimitTerms(Model):
    """What a limit order waits for."""

    limit_price: Decimal | None
    """null if the client has set minAmountOut."""
    min_amount_out: Decimal
    """The least that the order receives."""
    min_amount_out_base_units: int
    """The same amount in base units."""


class StopTerms(Model):
    """What a stop order waits for."""

    stop_price: Decimal
    """As the client has set it."""
    limit_price: Decimal | None
    min_amount_out: Decimal | None
    """The least that the order receives. null: no limit."""
    min_amount_out_base_units: int | None
    stop_reached: bool
    """Whether the order now waits for its limit."""
    confirm_ticks: int


class RecurringTerms(Model):
    """What a recurring order does."""

    slices: int
    interval_seconds: int
    min_price: Decimal | None
    max_price: Decimal | None


class SniperTerms(Model):
    """What a sniper order waits for."""

    max_price: Decimal | None
    """Whole tokenIn for one whole tokenOut."""
    min_amount_out: Decimal | None
    """The least that the order receives. null: no limit."""
    min_amount_out_base_units: int | None
    min_liquidity: Decimal
    """What a pool has to hold, valued in whole tokenIn."""
    min_liquidity_base_units: int
    """The same amount in base units."""
    allow_freeze_authority: bool
    allow_extensions: bool


class OpenTerms(Model):
    type: Literal["market", "limit", "stop", "recurring", "sniper"] | str
    market: Literal["Simulated", "Localnet", "Devnet", "Testnet", "Mainnet"] | str
    """Where the engine executes orders."""
    token_in: str
    """A token's symbol; the address of its mint if it has none here."""
    token_out: str
    """A token's symbol; the address of its mint if it has none here."""
    amount_in: Decimal
    """Whole tokens."""
    amount_in_base_units: int
    """The same amount in base units."""
    slippage_bps: int
    max_price_impact_bps: int
    client_order_id: str | None
    quote_id: str | None
    reason: Literal["accepted", "replaced", "stopReached", "slice", "returned"] | str
    """Why the order is open."""
    message: str | None
    """What has happened."""
    slice: Slice | None
    expires_at: datetime | None
    terms: LimitTerms | StopTerms | RecurringTerms | SniperTerms


class OpenEvent(Answer):
    """The order waits."""

    order_id: str
    seq: int
    """Counts 1, 2, 3 … per order without gaps."""
    at: datetime
    attempt: int
    """How many times the order has been routed."""
    status: Literal["open"]
    data: OpenTerms


class Activation(Model):
    """What an order has waited for."""

    reason: Literal["limitMet", "stopReached", "poolFound"] | str
    amount_out: Decimal
    """What the order would have received in that slot."""
    amount_out_base_units: int
    """The same amount in base units."""
    price: Decimal
    """Whole tokenOut for one whole tokenIn, rounded down to 12 significant digits."""
    slot: int
    """The slot of the chain."""


class AcceptedTerms(Model):
    type: Literal["market", "limit", "stop", "recurring", "sniper"] | str
    market: Literal["Simulated", "Localnet", "Devnet", "Testnet", "Mainnet"] | str
    """Where the engine executes orders."""
    token_in: str
    """A token's symbol; the address of its mint if it has none here."""
    token_out: str
    """A token's symbol; the address of its mint if it has none here."""
    amount_in: Decimal
    """Whole tokens."""
    amount_in_base_units: int
    """The same amount in base units."""
    slippage_bps: int
    max_price_impact_bps: int
    client_order_id: str | None
    quote_id: str | None
    parent_id: str | None
    """The recurring order that has made this one."""
    activation: Activation | None
    """null for an order that did not wait."""


class PendingEvent(Answer):
    """The order was accepted, or has found what it waited for."""

    order_id: str
    seq: int
    """Counts 1, 2, 3 … per order without gaps."""
    at: datetime
    attempt: int
    """How many times the order has been routed."""
    status: Literal["pending"]
    data: AcceptedTerms


class Fee(Model):
    token: str
    """A token's symbol; the address of its mint if it has none here."""
    kind: Literal["trade", "protocol", "fund", "creator"] | str
    amount: Decimal
    """Whole tokens."""
    amount_base_units: int
    """The same amount in base units."""


class Leg(Model):
    """A swap in one pool."""

    venue: str
    """One venue, or several joined by +."""
    pool: str
    """Its address; on the simulated market, its name."""
    kind: Literal["raydium_cp", "raydium_amm_v4", "raydium_clmm", "meteora_dlmm", "meteora_damm_v2"] | str
    share_bps: int
    """Share of the hop's amount, in basis points."""
    amount_in: Decimal
    """Whole tokens."""
    amount_in_base_units: int
    """The same amount in base units."""
    amount_out: Decimal
    """Whole tokens."""
    amount_out_base_units: int
    """The same amount in base units."""
    price_impact_bps: int
    """How far the price without fees is below the pools' price before the swap, in basis points."""
    slot: int
    """The slot of the chain."""


class Hop(Model):
    """A trade of one token for the next, through one pool or split over several."""

    token_in: str
    """A token's symbol; the address of its mint if it has none here."""
    token_out: str
    """A token's symbol; the address of its mint if it has none here."""
    legs: list[Leg]


class RouteSummary(Model):
    """A route that was considered."""

    pools: str
    """The pools' names: + joins those of one hop, > separates hops."""
    venue: str
    """One venue, or several joined by +."""
    amount_out: Decimal
    """Whole tokens."""
    amount_out_base_units: int
    """The same amount in base units."""
    price: Decimal
    """Whole tokenOut for one whole tokenIn, rounded down to 12 significant digits."""
    price_impact_bps: int
    """How far the price without fees is below the pools' price before the swap, in basis points."""
    fee_bps: int
    """The fees of all pools as a share of the amount; rounded up."""
    cost: Decimal
    """The network fees of all swaps after the first, in tokenOut."""


class Unavailable(Model):
    venue: str
    """A venue that did not answer, or a pool whose state is corrupt."""
    code: str
    message: str


class Routing(Model):
    amount_out: Decimal
    """Whole tokens."""
    amount_out_base_units: int
    """The same amount in base units."""
    venue: str
    """One venue, or several joined by +."""
    reason: str
    """Why this route was chosen over the others."""
    price: Decimal
    """Whole tokenOut for one whole tokenIn, rounded down to 12 significant digits."""
    unspent: Decimal
    """What the route leaves of amountIn: one of two hops on Solana buys an exact amount."""
    unspent_base_units: int
    """The same amount in base units."""
    price_impact_bps: int
    """How far the price without fees is below the pools' price before the swap, in basis points."""
    fees: list[Fee]
    """Of all pools, by token and kind; already deducted from amountOut."""
    route: list[Hop]
    quotes: list[RouteSummary]
    """The routes considered, the best one first."""
    unavailable: list[Unavailable]
    quote_id: str | None = None
    """Present if the order named a quote."""


class RoutingEvent(Answer):
    """The best route was found."""

    order_id: str
    seq: int
    """Counts 1, 2, 3 … per order without gaps."""
    at: datetime
    attempt: int
    """How many times the order has been routed."""
    status: Literal["routing"]
    data: Routing


class Built(Model):
    venue: str
    """One venue, or several joined by +."""
    min_out: Decimal
    """Whole tokens."""
    min_out_base_units: int
    """The same amount in base units."""
    instructions: list[str]
    """In order, with the wrapping and unwrapping of SOL."""
    tx_hash: str
    """The transaction's signature."""


class BuildingEvent(Answer):
    """The transaction is signed and not sent yet."""

    order_id: str
    seq: int
    """Counts 1, 2, 3 … per order without gaps."""
    at: datetime
    attempt: int
    """How many times the order has been routed."""
    status: Literal["building"]
    data: Built


class Sent(Model):
    venue: str
    """One venue, or several joined by +."""
    tx_hash: str
    """The transaction's signature."""


class SubmittedEvent(Answer):
    """The transaction is being sent."""

    order_id: str
    seq: int
    """Counts 1, 2, 3 … per order without gaps."""
    at: datetime
    attempt: int
    """How many times the order has been routed."""
    status: Literal["submitted"]
    data: Sent


class Filled(Model):
    """What the swap moved. A recurring order has none of its own: null, and what its slices moved together."""

    tx_hash: str | None
    slot: int | None
    amount_in: Decimal
    """Whole tokens."""
    amount_in_base_units: int
    """The same amount in base units."""
    amount_out: Decimal
    """Whole tokens."""
    amount_out_base_units: int
    """The same amount in base units."""
    executed_price: Decimal
    """Whole tokenOut for one whole tokenIn, rounded down to 12 significant digits."""
    realised_slippage_bps: int | None
    network_fee: Decimal
    """What the network takes for the transaction, in SOL."""
    network_fee_base_units: int
    """The same amount in base units."""
    rent: Decimal
    """The rent of the token accounts that the transaction creates, in SOL. The wallet keeps them."""
    rent_base_units: int
    """The same amount in base units."""


class ConfirmedEvent(Answer):
    """The swap was executed, or the slices of a recurring order have ended. The order has ended."""

    order_id: str
    seq: int
    """Counts 1, 2, 3 … per order without gaps."""
    at: datetime
    attempt: int
    """How many times the order has been routed."""
    status: Literal["confirmed"]
    data: Filled


class Failure(Model):
    """The reason why an order failed."""

    code: str
    message: str
    attempts: int
    retryable: bool
    """Whether the same order may succeed later."""
    requote: str | None = None
    """Where to GET a fresh quote to sign, after an order that its client had signed."""


class FailedEvent(Answer):
    """The order has ended without a swap."""

    order_id: str
    seq: int
    """Counts 1, 2, 3 … per order without gaps."""
    at: datetime
    attempt: int
    """How many times the order has been routed."""
    status: Literal["failed"]
    data: Failure


class Cancellation(Model):
    reason: str | None = None
    """Present unless the client has cancelled the order."""


class CancelledEvent(Answer):
    """The order was cancelled before anything was sent. It has ended."""

    order_id: str
    seq: int
    """Counts 1, 2, 3 … per order without gaps."""
    at: datetime
    attempt: int
    """How many times the order has been routed."""
    status: Literal["cancelled"]
    data: Cancellation


class Expiry(Model):
    expires_at: datetime
    """When the order was to expire."""


class ExpiredEvent(Answer):
    """The order has waited in vain. It has ended."""

    order_id: str
    seq: int
    """Counts 1, 2, 3 … per order without gaps."""
    at: datetime
    attempt: int
    """How many times the order has been routed."""
    status: Literal["expired"]
    data: Expiry


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


class RecurringProgress(Model):
    """What a recurring order does, and how far it is."""

    slices: int
    interval_seconds: int
    min_price: Decimal | None
    max_price: Decimal | None
    slices_done: int
    """How many slices were made."""
    next_slice_at: datetime | None
    """When the next slice is due."""


class Order(Answer):
    """An order. Fields that are not known yet are null."""

    order_id: str
    type: Literal["market", "limit", "stop", "recurring", "sniper"] | str
    status: (
        Literal["open", "pending", "routing", "building", "submitted", "confirmed", "failed", "cancelled", "expired"]
        | str
    )
    market: Literal["Simulated", "Localnet", "Devnet", "Testnet", "Mainnet"] | str
    """Where the engine executes orders."""
    token_in: str
    """A token's symbol; the address of its mint if it has none here."""
    token_out: str
    """A token's symbol; the address of its mint if it has none here."""
    amount_in: Decimal
    """Whole tokens."""
    amount_in_base_units: int
    """The same amount in base units."""
    slippage_bps: int
    max_price_impact_bps: int
    attempt: int
    venue: str | None
    quoted_out: Decimal | None
    quoted_out_base_units: int | None
    min_out: Decimal | None
    min_out_base_units: int | None
    amount_out: Decimal | None
    amount_out_base_units: int | None
    amount_spent: Decimal | None
    """What the transaction took of amountIn. The rest stayed in the wallet."""
    amount_spent_base_units: int | None
    executed_price: Decimal | None
    tx_hash: str | None
    error: Failure | None
    client_order_id: str | None
    user_id: str | None
    quote_id: str | None
    parent_id: str | None
    """The recurring order that has made this one."""
    linked_order_id: str | None
    """The other one of two orders, of which at most one is filled."""
    wallet: str | None
    """The client's wallet that has signed the transaction. null: the engine signs."""
    expires_at: datetime | None
    """Until when an order waits. null: until it is cancelled."""
    terms: LimitTerms | StopTerms | RecurringProgress | SniperTerms | None
    """What an order waits for. null for a market order."""
    created_at: datetime
    updated_at: datetime


class AcceptedOrder(Order):
    """The order as it was accepted."""

    activation: Activation | None
    """Why an order that waits runs at once. null: it waits."""
    web_socket_url: str
    """Where its events can be watched."""


class ActiveOrder(Model):
    """An order that has not ended."""

    order_id: str
    type: Literal["market", "limit", "stop", "recurring", "sniper"] | str
    market: Literal["Simulated", "Localnet", "Devnet", "Testnet", "Mainnet"] | str
    """Where the engine executes orders."""
    token_in: str
    """A token's symbol; the address of its mint if it has none here."""
    token_out: str
    """A token's symbol; the address of its mint if it has none here."""
    amount_in: Decimal
    """Whole tokens."""
    amount_in_base_units: int
    """The same amount in base units."""
    slippage_bps: int
    max_price_impact_bps: int
    client_order_id: str | None
    quote_id: str | None
    parent_id: str | None
    started_at: datetime
    """When it became pending; of an open order, its terms' time."""
    event: Event
    """Its newest event."""


class ActiveOrders(Answer):
    """Orders that have not ended, newest first."""

    orders: list[ActiveOrder]
    complete: bool
    """Whether these are all."""


class Balance(Model):
    token: str
    """A token's symbol; the address of its mint if it has none here."""
    amount: Decimal
    """Whole tokens."""
    amount_base_units: int
    """The same amount in base units."""


class Point(Model):
    """What the fills of an interval have changed of a token, fees and rent included."""

    at: datetime
    """When the interval begins."""
    token: str
    """A token's symbol; the address of its mint if it has none here."""
    change: Decimal
    """Whole tokens; negative for what was paid."""
    change_base_units: int
    """The same amount in base units."""
    total: Decimal
    """The changes since the history began."""
    total_base_units: int
    """The same amount in base units."""


class BalanceHistory(Answer):
    """What fills have changed of each token over time."""

    market: Literal["Simulated", "Localnet", "Devnet", "Testnet", "Mainnet"] | str
    """Where the engine executes orders."""
    since: datetime
    until: datetime
    interval: Literal["hour", "day"] | str
    points: list[Point]
    """The earliest first; none where nothing has changed."""


class CancelledOrders(Answer):
    """The orders that one request has cancelled."""

    cancelled: list[str]
    """Their ids."""
    complete: bool
    """Whether no other order is left to be cancelled."""


class Check(Model):
    status: Literal["up", "down"] | str
    latency_ms: float
    error: str | None = None
    """The kind of error, present if it is down."""


class Checks(Model):
    postgres: Check
    redis: Check
    queue: Check


class Counts(Model):
    """The number of orders in each status."""

    open: int
    pending: int
    routing: int
    building: int
    submitted: int
    confirmed: int
    failed: int
    cancelled: int
    expired: int


class CreatedKey(Answer):
    """A new API key."""

    id: str
    client: str
    """The client's name."""
    prefix: str
    """The key's first characters."""
    scope: Literal["read", "trade", "admin"] | str
    """What a key may do: read; trade, which includes read; admin, which includes both."""
    created_at: datetime
    created_by: str | None
    """"key ID" for a key of the client, or "operator". null if that was before there was an audit."""
    expires_at: datetime | None
    """null: the key does not expire."""
    last_used_at: datetime | None
    """Up to a minute old. null: never used."""
    revoked_at: datetime | None
    """null: the key is not revoked."""
    revoked_by: str | None
    """"key ID" for a key of the client, or "operator". null if that was before there was an audit."""
    key: str
    """No other answer contains it."""


class Explorer(Model):
    """Where a browser finds a transaction and an account."""

    transaction: str
    """A URL with {signature} in the place of the transaction's."""
    address: str
    """A URL with {address} in the place of the account's."""


class CurrentMarket(Answer):
    """The market in which the engine executes new orders."""

    market: Literal["Simulated", "Localnet", "Devnet", "Testnet", "Mainnet"] | str
    """Where the engine executes orders."""
    explorer: Explorer | None
    """null on the simulated market."""
    wallet: str | None
    """The engine's wallet. null if only clients sign, and on the simulated market."""
    tokens: list[str]
    """Those that can be swapped there."""


class DeletedWebhook(Answer):
    webhook_id: str


class Delivery(Model):
    """The events of one order for one webhook."""

    order_id: str
    state: Literal["waiting", "delivered", "parked"] | str
    delivered_seq: int
    """Events up to this one are taken, or were not asked for."""
    attempts: int
    """Those that failed for the next event."""
    error: str | None
    """Why the last one failed."""
    failing_since: datetime | None
    next_attempt_at: datetime | None
    updated_at: datetime


class Deliveries(Answer):
    deliveries: list[Delivery]


class Fill(Model):
    """What an order has paid and received by a transaction of its own."""

    order_id: str
    filled_at: datetime
    type: Literal["market", "limit", "stop", "recurring", "sniper"] | str
    market: Literal["Simulated", "Localnet", "Devnet", "Testnet", "Mainnet"] | str
    """Where the engine executes orders."""
    token_in: str
    """A token's symbol; the address of its mint if it has none here."""
    token_out: str
    """A token's symbol; the address of its mint if it has none here."""
    amount_in: Decimal
    """What the transaction took."""
    amount_in_base_units: int
    """The same amount in base units."""
    amount_out: Decimal
    """Whole tokens."""
    amount_out_base_units: int
    """The same amount in base units."""
    executed_price: Decimal
    """Whole tokenOut for one whole tokenIn, rounded down to 12 significant digits."""
    network_fee: Decimal | None
    """null for fills from before it was recorded."""
    network_fee_base_units: int | None
    rent: Decimal | None
    rent_base_units: int | None
    venue: str
    """One venue, or several joined by +."""
    tx_hash: str
    """The transaction's signature."""
    client_order_id: str | None
    parent_id: str | None
    """The recurring order that this one is a slice of."""


class FillPage(Answer):
    """Fills, the newest one first."""

    fills: list[Fill]
    next_cursor: str | None
    """null on the last page."""


class Health(Answer):
    """Whether the stores and the queue answer."""

    market: Literal["Simulated", "Localnet", "Devnet", "Testnet", "Mainnet"] | str
    """Where the engine executes orders."""
    status: Literal["up", "degraded", "down"] | str
    checks: Checks


class Key(Answer):
    """An API key, without its text."""

    id: str
    client: str
    """The client's name."""
    prefix: str
    """The key's first characters."""
    scope: Literal["read", "trade", "admin"] | str
    """What a key may do: read; trade, which includes read; admin, which includes both."""
    created_at: datetime
    created_by: str | None
    """"key ID" for a key of the client, or "operator". null if that was before there was an audit."""
    expires_at: datetime | None
    """null: the key does not expire."""
    last_used_at: datetime | None
    """Up to a minute old. null: never used."""
    revoked_at: datetime | None
    """null: the key is not revoked."""
    revoked_by: str | None
    """"key ID" for a key of the client, or "operator". null if that was before there was an audit."""


class KeyList(Answer):
    """The client's keys."""

    keys: list[Key]
    """The oldest one first."""


class LimitOrder(Form):
    """An order that waits for a price, and never receives less. It has either limitPrice or minAmountOut."""

    token_in: str
    """A token's symbol; the address of its mint if it has none here."""
    token_out: str
    """Not the same as tokenIn."""
    amount_in: AskedAmount
    """At most as many decimals as the token has, and at most 2^64 - 1 base units."""
    type: Literal["limit"] = "limit"
    slippage_bps: int | None = None
    allow_any_slippage: bool | None = None
    allow_unverified: bool | None = None
    max_price_impact_bps: int | None = None
    client_order_id: str | None = None
    user_id: str | None = None
    expires_at: AwareDatetime | None = None
    limit_price: AskedAmount | None = None
    min_amount_out: AskedAmount | None = None
    """Whole tokenOut for the whole amountIn."""


class PoolProblem(Model):
    """Why a pool can't be traded in."""

    code: str
    message: str


class ListedPool(Model):
    """A pool as it stands."""

    address: str
    """On the simulated market, its name."""
    program: Literal["raydium_cp", "raydium_amm_v4", "raydium_clmm", "meteora_dlmm", "meteora_damm_v2"] | str
    venue: str
    token_a: str
    """A token's symbol; the address of its mint if it has none here."""
    token_b: str
    """A token's symbol; the address of its mint if it has none here."""
    liquidity: list[Balance] | None
    """What it holds of each token. null unless it is usable."""
    fee_bps: int | None
    """The fee of a small swap, to the nearest basis point. null if none is possible."""
    slot: int | None
    """The slot of the chain. null unless it is usable."""
    enabled: bool
    """Whether the engine may trade in it."""
    usable: bool
    """Whether orders can be routed through it now."""
    problem: PoolProblem | None
    """Why it can't be used. null if it is usable, or not enabled."""


class ListedToken(Model):
    """A token, and what its mint can do to those who hold it."""

    mint: str | None
    """The mint's address. null for a symbol of the simulated market, which has none."""
    symbol: str | None
    """null for a token that goes by its mint."""
    decimals: int
    verified: bool
    """Whether orders need no allowUnverified: it has a symbol."""
    has_freeze_authority: bool | None
    """Whether somebody can freeze holders' accounts. null where there is no mint."""
    extensions: list[str] | None
    """Those of Token-2022 that the mint has. null where there is no mint."""


class MissingScope(Model):
    needed_scope: Literal["read", "trade", "admin"] | str
    """What a key may do: read; trade, which includes read; admin, which includes both."""
    scope: Literal["read", "trade", "admin"] | str
    """That of the key."""


class NewKey(Form):
    """A key that is to be created."""

    scope: Literal["read", "trade", "admin"] | str | None = None
    """What a key may do: read; trade, which includes read; admin, which includes both."""
    expires_at: AwareDatetime | None = None
    """In the future. null: never."""


class NewWebhook(Answer):
    """A webhook with its secret."""

    webhook_id: str
    url: str
    statuses: (
        list[
            Literal[
                "open", "pending", "routing", "building", "submitted", "confirmed", "failed", "cancelled", "expired"
            ]
            | str
        ]
        | None
    )
    created_at: datetime
    failures_in_a_row: int
    """Attempts, for whichever orders."""
    orders_waiting: int
    """Orders whose next event was refused and is sent again."""
    orders_parked: int
    """Orders whose next event was refused for a day."""
    secret: str
    """Signs the messages. Only shown here."""


class OcoOrder(Form):
    """A limit order to take a profit and a stop order to end a loss. Once one is filled, the other is cancelled."""

    token_in: str
    """A token's symbol; the address of its mint if it has none here."""
    token_out: str
    """Not the same as tokenIn."""
    amount_in: AskedAmount
    """At most as many decimals as the token has, and at most 2^64 - 1 base units."""
    type: Literal["oco"] = "oco"
    slippage_bps: int | None = None
    allow_any_slippage: bool | None = None
    allow_unverified: bool | None = None
    max_price_impact_bps: int | None = None
    client_order_id: str | None = None
    user_id: str | None = None
    expires_at: AwareDatetime | None = None
    limit_price: AskedAmount
    """Whole tokenOut for one whole tokenIn."""
    stop_price: AskedAmount
    """The order sells once one whole tokenIn pays only this, in whole tokenOut. It is below the market. Below
    limitPrice."""
    stop_limit_price: AskedAmount | None = None
    """The stop never sells for less than this. Not above stopPrice."""
    confirm_ticks: int | None = None
    """For how many ticks in a row the stop's price has to be there."""


class OrderCounts(Answer):
    """How many orders there are."""

    counts: Counts
    at_most: int
    """As far as is counted. A count that has reached it stands for more."""


class MarketOrder(Form):
    """A market order."""

    token_in: str
    """A token's symbol; the address of its mint if it has none here."""
    token_out: str
    """Not the same as tokenIn."""
    amount_in: AskedAmount
    """At most as many decimals as the token has, and at most 2^64 - 1 base units."""
    type: Literal["market"] = "market"
    slippage_bps: int | None = None
    allow_any_slippage: bool | None = None
    allow_unverified: bool | None = None
    max_price_impact_bps: int | None = None
    client_order_id: str | None = None
    user_id: str | None = None
    quote_id: str | None = None
    """A quote with the same terms. The order is executed at it or fails."""


class OrderPage(Answer):
    """Orders, newest first."""

    orders: list[Order]
    next_cursor: str | None
    """null on the last page."""


class OrderWithEvents(Order):
    """The order and its events, oldest first."""

    events: list[Event]
    """Empty once the retention period of events is over."""


class PoolList(Answer):
    """The pools of the market."""

    market: Literal["Simulated", "Localnet", "Devnet", "Testnet", "Mainnet"] | str
    """Where the engine executes orders."""
    read_at: datetime
    pools: list[ListedPool]
    unavailable: list[Unavailable]


class Quote(Answer):
    """The amount that an order would receive now."""

    amount_out: Decimal
    """Whole tokens."""
    amount_out_base_units: int
    """The same amount in base units."""
    venue: str
    """One venue, or several joined by +."""
    reason: str
    """Why this route was chosen over the others."""
    price: Decimal
    """Whole tokenOut for one whole tokenIn, rounded down to 12 significant digits."""
    unspent: Decimal
    """What the route leaves of amountIn: one of two hops on Solana buys an exact amount."""
    unspent_base_units: int
    """The same amount in base units."""
    price_impact_bps: int
    """How far the price without fees is below the pools' price before the swap, in basis points."""
    fees: list[Fee]
    """Of all pools, by token and kind; already deducted from amountOut."""
    route: list[Hop]
    quotes: list[RouteSummary]
    """The routes considered, the best one first."""
    unavailable: list[Unavailable]
    quote_id: str
    market: Literal["Simulated", "Localnet", "Devnet", "Testnet", "Mainnet"] | str
    """Where the engine executes orders."""
    expires_at: datetime
    token_in: str
    """A token's symbol; the address of its mint if it has none here."""
    token_out: str
    """A token's symbol; the address of its mint if it has none here."""
    amount_in: Decimal
    """Whole tokens."""
    amount_in_base_units: int
    """The same amount in base units."""
    min_out: Decimal
    """The minimum that an order with this quoteId receives."""
    min_out_base_units: int
    """The same amount in base units."""
    slippage_bps: int
    network_fee: Decimal
    """What the network takes for the transaction, in SOL."""
    network_fee_base_units: int
    """The same amount in base units."""
    rent: Decimal
    """The rent of the token accounts that the transaction creates, in SOL. The wallet keeps them."""
    rent_base_units: int
    """The same amount in base units."""
    slot: int
    """The slot of the chain."""
    wallet: str | None = None
    """The wallet that the quote was asked for."""
    order_id: str | None = None
    """The id that the order of a quote for a wallet gets."""
    transaction: str | None = None
    """What the wallet is to sign, in base64: version 0, unsigned."""
    last_valid_block_height: int | None = None
    """Above this block height the transaction can't land."""


class RecurringOrder(Form):
    """An order that spends its amount in equal market orders, one in each interval."""

    token_in: str
    """A token's symbol; the address of its mint if it has none here."""
    token_out: str
    """Not the same as tokenIn."""
    amount_in: AskedAmount
    """At most as many decimals as the token has, and at most 2^64 - 1 base units."""
    type: Literal["recurring"] = "recurring"
    slippage_bps: int | None = None
    allow_any_slippage: bool | None = None
    allow_unverified: bool | None = None
    max_price_impact_bps: int | None = None
    client_order_id: str | None = None
    user_id: str | None = None
    expires_at: AwareDatetime | None = None
    slices: int
    """At most one for each base unit of amountIn."""
    interval_seconds: int
    min_price: AskedAmount | None = None
    """A slice waits until one whole tokenIn pays at least this."""
    max_price: AskedAmount | None = None
    """A slice waits until one whole tokenIn pays at most this."""
    start_at: AwareDatetime | None = None
    """When the first slice is due. null: at once."""


class Redelivery(Answer):
    orders: int
    """Those whose events are sent again."""


class NewTerms(Form):
    """The terms to replace, as they fit the order's type. The others stay. null takes away a term that is optional."""

    amount_in: AskedAmount | None = None
    """Not of a recurring order."""
    limit_price: AskedAmount | None = None
    min_amount_out: AskedAmount | None = None
    stop_price: AskedAmount | None = None
    """Whole tokenOut for one whole tokenIn."""
    min_price: AskedAmount | None = None
    max_price: AskedAmount | None = None
    min_liquidity: AskedAmount | None = None
    """At most as many decimals as the token has, and at most 2^64 - 1 base units."""
    expires_at: AwareDatetime | None = None


class VenueQuote(Model):
    """The best route through one venue, or through a mix of venues."""

    venue: str
    """One venue, or several joined by +."""
    price: Decimal
    """Whole tokenOut for one whole tokenIn, rounded down to 12 significant digits."""
    price_impact_bps: int
    """How far the price without fees is below the pools' price before the swap, in basis points."""


class Routed(Model):
    """What was quoted when the order was routed."""

    at: datetime
    price_impact_bps: int
    """That of the chosen route."""
    quotes: list[VenueQuote]
    """One of each venue, and of each mix."""


class SignedOrder(Form):
    """A quote's transaction, signed. The order is what the quote says."""

    quote_id: str
    """A quote for the wallet that has signed."""
    signed_transaction: str
    """The quote's transaction with its signature, in base64."""
    type: Literal["market"] = "market"
    client_order_id: str | None = None
    user_id: str | None = None


class SniperOrder(Form):
    """An order that buys a token as soon as a pool holds enough of it."""

    token_in: str
    """A token's symbol; the address of its mint if it has none here."""
    token_out: str
    """Not the same as tokenIn."""
    amount_in: AskedAmount
    """At most as many decimals as the token has, and at most 2^64 - 1 base units."""
    type: Literal["sniper"] = "sniper"
    slippage_bps: int | None = None
    allow_any_slippage: bool | None = None
    allow_unverified: bool | None = None
    max_price_impact_bps: int | None = None
    client_order_id: str | None = None
    user_id: str | None = None
    expires_at: AwareDatetime
    """Until when the order waits."""
    min_liquidity: AskedAmount
    """What a pool has to hold, valued in whole tokenIn."""
    max_price: AskedAmount | None = None
    """The most that one whole tokenOut may cost, in whole tokenIn."""
    allow_freeze_authority: bool | None = None
    allow_extensions: bool | None = None


class Steps(Model):
    """How long the order was in each status, all attempts together, without the time in which it was open."""

    pending: float | None
    """In milliseconds. null if the order was not in this status."""
    routing: float | None
    """In milliseconds. null if the order was not in this status."""
    building: float | None
    """In milliseconds. null if the order was not in this status."""
    submitted: float | None
    """In milliseconds. null if the order was not in this status."""


class StopOrder(Form):
    """An order that sells once the price has fallen."""

    token_in: str
    """A token's symbol; the address of its mint if it has none here."""
    token_out: str
    """Not the same as tokenIn."""
    amount_in: AskedAmount
    """At most as many decimals as the token has, and at most 2^64 - 1 base units."""
    type: Literal["stop"] = "stop"
    slippage_bps: int | None = None
    allow_any_slippage: bool | None = None
    allow_unverified: bool | None = None
    max_price_impact_bps: int | None = None
    client_order_id: str | None = None
    user_id: str | None = None
    expires_at: AwareDatetime | None = None
    stop_price: AskedAmount
    """The order sells once one whole tokenIn pays only this, in whole tokenOut. It is below the market."""
    limit_price: AskedAmount | None = None
    """The order never sells for less than this. Not above stopPrice."""
    confirm_ticks: int | None = None
    """For how many ticks in a row the price has to be there."""


class Ticket(Answer):
    """A ticket for one WebSocket connection."""

    ticket: str
    expires_at: datetime
    web_socket_url: str
    """The URL of the WebSocket API, without the ticket."""
    scope: Literal["read", "trade", "admin"] | str
    """What the connection may do, as the key that the ticket stands for."""


class Timing(Model):
    """How long an order that has ended took."""

    order_id: str
    type: Literal["market", "limit", "stop", "recurring", "sniper"] | str
    market: Literal["Simulated", "Localnet", "Devnet", "Testnet", "Mainnet"] | str
    """Where the engine executes orders."""
    token_in: str
    """A token's symbol; the address of its mint if it has none here."""
    token_out: str
    """A token's symbol; the address of its mint if it has none here."""
    status: Literal["cancelled", "confirmed", "expired", "failed"] | str
    ended_at: datetime
    venue: str | None
    error_code: str | None
    """Why it failed. null unless it has."""
    realised_slippage_bps: int | None
    attempts: int
    """How many times the order has been routed."""
    steps: Steps
    routed: Routed | None
    """The last time. null if it was not routed."""


class TimingList(Answer):
    """Orders that have ended, the newest one first."""

    orders: list[Timing]
    complete: bool
    """Whether these are all that have ended."""


class TokenList(Answer):
    """The tokens of the market."""

    market: Literal["Simulated", "Localnet", "Devnet", "Testnet", "Mainnet"] | str
    """Where the engine executes orders."""
    tokens: list[ListedToken]
    complete: bool
    """Whether these are all: at most 500 have no symbol."""


class Wallet(Answer):
    """A wallet, and what it holds."""

    market: Literal["Simulated", "Localnet", "Devnet", "Testnet", "Mainnet"] | str
    """Where the engine executes orders."""
    address: str
    balances: list[Balance]
    """Of every token that can be swapped there, and of others that it holds."""


class Webhook(Model):
    webhook_id: str
    url: str
    statuses: (
        list[
            Literal[
                "open", "pending", "routing", "building", "submitted", "confirmed", "failed", "cancelled", "expired"
            ]
            | str
        ]
        | None
    )
    created_at: datetime
    failures_in_a_row: int
    """Attempts, for whichever orders."""
    orders_waiting: int
    """Orders whose next event was refused and is sent again."""
    orders_parked: int
    """Orders whose next event was refused for a day."""


class WebhookAddress(Form):
    """An address that gets the events of the client's orders."""

    url: str
    """https:// on port 443, at public addresses."""
    statuses: (
        list[
            Literal[
                "open", "pending", "routing", "building", "submitted", "confirmed", "failed", "cancelled", "expired"
            ]
            | str
        ]
        | None
    ) = None
    """Only these; null or missing for all."""


class Webhooks(Answer):
    webhooks: list[Webhook]


OrderRequest = LimitOrder | OcoOrder | MarketOrder | RecurringOrder | SignedOrder | SniperOrder | StopOrder


STATUSES = {
    "InvalidJson": 400,
    "InvalidOrder": 400,
    "InvalidRequest": 400,
    "Unauthorized": 401,
    "ScopeMissing": 403,
    "OriginNotAllowed": 403,
    "UnknownAction": 400,
    "OrderNotFound": 404,
    "KeyNotFound": 404,
    "QuoteNotFound": 404,
    "WebhookNotFound": 404,
    "WebhookExists": 409,
    "TooManyWebhooks": 409,
    "NotFound": 404,
    "QuoteExpired": 409,
    "QuoteUsed": 409,
    "TooLateToCancel": 409,
    "NotOpen": 409,
    "PayloadTooLarge": 413,
    "UnsupportedMediaType": 415,
    "IdempotencyKeyReused": 422,
    "RateLimited": 429,
    "Throttled": 429,
    "TooManyConnections": 429,
    "TooManySubscriptions": 429,
    "NoRoute": 422,
    "AmountTooSmall": 422,
    "InsufficientLiquidity": 422,
    "PriceImpactTooHigh": 422,
    "OrderTooLarge": 422,
    "InsufficientFunds": 422,
    "SlippageExceeded": 409,
    "ChainRefused": 422,
    "VenueUnavailable": 503,
    "StoreUnavailable": 503,
    "ServiceUnavailable": 503,
}
"""The HTTP status of each error code."""
