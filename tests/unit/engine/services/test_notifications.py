from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from order_engine.domain.errors import StoreUnavailable
from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status
from order_engine.ports import ConnectionGone, ConnectionRefused, SubscriptionStore
from order_engine.services.notifications import Notifications

EVENT = Event(
    UUID("01890a5d-ac96-774b-bcce-b302099a8057"), 3, Status.BUILDING, datetime(2026, 1, 31, tzinfo=UTC), 1, {"a": 1}
)


def view(event: Event) -> dict[str, Any]:
    return {"seq": event.seq}


class FakeActiveOrders:
    def __init__(self) -> None:
        self.shown: list[Event] = []

    def show(self, event: Event) -> None:
        self.shown.append(event)


class FakeSubscriptions:
    def __init__(self, down: bool) -> None:
        self.forgotten: list[str] = []
        self._down = down

    def remove_connection(self, connection_id: str) -> None:
        if self._down:
            raise StoreUnavailable("Postgres does not answer")
        self.forgotten.append(connection_id)


class Scene:
    def __init__(self, postgres_is_down: bool = False) -> None:
        self.active_orders = FakeActiveOrders()
        self.subscriptions = FakeSubscriptions(postgres_is_down)
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.warnings: list[str] = []
        self.closed: list[str] = []
        self.closing: Exception | None = None
        self.notifications = Notifications(
            active_orders=self.active_orders,
            subscriptions=cast(SubscriptionStore, self.subscriptions),
            connections=self,
            view=view,
            warn=self.warnings.append,
        )

    def send(self, connection_id: str, message: dict[str, Any]) -> None:
        if connection_id == "gone":
            raise ConnectionGone(connection_id)
        if connection_id == "refusing":
            raise ConnectionRefused("expected status 200, was 500")
        self.sent.append((connection_id, message))

    def is_open(self, connection_id: str) -> bool:
        return connection_id != "gone"

    def close(self, connection_id: str) -> None:
        self.closed.append(connection_id)
        if self.closing:
            raise self.closing


def test_an_event_is_shown_and_sent_to_every_listener() -> None:
    scene = Scene()
    scene.notifications.publish(EVENT, ["c1", "c2"])
    assert scene.active_orders.shown == [EVENT]
    assert scene.sent == [("c1", view(EVENT)), ("c2", view(EVENT))]
    assert scene.warnings == []


def test_an_event_that_nobody_listens_to_is_shown() -> None:
    scene = Scene()
    scene.notifications.publish(EVENT, [])
    assert (scene.active_orders.shown, scene.sent) == ([EVENT], [])


def test_a_listener_that_is_gone_is_forgotten_and_the_others_are_told() -> None:
    scene = Scene()
    scene.notifications.publish(EVENT, ["gone", "c1"])
    assert scene.subscriptions.forgotten == ["gone"]
    assert [connection_id for connection_id, _ in scene.sent] == ["c1"]
    assert scene.warnings == []


def test_a_listener_that_refuses_is_closed_for_it_has_missed_an_event() -> None:
    scene = Scene()
    scene.notifications.publish(EVENT, ["refusing", "c1"])
    assert scene.closed == ["refusing"]
    assert scene.subscriptions.forgotten == []
    assert [connection_id for connection_id, _ in scene.sent] == ["c1"]
    assert scene.warnings == [
        f"event {EVENT.order_id}/3 not pushed to refusing: expected status 200, was 500",
    ]


def test_a_listener_that_can_not_be_closed_holds_nobody_back() -> None:
    scene = Scene()
    scene.closing = ConnectionRefused("x")
    scene.notifications.publish(EVENT, ["refusing", "c1"])
    assert scene.subscriptions.forgotten == []
    assert [connection_id for connection_id, _ in scene.sent] == ["c1"]
    assert scene.warnings[1:] == ["connection refusing not closed: x"]


def test_listeners_are_told_for_so_long_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("order_engine.services.notifications.DEADLINE_SECONDS", -1)
    scene = Scene()
    scene.notifications.publish(EVENT, ["c1", "c2"])
    assert (scene.sent, scene.closed) == ([], [])
    assert scene.warnings == [f"event {EVENT.order_id}/3 not pushed to 2 connections: out of time"]


def test_an_outage_while_forgetting_holds_nobody_back() -> None:
    scene = Scene(postgres_is_down=True)
    scene.notifications.publish(EVENT, ["gone", "c1"])
    assert [connection_id for connection_id, _ in scene.sent] == ["c1"]
    assert scene.warnings == [
        "connection gone is gone, but its subscriptions are not removed: Postgres does not answer"
    ]
