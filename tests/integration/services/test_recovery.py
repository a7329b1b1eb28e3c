from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from order_engine.domain.errors import VenueUnavailable
from order_engine.domain.events import Event
from order_engine.domain.lifecycle import FINAL, Status
from order_engine.domain.quotes import Offer
from order_engine.domain.runs import Run
from order_engine.ports import OrderQueue
from order_engine.services.recovery import STALLED_SECONDS, Recovery
from order_engine.simulation.faults import clear_faults, set_fault
from order_engine.simulation.pools import VENUES
from order_engine.storage.database import Database
from order_engine.storage.event_partitions import PostgresEventPartitions
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.quotes import TTL_SECONDS, PostgresQuoteStore
from order_engine.storage.subscriptions import PostgresSubscriptionStore
from tests.support.fakes import FakeOrderQueue
from tests.support.orders import CLIENT, LEASE, PATHS, RUN, brought_to, claimed, new_order
from tests.support.simulation import SOL, execution_on, live, quoted


class Scene:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.orders = PostgresOrderStore(database)
        self.published: list[Event] = []
        self.quotes = PostgresQuoteStore(database)
        self.execution = execution_on(
            live(database), self.orders, lambda events, listeners: self.published.extend(events)
        )
        self.subscriptions = PostgresSubscriptionStore(database)
        self.partitions = PostgresEventPartitions(database, 0, lambda message, details: None)
        self.queue = FakeOrderQueue()
        self.recovery = self.enqueueing(self.queue)

    def enqueueing(self, queue: OrderQueue) -> Recovery:
        return Recovery(
            orders=self.orders,
            quotes=self.quotes,
            subscriptions=self.subscriptions,
            partitions=self.partitions,
            execution=self.execution,
            queue=queue,
        )

    def pass_time(self, seconds: float) -> None:
        self.database.execute(
            "UPDATE orders SET woken_at = woken_at - make_interval(secs => %(s)s),"
            " lease_until = lease_until - make_interval(secs => %(s)s)",
            {"s": seconds},
        )

    def listeners(self) -> list[str]:
        rows = self.database.fetch("SELECT connection_id FROM subscriptions ORDER BY 1")
        return [row["connection_id"] for row in rows]

    def submitted(self) -> UUID:
        """Returns an order whose run recorded its transaction as sent and died before sending it."""
        run = Run.of(claimed(self.orders))
        for step in (self.execution.route, self.execution.build, self.execution.submit):
            run = step(run)
        self.database.execute("DELETE FROM market_transactions")
        self.orders.release(run.order_id, RUN)
        return run.order_id


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)


def test_an_order_whose_message_was_lost_is_enqueued_again(scene: Scene) -> None:
    order = new_order(scene.orders)
    assert scene.recovery.sweep() == []
    scene.pass_time(STALLED_SECONDS + 1)
    assert scene.recovery.sweep() == scene.queue.enqueued == [order.id]
    assert scene.recovery.sweep() == []


def test_an_order_that_is_still_stalled_is_enqueued_again_later(scene: Scene) -> None:
    order = new_order(scene.orders)
    for _ in range(3):
        scene.pass_time(STALLED_SECONDS + 1)
        scene.recovery.sweep()
    assert scene.queue.enqueued == [order.id] * 3


