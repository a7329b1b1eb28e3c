"""Models of routes, and of the decision for one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from contract.values import BaseUnits, Impact, Price, Slot, Token, Venue, Whole, Wire, values
from order_engine.dex.pool import KINDS


class Fee(Wire):
    token: Token
    kind: Annotated[str, Field(json_schema_extra=values("trade", "protocol", "fund", "creator"))]
    amount: Whole
    amount_base_units: BaseUnits


class Leg(Wire):
    """A swap in one pool."""

    venue: Venue
    pool: Annotated[str, Field(description="Its address; on the simulated market, its name.")]
    kind: Annotated[str, Field(json_schema_extra=values(*KINDS))]
    share_bps: Annotated[int, Field(description="Share of the hop's amount, in basis points.")]
    amount_in: Whole
    amount_in_base_units: BaseUnits
    amount_out: Whole
    amount_out_base_units: BaseUnits
    price_impact_bps: Impact
    slot: Slot


class Hop(Wire):
    """A trade of one token for the next, through one pool or split over several."""

    token_in: Token
    token_out: Token
    legs: Annotated[list[Leg], Field(min_length=1)]


class RouteSummary(Wire):
    """A route that was considered."""

    pools: Annotated[str, Field(description="The pools' names: + joins those of one hop, > separates hops.")]
    venue: Venue
    amount_out: Whole
    amount_out_base_units: BaseUnits
    price: Price
    price_impact_bps: Impact
    fee_bps: Annotated[int, Field(description="The fees of all pools as a share of the amount; rounded up.")]
    cost: Annotated[Whole, Field(description="The network fees of all swaps after the first, in tokenOut.")]


class Unavailable(Wire):
    venue: Annotated[str, Field(description="A venue that did not answer, or a pool whose state is corrupt.")]
    code: str
    message: str


class Decision(Wire):
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
