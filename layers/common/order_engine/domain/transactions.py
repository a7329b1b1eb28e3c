"""Transactions, and their fills."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self
from uuid import UUID

from order_engine.domain import records
from order_engine.domain.quotes import NO_COSTS, Costs, PlannedSwap, Quote


@dataclass(frozen=True, slots=True)
class Transaction:
    """A signed transaction that executes the whole route or nothing.

    `signature` identifies it on chain; above the block height `last_valid_height` it can no longer land. `wire` is what
    is sent, in base64, where the chain takes bytes. The swaps of one hop share the output of the previous hop in
    proportion to their quotes. `min_out` is the smallest output of the last hop.
    """

    signature: str
    venue: str
    token_in: str
    token_out: str
    amount_in: int
    min_out: int
    swaps: tuple[PlannedSwap, ...]
    last_valid_height: int
    instructions: list[str] = field(default_factory=list)
    wire: str | None = None

    @classmethod
    def of(
        cls,
        quote: Quote,
        min_out: int,
        *,
        signature: str,
        last_valid_height: int,
        instructions: list[str],
        wire: str | None = None,
    ) -> Self:
        """The transaction that executes a quote."""
        return cls(
            signature=signature,
            venue=quote.venue,
            token_in=quote.token_in,
            token_out=quote.token_out,
            amount_in=quote.amount_in,
            min_out=min_out,
            swaps=quote.swaps,
            last_valid_height=last_valid_height,
            instructions=instructions,
            wire=wire,
        )

    def dump(self) -> dict[str, Any]:
        return records.dump(
            2,
            signature=self.signature,
            venue=self.venue,
            token_in=self.token_in,
            token_out=self.token_out,
            amount_in=str(self.amount_in),
            min_out=str(self.min_out),
            swaps=[swap.dump() for swap in self.swaps],
            last_valid_height=self.last_valid_height,
            instructions=self.instructions,
            wire=self.wire,
        )

    @classmethod
    def load(cls, record: dict[str, Any]) -> Self:
        if "last_valid_slot" in record:
            # Version 1, of orders that were running when the engine was updated.
            record = {**record, "version": 2, "last_valid_height": record["last_valid_slot"]}
            del record["last_valid_slot"]
        fields = records.load("transaction", record, 2)
        fields |= {name: int(fields[name]) for name in ("amount_in", "min_out")}
        return cls(**{**fields, "swaps": tuple(PlannedSwap.load(swap) for swap in fields["swaps"])})


class Signed(NamedTuple):
    """A transaction that the client has signed, for the order with this id."""

    order_id: UUID
    transaction: Transaction


@dataclass(frozen=True, slots=True)
class Unsigned:
    """The transaction that `wallet` is to sign, for the order that will have this id.

    It has 64 zero bytes in place of its signature. `max_price_impact_bps` is what its quote was asked for with.
    """

    wallet: str
    order_id: UUID
    max_price_impact_bps: int
    transaction: Transaction

    def dump(self) -> dict[str, Any]:
        return records.dump(
            1,
            wallet=self.wallet,
            order_id=str(self.order_id),
            max_price_impact_bps=self.max_price_impact_bps,
            transaction=self.transaction.dump(),
        )

    @classmethod
    def load(cls, record: dict[str, Any]) -> Self:
        fields = records.load("unsigned transaction", record, 1)
        transaction = Transaction.load(fields["transaction"])
        return cls(**{**fields, "order_id": UUID(fields["order_id"]), "transaction": transaction})


class Fill(NamedTuple):
    """The amounts that a transaction moved, in base units, what it cost, and the slot in which it landed."""

    signature: str
    amount_in: int
    amount_out: int
    slot: int
    costs: Costs = NO_COSTS
