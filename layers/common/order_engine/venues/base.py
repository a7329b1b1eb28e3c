"""What the engine asks of a venue."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, Self

_QUOTE_AMOUNTS = ("amount_in", "amount_out", "fee", "depth")
_TRANSACTION_AMOUNTS = ("amount_in", "min_out")


@dataclass(frozen=True, slots=True)
class Quote:
    """What a venue would pay now. Amounts in base units, `fee` in the token that goes in.

    `depth` is the pool's reserve of the token that comes out; `expires_at` in Unix seconds.
    """

    venue: str
    pool: str
    token_in: str
    token_out: str
    amount_in: int
    amount_out: int
    fee: int
    fee_bps: int
    price_impact_bps: int
    depth: int
    expires_at: float

    def to_json(self) -> dict[str, Any]:
        """Amounts as strings: for many readers, JSON's integers end at 2^53."""
        return _to_json(self, _QUOTE_AMOUNTS)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**_from_json(value, _QUOTE_AMOUNTS))


@dataclass(frozen=True, slots=True)
class Transaction:
    """A signed swap. `signature` names it on chain; after `expires_at` (Unix seconds) it can no longer land."""

    signature: str
    venue: str
    pool: str
    token_in: str
    token_out: str
    amount_in: int
    min_out: int
    expires_at: float
    instructions: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return _to_json(self, _TRANSACTION_AMOUNTS)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**_from_json(value, _TRANSACTION_AMOUNTS))


@dataclass(frozen=True, slots=True)
class Fill:
    """What a landed swap really moved, in base units."""

    signature: str
    amount_in: int
    amount_out: int


class Venue(Protocol):
    """A DEX. Every method may raise `VenueUnavailable`, and must return or raise within its own deadline."""

    name: str

    def quote(self, token_in: str, token_out: str, amount_in: int) -> Quote:
        """Raises `NoRoute` without a pool for the pair, `AmountTooSmall` where the swap would pay nothing."""

    def build(self, quote: Quote, min_out: int) -> Transaction:
        """Signs the swap; sends nothing. Raises `QuoteExpired`."""

    def submit(self, transaction: Transaction) -> None:
        """Sends it. Sent twice, it swaps once. Raises `QuoteExpired` when it can no longer land."""

    def confirm(self, transaction: Transaction) -> Fill | None:
        """Waits for the result; `None` if the chain has not seen the transaction and it may still land.

        Raises `SlippageExceeded` or `QuoteExpired` when it has not swapped and never will.
        """


def _to_json(value: Quote | Transaction, amounts: tuple[str, ...]) -> dict[str, Any]:
    fields = {name: getattr(value, name) for name in value.__dataclass_fields__}
    return {**fields, **{name: str(fields[name]) for name in amounts}}


def _from_json(value: dict[str, Any], amounts: tuple[str, ...]) -> dict[str, Any]:
    return {**value, **{name: int(value[name]) for name in amounts}}
