"""Takes orders in, and takes them back."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from uuid import UUID

from order_engine.domain.errors import EngineError, InvalidOrder, QuoteExpired, RateLimited
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status
from order_engine.domain.money import TOKENS, format_amount
from order_engine.domain.orders import Event, Order, OrderRequest
from order_engine.storage.orders import OrderStore
from order_engine.storage.quotes import QuoteStore, StoredQuote


class Submission:
    """`publish` tells the world, and the order's listeners, of an event that was committed; `wake` has an order run.

    `take_token` says in how many seconds the client may submit another order; 0 is now.
    """

    def __init__(
        self,
        orders: OrderStore,
        quotes: QuoteStore,
        publish: Callable[[Event, Sequence[str]], None],
        wake: Callable[[UUID], None],
        take_token: Callable[[UUID], float],
        warn: Callable[[str], None],
    ) -> None:
        self._orders = orders
        self._quotes = quotes
        self._publish = publish
        self._wake = wake
        self._take_token = take_token
        self._warn = warn

    def submit(
        self,
        request: OrderRequest,
        client_id: UUID,
        idempotency_key: str | None = None,
        connection_id: str | None = None,
    ) -> tuple[Order, bool]:
        """Stores the order and wakes the engine. Once stored the order will run, whatever becomes of the message.

        Returns the order as it was accepted, and whether that was just now: not if the key, or the `clientOrderId`, has
        come before. With a `connection_id`, that WebSocket connection listens to a new order from its first event on.
        An order that names a quote must be what was quoted. Raises `IdempotencyKeyReused`, `RateLimited`,
        `TooManySubscriptions`, `QuoteNotFound`, `QuoteExpired`, `InvalidOrder`.
        """
        id = uuid7()
        if refusal := self._refusal(request, client_id):
            # What was accepted stays accepted: a client that repeats itself may be the reason for the limit.
            earlier = self._orders.earlier(id, client_id, request, idempotency_key)
            if earlier is None:
                raise refusal
            return earlier.as_accepted(), False
        data = {name: value for name, value in request.to_json().items() if name != "userId"}
        order = self._orders.insert(id, client_id, request, data, connection_id, idempotency_key)
        if order.id != id:
            return order.as_accepted(), False
        event = Event(id, 1, Status.PENDING, order.created_at, 1, data)
        self._publish(event, [connection_id] if connection_id else [])
        try:
            self._wake(id)
        except Exception as error:
            # The order is safe: the sweep wakes it.
            self._warn(f"order {id} stored, but its message was not sent: {error}")
        return order.as_accepted(), True

    def cancel(self, client_id: UUID, order_id: UUID) -> None:
        """Tells all of the order's events: the run that made the last one may not have come to it yet.

        Asked for again, it tells again: the first time may have been cut short. Raises as `OrderStore.cancel`.
        """
        self._orders.cancel(client_id, order_id)
        events, listeners = self._orders.history(order_id)
        for event in events:
            self._publish(event, listeners)

    def _refusal(self, request: OrderRequest, client_id: UUID) -> EngineError | None:
        """Why a new order can't be taken now. Raises `QuoteNotFound`, `InvalidOrder`."""
        if wait := self._take_token(client_id):
            seconds = math.ceil(wait)
            return RateLimited(f"expected fewer orders a minute, was one too many: wait {seconds} s", seconds)
        if request.quote_id is not None:
            try:
                _check_quoted(request, self._quotes.owned(client_id, request.quote_id))
            except QuoteExpired as error:
                return error
        return None


def _check_quoted(request: OrderRequest, stored: StoredQuote) -> None:
    """Raises `QuoteExpired`, or `InvalidOrder` with every difference."""
    quote = stored.quote
    amount_in = (format_amount(one.amount_in, TOKENS[one.token_in]) for one in (quote, request))
    problems = [
        {"field": field, "message": f"expected {quoted} as in quote {request.quote_id}, was {ordered}"}
        for field, quoted, ordered in (
            ("tokenIn", quote.token_in, request.token_in),
            ("tokenOut", quote.token_out, request.token_out),
            ("amountIn", *amount_in),
            ("slippageBps", stored.slippage_bps, request.slippage_bps),
        )
        if quoted != ordered
    ]
    if problems:
        raise InvalidOrder(problems)
    quote.check(time.time())
