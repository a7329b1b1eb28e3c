from __future__ import annotations

import pytest

from order_engine.api.views import event_view
from order_engine.domain.errors import StoreUnavailable
from order_engine.domain.lifecycle import Status, Trigger
from order_engine.domain.orders import Order, OrderRequest
from order_engine.services.notifications import Notifications
from order_engine.services.submission import Submission
from order_engine.storage.active_orders import RedisActiveOrders
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.quotes import PostgresQuoteStore
from order_engine.storage.subscriptions import PostgresSubscriptionStore
from tests.support.active_orders import shown, trusted
from tests.support.fakes import Connections, FakeOrderQueue, FakeRateLimit, no_standing
from tests.support.network import closed_port
from tests.support.orders import CLIENT, LEASE, REQUEST, RUN


class Scene:
    """A submission service on real stores. Keeps the messages, events and warnings that it sends."""

    def __init__(self, database: Database, redis_url: str) -> None:
        self.warnings: list[str] = []
        self.connections = Connections()
        self.orders = PostgresOrderStore(database)
        self.active_orders = RedisActiveOrders(redis_url, self.warnings.append)
        self.notifications = Notifications(
            active_orders=self.active_orders,
            subscriptions=PostgresSubscriptionStore(database),
            connections=self.connections,
            view=event_view,
            warn=self.warnings.append,
        )
        self.queue = FakeOrderQueue()
        self.rate_limit = FakeRateLimit()
        self.submission = Submission(
            orders=self.orders,
            standing=no_standing,
            quotes=PostgresQuoteStore(database),
            publish=self.notifications.publish,
            queue=self.queue,
            rate_limit=self.rate_limit,
            warn=self.warnings.append,
        )

    def submit(self, request: OrderRequest, connection_id: str | None = None) -> Order:
        order, new = self.submission.submit(request, CLIENT, None, connection_id)
        assert new
        return order


@pytest.fixture
def scene(database: Database, redis_url: str) -> Scene:
    return Scene(database, redis_url)


def test_an_order_is_stored_shown_and_enqueued_once(scene: Scene) -> None:
    trusted(scene.active_orders, CLIENT)
    order = scene.submit(REQUEST)
    assert order == scene.orders.get(order.id)
    assert scene.queue.enqueued == [order.id]
    (event,) = scene.orders.events(order.id)
    assert shown(scene.active_orders, CLIENT) == [event]
    assert event.data == {
        "type": "market",
        "version": 1,
        "market": "Simulated",
        "token_in": "SOL",
        "token_out": "USDC",
        "amount_in": "1500000000",
        "slippage_bps": 50,
        "client_order_id": None,
        "quote_id": None,
        "max_price_impact_bps": 500,
    }
    assert (scene.connections.sent, scene.warnings) == ([], [])


def test_the_same_request_twice_is_two_orders(scene: Scene) -> None:
    request = OrderRequest("market", "SOL", "USDC", 1)
    assert scene.submit(request).id != scene.submit(request).id
    assert len(scene.orders.page(CLIENT, 10)[0]) == 2


def test_a_connection_hears_every_event_from_the_first(scene: Scene) -> None:
    order = scene.submit(REQUEST, "c1")
    assert scene.orders.claim(order.id, RUN, LEASE) is not None
    moved = scene.orders.move(order.id, RUN, Trigger.ROUTE, 1, {})
    assert moved is not None
    scene.notifications.publish([moved[0]], moved[1])
    assert scene.connections.to("c1") == [event_view(event) for event in scene.orders.events(order.id)]


def test_an_order_is_stored_even_if_its_message_is_not_sent(scene: Scene, database: Database) -> None:
    scene.queue.down = True
    order = scene.submit(REQUEST)
    assert scene.orders.get(order.id).status is Status.PENDING
    assert scene.warnings == [f"order {order.id} is stored, but its message was not sent: no queue"]
    database.execute("UPDATE orders SET enqueued_at = now() - interval '1 minute'")
    assert scene.orders.take_stalled(45) == [order.id]


def test_an_order_is_accepted_without_redis(database: Database) -> None:
    with closed_port() as port:
        scene = Scene(database, f"redis://127.0.0.1:{port}/0")
        order = scene.submit(REQUEST, "c1")
    assert scene.queue.enqueued == [order.id]
    assert [message["seq"] for message in scene.connections.to("c1")] == [1]
    assert len(scene.warnings) == 1


def test_without_postgres_nothing_is_accepted_shown_or_enqueued(redis_url: str) -> None:
    with closed_port() as port:
        scene = Scene(Database(f"host=127.0.0.1 port={port} user=postgres"), redis_url)
        with pytest.raises(StoreUnavailable):
            scene.submit(REQUEST, "c1")
    assert (scene.queue.enqueued, scene.connections.sent, scene.warnings) == ([], [], [])


def test_a_closed_connection_is_deleted(scene: Scene, database: Database) -> None:
    scene.connections.gone.add("c1")
    scene.submit(REQUEST, "c1")
    assert database.fetch("SELECT * FROM subscriptions") == []
    assert scene.warnings == []


def test_a_connection_that_missed_an_event_is_closed(scene: Scene) -> None:
    scene.connections.refusing.add("c1")
    order = scene.submit(REQUEST, "c1")
    assert scene.connections.closed == ["c1"]
    assert scene.warnings == [
        f"event {order.id}/1 not pushed to 1 connections, which are closed: expected status 200, was 500"
    ]
