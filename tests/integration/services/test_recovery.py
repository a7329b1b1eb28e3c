from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from uuid import UUID, uuid4

import pytest

from order_engine.domain.errors import StoreUnavailable, VenueUnavailable
from order_engine.domain.events import Event
from order_engine.domain.lifecycle import FINAL, Status
from order_engine.domain.quotes import Offer
from order_engine.domain.runs import Run
from order_engine.ports import OrderQueue
from order_engine.services.connections import Eviction
from order_engine.services.recovery import STALLED_SECONDS, Recovery
from order_engine.simulation.faults import clear_faults, set_fault
from order_engine.simulation.pools import VENUES
from order_engine.storage.clients import PostgresClientStore
from order_engine.storage.connections import PostgresConnectionStore
from order_engine.storage.database import Database
from order_engine.storage.event_partitions import PostgresEventPartitions
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.quotes import TTL_SECONDS, PostgresQuoteStore
from order_engine.storage.subscriptions import PostgresSubscriptionStore
from tests.support.databases import pass_time
from tests.support.fakes import Connections, FakeOrderQueue
from tests.support.orders import CALLER, CLIENT, LEASE, NOT_RUNNING, OTHER, PATHS, RUN, brought_to, claimed, new_order
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
        self.opened = PostgresConnectionStore(database)
        self.connections = Connections()
        self.now = 0.0
        self.queue = FakeOrderQueue()
        self.recovery = self.enqueueing(self.queue)

    def enqueueing(self, queue: OrderQueue) -> Recovery:
        return Recovery(
            orders=self.orders,
            quotes=self.quotes,
            subscriptions=self.subscriptions,
            partitions=self.partitions,
            execution=self.execution,
            eviction=Eviction(
                store=self.opened,
                subscriptions=self.subscriptions,
                connections=self.connections,
                warn=lambda warning: None,
                now=lambda: self.now,
            ),
            queue=queue,
            now=lambda: self.now,
        )

    def sweep(self, seconds: float = 60) -> list[UUID]:
        return self.recovery.sweep(seconds).enqueued

    def pass_time(self, seconds: float) -> None:
        pass_time(self.database, seconds)

    def listeners(self) -> list[str]:
        rows = self.database.fetch("SELECT connection_id FROM subscriptions ORDER BY 1")
        return [row["connection_id"] for row in rows]

    def submitted(self) -> UUID:
        """Returns an order whose run sent its transaction and died."""
        run = Run.of(claimed(self.orders))
        for step in (self.execution.route, self.execution.build, self.execution.submit):
            run = step(run)
        self.orders.release(run.order_id, RUN)
        return run.order_id


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)


def test_an_order_whose_message_was_lost_is_enqueued_again(scene: Scene) -> None:
    order = new_order(scene.orders)
    assert scene.sweep() == []
    scene.pass_time(STALLED_SECONDS + 1)
    assert scene.sweep() == scene.queue.enqueued == [order.id]
    assert scene.sweep() == []


def test_an_order_that_is_still_stalled_is_enqueued_again_later(scene: Scene) -> None:
    order = new_order(scene.orders)
    scene.queue.waiting = True
    for wait in (1, 2, 4):
        scene.pass_time(wait * STALLED_SECONDS - 1)
        assert scene.sweep() == []
        scene.pass_time(2)
        scene.sweep()
    assert scene.queue.enqueued == [order.id] * 3
    # The queue has lost its messages.
    scene.queue.waiting = False
    scene.pass_time(STALLED_SECONDS + 1)
    assert scene.sweep() == [order.id]


