"""A swap from quote to fill: what is passed between the engine, its stores and the chain."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from order_engine.domain.errors import QuoteExpired


class PlannedSwap(NamedTuple):
    """A swap in one pool, as quoted. Amounts in base units, of `token_in` and `token_out`."""

    venue: str
    pool: str
    token_in: str
    token_out: str
    amount_in: int
    amount_out: int

    def to_json(self) -> dict[str, Any]:
        """Amounts as strings: for many readers, JSON's integers end at 2^53."""
        return {**self._asdict(), "amount_in": str(self.amount_in), "amount_out": str(self.amount_out)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**{**value, "amount_in": int(value["amount_in"]), "amount_out": int(value["amount_out"])})


@dataclass(frozen=True, slots=True)
class Quote:
    """What a route would pay now. Amounts in base units.

    `swaps` are in the order of the route; those with the same tokens share one hop. `slot` is the chain's when the
    pools were read; `expires_at` in Unix seconds.
    """

    token_in: str
    token_out: str
    amount_in: int
    amount_out: int
    swaps: tuple[PlannedSwap, ...]
    slot: int
    expires_at: float

    @property
    def venue(self) -> str:
        """The venues that the route uses, joined by `+`."""
        return "+".join(sorted({swap.venue for swap in self.swaps}))

    def check(self, now: float) -> None:
        """Raises `QuoteExpired` from `expires_at` on."""
        if now >= self.expires_at:
            raise QuoteExpired(
                f"expected a quote that is still valid, was one that ended {now - self.expires_at:.1f} s ago"
            )

    def to_json(self) -> dict[str, Any]:
        return _to_json(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**_from_json(value))


@dataclass(frozen=True, slots=True)
class Transaction:
    """A signed transaction that carries out a route as a whole, or not at all.

    `signature` names it on chain; after `last_valid_slot` it can no longer land. In each hop the swaps share what the
    hop before has paid in proportion to what they were quoted for. `min_out` is the least that the last hop may pay.
    """

    signature: str
    venue: str
    token_in: str
    token_out: str
    amount_in: int
    min_out: int
    swaps: tuple[PlannedSwap, ...]
    last_valid_slot: int
    instructions: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return _to_json(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**_from_json(value))


@dataclass(frozen=True, slots=True)
class Fill:
    """What a landed transaction really moved, in base units, and the slot that it landed in."""

    signature: str
    amount_in: int
    amount_out: int
    slot: int


_AMOUNTS = ("amount_in", "amount_out", "min_out")


def _to_json(value: Quote | Transaction) -> dict[str, Any]:
    fields = {name: getattr(value, name) for name in value.__dataclass_fields__}
    amounts = {name: str(fields[name]) for name in _AMOUNTS if name in fields}
    return {**fields, **amounts, "swaps": [swap.to_json() for swap in value.swaps]}


def _from_json(value: dict[str, Any]) -> dict[str, Any]:
    amounts = {name: int(value[name]) for name in _AMOUNTS if name in value}
    return {**value, **amounts, "swaps": tuple(PlannedSwap.from_json(swap) for swap in value["swaps"])}
