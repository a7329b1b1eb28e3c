"""Accepts orders and cancels them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from order_engine.domain import events
from order_engine.domain.errors import (
    EngineError,
    IdempotencyKeyReused,
    InsufficientFunds,
    InvalidOrder,
    NoRoute,
    PriceImpactTooHigh,
    QuoteExpired,
    Transient,
)
from order_engine.domain.events import Event
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status
from order_engine.domain.markets import SIMULATED_MARKET, MarketDescription
from order_engine.domain.money import describe, format_amount
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.quotes import Offer, Quote
from order_engine.domain.tokens import token
from order_engine.ports import OrderQueue, OrderStore, Publish, QuoteStore, RateLimit, Wallet
from order_engine.services import rate_limiting


class Submission:
    """Takes orders from clients, for execution in `market`. `warn` logs what goes wrong without harm to an order.

    Without a `wallet`, nothing is known of what can be paid.
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
        wallet: Wallet | None = None,
        market: MarketDescription = SIMULATED_MARKET,
    ) -> None:
        self._orders = orders
        self._quotes = quotes
        self._publish = publish
        self._queue = queue
        self._rate_limit = rate_limit
        self._warn = warn
        self._wallet = wallet
        self._market = market

    def submit(
        self,
        request: OrderRequest,
        client_id: UUID,
        idempotency_key: str | None = None,
        connection_id: str | None = None,
    ) -> tuple[Order, bool]:
        """Stores the order and enqueues it. Once it is stored it will run, even if its message is lost.

        Returns the order as it was accepted, and whether it is new: it is not if the key, or the `clientOrderId`, came
        with an earlier request. The WebSocket connection `connection_id` listens to a new order from its first event.
        An order that names a quote must ask for what was quoted. Raises `IdempotencyKeyReused`, `RateLimited`,
        `TooManySubscriptions`, `QuoteNotFound`, `QuoteExpired`, `PriceImpactTooHigh`, `NoRoute`,
        `InsufficientFunds`, `InvalidOrder`.
        """
        id = uuid7()
        if refusal := self._refusal(request, client_id):
            # An accepted order stays accepted: a client that repeats itself may be the reason for the limit.
            earlier = self._orders.earlier(id, client_id, request, idempotency_key)
            if earlier is None:
                raise refusal
            return _same(request, earlier), False
        data = events.pending(request, self._market.name)
        order = self._orders.insert(id, client_id, request, data, connection_id, idempotency_key)
        if order.id != id:
            return _same(request, order), False
        event = Event(id, 1, Status.PENDING, order.created_at, 1, data)
        self._publish([event], [connection_id] if connection_id else [])
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

    def _refusal(self, request: OrderRequest, client_id: UUID) -> EngineError | None:
        """Why a new order can't be accepted now. Raises `QuoteNotFound`, `InvalidOrder`."""
        if limited := rate_limiting.refusal(self._rate_limit, client_id):
            return limited
        if request.quote_id is not None:
            try:
                _check_quoted(request, self._quotes.owned(client_id, request.quote_id))
            except (QuoteExpired, PriceImpactTooHigh) as error:
                return error
        try:
            self._market.check_tokens(request.token_in, request.token_out)
        except NoRoute as error:
            return error
        if self._wallet is not None:
            try:
                self._wallet.check(request.token_in, request.amount_in)
            except InsufficientFunds as error:
                return error
            except Transient as error:
                # The order finds out when it is built.
                self._warn(f"the wallet's balance is not known: {error}")
        return None


def _same(request: OrderRequest, order: Order) -> Order:
    """The earlier order as it was accepted. Raises `IdempotencyKeyReused` if it asked for something else."""
    problems = _mismatches(
        f"order {order.id}",
        type=(order.type, request.type),
        tokenIn=(order.token_in, request.token_in),
        tokenOut=(order.token_out, request.token_out),
        amountIn=_amounts_in(order, request),
        slippageBps=(order.slippage_bps, request.slippage_bps),
        clientOrderId=(order.client_order_id, request.client_order_id),
        userId=(order.user_id, request.user_id),
        quoteId=(order.quote_id, request.quote_id),
        maxPriceImpactBps=(order.max_price_impact_bps, request.max_price_impact_bps),
    )
    if problems:
        raise IdempotencyKeyReused(problems)
    return order.as_accepted()


def _check_quoted(request: OrderRequest, offer: Offer) -> None:
    """Raises `QuoteExpired`, `PriceImpactTooHigh`, or `InvalidOrder` with every difference."""
    problems = _mismatches(
        f"quote {offer.id}",
        tokenIn=(offer.quote.token_in, request.token_in),
        tokenOut=(offer.quote.token_out, request.token_out),
        amountIn=_amounts_in(offer.quote, request),
        slippageBps=(offer.slippage_bps, request.slippage_bps),
    )
    if problems:
        raise InvalidOrder(problems)
    offer.check(time.time())
    offer.quote.check_price_impact(offer.price_impact_bps, request.max_price_impact_bps)


def _amounts_in(expected: Order | Quote, was: OrderRequest) -> tuple[str, str]:
    """Both amounts, equal if their decimals are: another token is a difference of its own."""
    both = [(each.amount_in, token(each.token_in)) for each in (expected, was)]
    one, other = (format_amount(*each) for each in both)
    return (one, other) if one == other else (describe(*both[0]), describe(*both[1]))


def _mismatches(source: str, **fields: tuple[object, object]) -> list[dict[str, Any]]:
    """A problem for each field whose expected and actual values differ."""
    return [
        {"field": field, "message": f"expected {_shown(expected)} as in {source}, was {_shown(was)}"}
        for field, (expected, was) in fields.items()
        if expected != was
    ]


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)
