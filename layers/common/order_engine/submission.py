"""Takes orders in, and takes them back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from .domain.ids import uuid7
from .domain.lifecycle import Status
from .domain.money import TOKENS, format_amount
from .domain.orders import Event, Order, OrderRequest
from .storage.orders import OrderStore


class Submission:
    """`publish` tells the world, and the order's listeners, of an event that was committed; `wake` has an order run."""

    def __init__(
        self,
        orders: OrderStore,
        publish: Callable[[Event, Sequence[str]], None],
        wake: Callable[[UUID], None],
        warn: Callable[[str], None],
    ) -> None:
        self._orders = orders
        self._publish = publish
        self._wake = wake
        self._warn = warn

    def submit(self, request: OrderRequest, connection_id: str | None = None) -> Order:
        """Stores the order and wakes the engine. Once stored the order will run, whatever becomes of the message.

        With a `connection_id`, that WebSocket connection listens to the order from its first event on.
        """
        data = {
            "type": request.type,
            "tokenIn": request.token_in,
            "tokenOut": request.token_out,
            "amountIn": format_amount(request.amount_in, TOKENS[request.token_in]),
            "slippageBps": request.slippage_bps,
            "clientOrderId": request.client_order_id,
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

    def cancel(self, order_id: UUID) -> None:
        """Tells all of the order's events: the run that made the last one may not have come to it yet.

        Asked for again, it tells again: the first time may have been cut short. Raises as `OrderStore.cancel`.
        """
        self._orders.cancel(order_id)
        events, listeners = self._orders.history(order_id)
        for event in events:
            self._publish(event, listeners)
