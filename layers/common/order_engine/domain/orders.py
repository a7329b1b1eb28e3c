"""An order and what happened to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from order_engine.domain.lifecycle import Status
from order_engine.domain.money import TOKENS, amounts, format_price


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A valid order before it is stored. `amount_in` in base units of `token_in`."""

    type: str
    token_in: str
    token_out: str
    amount_in: int
    slippage_bps: int = 50
    client_order_id: str | None = None
    user_id: str | None = None
    quote_id: UUID | None = None

    def to_json(self) -> dict[str, Any]:
        """What was asked for, as clients see it."""
        return {
            "type": self.type,
            "tokenIn": self.token_in,
            "tokenOut": self.token_out,
            **amounts("amountIn", self.amount_in, TOKENS[self.token_in]),
            "slippageBps": self.slippage_bps,
            "clientOrderId": self.client_order_id,
            "userId": self.user_id,
            "quoteId": str(self.quote_id) if self.quote_id else None,
        }

    def differences(self, order: Order) -> list[dict[str, Any]]:
        """Where an order that is stored is another than this one: `field` and `message` of each."""
        stored = order.to_json()
        return [
            {"field": field, "message": f"expected {stored[field]!r} as in order {order.id}, was {value!r}"}
            for field, value in self.to_json().items()
            if stored[field] != value and not field.endswith("BaseUnits")
        ]


@dataclass(frozen=True, slots=True)
class Order:
    """An order as stored. Amounts in base units: `amount_in` of `token_in`, the others of `token_out`.

    `attempt` counts the times it was routed, `seq` its events; `run` names the execution that may move it;
    `transaction` is what was signed for it last.
    """

    id: UUID
    type: str
    token_in: str
    token_out: str
    amount_in: int
    slippage_bps: int
    status: Status
    attempt: int
    seq: int
    created_at: datetime
    updated_at: datetime
    client_order_id: str | None = None
    user_id: str | None = None
    quote_id: UUID | None = None
    run: str | None = None
    venue: str | None = None
    quoted_out: int | None = None
    min_out: int | None = None
    tx_hash: str | None = None
    amount_out: int | None = None
    error: dict[str, Any] | None = None
    transaction: dict[str, Any] | None = None

    def as_accepted(self) -> Order:
        """The order as it was when it was stored, whatever has become of it."""
        asked_for = (self.type, self.token_in, self.token_out, self.amount_in, self.slippage_bps)
        at = self.created_at
        named = (self.client_order_id, self.user_id, self.quote_id)
        return Order(self.id, *asked_for, Status.PENDING, 1, 1, at, at, *named)

    def to_json(self) -> dict[str, Any]:
        """The order as clients see it: amounts as decimal strings."""
        token_in, token_out = TOKENS[self.token_in], TOKENS[self.token_out]

        def out(name: str, units: int | None) -> dict[str, str | None]:
            return {name: None, f"{name}BaseUnits": None} if units is None else {**amounts(name, units, token_out)}

        return {
            "orderId": str(self.id),
            "type": self.type,
            "status": self.status,
            "tokenIn": self.token_in,
            "tokenOut": self.token_out,
            **amounts("amountIn", self.amount_in, token_in),
            "slippageBps": self.slippage_bps,
            "attempt": self.attempt,
            "venue": self.venue,
            **out("quotedOut", self.quoted_out),
            **out("minOut", self.min_out),
            **out("amountOut", self.amount_out),
            "executedPrice": None
            if self.amount_out is None
            else format_price(self.amount_in, token_in, self.amount_out, token_out),
            "txHash": self.tx_hash,
            "error": self.error,
            "clientOrderId": self.client_order_id,
            "userId": self.user_id,
            "quoteId": str(self.quote_id) if self.quote_id else None,
            "createdAt": rfc3339(self.created_at),
            "updatedAt": rfc3339(self.updated_at),
        }


@dataclass(frozen=True, slots=True)
class Event:
    """One step in the life of an order. `seq` counts 1, 2, 3 … per order without gaps."""

    order_id: UUID
    seq: int
    status: Status
    at: datetime
    attempt: int
    data: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "orderId": str(self.order_id),
            "seq": self.seq,
            "status": self.status,
            "at": rfc3339(self.at),
            "attempt": self.attempt,
            "data": self.data,
        }


def rfc3339(time: datetime) -> str:
    """UTC with milliseconds: `2026-01-31T12:00:00.000Z`."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
