"""Finds what a crash left behind: orders that nobody runs, and messages that nobody could handle."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

from order_engine.services.execution import Execution, Run
from order_engine.storage.event_partitions import EventPartitions
from order_engine.storage.orders import OrderStore
from order_engine.storage.quotes import QuoteStore
from order_engine.storage.subscriptions import SubscriptionStore

ASLEEP_AFTER_SECONDS = 45.0
BATCH = 100

KEPT_SECONDS = 3600.0
"""How long after its order's end a subscription is kept for whoever tells of that end once more."""


class Recovery:
    """`wake` sends the message that has an order run."""

    def __init__(
        self,
        orders: OrderStore,
        quotes: QuoteStore,
        subscriptions: SubscriptionStore,
        partitions: EventPartitions,
        execution: Execution,
        wake: Callable[[UUID], None],
    ) -> None:
        self._orders = orders
        self._quotes = quotes
        self._subscriptions = subscriptions
        self._partitions = partitions
        self._execution = execution
        self._wake = wake

    def sweep(self) -> list[UUID]:
        """Wakes every order that has not ended and that no run has held for a while; clears what nobody needs."""
        woken: list[UUID] = []
        # In batches: what is marked as woken and then not sent, because this is cut short, waits for the next sweep.
        while asleep := self._orders.asleep(ASLEEP_AFTER_SECONDS, BATCH):
            for order_id in asleep:
                self._wake(order_id)
            woken += asleep
        self._subscriptions.clear_ended(KEPT_SECONDS)
        self._quotes.forget()
        self._partitions.keep()
        return woken

    def give_up(self, order_id: UUID) -> None:
        """Ends an order that could not be run. Raises `VenueUnavailable` while its transaction's fate is unknown."""
        order = self._orders.claim(order_id, str(uuid4()))
        if order is not None:
            reason = {"Error": "DeadLetter", "Cause": "the order could not be run, however often it was tried"}
            self._execution.fail(Run.of(order), reason)
