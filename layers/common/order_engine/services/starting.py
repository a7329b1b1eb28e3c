"""Starts orders whose wait is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from uuid import UUID

from order_engine.domain.events import Activation, Event
from order_engine.domain.orders import Order
from order_engine.ports import QUEUE_BATCH, Moved, OpenOrders, OrderQueue, Publish


class Starting:
    """`warn` logs what goes wrong without harm to an order."""

    def __init__(
        self, *, open_orders: OpenOrders, publish: Publish, queue: OrderQueue, warn: Callable[[str], None]
    ) -> None:
        self._open_orders = open_orders
        self._publish = publish
        self._queue = queue
        self._warn = warn

    def activate(self, found: Sequence[tuple[Order, Activation]]) -> list[Moved]:
        """Has orders run, in batches of the queue's, and returns those that do: no other watcher was faster.

        Once an order is pending it will run, even if its message is lost. Raises `StoreUnavailable`.
        """
        activated: list[Moved] = []
        for start in range(0, len(found), QUEUE_BATCH):
            moved = self._open_orders.activate(found[start : start + QUEUE_BATCH])
            self.publish(*moved)
            self.enqueue({event.order_id: event.seq for event, _ in moved})
            activated += moved
        return activated

    def publish(self, *moved: Moved) -> None:
        for event, listeners in moved:
            self._publish([event], listeners)

    def republish(self, histories: Iterable[tuple[Sequence[Event], Sequence[str]]]) -> None:
        """Publishes all events of orders to the connections that listen: to what one has, it pays no attention."""
        for events, listeners in histories:
            self._publish(events, listeners)

    def enqueue(self, published: Mapping[UUID, int]) -> None:
        """Sends the messages of orders, each with the `seq` of its last event that is published."""
        ids = list(published)
        for start in range(0, len(ids), QUEUE_BATCH):
            batch = {id: published[id] for id in ids[start : start + QUEUE_BATCH]}
            try:
                refused = self._queue.enqueue_all(batch)
            except Exception as error:
                refused = list(batch)
                self._warn(f"the messages of {len(batch)} orders were not sent: {error}")
            if refused:
                # The orders are safe: the sweep enqueues them.
                self._warn(f"the queue has not taken the messages of orders {', '.join(map(str, refused))}")