def test_an_interrupted_sweep_leaves_the_rest_to_the_next(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("order_engine.services.recovery.BATCH", 2)
    ids = sorted(new_order(scene.orders).id for _ in range(5))
    scene.pass_time(STALLED_SECONDS + 1)

    class CutShort(FakeOrderQueue):
        def enqueue(self, order_id: UUID, published_seq: int = 0) -> None:
            self.down = order_id == ids[2]
            super().enqueue(order_id)

    with pytest.raises(ConnectionError):
        scene.enqueueing(CutShort()).sweep(60)
    assert scene.sweep() == ids[4:]
    scene.pass_time(STALLED_SECONDS + 1)
    scene.queue.waiting = True
    # Those of the failed batch were not sent: they wait no longer than before.
    assert scene.sweep() == ids[2:4]


def test_orders_that_the_queue_refuses_wait_no_longer_than_before(scene: Scene) -> None:
    ids = sorted(new_order(scene.orders).id for _ in range(25))
    refused = {ids[3], ids[17]}

    class Refusing(FakeOrderQueue):
        def enqueue_all(self, published: Mapping[UUID, int]) -> list[UUID]:
            super().enqueue_all({id: seq for id, seq in published.items() if id not in refused})
            return [id for id in published if id in refused]

    scene.pass_time(STALLED_SECONDS + 1)
    assert scene.enqueueing(Refusing()).sweep(60).enqueued == [id for id in ids if id not in refused]
    scene.pass_time(STALLED_SECONDS + 1)
    scene.queue.waiting = True
    assert scene.sweep() == sorted(refused)


# Backlogs


def waiting_orders(scene: Scene, count: int) -> None:
    """Stores orders that wait for their turn in the queue."""
    first = new_order(scene.orders)
    scene.database.execute(
        "INSERT INTO orders (id, client_id, type, token_in, token_out, amount_in, slippage_bps)"
        " SELECT gen_random_uuid(), client_id, type, token_in, token_out, amount_in, slippage_bps"
        " FROM orders, generate_series(2, %(count)s) WHERE id = %(id)s",
        {"count": count, "id": first.id},
    )


def test_a_backlog_of_2000_orders_gets_a_few_messages_per_order(scene: Scene) -> None:
    """GIVEN a queue that runs an order in half a second: the last one waits for a quarter of an hour."""
    waiting_orders(scene, 2_000)
    scene.queue.waiting = running = True
    while running:
        scene.pass_time(60)
        scene.sweep()
        scene.database.execute(
            "UPDATE orders SET status = 'confirmed' WHERE id = ANY(ARRAY("
            "    SELECT id FROM orders WHERE status = 'pending' ORDER BY id LIMIT 120))"
        )
        running = bool(scene.database.fetch("SELECT FROM orders WHERE status = 'pending' LIMIT 1"))
    messages = Counter(scene.queue.enqueued)
    assert max(messages.values()) <= 5
    assert messages.total() < 4 * 2_000


def test_a_backlog_holds_no_revoked_connection_open(scene: Scene) -> None:
    """GIVEN 10 000 waiting orders and a queue that takes a second for ten messages."""
    waiting_orders(scene, 10_000)
    for caller, connection_id in ((CALLER, "c1"), (OTHER, "c2")):
        scene.opened.open(connection_id, caller, 0)
    PostgresClientStore(scene.database).revoke(CALLER.key_id)

    class Slow(FakeOrderQueue):
        def enqueue_all(self, published: Mapping[UUID, int]) -> list[UUID]:
            assert scene.connections.closed == ["c1"], "expected connections to be closed first"
            scene.now += 1
            return super().enqueue_all(published)

    scene.pass_time(STALLED_SECONDS + 1)
    swept = scene.enqueueing(Slow()).sweep(11)
    assert swept.closed == ["c1"]
    assert len(swept.enqueued) == 110
    assert scene.now == 11
    # The next sweep goes on where this one stopped.
    assert swept.enqueued == sorted(swept.enqueued)
    assert min(scene.sweep()) > max(swept.enqueued)


def test_many_connections_to_close_leave_time_for_orders(scene: Scene) -> None:
    order = new_order(scene.orders)
    for number in range(20):
        scene.opened.open(f"c{number}", CALLER, 0)
    PostgresClientStore(scene.database).revoke(CALLER.key_id)

    def close(connection_id: str) -> None:
        scene.now += 1
        scene.connections.closed.append(connection_id)

    scene.connections.close = close  # type: ignore[method-assign]
    scene.pass_time(STALLED_SECONDS + 1)
    swept = scene.recovery.sweep(11)
    assert (len(swept.closed), swept.enqueued) == (5, [order.id])
    closed = swept.closed
    for _ in range(3):
        closed += scene.recovery.sweep(60).closed
    assert sorted(closed) == sorted(f"c{number}" for number in range(20))


def test_a_part_of_the_sweep_that_fails_holds_back_no_other(scene: Scene) -> None:
    order = new_order(scene.orders)
    scene.opened.open("c1", CALLER, 0)
    PostgresClientStore(scene.database).revoke(CALLER.key_id)
    scene.pass_time(STALLED_SECONDS + 1)

    def broken() -> None:
        raise StoreUnavailable("no partitions")

    scene.partitions.maintain = broken  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable, match="no partitions"):
        scene.recovery.sweep(60)
    assert (scene.connections.closed, scene.queue.enqueued) == (["c1"], [order.id])


