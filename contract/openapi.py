"""The REST API as OpenAPI: every operation with its parameters, answers and errors.

The operations are declared apart from the functions, which therefore start as fast as without a description. The
end-to-end tests compare the functions' answers with it.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path as FilePath
from typing import Annotated, Any
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer, License, Server, ServerVariable, Tag
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Path, Query
from pydantic import Field

from contract import VERSION, keys
from contract.examples import EXAMPLES, ORDER_FORMS, shown
from contract.fills import TAG as FILLS
from contract.forms import Form, ReplaceForm, ShortOrderForm, SignedOrderForm
from contract.models import (
    AcceptedOrder,
    ActiveOrders,
    CancelledOrders,
    CurrentMarket,
    Health,
    OrderPage,
    OrderWithEvents,
    Quote,
    Ticket,
    Wallet,
)
from contract.operations import answer, app, counted, links, operation
from contract.values import IdempotencyKey, OrderType, Token, TokenPair, Whole, missing
from order_engine.domain.errors import (
    AmountTooSmall,
    ChainRefused,
    IdempotencyKeyReused,
    InsufficientFunds,
    InsufficientLiquidity,
    InvalidJson,
    InvalidOrder,
    InvalidRequest,
    NoRoute,
    NotFound,
    NotOpen,
    OrderNotFound,
    OrderTooLarge,
    PayloadTooLarge,
    PriceImpactTooHigh,
    QuoteExpired,
    QuoteNotFound,
    QuoteUsed,
    RateLimited,
    ScopeMissing,
    SlippageExceeded,
    TooLateToCancel,
    UnsupportedMediaType,
    VenueUnavailable,
)
from order_engine.domain.lifecycle import Status

GUIDE = FilePath(__file__).with_name("guide.md")

OrderId = Annotated[UUID, Path(alias="orderId", openapi_examples=shown(EXAMPLES["confirmed"]["orderId"]))]


OfType = Annotated[
    OrderType,
    Query(default_factory=missing, description="Only orders of this type.", openapi_examples=shown("limit")),
]
OfPair = Annotated[
    TokenPair,
    Query(
        alias="tokenPair",
        default_factory=missing,
        description="Only orders of tokenIn-tokenOut.",
        openapi_examples=shown("SOL-USDC"),
    ),
]


@operation(
    app.post,
    "/api/orders/execute",
    "orders",
    "Submit an order",
    {
        202: counted(
            answer(AcceptedOrder, "The accepted order.", accepted=EXAMPLES["accepted"], open=EXAMPLES["accepted open"])
        )
        | links("$response.body#/orderId")
    },
    InvalidJson,
    InvalidOrder,
    InvalidRequest,
    ScopeMissing,
    QuoteNotFound,
    QuoteExpired,
    QuoteUsed,
    PayloadTooLarge,
    UnsupportedMediaType,
    IdempotencyKeyReused,
    NoRoute,
    AmountTooSmall,
    InsufficientLiquidity,
    PriceImpactTooHigh,
    OrderTooLarge,
    InsufficientFunds,
    RateLimited,
    VenueUnavailable,
)
def execute_order(
    order: Annotated[Form | ShortOrderForm | SignedOrderForm, Body(openapi_examples=ORDER_FORMS)],
    key: Annotated[
        IdempotencyKey,
        Header(
            alias="Idempotency-Key",
            default_factory=missing,
            description="A request with the same key is the same order.",
            openapi_examples=shown("rebalance-2026-11-20"),
        ),
    ],
) -> None:
    """A market order runs at once; the others are open until what they wait for has come. One whose transaction the
    client has signed consists of quoteId and signedTransaction, and is a market order. The body may have up to
    32 KiB. A repeated request with the same Idempotency-Key or clientOrderId creates no second order and gets the same
    answer.
    """


@operation(
    app.get,
    "/api/quotes",
    "quotes",
    "Quote an order",
    {200: counted(answer(Quote, "The amount that an order would receive now.", quote=EXAMPLES["quote"]))},
    InvalidOrder,
    InvalidRequest,
    SlippageExceeded,
    QuoteExpired,
    InsufficientFunds,
    ChainRefused,
    NoRoute,
    AmountTooSmall,
    InsufficientLiquidity,
    PriceImpactTooHigh,
    OrderTooLarge,
    RateLimited,
    VenueUnavailable,
)
def get_quote(
    token_in: Annotated[Token, Query(alias="tokenIn", openapi_examples=shown("SOL"))],
    token_out: Annotated[Token, Query(alias="tokenOut", openapi_examples=shown("USDC"))],
    amount_in: Annotated[Whole, Query(alias="amountIn", openapi_examples=shown("1.5"))],
    wallet: Annotated[
        str,
        Query(
            default_factory=missing,
            description="The client's wallet, which is to sign the transaction. Not on the simulated market.",
            openapi_examples=shown("9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin"),
        ),
    ],
    slippage_bps: Annotated[
        int,
        Field(ge=0, le=10_000),
        Query(alias="slippageBps", description="In basis points.", openapi_examples=shown(50)),
    ] = 50,
    max_price_impact_bps: Annotated[
        int,
        Field(ge=0, le=10_000),
        Query(
            alias="maxPriceImpactBps",
            description="How far the route may move the price, in basis points.",
            openapi_examples=shown(500),
        ),
    ] = 500,
) -> None:
    """Asks all venues at the same time. The quote is valid for 30 seconds. An order with its quoteId takes its route
    and receives at least its minOut, or fails. With a wallet, the answer has the transaction that this is to sign for
    such an order. A client may ask for 300 quotes a minute.
    """


@operation(
    app.get,
    "/api/orders",
    "orders",
    "List orders",
    {
        200: answer(OrderPage, "The client's orders, newest first.", page=EXAMPLES["page"])
        | links("$response.body#/orders/0/orderId")
    },
    InvalidRequest,
)
def list_orders(
    status: Annotated[
        str,
        Field(json_schema_extra={"enum": list(Status)}),
        Query(default_factory=missing, description="Only orders in this status.", openapi_examples=shown("confirmed")),
    ],
    type: OfType,
    token_pair: OfPair,
    since: Annotated[
        datetime,
        Query(
            alias="from",
            default_factory=missing,
            description="Only orders created from then on.",
            openapi_examples=shown("2026-11-20T00:00:00Z"),
        ),
    ],
    until: Annotated[
        datetime,
        Query(
            alias="to",
            default_factory=missing,
            description="Only orders created before.",
            openapi_examples=shown("2026-11-21T00:00:00Z"),
        ),
    ],
    client_order_id: Annotated[
        str,
        Query(
            alias="clientOrderId",
            default_factory=missing,
            description="Only the order with this clientOrderId.",
            openapi_examples=shown("rebalance-7"),
        ),
    ],
    parent_id: Annotated[
        UUID,
        Query(
            alias="parentId",
            default_factory=missing,
            description="Only the slices of this recurring order.",
            openapi_examples=shown(EXAMPLES["recurring"]["orderId"]),
        ),
    ],
    cursor: Annotated[
        str,
        Query(
            default_factory=missing,
            description="nextCursor of the previous page.",
            openapi_examples=shown(EXAMPLES["page"]["nextCursor"]),
        ),
    ],
    limit: Annotated[int, Field(ge=1, le=100), Query(description="Orders a page.", openapi_examples=shown(20))] = 20,
) -> None:
    """nextCursor requests the next page."""


@operation(
    app.get,
    "/api/orders/active",
    "orders",
    "List active orders",
    {
        200: answer(ActiveOrders, "The client's running orders, newest first.", active=EXAMPLES["active"])
        | links("$response.body#/orders/0/orderId")
    },
    InvalidRequest,
)
def list_active_orders(
    include: Annotated[
        str,
        Field(json_schema_extra={"enum": [Status.OPEN]}),
        Query(default_factory=missing, description="Also the open orders.", openapi_examples=shown("open")),
    ],
) -> None:
    """The orders that are pending, routing, building or submitted, each with its newest event. At most 500, the newest
    ones. An event may be missing for up to 30 seconds if the engine's cache was lost just then.
    """


@operation(
    app.get,
    "/api/orders/<orderId>",
    "orders",
    "Read an order",
    {
        200: answer(
            OrderWithEvents,
            "The order and its events.",
            **{name: EXAMPLES[name] for name in ("confirmed", "failed", "limit", "recurring", "expired")},
        )
    },
    InvalidRequest,
    OrderNotFound,
)
def get_order(order_id: OrderId) -> None:
    """The order of another client is answered like an unknown id."""


@operation(
    app.patch,
    "/api/orders/<orderId>",
    "orders",
    "Replace terms of an open order",
    {
        200: counted(
            answer(OrderWithEvents, "The order with its new terms, and its events.", replaced=EXAMPLES["replaced"])
        )
    },
    InvalidJson,
    InvalidOrder,
    InvalidRequest,
    ScopeMissing,
    OrderNotFound,
    NotOpen,
    PayloadTooLarge,
    UnsupportedMediaType,
    NoRoute,
    AmountTooSmall,
    InsufficientLiquidity,
    OrderTooLarge,
    RateLimited,
    VenueUnavailable,
)
def replace_order(
    order_id: OrderId,
    terms: Annotated[
        ReplaceForm, Body(openapi_examples={"terms": {"value": {"limitPrice": "190", "expiresAt": None}}})
    ],
) -> None:
    """Possible while the order is open. Its events keep the earlier terms."""


@operation(
    app.delete,
    "/api/orders",
    "orders",
    "Cancel all orders",
    {200: answer(CancelledOrders, "The orders that are cancelled now.", cancelled=EXAMPLES["all cancelled"])},
    InvalidRequest,
    ScopeMissing,
)
def cancel_orders(type: OfType, token_pair: OfPair) -> None:
    """Cancels the client's orders that can still be cancelled, at most 1000. If complete is false, ask again."""


