"""Signed transactions, and their fills."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from order_engine.domain import records
from order_engine.domain.quotes import PlannedSwap


@dataclass(frozen=True, slots=True)
class Transaction:
    """A signed transaction that executes the whole route or nothing.

    `signature` identifies it on chain; after `last_valid_slot` it can no longer land. The swaps of one hop share the
    output of the previous hop in proportion to their quotes. `min_out` is the smallest output of the last hop.
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

    def dump(self) -> dict[str, Any]:
        return records.dump(
            1,
            signature=self.signature,
            venue=self.venue,
            token_in=self.token_in,
            token_out=self.token_out,
            amount_in=str(self.amount_in),
            min_out=str(self.min_out),
            swaps=[swap.dump() for swap in self.swaps],
            last_valid_slot=self.last_valid_slot,
            instructions=self.instructions,
        )

    @classmethod
    def load(cls, record: dict[str, Any]) -> Self:
        fields = records.load("transaction", record, 1)
        fields |= {name: int(fields[name]) for name in ("amount_in", "min_out")}
        return cls(**{**fields, "swaps": tuple(PlannedSwap.load(swap) for swap in fields["swaps"])})


@dataclass(frozen=True, slots=True)
class Fill:
    """The amounts that a transaction moved, in base units, and the slot in which it landed."""

    signature: str
    amount_in: int
    amount_out: int
    slot: int
