"""The operations on fills, and their answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from contract.examples import EXAMPLES, shown
from contract.operations import answer, app, operation
from contract.values import (
    BaseUnits,
    Market,
    NetworkFee,
    OrderType,
    Price,
    Rent,
    Token,
    TokenPair,
    TxHash,
    Venue,
    Whole,
    Wire,
    missing,
    values,
)
from order_engine.domain.errors import InvalidRequest
from order_engine.domain.fills import Interval

TAG = "fills"

Signed = Annotated[
    str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", description="Whole tokens; negative for what was paid.")
]
SignedUnits = Annotated[str, Field(pattern=r"^-?[0-9]+$", description="The same amount in base units.")]


class Fill(Wire):
    """What an order has paid and received by a transaction of its own."""

    order_id: UUID
    filled_at: datetime
    type: OrderType
    market: Market
    token_in: Token
    token_out: Token
    amount_in: Annotated[Whole, Field(description="What the transaction took.")]
    amount_in_base_units: BaseUnits
    amount_out: Whole
    amount_out_base_units: BaseUnits
    executed_price: Price
    network_fee: Annotated[NetworkFee | None, Field(description="null for fills from before it was recorded.")]
    network_fee_base_units: BaseUnits | None
    rent: Rent | None
    rent_base_units: BaseUnits | None
    venue: Venue
    tx_hash: TxHash
    client_order_id: str | None
    parent_id: Annotated[UUID | None, Field(description="The recurring order that this one is a slice of.")]


class FillPage(Wire):
    """Fills, the newest one first."""

    fills: list[Fill]
    next_cursor: Annotated[str | None, Field(description="null on the last page.")]


class Point(Wire):
    """What the fills of an interval have changed of a token, fees and rent included."""

    at: Annotated[datetime, Field(description="When the interval begins.")]
    token: Token
    change: Signed
    change_base_units: SignedUnits
    total: Annotated[Signed, Field(description="The changes since the history began.")]
    total_base_units: SignedUnits


class BalanceHistory(Wire):
    """What fills have changed of each token over time."""

    market: Market
    since: datetime
    until: datetime
    interval: Annotated[str, Field(json_schema_extra=values(*Interval))]
    points: Annotated[list[Point], Field(description="The earliest first; none where nothing has changed.")]


From = Annotated[
    datetime,
    Query(
        alias="from",
        default_factory=missing,
        description="Only fills from then on.",
        openapi_examples=shown("2026-11-20T00:00:00Z"),
    ),
]
To = Annotated[
    datetime,
    Query(
        alias="to",
        default_factory=missing,
        description="Only fills before.",
        openapi_examples=shown("2026-11-21T00:00:00Z"),
    ),
]


_PAGE = answer(FillPage, "The client's fills, the newest one first.", fills=EXAMPLES["fills"])
_PAGE["content"]["text/csv"] = {"schema": {"type": "string", "description": "RFC 4180, with a header."}}


@operation(
    app.get,
    "/api/fills",
    TAG,
    "List fills",
    {200: _PAGE},
    InvalidRequest,
)
def list_fills(
    token_pair: Annotated[
        TokenPair,
        Query(
            alias="tokenPair",
            default_factory=missing,
            description="Only fills of tokenIn-tokenOut.",
            openapi_examples=shown("SOL-USDC"),
        ),
    ],
    since: From,
    until: To,
    cursor: Annotated[
        str,
        Query(
            default_factory=missing,
            description="nextCursor of the previous page.",
            openapi_examples=shown(EXAMPLES["page"]["nextCursor"]),
        ),
    ],
    format: Annotated[
        str,
        Field(json_schema_extra={"enum": ["json", "csv"]}),
        Query(
            default_factory=missing,
            description="csv answers RFC 4180, as Accept: text/csv does; X-Next-Cursor is then the next page's cursor.",
            openapi_examples=shown("json"),
        ),
    ],
    limit: Annotated[int, Field(ge=1, le=1_000), Query(description="Fills a page.", openapi_examples=shown(100))] = 100,
) -> None:
    """The confirmed orders that have swapped: market orders and slices, limit, stop and sniper orders."""


@operation(
    app.get,
    "/api/fills/balances",
    TAG,
    "Sum up fills over time",
    {200: answer(BalanceHistory, "The changes by interval and token.", balances=EXAMPLES["balances"])},
    InvalidRequest,
)
def list_balances(
    since: From,
    until: To,
    interval: Annotated[
        str,
        Field(json_schema_extra={"enum": list(Interval)}),
        Query(default_factory=missing, description="day unless it is given.", openapi_examples=shown("day")),
    ],
) -> None:
    """What the client's fills on the current market have paid and received of each token. At most 366 days, or 31 days
    by the hour; the last 30 days unless they are given.
    """
