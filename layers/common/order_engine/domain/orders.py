"""Order requests and stored orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from order_engine.domain.lifecycle import Status
from order_engine.domain.markets import SIMULATED

DEFAULT_SLIPPAGE_BPS = 50
DEFAULT_MAX_PRICE_IMPACT_BPS = 500


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A valid order before it is stored. `amount_in` is in base units of `token_in`."""

    type: str
    token_in: str
    token_out: str
    amount_in: int
    slippage_bps: int = DEFAULT_SLIPPAGE_BPS
    client_order_id: str | None = None
    user_id: str | None = None
    quote_id: UUID | None = None
    max_price_impact_bps: int = DEFAULT_MAX_PRICE_IMPACT_BPS


class Order(NamedTuple):
    """An order as it is stored.

    Amounts in base units: `amount_in` and `amount_spent` of `token_in`, the others of `token_out`.

    `attempt` counts how often it was routed, `seq` its events. `run` names the execution that may move it.
    `transaction` is the record of the last transaction signed for it, `error` the record of its `failed` event.
    `amount_spent` is what the transaction took of `amount_in`. `market` is where the order is executed.
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
    max_price_impact_bps: int = DEFAULT_MAX_PRICE_IMPACT_BPS
    amount_spent: int | None = None
    market: str = SIMULATED

    def as_accepted(self) -> Order:
        """The order as it was when it was stored, without anything that happened since."""
        return Order(
            id=self.id,
            type=self.type,
            token_in=self.token_in,
            token_out=self.token_out,
            amount_in=self.amount_in,
            slippage_bps=self.slippage_bps,
            status=Status.PENDING,
            attempt=1,
            seq=1,
            created_at=self.created_at,
            updated_at=self.created_at,
            client_order_id=self.client_order_id,
            user_id=self.user_id,
            quote_id=self.quote_id,
            max_price_impact_bps=self.max_price_impact_bps,
            market=self.market,
        )