@operation(
    app.delete,
    "/api/orders/<orderId>",
    "orders",
    "Cancel an order",
    {200: answer(OrderWithEvents, "The cancelled order and its events.", cancelled=EXAMPLES["cancelled"])},
    InvalidRequest,
    ScopeMissing,
    OrderNotFound,
    TooLateToCancel,
)
def cancel_order(order_id: OrderId) -> None:
    """Possible while the order is open, pending, routing or building. Of two linked orders, both are cancelled.
    Cancelling a cancelled order has no effect.
    """


@operation(
    app.get,
    "/api/market",
    "market",
    "Read the market",
    {
        200: answer(
            CurrentMarket,
            "The market in which new orders are executed.",
            localnet=EXAMPLES["market"],
            simulated=EXAMPLES["market simulated"],
        )
    },
    InvalidRequest,
)
def get_market() -> None:
    """With its explorer and the wallet that pays."""


@operation(
    app.get,
    "/api/wallet",
    "market",
    "Read a wallet",
    {200: answer(Wallet, "The wallet's balances, as a node knows them now.", wallet=EXAMPLES["wallet"])},
    InvalidRequest,
    NotFound,
    RateLimited,
    VenueUnavailable,
)
def get_wallet(
    address: Annotated[
        str | None,
        Query(
            default_factory=missing,
            description="Of the wallet at this address, which counts as a quote. Otherwise of the one that pays.",
            openapi_examples=shown(EXAMPLES["wallet"]["address"]),
        ),
    ],
) -> None:
    """The simulated market has no wallet."""


