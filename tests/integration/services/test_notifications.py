"""Many listeners of one order, some of them slow or hanging: each is told, or disconnected so that it comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from order_engine.api.views import event_view
from order_engine.aws.connections import ApiGatewayConnections
from order_engine.aws.endpoints import Endpoint
from order_engine.aws.signing import Credentials, Signer
from order_engine.domain.events import Event
from order_engine.services import notifications
from order_engine.services.connections import Eviction
from order_engine.services.notifications import AT_ONCE, Notifications
from order_engine.storage.active_orders import RedisActiveOrders
from order_engine.storage.connections import PostgresConnectionStore
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.subscriptions import PostgresSubscriptionStore
from tests.support.http_server import HttpServer, http_server
from tests.support.orders import CALLER, CLIENT, new_order

LISTENERS = 900


class Scene:
    """An order that `LISTENERS` connections listen to, on an API Gateway that answers as `gateway` is told.

    A push waits for it for `seconds`.
    """

    def __init__(self, database: Database, redis_url: str, gateway: HttpServer, seconds: float) -> None:
        self.database = database
        self.gateway = gateway
        self.warnings: list[str] = []
        signer = Signer(Credentials("test", "secret"), "execute-api", "us-east-1")
        self.connections = ApiGatewayConnections(Endpoint(gateway.url, signer, seconds))
        self.store, self.subscriptions = PostgresConnectionStore(database), PostgresSubscriptionStore(database)
        self.orders = PostgresOrderStore(database)
        self.order = new_order(self.orders)
        self.listening = [f"c{number}" for number in range(LISTENERS)]
        for connection_id in self.listening:
            self.store.open(connection_id, CALLER, 0)
            self.subscriptions.subscribe(connection_id, CLIENT, self.order.id, 1, lambda event: None)
        self.notifications = Notifications(
            active_orders=RedisActiveOrders(redis_url, self.warnings.append),
            subscriptions=self.subscriptions,
            connections=self.connections,
            view=event_view,
            warn=self.warnings.append,
        )

    def hang(self, connection_ids: list[str], *methods: str, seconds: float = 60) -> None:
        self.gateway.waits |= {f"{method} /@connections/{id}": seconds for id in connection_ids for method in methods}

    def publish(self) -> set[str]:
        """Publishes the order's events to those who listen now. Returns the connections that were told."""
        events, listeners = self.orders.history(self.order.id)
        self.notifications.publish(events, listeners)
        return {id for id in self.listening if self.gateway.pushed(id) == self._expected(events)}

    def _expected(self, events: list[Event]) -> list[object]:
        return [event_view(event) for event in events]

    def still_listening(self) -> set[str]:
        return set(self.orders.history(self.order.id)[1])

    def sweep(self) -> set[str]:
        """Returns the connections that the sweep closes."""
        eviction = Eviction(
            store=self.store, subscriptions=self.subscriptions, connections=self.connections, warn=print
        )
        return set(eviction.sweep(60))


@pytest.fixture
def seconds() -> float:
    return 1


@pytest.fixture
def scene(database: Database, redis_url: str, seconds: float) -> Iterator[Scene]:
    with http_server() as gateway:
        yield Scene(database, redis_url, gateway, seconds)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time enough for all pushes, however slow the machine."""
    monkeypatch.setattr(notifications, "PUSHING_SECONDS", 300)
    monkeypatch.setattr(notifications, "CLOSING_SECONDS", 300)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("seconds", [5])
def test_slow_and_hanging_listeners_keep_no_other_from_being_told(scene: Scene) -> None:
    hanging, slow = scene.listening[:20], scene.listening[20:60]
    scene.hang(hanging, "POST")
    scene.hang(slow, "POST", seconds=0.3)
    told = scene.publish()
    assert told == set(scene.listening) - set(hanging)
    # THEN those who hang are disconnected, and the next event goes to the others only
    assert scene.gateway.closed() == set(hanging)
    assert scene.still_listening() == told
    assert 10 < scene.gateway.most_at_once <= AT_ONCE
    (warning,) = scene.warnings
    assert warning.endswith("not pushed to 20 connections, which are closed: timed out")


def test_when_there_are_too_many_to_tell_in_time_the_others_are_disconnected(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "PUSHING_SECONDS", 0.5)
    monkeypatch.setattr(notifications, "CLOSING_SECONDS", 300)
    scene.hang(scene.listening, "POST", seconds=0.3)
    told, closed = scene.publish(), scene.gateway.closed()
    assert told | closed == set(scene.listening)
    assert len(closed) > LISTENERS / 2
    assert scene.still_listening() == set(scene.listening) - closed


def test_when_the_gateway_hangs_the_sweep_disconnects_those_who_were_not_told(scene: Scene) -> None:
    scene.hang(scene.listening, "POST", "DELETE")
    started = time.monotonic()
    assert scene.publish() == set()
    # Five seconds, on a machine that has time for it; one after the other it would be fifteen minutes.
    assert time.monotonic() - started < 60
    assert scene.still_listening() == set()
    # THEN, once the gateway answers again, the sweep closes every one of them
    scene.gateway.waits.clear()
    assert scene.sweep() == set(scene.listening)
    assert scene.gateway.closed() >= set(scene.listening)
    assert scene.sweep() == set()
