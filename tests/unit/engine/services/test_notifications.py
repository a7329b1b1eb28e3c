from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from order_engine.domain.errors import StoreUnavailable
from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status
from order_engine.ports import SubscriptionStore
from order_engine.services import notifications
from order_engine.services.notifications import AT_ONCE, Notifications
from tests.support.fakes import Connections

EVENT = Event(
    UUID("01890a5d-ac96-774b-bcce-b302099a8057"), 3, Status.BUILDING, datetime(2026, 1, 31, tzinfo=UTC), 1, {"a": 1}
)
NEXT = replace(EVENT, seq=4, status=Status.SUBMITTED)


def view(event: Event) -> dict[str, Any]:
    return {"seq": event.seq}


class FakeActiveOrders:
    def __init__(self) -> None:
        self.shown: list[Event] = []

    def show(self, events: Sequence[Event]) -> None:
        self.shown.append(events[-1])


class FakeSubscriptions:
    """Keeps the removed and the expired connections. Fails while `down`."""

    def __init__(self) -> None:
        self.removed: list[str] = []
        self.expired: list[str] = []
        self.down = False

    def remove_connections(self, connection_ids: Sequence[str]) -> None:
        self._check()
        self.removed += connection_ids

    def expire_connections(self, connection_ids: Sequence[str]) -> None:
        self._check()
        self.expired += connection_ids

    def _check(self) -> None:
        if self.down:
            raise StoreUnavailable("Postgres does not answer")


class Scene:
    def __init__(self) -> None:
        self.active_orders = FakeActiveOrders()
        self.subscriptions = FakeSubscriptions()
        self.connections = Connections(gone={"gone"}, refusing={"refusing", "lasting"}, lasting={"lasting"})
        self.warnings: list[str] = []
        self.notifications = Notifications(
            active_orders=self.active_orders,
            subscriptions=cast(SubscriptionStore, self.subscriptions),
            connections=self.connections,
            view=view,
            warn=self.warnings.append,
        )

    def publish(self, *listeners: str) -> list[str]:
        """Publishes `EVENT`. Returns the connections that got it."""
        self.notifications.publish([EVENT], listeners)
        assert all(message == view(EVENT) for _, message in self.connections.sent)
        return sorted(connection_id for connection_id, _ in self.connections.sent)


def test_an_event_is_shown_and_sent_to_every_listener() -> None:
    scene = Scene()
    assert scene.publish("c1", "c2") == ["c1", "c2"]
    assert scene.active_orders.shown == [EVENT]
    assert scene.warnings == []


def test_an_event_without_listeners_is_shown() -> None:
    scene = Scene()
    assert scene.publish() == []
    assert scene.active_orders.shown == [EVENT]


def test_several_events_reach_each_listener_in_order_and_the_last_is_shown() -> None:
    scene = Scene()
    scene.notifications.publish([EVENT, NEXT], ["c1", "c2"])
    assert [scene.connections.to(id) for id in ("c1", "c2")] == [[view(EVENT), view(NEXT)]] * 2
    assert scene.active_orders.shown == [NEXT]


def test_without_events_nothing_is_published() -> None:
    scene = Scene()
    scene.notifications.publish([], ["c1"])
    assert (scene.active_orders.shown, scene.connections.sent) == ([], [])


def test_a_listener_that_is_gone_is_removed_and_the_others_get_the_event() -> None:
    scene = Scene()
    assert scene.publish("gone", "c1") == ["c1"]
    assert scene.subscriptions.removed == ["gone"]
    assert scene.warnings == []


@pytest.mark.parametrize("others", [[], ["c1"]])
def test_a_listener_that_refuses_an_event_is_disconnected_and_removed(others: list[str]) -> None:
    scene = Scene()
    assert scene.publish("refusing", *others) == others
    assert scene.connections.closed == ["refusing"]
    assert (scene.subscriptions.removed, scene.subscriptions.expired) == (["refusing"], [])
    assert scene.warnings == [
        f"event {EVENT.order_id}/3 not pushed to 1 connections, which are closed: expected status 200, was 500",
    ]


def test_a_listener_gets_no_event_after_a_refused_one() -> None:
    scene = Scene()
    send, refused = scene.connections.send, []

    def send_once(connection_id: str, message: dict[str, Any]) -> None:
        if connection_id == "refusing":
            refused.append(message)
        send(connection_id, message)

    scene.connections.send = send_once  # type: ignore[method-assign]
    scene.notifications.publish([EVENT, NEXT], ["refusing", "c1"])
    assert refused == [view(EVENT)]
    assert scene.connections.to("c1") == [view(EVENT), view(NEXT)]


def test_a_listener_that_cannot_be_disconnected_is_left_to_the_sweep() -> None:
    scene = Scene()
    assert scene.publish("lasting", "c1") == ["c1"]
    assert (scene.subscriptions.removed, scene.subscriptions.expired) == ([], ["lasting"])


def test_listeners_that_cannot_be_reached_in_time_are_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "PUSHING_SECONDS", -1)
    scene = Scene()
    assert scene.publish("c1", "c2") == []
    assert sorted(scene.connections.closed) == sorted(scene.subscriptions.removed) == ["c1", "c2"]
    assert scene.warnings == [
        f"event {EVENT.order_id}/3 not pushed to 2 connections, which are closed: out of time",
    ]


def test_listeners_that_cannot_be_disconnected_in_time_are_left_to_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "PUSHING_SECONDS", -1)
    monkeypatch.setattr(notifications, "CLOSING_SECONDS", -1)
    scene = Scene()
    assert scene.publish("c1", "c2") == []
    assert (scene.connections.closed, scene.subscriptions.expired) == ([], ["c1", "c2"])


def test_an_outage_of_postgres_stops_no_push() -> None:
    scene = Scene()
    scene.subscriptions.down = True
    assert scene.publish("gone", "lasting", "c1") == ["c1"]
    assert scene.warnings[1:] == [
        "subscriptions of 1 connections that are gone not removed: Postgres does not answer",
        "1 connections neither closed nor left to the sweep: Postgres does not answer",
    ]


def test_many_listeners_get_an_event_in_parallel_and_a_single_one_without_a_thread() -> None:
    """GIVEN pushes that wait until all of them have started."""
    scene = Scene()
    threads: set[int] = set()
    together = threading.Barrier(AT_ONCE)

    def wait_for_others(connection_id: str, message: dict[str, Any]) -> None:
        threads.add(threading.get_ident())
        if connection_id != "alone":
            together.wait(60)

    scene.connections.send = wait_for_others  # type: ignore[method-assign]
    scene.publish(*(f"c{number}" for number in range(AT_ONCE)))
    assert len(threads) == AT_ONCE
    threads.clear()
    scene.publish("alone")
    assert threads == {threading.get_ident()}
