"""From the queue's message to a running order: claims it and runs it on the state machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from order_engine.domain.lifecycle import FINAL
from order_engine.domain.orders import Event
from order_engine.services.execution import Run
from order_engine.storage.orders import OrderStore

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_ENDED = frozenset({"OrderFailed", "StaleRun"})
"""The errors with which the state machine ends when nothing is left to do for this run."""


class ExecutionFailed(Exception):
    """The order has not ended. Its message must come back."""


class Dispatch:
    """`publish` tells an order's listeners of an event that was committed."""

    def __init__(
        self,
        orders: OrderStore,
        publish: Callable[[Event, Sequence[str]], None],
        machine: SFNClient,
        machine_arn: str,
    ) -> None:
        self._orders = orders
        self._publish = publish
        self._machine = machine
        self._machine_arn = machine_arn

    def run(self, order_id: UUID, name: str) -> None:
        """Returns when the order has ended, or needs no run. Raises `ExecutionFailed` if it must be run again."""
        order = self._orders.claim(order_id, name)
        if order is None:
            self._tell_of_its_end(order_id)
            return
        answer = self._machine.start_sync_execution(
            stateMachineArn=self._machine_arn,
            name=name,
            input=json.dumps({"order": Run.of(order).to_json(), "attempt": {"number": order.attempt}}),
        )
        if answer["status"] == "SUCCEEDED" or answer.get("error") in _ENDED:
            return
        self._orders.release(order_id, name)
        raise ExecutionFailed(f"execution {name} {answer['status']}: {answer.get('error')}: {answer.get('cause')}")

    def _tell_of_its_end(self, order_id: UUID) -> None:
        """A message comes back when its run died: perhaps between an order's end and the telling of it."""
        events, listeners = self._orders.history(order_id)
        if listeners and events and events[-1].status in FINAL:
            for event in events:
                self._publish(event, listeners)
