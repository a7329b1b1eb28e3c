"""Accepts orders and cancels them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from order_engine.domain import events
from order_engine.domain.errors import (
    EngineError,
    InsufficientFunds,
    NoRoute,
    PriceImpactTooHigh,
    QuoteExpired,
    QuoteUsed,
    Transient,
)
from order_engine.domain.events import Event
from order_engine.domain.ids import uuid7
from order_engine.domain.markets import SIMULATED_MARKET, MarketDescription
from order_engine.domain.orders import Order, OrderRequest, SignedOrder
from order_engine.domain.quotes import Offer
from order_engine.ports import OrderQueue, OrderStore, Publish, QuoteStore, RateLimit, Signing, Wallet
from order_engine.services import rate_limiting
from order_engine.services.outlook import Outlook
from order_engine.services.repeats import check_quoted, check_same
from order_engine.services.signed_orders import check_quoted_wallet, check_signer, signed_request

if TYPE_CHECKING:
    from order_engine.services.standing import Standing


class Submission:
    """Takes orders from clients, for execution in `market`. `warn` logs what goes wrong without harm to an order.

    `standing` is asked for once there is an order that waits. Without a `wallet`, nothing is known of what the engine
    can pay. Without `signing`, clients sign no transactions in the market.
    """

    def __init__(
        self,
        *,
        orders: OrderStore,
        quotes: QuoteStore,
        publish: Publish,
        queue: OrderQueue,
        rate_limit: RateLimit,
        warn: Callable[[str], None],
        standing: Callable[[], Standing],
        wallet: Wallet | None = None,
        signing: Signing | None = None,
        market: MarketDescription = SIMULATED_MARKET,
    ) -> None:
        self._orders = orders
        self._quotes = quotes
        self._publish = publish
        self._queue = queue
        self._rate_limit = rate_limit
        self._warn = warn
        self._standing = standing
        self._wallet = wallet
        self._signing = signing
        self._market = market

    def submit(
        self,
        request: OrderRequest | SignedOrder,
        client_id: UUID,
        idempotency_key: str | None = None,
        connection_id: str | None = None,
    ) -> tuple[Order, bool]:
        """Stores the order, and enqueues it unless it waits. What is stored will run, even if its message is lost.

        Returns the order as it was accepted, and whether it is new: it is not if the key, or the `clientOrderId`, came
        with an earlier request. An order that waits for what the market offers now runs at once. The WebSocket
        connection `connection_id` listens to a new order from its first event. An order that names a quote must ask for
        what was quoted. One that the client has signed has the id that its quote has fixed. Raises
        `IdempotencyKeyReused`, `RateLimited`, `TooManySubscriptions`, `QuoteNotFound`, `QuoteExpired`, `QuoteUsed`,
        `PriceImpactTooHigh`, `NoRoute`, `InsufficientFunds`, `InvalidOrder`, and for an order that waits what
        `Standing.outlook` raises.
        """
        if isinstance(request, SignedOrder):
            offer = self._quotes.owned(client_id, request.quote_id)
            request = signed_request(request, offer, self._signing)
        id = uuid7()
        refusal, found = self._judged(request, client_id)
        if refusal is not None:
            # An accepted order stays accepted: a client that repeats itself may be the reason for the limit.
            earlier = self._orders.earlier(id, client_id, request, idempotency_key)
            if earlier is None:
                raise refusal
            return self._repeated(request, earlier), False
        if request.signed is not None:
            id = request.signed.order_id
        data, linked = self._first_event(request, found), None
        if request.linked is not None:
            linked = uuid7(), self._first_event(request.linked, Outlook())
        order = self._orders.insert(id, client_id, request, data, connection_id, idempotency_key, linked)
        if order.id != id:
            return self._repeated(request, order), False
        for order_id, record in [(id, data)] + ([linked] if linked else []):
            event = Event(order_id, 1, request.first_status, order.created_at, 1, record, client_id)
            self._publish([event], [connection_id] if connection_id else [])
        if request.terms is not None:
            self._standing().begin(order, found.activation)
            return events.accepted(order, data), True
        try:
            self._queue.enqueue(id, published_seq=1)
        except Exception as error:
            # The order is safe: the sweep enqueues it.
            self._warn(f"order {id} is stored, but its message was not sent: {error}")
        return order.as_accepted(), True

    def cancel(self, client_id: UUID, order_id: UUID) -> None:
        """Cancels the order, and its linked one, and publishes all events: a run may not have published the last one.

        A repeated call publishes them again, since the first call may have been cut short. Raises `OrderNotFound`,
        `TooLateToCancel`.
        """
        for id in self._orders.cancel(client_id, order_id):
            self._publish(*self._orders.history(id))

    def _judged(self, request: OrderRequest, client_id: UUID) -> tuple[EngineError | None, Outlook]:
        """Why a new order can't be accepted now, if so, and else what the market says of one that waits."""
        if refusal := self._refusal(request, client_id):
            return refusal, Outlook()
        unpaid = self._unpaid(request)
        if request.terms is None:
            return unpaid, Outlook()
        try:
            activation, warning = self._standing().outlook(request)
        except EngineError as error:
            return error, Outlook()
        # What it sells may still be bought while it waits: it is paid when it runs.
        return None, Outlook(activation, "; ".join(str(each) for each in (warning, unpaid) if each) or None)

    def _refusal(self, request: OrderRequest, client_id: UUID) -> EngineError | None:
        """Raises `QuoteNotFound`, `InvalidOrder`."""
        check_signer(request, self._market.is_keyless)
        if limited := rate_limiting.refusal(self._rate_limit, client_id):
            return limited
        if request.quote_id is not None:
            offer = self._quotes.owned(client_id, request.quote_id)
            check_quoted(request, offer)
            check_quoted_wallet(request, offer)
            try:
                _check_unused(offer)
                offer.check(time.time())
                offer.quote.check_price_impact(offer.price_impact_bps, request.max_price_impact_bps)
            except (QuoteUsed, QuoteExpired, PriceImpactTooHigh) as error:
                return error
        try:
            self._market.check_tokens(request.token_in, request.token_out)
        except NoRoute as error:
            return error
        return None

    def _unpaid(self, request: OrderRequest) -> InsufficientFunds | None:
        wallet = self._wallet
        if self._signing is not None and request.wallet is not None:
            wallet = self._signing.wallet_at(request.wallet)
        if wallet is None:
            return None
        try:
            wallet.check(request.token_in, request.amount_in)
        except InsufficientFunds as error:
            return error
        except Transient as error:
            # The order finds out when it is built.
            self._warn(f"the wallet's balance is not known: {error}")
        return None

    def _first_event(self, request: OrderRequest, found: Outlook) -> dict[str, Any]:
        if request.terms is None:
            return events.pending(request, self._market.name)
        return events.opened(request, self._market.name, message=found.warning, activation=found.activation)

    def _repeated(self, request: OrderRequest, order: Order) -> Order:
        """The earlier order as it was accepted. Raises `IdempotencyKeyReused` if it asked for something else."""
        first, start_at = self._accepted(order)
        linked = self._accepted(self._orders.get(order.linked_id))[0].terms if order.linked_id else None
        check_same(request, first, linked, start_at)
        return first

    def _accepted(self, order: Order) -> tuple[Order, datetime | None]:
        """The order as it was accepted, and when it was to begin. Its terms may have been replaced since."""
        if order.terms is not None:
            for event in self._orders.events(order.id):
                return events.accepted(order, event.data), events.start_at(event.data)
        return order.as_accepted(), None


def _check_unused(offer: Offer) -> None:
    """Raises `QuoteUsed` if the order of the quote's transaction is stored already."""
    if offer.unsigned is not None and offer.is_named:
        order_id = offer.unsigned.order_id
        raise QuoteUsed(f"expected a quote that no order has executed, was quote {offer.id} of order {order_id}")
