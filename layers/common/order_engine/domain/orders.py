"""Order requests and stored orders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from order_engine.domain.lifecycle import Status
from order_engine.domain.markets import SIMULATED
from order_engine.domain.terms import TERMS, Stop, Terms, Wait, Watch
from order_engine.domain.tokens import token

if TYPE_CHECKING:
    from order_engine.domain.transactions import Signed

DEFAULT_SLIPPAGE_BPS = 50
DEFAULT_MAX_PRICE_IMPACT_BPS = 500

TYPES = ("market", *TERMS)
"""Every type of a stored order."""


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A valid order before it is stored. `amount_in` is in base units of `token_in`.

    An order with `terms` waits for them, until `expires_at` if that is set. The first slice of a recurring one is due
    at `start_at`, or at once. Of an order and its `linked` one at most one is filled. One for a client's own `wallet`
    has the transaction that this has `signed`.
    """

    type: str
    token_in: str
    token_out: str
    amount_in: int
    slippage_bps: int = DEFAULT_SLIPPAGE_BPS
    client_order_id: str | None = None
    user_id: str | None = None
    quote_id: UUID | None = None
    max_price_impact_bps: int = DEFAULT_MAX_PRICE_IMPACT_BPS
    terms: Terms | None = None
    expires_at: datetime | None = None
    start_at: datetime | None = None
    linked: OrderRequest | None = None
    wallet: str | None = None
    signed: Signed | None = None

    @property
    def first_status(self) -> Status:
        return Status.PENDING if self.terms is None else Status.OPEN

    @property
    def watch(self) -> Watch | None:
        """What the order waits for; `None` for one that runs at once."""
        if self.terms is None:
            return None
        return self.terms.watch(self.amount_in, token(self.token_in), token(self.token_out))


class SignedOrder(NamedTuple):
    """An order as its quote describes it, and the quote's transaction, in base64, as the client has signed it."""

    quote_id: UUID
    transaction: str
    client_order_id: str | None = None
    user_id: str | None = None


class Order(NamedTuple):
    """An order as it is stored.

    Amounts in base units: `amount_in` and `amount_spent` of `token_in`, the others of `token_out`.

    `attempt` counts how often it was routed, `seq` its events. `run` is the one that may move it, and `runs`
    counts those that have claimed it. `transaction` is the record of the last transaction signed for it, `error` the
    record of its `failed` event. `amount_spent` is what the transaction took of `amount_in`. `market` is where the
    order is executed. `wallet` is the client's that has signed the transaction; otherwise the engine signs one when it
    builds it.

    What an order with `terms` waits for: `waits_for`, `trigger_out` and `limit_out` are those of a `Watch`. `due_at` is
    when the next slice is due, and `slices_done` counts those that were made; each has the `parent_id` of its order. Of
    an order and the one at `linked_id` at most one is filled.
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
    terms: Terms | None = None
    waits_for: Wait | None = None
    trigger_out: int | None = None
    limit_out: int | None = None
    expires_at: datetime | None = None
    due_at: datetime | None = None
    slices_done: int | None = None
    parent_id: UUID | None = None
    linked_id: UUID | None = None
    wallet: str | None = None
    runs: int = 0

    def as_reached(self) -> Order:
        """A stop with a limit that has reached its price: it waits for its limit from now on."""
        if not isinstance(self.terms, Stop) or self.limit_out is None:
            raise ValueError(f"expected order {self.id} to be a stop with a limit, was {self.type}")
        terms = replace(self.terms, reached=True)
        return self._replace(terms=terms, waits_for=Wait.AT_LEAST, trigger_out=self.limit_out)

    def as_accepted(self) -> Order:
        """The order as it was when it was stored, without anything that happened since."""
        return Order(
            id=self.id,
            type=self.type,
            token_in=self.token_in,
            token_out=self.token_out,
            amount_in=self.amount_in,
            slippage_bps=self.slippage_bps,
            status=Status.OPEN if self.terms else Status.PENDING,
            attempt=1,
            seq=1,
            created_at=self.created_at,
            updated_at=self.created_at,
            client_order_id=self.client_order_id,
            user_id=self.user_id,
            quote_id=self.quote_id,
            max_price_impact_bps=self.max_price_impact_bps,
            market=self.market,
            terms=self.terms,
            waits_for=self.waits_for,
            trigger_out=self.trigger_out,
            limit_out=self.limit_out,
            expires_at=self.expires_at,
            due_at=self.due_at,
            slices_done=self.slices_done and 0,
            parent_id=self.parent_id,
            linked_id=self.linked_id,
            wallet=self.wallet,
        )
