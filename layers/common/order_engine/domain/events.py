"""Events, and the record that each status stores with its event. `order_engine.api.views` shows them to clients."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from order_engine.domain import records, terms
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.runs import Run
from order_engine.domain.tokens import token
from order_engine.domain.transactions import Fill, Transaction

VERSION = 1


@dataclass(frozen=True, slots=True)
class Event:
    """One step in the life of an order. `seq` counts 1, 2, 3 … per order without gaps. `data` is a record.

    `client_id` is whose order it is. An event that is to be published has it; one that is only read may not.
    """

    order_id: UUID
    seq: int
    status: Status
    at: datetime
    attempt: int
    data: dict[str, Any]
    client_id: UUID | None = field(default=None, compare=False)

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


class Opened(StrEnum):
    """Why an order is open: it was accepted or replaced, has reached its stop, made a slice, or missed its limit."""

    ACCEPTED = "accepted"
    REPLACED = "replaced"
    STOP_REACHED = "stopReached"
    SLICE = "slice"
    RETURNED = "returned"


class Activated(StrEnum):
    """Why an open order runs: the market pays its limit, has fallen to its stop, or has a pool with its token."""

    LIMIT_MET = "limitMet"
    STOP_REACHED = "stopReached"
    POOL_FOUND = "poolFound"


class Activation(NamedTuple):
    """Why an open order runs now, and what its amount was quoted in a slot, in base units of its output token."""

    reason: Activated
    amount_out: int
    slot: int


class Slice(NamedTuple):
    """A slice of a recurring order, counted from 1. `amount_in` is in base units."""

    number: int
    order_id: UUID
    amount_in: int


def pending(order: OrderRequest | Order, market: str, activation: Activation | None = None) -> dict[str, Any]:
    """The data of `pending`: the request, the market in which it is executed, and why an open order runs now."""
    return records.dump(VERSION, **_request(order, market), **_activated(activation))


def opened(
    order: OrderRequest | Order,
    market: str,
    reason: Opened = Opened.ACCEPTED,
    message: str | None = None,
    slice: Slice | None = None,
    activation: Activation | None = None,
) -> dict[str, Any]:
    """The data of `open`: the order with its terms as they are from now on, and why.

    `activation` is why it runs at once, if it does.
    """
    made = slice and {**slice._asdict(), "order_id": str(slice.order_id), "amount_in": str(slice.amount_in)}
    details = {"reason": reason, "message": message, "slice": made, **_activated(activation)}
    start_at = order.start_at if isinstance(order, OrderRequest) else None
    return records.dump(
        VERSION, **_request(order, market), **details, **({"start_at": start_at.isoformat()} if start_at else {})
    )


def accepted(order: Order, data: dict[str, Any]) -> Order:
    """An order that waits as it was accepted, by the data of its first event, whatever has become of it since."""
    due_at = start_at(data) or order.created_at
    first = order.as_accepted()._replace(
        amount_in=int(data["amount_in"]),
        terms=terms.load(order.type, data["terms"]),
        expires_at=_time(data["expires_at"]),
        due_at=order.due_at and due_at,
    )
    assert first.terms is not None
    watch = first.terms.watch(first.amount_in, token(first.token_in), token(first.token_out))
    first = first._replace(**watch._asdict())
    return first._replace(status=Status.PENDING, seq=2) if "activation" in data else first


def start_at(data: dict[str, Any]) -> datetime | None:
    """When a recurring order was to begin, by the data of its first event."""
    return _time(data.get("start_at"))


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _activated(activation: Activation | None) -> dict[str, Any]:
    return {"activation": {**activation._asdict(), "amount_out": str(activation.amount_out)}} if activation else {}


def expired(order_expires_at: datetime) -> dict[str, Any]:
    """The data of `expired`: when it was to expire."""
    return records.dump(VERSION, expires_at=order_expires_at.isoformat())


def _request(order: OrderRequest | Order, market: str) -> dict[str, Any]:
    waits = order.terms and {
        "terms": terms.dump(order.terms),
        "expires_at": order.expires_at and order.expires_at.isoformat(),
    }
    parent_id = order.parent_id if isinstance(order, Order) else None
    return {
        "market": market,
        "type": order.type,
        "token_in": order.token_in,
        "token_out": order.token_out,
        "amount_in": str(order.amount_in),
        "slippage_bps": order.slippage_bps,
        "client_order_id": order.client_order_id,
        "quote_id": records.optional_str(order.quote_id),
        "max_price_impact_bps": order.max_price_impact_bps,
        **(waits or {}),
        **({"parent_id": str(parent_id)} if parent_id else {}),
    }


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


def completed(order: Order, amount_spent: int, amount_out: int) -> dict[str, Any]:
    """The data of `confirmed` for a recurring order, which has no transaction of its own: what its slices moved."""
    return records.dump(
        VERSION,
        signature=None,
        slot=None,
        token_in=order.token_in,
        token_out=order.token_out,
        amount_in=str(amount_spent),
        amount_out=str(amount_out),
        realised_slippage_bps=None,
        costs=None,
    )


def failed(
    code: str, message: str, attempts: int, retryable: bool, requote: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The data of `failed`: the reason. `retryable` says whether a new order like it may succeed.

    `requote` is what to ask a fresh quote for, where only the client can sign the next transaction.
    """
    asked = {"requote": requote} if requote else {}
    return records.dump(VERSION, code=code, message=message, attempts=attempts, retryable=retryable, **asked)


def requote(run: Run) -> dict[str, Any]:
    """The quote to ask for in place of the one whose transaction has not swapped."""
    return {
        "token_in": run.token_in,
        "token_out": run.token_out,
        "amount_in": str(run.amount_in),
        "slippage_bps": run.slippage_bps,
        "max_price_impact_bps": run.max_price_impact_bps,
        "wallet": run.wallet,
    }


LINKED_FILLED = "its linked order was filled"
LINKED_CANCELLED = "its linked order was cancelled"
"""Why an order is cancelled, if not by its client."""


def cancelled(reason: str | None = None) -> dict[str, Any]:
    """The data of `cancelled`: the reason, unless its client has cancelled the order."""
    return records.dump(VERSION, **({"reason": reason} if reason else {}))
