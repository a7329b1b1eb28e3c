"""The operations on what can be traded, and their answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.models import Tag
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from contract.examples import EXAMPLES, shown
from contract.models import Balance
from contract.operations import answer, app, operation
from contract.routes import Unavailable
from contract.values import Market, Slot, Token, TokenPair, Wire, missing, values
from order_engine.dex.pool import KINDS
from order_engine.domain.errors import InvalidRequest, RateLimited, VenueUnavailable
from order_engine.services.listings import MAX_NAMED

TAG = Tag(name="market", description="Where orders are executed, what can be traded there, and the wallet that pays.")


class ListedToken(Wire):
    """A token, and what its mint can do to those who hold it."""

    mint: Annotated[
        str | None, Field(description="The mint's address. null for a symbol of the simulated market, which has none.")
    ]
    symbol: Annotated[str | None, Field(description="null for a token that goes by its mint.")]
    decimals: Annotated[int, Field(ge=0, le=255)]
    verified: Annotated[bool, Field(description="Whether orders need no allowUnverified: it has a symbol.")]
    has_freeze_authority: Annotated[
        bool | None, Field(description="Whether somebody can freeze holders' accounts. null where there is no mint.")
    ]
    extensions: Annotated[
        list[str] | None, Field(description="Those of Token-2022 that the mint has. null where there is no mint.")
    ]


class TokenList(Wire):
    """The tokens of the market."""

    market: Market
    tokens: list[ListedToken]
    complete: Annotated[bool, Field(description=f"Whether these are all: at most {MAX_NAMED} have no symbol.")]


class PoolProblem(Wire):
    """Why a pool can't be traded in."""

    code: str
    message: str


class ListedPool(Wire):
    """A pool as it stands."""

    address: Annotated[str, Field(description="On the simulated market, its name.")]
    program: Annotated[str, Field(json_schema_extra=values(*KINDS))]
    venue: str
    token_a: Token
    token_b: Token
    liquidity: Annotated[
        list[Balance] | None,
        Field(min_length=2, max_length=2, description="What it holds of each token. null unless it is usable."),
    ]
    fee_bps: Annotated[
        int | None, Field(description="The fee of a small swap, to the nearest basis point. null if none is possible.")
    ]
    slot: Annotated[Slot | None, Field(description="The slot of the chain. null unless it is usable.")]
    enabled: Annotated[bool, Field(description="Whether the engine may trade in it.")]
    usable: Annotated[bool, Field(description="Whether orders can be routed through it now.")]
    problem: Annotated[
        PoolProblem | None, Field(description="Why it can't be used. null if it is usable, or not enabled.")
    ]


class PoolList(Wire):
    """The pools of the market."""

    market: Market
    read_at: datetime
    pools: list[ListedPool]
    unavailable: list[Unavailable]


@operation(
    app.get,
    "/api/tokens",
    TAG.name,
    "List tokens",
    {200: answer(TokenList, "The market's tokens.", tokens=EXAMPLES["tokens"])},
    InvalidRequest,
    RateLimited,
    VenueUnavailable,
)
def list_tokens() -> None:
    """Those with a symbol, then those that orders or quotes have named by their mints. Counts as a quote."""


@operation(
    app.get,
    "/api/pools",
    TAG.name,
    "List pools",
    {200: answer(PoolList, "The pools as they stand now.", pools=EXAMPLES["pools"])},
    InvalidRequest,
    RateLimited,
    VenueUnavailable,
)
def list_pools(
    token_pair: Annotated[
        TokenPair,
        Query(
            alias="tokenPair",
            default_factory=missing,
            description="Only pools of these two tokens, in either order.",
            openapi_examples=shown("SOL-USDC"),
        ),
    ],
) -> None:
    """All pools that the engine knows among the market's tokens, read once. Counts as a quote."""