def test_an_interrupted_sweep_leaves_the_rest_to_the_next(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("order_engine.services.recovery.BATCH", 2)
    ids = sorted(new_order(scene.orders).id for _ in range(5))
    scene.pass_time(STALLED_SECONDS + 1)

    class CutShort(FakeOrderQueue):
        def enqueue(self, order_id: UUID, published_seq: int = 0) -> None:
            self.down = order_id == ids[2]
            super().enqueue(order_id)

    with pytest.raises(ConnectionError):
        scene.enqueueing(CutShort()).sweep()
    assert scene.recovery.sweep() == ids[4:]
    scene.pass_time(STALLED_SECONDS + 1)
    assert scene.recovery.sweep() == ids


def test_a_connection_that_closed_unnoticed_is_deleted_after_its_orders_end(scene: Scene) -> None:
    for status in PATHS:
        order = brought_to(scene.orders, status)
        scene.subscriptions.subscribe(f"of {status}", CLIENT, order.id, 0, lambda event: None)
    scene.recovery.sweep()
    assert len(scene.listeners()) == len(PATHS)
    scene.database.execute("UPDATE orders SET updated_at = updated_at - interval '61 minutes'")
    scene.recovery.sweep()
    assert scene.listeners() == sorted(f"of {status}" for status in set(PATHS) - FINAL)


@pytest.mark.parametrize("status", list(PATHS))
def test_an_order_whose_run_died_is_enqueued_when_its_lease_lapses(scene: Scene, status: Status) -> None:
    order = brought_to(scene.orders, status)
    scene.pass_time(LEASE - 5)
    assert scene.recovery.sweep() == []
    scene.pass_time(STALLED_SECONDS)
    assert scene.recovery.sweep() == ([] if status in FINAL else [order.id])


def test_the_sweep_deletes_old_quotes(scene: Scene) -> None:
    old, fresh = uuid4(), uuid4()
    for id in (old, fresh):
        scene.quotes.insert(CLIENT, Offer(id, quoted(live(scene.database), "SOL-USDC", SOL), 50, {}))
    scene.database.execute(
        "UPDATE quotes SET created_at = now() - make_interval(secs => %(s)s) WHERE id = %(id)s",
        {"s": TTL_SECONDS + 1, "id": old},
    )
    scene.recovery.sweep()
    assert scene.database.fetch("SELECT id FROM quotes") == [{"id": fresh}]


@pytest.mark.parametrize("status", [Status.PENDING, Status.ROUTING, Status.BUILDING])
def test_an_order_that_could_not_be_run_fails(scene: Scene, status: Status) -> None:
    order = brought_to(scene.orders, status)
    scene.orders.release(order.id, RUN)
    scene.recovery.give_up(order.id)
    after = scene.orders.get(order.id)
    assert after.status is Status.FAILED
    assert after.error == {
        "version": 1,
        "code": "InternalError",
        "message": "DeadLetter: the order could not be run after several tries",
        "attempts": 3,
        "retryable": True,
    }
    assert [event.status for event in scene.published][-1] is Status.FAILED
    # Events that the dead run may not have published are published again.
    assert scene.published == scene.orders.events(order.id)


def test_an_order_given_up_whose_transaction_lands_is_confirmed(scene: Scene) -> None:
    order_id = scene.submitted()
    scene.recovery.give_up(order_id)
    assert scene.orders.get(order_id).status is Status.CONFIRMED
    assert len(scene.database.fetch("SELECT FROM market_transactions")) == 1


def test_an_order_whose_outcome_is_unknown_is_not_given_up_yet(scene: Scene) -> None:
    order_id = scene.submitted()
    for venue in VENUES:
        set_fault(scene.database, venue, "confirm", "fail")
    with pytest.raises(VenueUnavailable):
        scene.recovery.give_up(order_id)
    assert scene.orders.get(order_id).status is Status.SUBMITTED
    clear_faults(scene.database)
    scene.pass_time(100)
    scene.recovery.give_up(order_id)
    assert scene.orders.get(order_id).status is Status.CONFIRMED


def test_an_order_that_a_run_holds_is_not_given_up(scene: Scene) -> None:
    order = claimed(scene.orders)
    scene.recovery.give_up(order.id)
    assert scene.orders.get(order.id).status is Status.PENDING
    assert scene.published == []


@pytest.mark.parametrize("status", sorted(FINAL))
def test_an_order_that_has_ended_is_not_given_up(scene: Scene, status: Status) -> None:
    order = brought_to(scene.orders, status)
    scene.orders.release(order.id, RUN)
    before = scene.orders.get(order.id)
    scene.recovery.give_up(order.id)
    assert scene.orders.get(order.id) == before


def test_giving_up_an_unknown_order_does_nothing(scene: Scene) -> None:
    scene.recovery.give_up(uuid4())
    assert scene.published == []
