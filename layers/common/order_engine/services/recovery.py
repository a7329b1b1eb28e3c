"""Recovers what a crash left behind: stalled orders, and messages that no run could handle."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID, uuid4

from order_engine.domain.runs import Run
from order_engine.ports import QUEUE_BATCH, EventPartitions, OrderQueue, OrderStore, QuoteStore, SubscriptionStore
from order_engine.services.connections import Eviction
from order_engine.services.execution import Execution

STALLED_SECONDS = 45.0
"""How long an order may be without a run until the sweep enqueues it again."""

MAX_DOUBLINGS = 5
"""While messages wait in the queue, an order most likely waits for its turn: each further message doubles its wait, up
to 24 minutes."""

BATCH = 100

EVICTION_SECONDS = 5.0

DELETION_SECONDS = 2.0

DELETED_AT_ONCE = 10_000

SUBSCRIPTION_TTL_SECONDS = 3600.0
"""How long a subscription outlives its order: a run that is resumed may publish the order's end once more."""


class Swept(NamedTuple):
    """What a sweep has done: the orders it enqueued, and the connections it closed."""

    enqueued: list[UUID]
    closed: list[str]


class Recovery:
    """`now` gives seconds, for durations."""

    def __init__(
        self,
        *,
        orders: OrderStore,
        quotes: QuoteStore,
        subscriptions: SubscriptionStore,
        partitions: EventPartitions,
        execution: Execution,
        eviction: Eviction,
        queue: OrderQueue,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._orders = orders
        self._quotes = quotes
        self._subscriptions = subscriptions
        self._partitions = partitions
        self._execution = execution
        self._eviction = eviction
        self._queue = queue
        self._now = now

    def sweep(self, seconds: float) -> Swept:
        """Closes connections that may no longer be open, deletes expired records, and enqueues stalled orders.

        Starts nothing more after `seconds`, and leaves the rest to the next sweep. The orders come last, because there
        may be any number of them. An error in one part holds back no other and is raised at the end.
        """
        deadline = self._now() + seconds
        swept = Swept([], [])
        errors: list[Exception] = []
        parts: tuple[Callable[[], object], ...] = (
            lambda: swept.closed.extend(self._eviction.sweep(min(seconds, EVICTION_SECONDS))),
            lambda: self._subscriptions.delete_ended(SUBSCRIPTION_TTL_SECONDS),
            lambda: self._delete_quotes(min(deadline, self._now() + DELETION_SECONDS)),
            self._partitions.maintain,
            lambda: self._enqueue_stalled(deadline, swept.enqueued),
        )
        for part in parts:
            try:
                part()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0] if len(errors) == 1 else ExceptionGroup("several parts of the sweep failed", errors)
        return swept

    def give_up(self, order_id: UUID) -> None:
        """Fails an order that could not be run. Raises `VenueUnavailable` while its transaction may still land."""
        order = self._orders.claim(order_id, str(uuid4()))
        if order is not None:
            error = {"Error": "DeadLetter", "Cause": "the order could not be run after several tries"}
            self._execution.fail(Run.of(order), error)

    def _delete_quotes(self, deadline: float) -> None:
        while self._quotes.delete_expired(DELETED_AT_ONCE) == DELETED_AT_ONCE and self._now() < deadline:
            pass

    def _enqueue_stalled(self, deadline: float, enqueued: list[UUID]) -> None:
        """Adds to `enqueued`."""
        # An empty queue has no message of any order.
        doublings = 0 if self._queue.is_empty() else MAX_DOUBLINGS
        while self._now() < deadline and (stalled := self._orders.take_stalled(STALLED_SECONDS, BATCH, doublings)):
            unsent = list(stalled)
            try:
                while unsent and self._now() < deadline:
                    batch = unsent[:QUEUE_BATCH]
                    refused = self._queue.enqueue_all(dict.fromkeys(batch, 0))
                    enqueued += [id for id in batch if id not in refused]
                    unsent = unsent[QUEUE_BATCH:]
                    if refused:
                        self._orders.not_enqueued(refused)
            finally:
                if unsent:
                    self._orders.not_enqueued(unsent)
