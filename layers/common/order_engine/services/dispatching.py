"""Runs the order of a queue message: claims it and starts the state machine."""

from __future__ import annotations

from uuid import UUID

from order_engine.domain.runs import Run
from order_engine.ports import OrderStore, Publish, StateMachine

_DONE = frozenset({"OrderFailed", "StaleRun"})
"""The errors with which the state machine ends when this run has nothing more to do."""


class ExecutionFailed(Exception):
    """The order has not ended. Its message must come back."""


class Dispatch:
    def __init__(self, *, orders: OrderStore, publish: Publish, machine: StateMachine) -> None:
        self._orders = orders
        self._publish = publish
        self._machine = machine

    def run(self, order_id: UUID, run: str, published_seq: int = 0) -> None:
        """Runs the order and returns when it has ended, or is open again.

        Does nothing for an order that is open or that another run holds.

        `run` is unlike that of any other call; `published_seq` the last event known to be published. Raises
        `ExecutionFailed` if the order must be run again.
        """
        order = self._orders.claim(order_id, run)
        if order is None:
            self._publish_end(order_id)
            return
        name = f"{order_id}-{order.runs}"
        input = {"order": Run.of(order, published_seq).dump(), "attempt": {"number": order.attempt}}
        result = self._machine.run(name, input)
        if result.status == "SUCCEEDED" or result.error in _DONE:
            return
        self._orders.release(order_id, run)
        raise ExecutionFailed(f"execution {name} {result.status}: {result.error}: {result.cause}")

    def _publish_end(self, order_id: UUID) -> None:
        """Publishes all events of an order whose run has ended: it may have died between the last and its publication.

        And those of the linked order, which may have ended with it, and also to no listeners, because the view of
        active orders may have missed the end. Does so once, since a backlog may bring many messages for one order.
        """
        ended = self._orders.end_to_republish(order_id)
        for id in ended:
            events, listeners = self._orders.history(id)
            if events:
                self._publish(events, listeners)
        if ended:
            self._orders.end_republished(order_id)
