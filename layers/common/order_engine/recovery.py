"""Finds what a crash left behind: orders that nobody runs, and messages that nobody could handle."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

from .dispatching import LEASE_SECONDS
from .execution import Execution, Run
from .storage.orders import OrderStore
from .storage.quotes import QuoteStore

ASLEEP_AFTER_SECONDS = 45.0


class Recovery:
    """`wake` sends the message that has an order run."""

    def __init__(
        self, orders: OrderStore, quotes: QuoteStore, execution: Execution, wake: Callable[[UUID], None]
    ) -> None:
        self._orders = orders
        self._quotes = quotes
        self._execution = execution
        self._wake = wake

    def sweep(self) -> list[UUID]:
        """Wakes every order that has not ended and that no run has held for a while. Forgets old quotes."""
        asleep = self._orders.asleep(ASLEEP_AFTER_SECONDS)
        for order_id in asleep:
            self._wake(order_id)
        self._quotes.forget()
        return asleep

    def give_up(self, order_id: UUID) -> None:
        """Ends an order that could not be run. Raises `VenueUnavailable` while its transaction's fate is unknown."""
        order = self._orders.claim(order_id, str(uuid4()), LEASE_SECONDS)
        if order is not None:
            reason = {"Error": "DeadLetter", "Cause": "the order could not be run, however often it was tried"}
            self._execution.fail(Run.of(order), reason)
