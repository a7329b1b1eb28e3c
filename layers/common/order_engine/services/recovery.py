"""Recovers what a crash left behind: stalled orders, and messages that no run could handle."""

from __future__ import annotations

from uuid import UUID, uuid4

from order_engine.domain.runs import Run
from order_engine.ports import EventPartitions, OrderQueue, OrderStore, QuoteStore, SubscriptionStore
from order_engine.services.execution import Execution

STALLED_SECONDS = 45.0
"""How long an order may be without a run until the sweep enqueues it again."""

BATCH = 100

SUBSCRIPTION_TTL_SECONDS = 3600.0
"""How long a subscription outlives its order: a run that is resumed may publish the order's end once more."""


class Recovery:
    def __init__(
        self,
        *,
        orders: OrderStore,
        quotes: QuoteStore,
        subscriptions: SubscriptionStore,
        partitions: EventPartitions,
        execution: Execution,
        queue: OrderQueue,
    ) -> None:
        self._orders = orders
        self._quotes = quotes
        self._subscriptions = subscriptions
        self._partitions = partitions
        self._execution = execution
        self._queue = queue

    def sweep(self) -> list[UUID]:
        """Enqueues every stalled order and deletes expired records. Returns the ids of those orders."""
        enqueued: list[UUID] = []
        # In batches: an order that is marked but not sent, because the sweep is cut short, waits for the next sweep.
        while stalled := self._orders.take_stalled(STALLED_SECONDS, BATCH):
            for order_id in stalled:
                self._queue.enqueue(order_id)
            enqueued += stalled
        self._subscriptions.delete_ended(SUBSCRIPTION_TTL_SECONDS)
        self._quotes.delete_expired()
        self._partitions.maintain()
        return enqueued

    def give_up(self, order_id: UUID) -> None:
        """Fails an order that could not be run. Raises `VenueUnavailable` while its transaction may still land."""
        order = self._orders.claim(order_id, str(uuid4()))
        if order is not None:
            error = {"Error": "DeadLetter", "Cause": "the order could not be run after several tries"}
            self._execution.fail(Run.of(order), error)
