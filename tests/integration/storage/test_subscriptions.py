from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from order_engine.domain.errors import OrderNotFound, StoreUnavailable
from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status, Trigger
from order_engine.ports import ConnectionGone
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.subscriptions import PostgresSubscriptionStore
from tests.support.concurrency import at_once, eventually
from tests.support.databases import terminate
from tests.support.network import closed_port
from tests.support.orders import CLIENT, RUN, brought_to, claimed, new_order, seqs

Connect = Callable[[], Database]


def listeners(database: Database, order_id: UUID) -> list[str]:
    rows = database.fetch(
        "SELECT connection_id FROM subscriptions WHERE order_id = %(id)s ORDER BY 1", {"id": order_id}
    )
    return [row["connection_id"] for row in rows]


def test_a_late_subscriber_gets_every_event_in_order(
    orders: PostgresOrderStore, subscriptions: PostgresSubscriptionStore
) -> None:
    order = brought_to(orders, Status.CONFIRMED)
    received: list[Event] = []
    subscriptions.subscribe("c1", CLIENT, order.id, 0, received.append)
    assert received == orders.events(order.id)
    assert seqs(received) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("after", "missed"), [(0, [1, 2, 3]), (2, [3]), (3, []), (1_000_000, [])])
def test_a_subscriber_gets_the_events_that_it_missed(
    orders: PostgresOrderStore, subscriptions: PostgresSubscriptionStore, after: int, missed: list[int]
) -> None:
    order = brought_to(orders, Status.BUILDING)
    received: list[Event] = []
    subscriptions.subscribe("c1", CLIENT, order.id, after, received.append)
    assert seqs(received) == missed


def test_subscribing_again_keeps_one_subscription(
    orders: PostgresOrderStore, subscriptions: PostgresSubscriptionStore, database: Database
) -> None:
    order = new_order(orders)
    received: list[Event] = []
    for _ in range(2):
        subscriptions.subscribe("c1", CLIENT, order.id, 0, received.append)
    assert listeners(database, order.id) == ["c1"]
    assert seqs(received) == [1, 1]


def test_several_connections_may_listen_to_several_orders(
    orders: PostgresOrderStore, subscriptions: PostgresSubscriptionStore, database: Database
) -> None:
    first, second = new_order(orders), new_order(orders)
    for connection_id, order in (("c1", first), ("c2", first), ("c1", second)):
        subscriptions.subscribe(connection_id, CLIENT, order.id, 0, lambda event: None)
    assert listeners(database, first.id) == ["c1", "c2"]
    assert listeners(database, second.id) == ["c1"]


def test_an_unsubscribed_connection_stops_listening_to_that_order(
    orders: PostgresOrderStore, subscriptions: PostgresSubscriptionStore, database: Database
) -> None:
    first, second = new_order(orders, connection_id="c1"), new_order(orders, connection_id="c1")
    subscriptions.unsubscribe("c1", first.id)
    assert (listeners(database, first.id), listeners(database, second.id)) == ([], ["c1"])
    subscriptions.unsubscribe("c1", first.id)


def test_a_deleted_connection_listens_to_nothing(
    orders: PostgresOrderStore, subscriptions: PostgresSubscriptionStore, database: Database
) -> None:
    first, second = new_order(orders, connection_id="c1"), new_order(orders, connection_id="c1")
    subscriptions.subscribe("c2", CLIENT, first.id, 0, lambda event: None)
    subscriptions.remove_connections(["c1"])
    assert (listeners(database, first.id), listeners(database, second.id)) == (["c2"], [])


def test_nobody_listens_to_an_unknown_order(subscriptions: PostgresSubscriptionStore, database: Database) -> None:
    id = uuid4()
    with pytest.raises(OrderNotFound, match=str(id)):
        subscriptions.subscribe("c1", CLIENT, id, 0, lambda event: None)
    assert listeners(database, id) == []


