"""An order that its client has signed, when everything dies at every point, one after the other: it swaps once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import SignedOrder
from order_engine.ports import ExecutionResult
from order_engine.services.dispatching import Dispatch
from order_engine.storage.database import Database
from tests.support.crashes import Crash
from tests.support.databases import clean, pass_time
from tests.support.fragile import Death, Fragile
from tests.support.orders import CLIENT, LIFE, statuses
from tests.support.signed_orders import MARKET, Desk
from tests.support.state_walk import run_to_end

LONGER_THAN_A_LEASE = 51.0


class Scene:
    """A client that repeats its request until it is answered, and an engine that dies and begins again."""

    def __init__(self, url: str, database: Database, death: Death) -> None:
        self.desk, self.death = Desk(url, database), death
        self.heard: set[int] = set()
        orders: Any = Fragile(self.desk.orders, death)
        self.submission = self.desk.submission_in(
            MARKET, orders=orders, queue=Fragile(self.desk.queue, death), publish=self.publish
        )
        self.execution = self.desk.execution_by(
            orders=orders, chain=Fragile(self.desk.chain, death), publish=self.publish
        )
        self.dispatch = Dispatch(orders=orders, publish=self.publish, machine=self)

    def publish(self, events: Sequence[Event], listeners: Sequence[str]) -> None:
        self.death.passed()
        self.heard |= {event.seq for event in events if listeners}

    def run(self, name: str, input: dict[str, Any]) -> ExecutionResult:
        """Runs an execution to its end."""
        return run_to_end(self.execution, name, input, lambda seconds: None)

    def lives(self, order: SignedOrder) -> UUID:
        """Submits the order and delivers its message, twice, until nothing dies. Returns its id."""
        while True:
            try:
                id = self.submission.submit(order, CLIENT, "a-key", "connection")[0].id
                for _ in range(2):
                    self.dispatch.run(id, str(uuid4()))
                return id
            except Crash:
                self.death.over()
                pass_time(self.desk.database, LONGER_THAN_A_LEASE)


def test_it_swaps_once_wherever_the_engine_dies(url: str, database: Database, database_url: str) -> None:
    points = 0
    while True:
        clean(database_url)
        scene = Scene(url, database, Death(points))
        desk = scene.desk
        offer = desk.offer()
        before = desk.balances()["USDC"]
        order = desk.orders.get(scene.lives(SignedOrder(offer.id, desk.signed(offer))))
        assert (order.status, order.attempt) == (Status.CONFIRMED, 1)
        # A run that was cut short while routing routes again.
        assert [*dict.fromkeys(statuses(desk.orders, order.id))] == LIFE
        assert scene.heard == set(range(1, order.seq + 1))
        assert order.transaction is not None
        assert order.transaction["wire"] == desk.signed(offer)
        assert desk.balances()["USDC"] - before == order.amount_out == offer.quote.amount_out
        if scene.death.left >= 0:
            break
        points += 1
    assert points > 15