def test_a_connection_that_closed_unnoticed_is_deleted_after_its_orders_end(scene: Scene) -> None:
    for status in PATHS:
        order = brought_to(scene.orders, status)
        scene.database.execute(
            "INSERT INTO subscriptions (connection_id, order_id) VALUES (%(connection)s, %(order)s)",
            {"connection": f"of {status}", "order": order.id},
        )
    scene.sweep()
    assert len(scene.listeners()) == len(PATHS)
    scene.database.execute("UPDATE orders SET updated_at = updated_at - interval '61 minutes'")
    scene.sweep()
    assert scene.listeners() == sorted(f"of {status}" for status in set(PATHS) - FINAL)


def test_many_expired_quotes_are_deleted_in_batches(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("order_engine.services.recovery.DELETED_AT_ONCE", 2)
    for _ in range(5):
        scene.quotes.insert(CLIENT, Offer(uuid4(), quoted(live(scene.database), "SOL-USDC", SOL), 50, {}))
    scene.database.execute("UPDATE quotes SET created_at = created_at - interval '1 day'")
    scene.sweep()
    assert scene.database.fetch("SELECT FROM quotes") == []


@pytest.mark.parametrize("status", list(PATHS))
def test_an_order_whose_run_died_is_enqueued_when_its_lease_lapses(scene: Scene, status: Status) -> None:
    order = brought_to(scene.orders, status)
    scene.pass_time(LEASE - 5)
    assert scene.sweep() == []
    scene.pass_time(STALLED_SECONDS)
    assert scene.sweep() == ([] if status in NOT_RUNNING else [order.id])


def test_the_sweep_deletes_old_quotes(scene: Scene) -> None:
    old, fresh = uuid4(), uuid4()
    for id in (old, fresh):
        scene.quotes.insert(CLIENT, Offer(id, quoted(live(scene.database), "SOL-USDC", SOL), 50, {}))
    scene.database.execute(
        "UPDATE quotes SET created_at = now() - make_interval(secs => %(s)s) WHERE id = %(id)s",
        {"s": TTL_SECONDS + 1, "id": old},
    )
    scene.sweep()
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


def test_an_order_given_up_whose_transaction_may_land_is_sent_again_and_then_confirmed(scene: Scene) -> None:
    order_id = scene.submitted()
    scene.database.execute("DELETE FROM market_transactions")
    with pytest.raises(VenueUnavailable, match="may still land"):
        scene.recovery.give_up(order_id)
    assert scene.orders.get(order_id).status is Status.SUBMITTED
    scene.pass_time(100)
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


@pytest.mark.parametrize("status", NOT_RUNNING)
def test_an_order_that_has_ended_or_is_open_is_not_given_up(scene: Scene, status: Status) -> None:
    order = brought_to(scene.orders, status)
    scene.orders.release(order.id, RUN)
    before = scene.orders.get(order.id)
    scene.recovery.give_up(order.id)
    assert scene.orders.get(order.id) == before


def test_giving_up_an_unknown_order_does_nothing(scene: Scene) -> None:
    scene.recovery.give_up(uuid4())
    assert scene.published == []
