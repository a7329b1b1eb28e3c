"""A run: one execution of the state machine for one order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from order_engine.domain import records
from order_engine.domain.lifecycle import Status
from order_engine.domain.money import BPS
from order_engine.domain.orders import DEFAULT_MAX_PRICE_IMPACT_BPS, Order
from order_engine.domain.quotes import Quote
from order_engine.domain.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Run:
    """The state of an order in one run, whose steps have `run` in common. Amounts are in base units.

    `quote_id` names the quote that the client has chosen, if any: the order may be executed at no other.
    `published_seq` is the `seq` of the last event that this run knows to be published. `limit_out` is the least that
    the order accepts, if it has a limit. `linked_id` names the order that is cancelled once this one is filled. If a
    client's `wallet` has signed the transaction, this is there from the beginning, and there is no other one.
    """

    order_id: UUID
    run: str
    status: Status
    attempt: int
    token_in: str
    token_out: str
    amount_in: int
    slippage_bps: int
    quote_id: UUID | None = None
    published_seq: int = 0
    quoted_out: int | None = None
    quote: Quote | None = None
    transaction: Transaction | None = None
    max_price_impact_bps: int = DEFAULT_MAX_PRICE_IMPACT_BPS
    limit_out: int | None = None
    linked_id: UUID | None = None
    wallet: str | None = None

    @classmethod
    def of(cls, order: Order, published_seq: int = 0) -> Self:
        """The run that has claimed the order. An earlier run may have left events that it did not publish."""
        if order.run is None:
            raise ValueError(f"expected order {order.id} to be claimed by a run")
        return cls(
            order_id=order.id,
            run=order.run,
            status=order.status,
            attempt=order.attempt,
            token_in=order.token_in,
            token_out=order.token_out,
            amount_in=order.amount_in,
            slippage_bps=order.slippage_bps,
            quote_id=order.quote_id,
            published_seq=published_seq,
            quoted_out=order.quoted_out,
            transaction=Transaction.load(order.transaction) if order.transaction else None,
            max_price_impact_bps=order.max_price_impact_bps,
            limit_out=order.limit_out,
            linked_id=order.linked_id,
            wallet=order.wallet,
        )

    def dump(self) -> dict[str, Any]:
        """The record that the state machine passes from state to state."""
        return {
            "order_id": str(self.order_id),
            "run": self.run,
            "status": self.status,
            "attempt": self.attempt,
            "token_in": self.token_in,
            "token_out": self.token_out,
            "amount_in": str(self.amount_in),
            "slippage_bps": self.slippage_bps,
            "quote_id": records.optional_str(self.quote_id),
            "published_seq": self.published_seq,
            "quoted_out": records.optional_str(self.quoted_out),
            "quote": self.quote.dump() if self.quote else None,
            "transaction": self.transaction.dump() if self.transaction else None,
            "max_price_impact_bps": self.max_price_impact_bps,
            "limit_out": records.optional_str(self.limit_out),
            "linked_id": records.optional_str(self.linked_id),
            "wallet": self.wallet,
        }

    @classmethod
    def load(cls, record: dict[str, Any], attempt: int) -> Self:
        """The run of a record. The state machine counts the attempts."""
        return cls(
            order_id=UUID(record["order_id"]),
            run=record["run"],
            status=Status(record["status"]),
            attempt=attempt,
            token_in=record["token_in"],
            token_out=record["token_out"],
            amount_in=int(record["amount_in"]),
            slippage_bps=record["slippage_bps"],
            quote_id=UUID(record["quote_id"]) if record["quote_id"] else None,
            # Missing in executions that started before a deployment: then this run publishes all events again.
            published_seq=record.get("published_seq", 0),
            quoted_out=records.optional_int(record["quoted_out"]),
            quote=Quote.load(record["quote"]) if record["quote"] else None,
            transaction=Transaction.load(record["transaction"]) if record["transaction"] else None,
            # Missing in executions that started before a deployment: their orders have no limit.
            max_price_impact_bps=record.get("max_price_impact_bps", BPS),
            # Missing in executions that started before a deployment: no order waited then.
            limit_out=records.optional_int(record.get("limit_out")),
            linked_id=UUID(record["linked_id"]) if record.get("linked_id") else None,
            # Missing in executions that started before a deployment: no client signed then.
            wallet=record.get("wallet"),
        )