@operation(
    app.post,
    "/api/ws-ticket",
    "websocket",
    "Get a ticket for the WebSocket API",
    {201: answer(Ticket, "Valid for one connection within 30 seconds.", ticket=EXAMPLES["ticket"])},
    InvalidRequest,
)
def issue_ticket() -> None:
    """For browsers, which cannot send the key when they connect: they add ?ticket=… to the WebSocket URL."""


@operation(
    app.get,
    "/health",
    "service",
    "Check the health of the service",
    {
        200: answer(Health, "The service accepts orders.", up=EXAMPLES["health"], degraded=EXAMPLES["health degraded"]),
        503: answer(Health, "The service accepts no orders: Postgres does not answer.", down=EXAMPLES["health down"]),
    },
    openapi_extensions={"security": []},
)
def get_health() -> None:
    """The state of each store and of the queue, and how long each took to answer."""


@operation(
    app.get,
    "/openapi.json",
    "service",
    "This description",
    {200: {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}}}},
    openapi_extensions={"security": []},
)
def get_openapi() -> None:
    """As JSON."""


@operation(
    app.get,
    "/asyncapi.json",
    "service",
    "The description of the WebSocket API",
    {200: {"description": "AsyncAPI 3.0.", "content": {"application/json": {"schema": {"type": "object"}}}}},
    openapi_extensions={"security": []},
)
def get_asyncapi() -> None:
    """As JSON."""


def openapi() -> dict[str, Any]:
    """The description as an OpenAPI 3.1 document."""
    # Their operations come after those above.
    from contract.listings import TAG as MARKET
    from contract.statistics import TAG as STATISTICS
    from contract.webhooks import messages

    api = ServerVariable(default="api-id")
    region = ServerVariable(default="us-east-1")
    text = app.get_openapi_json_schema(
        title="Order execution engine",
        version=VERSION,
        description=GUIDE.read_text(),
        license_info=License(name="MIT", identifier="MIT"),
        servers=[
            Server(url="http://127.0.0.1:3000", description="make run"),
            Server(
                url="https://{api}.execute-api.{region}.amazonaws.com/v1",
                description="AWS",
                variables={"api": api, "region": region},
            ),
        ],
        tags=[
            Tag(name="orders", description="Orders of the client that the key belongs to."),
            Tag(name="quotes", description="The amounts that orders would receive."),
            Tag(name=FILLS, description="What the client's orders have paid and received."),
            STATISTICS,
            MARKET,
            keys.TAG,
            Tag(name="webhooks", description="Events are sent to the client's own addresses."),
            Tag(name="websocket", description="Events are pushed over the WebSocket API."),
            Tag(name="service", description="Open to everyone."),
        ],
        security_schemes={
            "key": HTTPBearer(description="An API key: oee_ and 43 characters. Its scope is read, trade or admin.")
        },
        security=[{"key": []}],
    )
    document: dict[str, Any] = json.loads(text)
    # Schemas of Powertools' own validation, which is not used.
    for unused in ("HTTPValidationError", "ResponseValidationError", "ValidationError"):
        document["components"]["schemas"].pop(unused, None)
    schemas = document["components"]["schemas"]
    event = schemas["OrderWithEvents"]["properties"]["events"]["items"]
    parts = {part: tidied(document[part]) for part in ("paths", "components")}
    return {**document, **parts, "webhooks": messages(event)}


def tidied(node: Any) -> Any:
    """The schema without the titles that pydantic derives from names, and with whole floats as integers."""
    match node:
        case dict():
            return {name: tidied(value) for name, value in node.items() if name != "title"}
        case list():
            return [tidied(value) for value in node]
        case float() if node.is_integer():
            return int(node)
    return node
