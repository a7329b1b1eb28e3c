"""Events, and the record that each status stores with its event. `order_engine.api.views` shows them to clients."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from order_engine.domain import records
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import OrderRequest
from order_engine.domain.transactions import Fill, Transaction

VERSION = 1


@dataclass(frozen=True, slots=True)
class Event:
    """One step in the life of an order. `seq` counts 1, 2, 3 … per order without gaps. `data` is a record."""

    order_id: UUID
    seq: int
    status: Status
    at: datetime
    attempt: int
    data: dict[str, Any]

    def dump(self) -> dict[str, Any]:
        return {
            "order_id": str(self.order_id),
            "seq": self.seq,
            "status": self.status,
            "at": self.at.isoformat(),
            "attempt": self.attempt,
            "data": self.data,
        }

    @classmethod
    def load(cls, record: dict[str, Any]) -> Event:
        return cls(
            UUID(record["order_id"]),
            record["seq"],
            Status(record["status"]),
            datetime.fromisoformat(record["at"]),
            record["attempt"],
            record["data"],
        )


def pending(request: OrderRequest, market: str) -> dict[str, Any]:
    """The data of `pending`: the request, and the market in which it is executed."""
    return records.dump(
        VERSION,
        market=market,
        type=request.type,
        token_in=request.token_in,
        token_out=request.token_out,
        amount_in=str(request.amount_in),
        slippage_bps=request.slippage_bps,
        client_order_id=request.client_order_id,
        quote_id=records.optional_str(request.quote_id),
        max_price_impact_bps=request.max_price_impact_bps,
    )


def routing(token_out: str, amount_out: int, decision: dict[str, Any], quote_id: UUID | None) -> dict[str, Any]:
    """The data of `routing`: the quote, and the record of the decision for it."""
    return records.dump(
        VERSION,
        token_out=token_out,
        amount_out=str(amount_out),
        decision=decision,
        quote_id=records.optional_str(quote_id),
    )


def building(transaction: Transaction) -> dict[str, Any]:
    """The data of `building`: the signed transaction."""
    return records.dump(
        VERSION,
        venue=transaction.venue,
        token_out=transaction.token_out,
        min_out=str(transaction.min_out),
        instructions=transaction.instructions,
        signature=transaction.signature,
    )


def submitted(transaction: Transaction) -> dict[str, Any]:
    """The data of `submitted`: the transaction that is sent next."""
    return records.dump(VERSION, venue=transaction.venue, signature=transaction.signature)


def confirmed(token_in: str, token_out: str, fill: Fill, realised_slippage_bps: int) -> dict[str, Any]:
    """The data of `confirmed`: the amounts that the transaction moved."""
    return records.dump(
        VERSION,
        signature=fill.signature,
        slot=fill.slot,
        token_in=token_in,
        token_out=token_out,
        amount_in=str(fill.amount_in),
        amount_out=str(fill.amount_out),
        realised_slippage_bps=realised_slippage_bps,
        costs=fill.costs.dump(),
    )


def failed(code: str, message: str, attempts: int, retryable: bool) -> dict[str, Any]:
    """The data of `failed`: the reason. `retryable` says whether a new order like it may succeed."""
    return records.dump(VERSION, code=code, message=message, attempts=attempts, retryable=retryable)


def cancelled() -> dict[str, Any]:
    """The data of `cancelled`: nothing."""
    return records.dump(VERSION)