def test_a_connection_whose_replay_failed_is_not_subscribed(
    orders: PostgresOrderStore, subscriptions: PostgresSubscriptionStore, database: Database
) -> None:
    order = new_order(orders)

    def send(event: Event) -> None:
        raise ConnectionGone("c1")

    with pytest.raises(ConnectionGone):
        subscriptions.subscribe("c1", CLIENT, order.id, 0, send)
    assert listeners(database, order.id) == []
    assert orders.claim(order.id, RUN, 60) is not None


def test_subscribing_works_after_a_lost_connection_to_postgres(connect: Connect) -> None:
    database = connect()
    order = new_order(PostgresOrderStore(database))
    terminate(database, connect())
    received: list[Event] = []
    PostgresSubscriptionStore(database).subscribe("c1", CLIENT, order.id, 0, received.append)
    assert seqs(received) == [1]
    assert listeners(database, order.id) == ["c1"]


def test_without_postgres_nobody_can_subscribe() -> None:
    with closed_port() as port:
        subscriptions = PostgresSubscriptionStore(Database(f"host=127.0.0.1 port={port} user=postgres"))
        with pytest.raises(StoreUnavailable):
            subscriptions.subscribe("c1", CLIENT, uuid4(), 0, lambda event: None)
        with pytest.raises(StoreUnavailable):
            subscriptions.unsubscribe("c1", uuid4())
        with pytest.raises(StoreUnavailable):
            subscriptions.remove_connections(["c1"])


def test_the_next_event_waits_for_the_replay(connect: Connect, database: Database) -> None:
    """GIVEN a subscriber that reads its replay slowly, WHEN the order moves on, THEN it gets the new event too."""
    orders, mover = PostgresOrderStore(database), connect()
    order = claimed(orders)
    sending, sent = threading.Event(), threading.Event()
    subscriptions = PostgresSubscriptionStore(connect())

    def send(event: Event) -> None:
        sending.set()
        assert sent.wait(30)

    with ThreadPoolExecutor(2) as threads:
        subscribing = threads.submit(subscriptions.subscribe, "c1", CLIENT, order.id, 0, send)
        assert sending.wait(30)
        moving = threads.submit(PostgresOrderStore(mover).move, order.id, RUN, Trigger.ROUTE, 1, {})
        eventually(lambda: database.fetch("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
        assert seqs(orders.events(order.id)) == [1]
        sent.set()
        subscribing.result(30)
        moved = moving.result(30)
    assert moved is not None
    assert (moved[0].seq, moved[1]) == (2, ["c1"])


@pytest.mark.parametrize("seed", range(8))
def test_a_client_gets_every_event_in_order_whenever_it_subscribes(connect: Connect, seed: int) -> None:
    """GIVEN a running order, WHEN clients subscribe at any moment, some twice, THEN each gets 1, 2, 3 … n."""
    orders = PostgresOrderStore(connect())
    order = claimed(orders)
    moves = [Trigger.ROUTE] * 20 + [Trigger.BUILD, Trigger.SUBMIT, Trigger.CONFIRM]
    received: dict[str, list[int]] = {f"c{number}": [] for number in range(6)}
    chance = random.Random(seed)
    moments = [sorted(chance.randrange(len(moves) + 1) for _ in range(1 + number % 2)) for number in range(6)]
    stores = [PostgresSubscriptionStore(connect()) for _ in received]
    made = 0

    def move() -> None:
        nonlocal made
        for trigger in moves:
            moved = orders.move(order.id, RUN, trigger, 1, {})
            made += 1
            assert moved is not None
            event, listening = moved
            for connection_id in listening:
                received[connection_id].append(event.seq)

    def subscribe(number: int) -> None:
        mine = received[f"c{number}"]
        for moment in moments[number]:
            eventually(lambda moment=moment: made >= moment)  # type: ignore[misc]
            stores[number].subscribe(f"c{number}", CLIENT, order.id, 0, lambda event: mine.append(event.seq))

    at_once(7, lambda number: subscribe(number) if number < 6 else move())
    for heard in received.values():
        latest = 0
        for seq in heard:
            assert seq <= latest + 1, f"expected {latest + 1} or a repeat, was {heard}"
            latest = max(latest, seq)
        assert latest == len(moves) + 1
