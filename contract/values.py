"""Values that requests, answers and events are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from order_engine.domain import access
from order_engine.domain.markets import CLUSTERS, SIMULATED
from order_engine.domain.terms import TERMS
from order_engine.domain.tokens import TOKENS

_TOKEN = "|".join([*TOKENS, "[1-9A-HJ-NP-Za-km-z]{32,44}"])


def values(*values: str) -> dict[str, Any]:
    return {"enum": list(values)}


def missing() -> Any:
    """The default of a field that may be missing but is never null."""
    raise NotImplementedError


Token = Annotated[
    str, Field(pattern=f"^({_TOKEN})$", description="A token's symbol; the address of its mint if it has none here.")
]
TokenPair = Annotated[str, Field(pattern=f"^({_TOKEN})-({_TOKEN})$", description="tokenIn-tokenOut.")]
Market = Annotated[
    str,
    Field(json_schema_extra=values(SIMULATED, *CLUSTERS.values()), description="Where the engine executes orders."),
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
SetPrice = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$", description="As the client has set it.")]
Amount = Annotated[
    Whole | Annotated[float, Field(gt=0)],
    Field(description="At most as many decimals as the token has, and at most 2^64 - 1 base units."),
]
Venue = Annotated[str, Field(description="One venue, or several joined by +.")]
Impact = Annotated[
    int, Field(description="How far the price without fees is below the pools' price before the swap, in basis points.")
]
RealisedSlippage = Annotated[int, Field(description="Positive if the order received less than quoted.")]
TxHash = Annotated[str, Field(description="The transaction's signature.")]
Slot = Annotated[int, Field(description="The slot of the chain.")]
NetworkFee = Annotated[Whole, Field(description="What the network takes for the transaction, in SOL.")]
Rent = Annotated[
    Whole,
    Field(description="The rent of the token accounts that the transaction creates, in SOL. The wallet keeps them."),
]

IdempotencyKey = Annotated[str, Field(pattern="^[ -~]{1,255}$")]
Time = Annotated[datetime, Field(description="In the future, at most 365 days from now.")]
Scope = Annotated[
    str,
    Field(
        json_schema_extra=values(*access.Scope),
        description="What a key may do: read; trade, which includes read; admin, which includes both.",
    ),
]
OrderType = Annotated[str, Field(json_schema_extra=values("market", *TERMS))]


class Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)
