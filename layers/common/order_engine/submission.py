"""Takes orders in."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from uuid import UUID

from .domain.errors import InvalidOrder
from .domain.ids import uuid7
from .domain.lifecycle import Status
from .domain.money import TOKENS, amounts, format_amount
from .domain.orders import Event, Order, OrderRequest
from .storage.orders import OrderStore
from .storage.quotes import QuoteStore, StoredQuote


class Submission:
    """`wake` sends the message that has an order run."""

    def __init__(
        self,
        orders: OrderStore,
        quotes: QuoteStore,
        publish: Callable[[Event, Sequence[str]], None],
        wake: Callable[[UUID], None],
        warn: Callable[[str], None],
    ) -> None:
        self._orders = orders
        self._quotes = quotes
        self._publish = publish
        self._wake = wake
        self._warn = warn

    def submit(self, request: OrderRequest, connection_id: str | None = None) -> Order:
        """Stores the order and wakes the engine. Once stored the order will run, whatever becomes of the message.

        With a `connection_id`, that WebSocket connection listens to the order from its first event on. An order that
        names a quote must be what was quoted. Raises `QuoteNotFound`, `QuoteExpired`, `InvalidOrder`.
        """
        if request.quote_id is not None:
            _check_quoted(request, self._quotes.get(request.quote_id))
        data = {
            "type": request.type,
            "tokenIn": request.token_in,
            "tokenOut": request.token_out,
            **amounts("amountIn", request.amount_in, TOKENS[request.token_in]),
            "slippageBps": request.slippage_bps,
            "clientOrderId": request.client_order_id,
            "quoteId": str(request.quote_id) if request.quote_id else None,
        }
        order = self._orders.insert(uuid7(), request, data, connection_id)
        event = Event(order.id, order.seq, Status.PENDING, order.created_at, order.attempt, data)
        self._publish(event, [connection_id] if connection_id else [])
        try:
            self._wake(order.id)
        except Exception as error:
            # The order is safe: the sweep wakes it.
            self._warn(f"order {order.id} stored, but its message was not sent: {error}")
        return order


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
