from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from order_engine.api.views import event_view
from order_engine.api.websocket import ACTIONS, WebSocketApi
from order_engine.domain.access import Scope
from order_engine.domain.errors import InvalidRequest, OrderNotFound, OriginNotAllowed, TooManyConnections
from order_engine.domain.lifecycle import Status
from order_engine.ports import ConnectionRefused
from order_engine.services.connections import ConnectionRegistry
from order_engine.services.notifications import Notifications
from order_engine.services.submission import Submission
from order_engine.services.subscriptions import Subscriptions
from order_engine.storage.active_orders import RedisActiveOrders
from order_engine.storage.connections import PostgresConnectionStore
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.quotes import PostgresQuoteStore
from order_engine.storage.subscriptions import PostgresSubscriptionStore
from tests.support.databases import terminate
from tests.support.fakes import Connections, FakeOrderQueue, FakeRateLimit, no_standing
from tests.support.network import closed_port
from tests.support.orders import CALLER, CLIENT, OTHER, brought_to, new_order

ORDER = {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5"}


class Scene:
    def __init__(self, database: Database, redis_url: str) -> None:
        self.database = database
        self.connections = Connections()
        self.queue = FakeOrderQueue()
        self.replays: list[tuple[str, UUID, UUID]] = []
        self.orders, subscriptions = PostgresOrderStore(database), PostgresSubscriptionStore(database)
        warnings: list[str] = []
        active_orders = RedisActiveOrders(redis_url, warnings.append)
        notifications = Notifications(
            active_orders=active_orders,
            subscriptions=subscriptions,
            connections=self.connections,
            view=event_view,
            warn=warnings.append,
        )
        submission = Submission(
            orders=self.orders,
            standing=no_standing,
            quotes=PostgresQuoteStore(database),
            publish=notifications.publish,
            queue=self.queue,
            rate_limit=FakeRateLimit(),
            warn=warnings.append,
        )
        registry = ConnectionRegistry(
            store=PostgresConnectionStore(database),
            subscriptions=subscriptions,
            connections=self.connections,
            origins={"https://page.example"},
            max_connections=2,
        )
        self.websocket = WebSocketApi(
            orders=self.orders,
            registry=registry,
            subscriptions=Subscriptions(store=subscriptions, connections=self.connections, view=event_view),
            submission=submission,
            connections=self.connections,
            replays=self,
        )

    def enqueue(self, connection_id: str, client_id: UUID, order_id: UUID) -> None:
        """As a `ReplayQueue`."""
        self.replays.append((connection_id, client_id, order_id))

    def say(self, message: object, scope: Scope = Scope.TRADE) -> list[dict[str, Any]]:
        """Returns what connection `c1`, whose key has this scope, receives after it sent this message."""
        self.connections.sent.clear()
        text = message if isinstance(message, str) else json.dumps(message)
        self.websocket.receive(replace(CALLER, scope=scope), "c1", text)
        return self.connections.to("c1")

    def error(self, message: object) -> tuple[str, str]:
        (answer,) = self.say(message)
        assert list(answer) == ["error"]
        assert set(answer["error"]) == {"code", "message", "details"}
        return answer["error"]["code"], answer["error"]["message"]

    def listeners(self) -> list[str]:
        return [row["connection_id"] for row in self.database.fetch("SELECT connection_id FROM subscriptions")]


@pytest.fixture
def scene(database: Database, redis_url: str) -> Scene:
    return Scene(database, redis_url)


# Opening and closing


def test_a_connection_may_open_without_an_order(scene: Scene) -> None:
    scene.websocket.connect(CALLER, "c1", None, None)
    assert (scene.replays, scene.listeners(), scene.connections.sent) == ([], [], [])


def test_a_connection_that_opens_for_an_order_has_its_events_replayed(scene: Scene) -> None:
    order = new_order(scene.orders)
    scene.websocket.connect(CALLER, "c1", str(order.id), None)
    assert scene.replays == [("c1", CLIENT, order.id)]
    assert scene.connections.sent == []


@pytest.mark.parametrize(
    ("order_id", "error"),
    [pytest.param(str(uuid4()), OrderNotFound, id="unknown"), ("7", InvalidRequest), ("", InvalidRequest)],
)
def test_no_connection_opens_for_an_unknown_or_malformed_order(
    scene: Scene, order_id: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        scene.websocket.connect(CALLER, "c1", order_id, None)
    assert scene.replays == []


@pytest.mark.parametrize("origin", [None, "https://page.example"])
def test_allowed_origins_and_clients_without_an_origin_may_connect(scene: Scene, origin: str | None) -> None:
    scene.websocket.connect(CALLER, "c1", None, origin)


@pytest.mark.parametrize(
    "origin", ["", "null", "https://evil.example", "https://page.example.evil.example", "http://page.example"]
)
def test_a_foreign_origin_may_not_connect(scene: Scene, origin: str) -> None:
    order = new_order(scene.orders)
    with pytest.raises(OriginNotAllowed, match="expected a page of https://page.example, was"):
        scene.websocket.connect(CALLER, "c1", str(order.id), origin)
    assert scene.replays == []
    assert scene.database.fetch("SELECT * FROM connections") == []


def test_a_client_at_its_connection_limit_is_refused(scene: Scene) -> None:
    for connection_id in ("c1", "c2"):
        scene.websocket.connect(CALLER, connection_id, None, None)
    with pytest.raises(TooManyConnections, match="more than 2 open connections"):
        scene.websocket.connect(CALLER, "c3", None, None)
    scene.websocket.connect(OTHER, "c4", None, None)
    scene.websocket.disconnect("c1")
    scene.websocket.connect(CALLER, "c3", None, None)


def test_a_connection_that_closed_unnoticed_makes_room(scene: Scene) -> None:
    for connection_id in ("c1", "c2"):
        scene.websocket.connect(CALLER, connection_id, None, None)
    new_order(scene.orders, connection_id="c2")
    scene.connections.gone.add("c2")
    scene.websocket.connect(CALLER, "c3", None, None)
    rows = scene.database.fetch("SELECT id FROM connections ORDER BY id")
    assert ([row["id"] for row in rows], scene.listeners()) == (["c1", "c3"], [])


def test_no_connection_opens_for_another_clients_order(scene: Scene) -> None:
    order = new_order(scene.orders)
    with pytest.raises(OrderNotFound, match=f"no order with id {order.id}"):
        scene.websocket.connect(OTHER, "c1", str(order.id), None)
    assert scene.replays == []


@pytest.mark.parametrize(("status", "listeners"), [(Status.SUBMITTED, ["c1"]), (Status.CONFIRMED, [])])
def test_a_replay_sends_everything_and_subscribes_to_an_order_that_runs(
    scene: Scene, status: Status, listeners: list[str]
) -> None:
    order = brought_to(scene.orders, status)
    scene.websocket.replay("c1", CLIENT, order.id, 0)
    assert scene.connections.to("c1") == [event_view(event) for event in scene.orders.events(order.id)]
    assert scene.listeners() == listeners


def test_a_replay_waits_until_the_connection_is_open(scene: Scene) -> None:
    order = new_order(scene.orders)
    scene.connections.gone.add("c1")
    refused = threading.Event()
    send = scene.connections.send

    def opening(connection_id: str, message: dict[str, Any]) -> None:
        try:
            send(connection_id, message)
        finally:
            refused.set()

    scene.connections.send = opening  # type: ignore[method-assign]
    replay = threading.Thread(target=scene.websocket.replay, args=("c1", CLIENT, order.id, 0))
    replay.start()
    assert refused.wait(30)
    assert scene.connections.to("c1") == []
    scene.connections.gone.clear()
    replay.join()
    assert [message["seq"] for message in scene.connections.to("c1")] == [1]
    assert scene.listeners() == ["c1"]


def test_a_replay_to_a_connection_that_never_opens_is_abandoned(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("order_engine.services.subscriptions._OPENING_SECONDS", 0.02)
    scene.connections.gone.add("c1")
    scene.websocket.replay("c1", CLIENT, new_order(scene.orders).id, 0)
    assert (scene.listeners(), scene.connections.sent) == ([], [])


@pytest.mark.parametrize("age", [100.0, 4.99, -3600.0])
def test_a_connection_that_refuses_its_replay_is_closed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, age: float
) -> None:
    """However old the connection seems to be: the clocks of two machines may differ."""
    monkeypatch.setattr("order_engine.services.subscriptions._OPENING_SECONDS", 0.02)
    scene.connections.refusing.add("c1")
    scene.websocket.replay("c1", CLIENT, new_order(scene.orders).id, age)
    assert (scene.listeners(), scene.connections.closed) == ([], ["c1"])


def test_a_replay_without_postgres_closes_its_connection(redis_url: str) -> None:
    with closed_port() as port:
        scene = Scene(Database(f"host=127.0.0.1 port={port} user=postgres"), redis_url)
        scene.websocket.replay("c1", CLIENT, uuid4(), 100)
    assert scene.connections.closed == ["c1"]


def test_a_replay_whose_connection_can_not_be_closed_comes_back(scene: Scene) -> None:
    scene.connections.refusing.add("c1")
    scene.connections.lasting.add("c1")
    with pytest.raises(ConnectionRefused):
        scene.websocket.replay("c1", CLIENT, new_order(scene.orders).id, 100)


@pytest.mark.parametrize("message", ["dance", '{"action": "ping"}', '{"action": "subscribe", "orderId": "%s"}'])
def test_a_connection_that_can_not_be_answered_is_closed(scene: Scene, message: str) -> None:
    order = new_order(scene.orders, connection_id="c1")
    scene.connections.refusing.add("c1")
    scene.websocket.receive(CALLER, "c1", message.replace("%s", str(order.id)))
    assert (scene.listeners(), scene.connections.closed) == ([], ["c1"])


def test_a_connection_is_deleted_when_it_closes(scene: Scene) -> None:
    new_order(scene.orders, connection_id="c1")
    new_order(scene.orders, connection_id="c2")
    scene.websocket.disconnect("c1")
    assert scene.listeners() == ["c2"]


# Actions


def test_a_cancellation_is_sent_to_the_listeners_and_the_sender(scene: Scene) -> None:
    order = new_order(scene.orders, connection_id="c2")
    assert scene.say({"action": "cancel", "orderId": str(order.id)}) == [
        {"action": "cancelled", "orderId": str(order.id)}
    ]
    assert [event["status"] for event in scene.connections.to("c2")] == ["pending", "cancelled"]
    assert scene.orders.get(order.id).status is Status.CANCELLED


def test_cancelling_twice_is_answered_twice_and_happens_once(scene: Scene) -> None:
    order = new_order(scene.orders)
    message = {"action": "cancel", "orderId": str(order.id)}
    assert scene.say(message) == scene.say(message)
    assert len(scene.orders.events(order.id)) == 2


def test_a_submitted_order_is_not_cancelled(scene: Scene) -> None:
    order = brought_to(scene.orders, Status.SUBMITTED)
    code, message = scene.error({"action": "cancel", "orderId": str(order.id)})
    assert (code, "already submitted" in message) == ("TooLateToCancel", True)


@pytest.mark.parametrize(
    "form", [ORDER, {"type": "market", "tokenPair": "SOL-USDC", "amount": 10}, {**ORDER, "slippageBps": 0}]
)
def test_an_order_may_be_submitted_over_the_websocket(scene: Scene, form: dict[str, Any]) -> None:
    (event,) = scene.say({"action": "execute", **form})
    (order,) = scene.orders.page(CLIENT, 10)[0]
    assert event == event_view(scene.orders.events(order.id)[0])
    assert (event["orderId"], event["seq"], event["status"]) == (str(order.id), 1, "pending")
    assert scene.queue.enqueued == [order.id]
    assert scene.listeners() == ["c1"]


@pytest.mark.parametrize("more", [{"idempotencyKey": "key"}, {"clientOrderId": "mine"}])
def test_a_repeated_order_is_replayed_and_subscribed_to(scene: Scene, more: dict[str, str]) -> None:
    message = {"action": "execute", **ORDER, **more}
    (event,) = scene.say(message)
    assert scene.say(message) == [event]
    scene.connections.sent.clear()
    scene.websocket.receive(CALLER, "c2", json.dumps(message))
    assert scene.connections.to("c2") == [event]
    assert sorted(scene.listeners()) == ["c1", "c2"]
    assert len(scene.queue.enqueued) == 1
    assert scene.error({**message, "slippageBps": 1})[0] == "IdempotencyKeyReused"


@pytest.mark.parametrize("key", ["", "x" * 256, "ü", "a\nb", "\x7f", 7, True, ["a"]])
def test_an_invalid_idempotency_key_is_answered_with_an_error(scene: Scene, key: object) -> None:
    code, message = scene.error({"action": "execute", **ORDER, "idempotencyKey": key})
    assert code == "InvalidRequest"
    assert message.startswith("idempotencyKey: expected 1 to 255 printable ASCII characters, was ")
    assert scene.queue.enqueued == []


@pytest.mark.parametrize("action", ["subscribe", "cancel"])
def test_another_clients_order_is_not_found(scene: Scene, action: str) -> None:
    order = new_order(scene.orders)
    scene.websocket.receive(OTHER, "c2", json.dumps({"action": action, "orderId": str(order.id)}))
    (answer,) = scene.connections.to("c2")
    assert answer["error"] == {
        "code": "OrderNotFound",
        "message": f"no order with id {order.id}",
        "details": [],
    }
    assert scene.listeners() == []
    assert scene.orders.get(order.id) == order


def test_subscribing_replays_and_subscribes(scene: Scene) -> None:
    order = brought_to(scene.orders, Status.BUILDING)
    message = {"action": "subscribe", "orderId": str(order.id)}
    assert [event["seq"] for event in scene.say(message)] == [1, 2, 3]
    assert [event["seq"] for event in scene.say({**message, "after": 2})] == [3]
    assert scene.say({**message, "after": 3}) == []
    assert scene.listeners() == ["c1"]


def test_unsubscribing_is_answered(scene: Scene) -> None:
    order = new_order(scene.orders, connection_id="c1")
    answer = {"action": "unsubscribed", "orderId": str(order.id)}
    assert scene.say({"action": "unsubscribe", "orderId": str(order.id)}) == [answer]
    assert scene.listeners() == []


def test_a_ping_is_answered(scene: Scene) -> None:
    assert scene.say({"action": "ping"}) == [{"action": "pong"}]


# Errors


@pytest.mark.parametrize("body", ["", "no json", "[]", "null", '"ping"', '{"action": "ping"', '{"action": NaN}'])
def test_a_message_that_is_not_an_object_is_answered_with_an_error(scene: Scene, body: str) -> None:
    code, message = scene.error(body)
    assert code == "InvalidJson"
    assert message.startswith("expected a JSON object")


@pytest.mark.parametrize("action", ["dance", "", None, 7, ["ping"], {"a": 1}, "PING", "x" * 10_000])
def test_an_unknown_action_is_answered_with_the_known_ones(scene: Scene, action: object) -> None:
    code, message = scene.error({"action": action})
    assert code == "UnknownAction"
    assert message.startswith(f"expected an action among {', '.join(ACTIONS)}, was ")
    assert len(message) < 150


def test_a_message_without_an_action_is_answered_with_an_error(scene: Scene) -> None:
    assert scene.error({"orderId": str(uuid4())})[0] == "UnknownAction"


@pytest.mark.parametrize(
    "form",
    [
        {},
        {**ORDER, "amountIn": "-1"},
        {**ORDER, "tokenOut": "SOL"},
        {**ORDER, "surprise": 1},
        {**ORDER, "type": "limit"},
    ],
)
def test_an_invalid_order_is_answered_with_an_error_and_not_stored(scene: Scene, form: dict[str, Any]) -> None:
    assert scene.error({"action": "execute", **form})[0] == "InvalidOrder"
    assert scene.orders.page(CLIENT, 10) == ([], None)
    assert (scene.queue.enqueued, scene.listeners()) == ([], [])


@pytest.mark.parametrize("action", ["subscribe", "unsubscribe"])
@pytest.mark.parametrize("order_id", ["7", None, 7, {}, ["a"]])
def test_a_malformed_id_is_answered_with_an_error(scene: Scene, action: str, order_id: object) -> None:
    assert scene.error({"action": action, "orderId": order_id})[0] == "InvalidRequest"


def test_an_unknown_order_is_answered_with_an_error(scene: Scene) -> None:
    id = str(uuid4())
    code, message = scene.error({"action": "subscribe", "orderId": id})
    assert code == "OrderNotFound"
    assert id in message


@pytest.mark.parametrize("after", [None, 0, 0.0])
def test_a_seq_that_is_null_is_as_absent(scene: Scene, after: object) -> None:
    order = new_order(scene.orders)
    (event,) = scene.say({"action": "subscribe", "orderId": str(order.id), "after": after})
    assert (event["orderId"], event["seq"]) == (str(order.id), 1)


@pytest.mark.parametrize("after", [-1, "x", 1.5, True, 10**9, {}])
def test_an_invalid_seq_is_answered_with_an_error(scene: Scene, after: object) -> None:
    order = new_order(scene.orders)
    assert scene.error({"action": "subscribe", "orderId": str(order.id), "after": after})[0] == "InvalidRequest"
    assert scene.listeners() == []


def test_an_outage_is_answered_with_an_error(redis_url: str) -> None:
    with closed_port() as port:
        scene = Scene(Database(f"host=127.0.0.1 port={port} user=postgres"), redis_url)
        for message in (
            {"action": "execute", **ORDER},
            {"action": "subscribe", "orderId": str(uuid4())},
            {"action": "unsubscribe", "orderId": str(uuid4())},
        ):
            assert scene.error(message)[0] == "StoreUnavailable"
        assert scene.say({"action": "ping"}) == [{"action": "pong"}]


def test_a_restart_of_postgres_causes_no_error(connect: Callable[[], Database], redis_url: str) -> None:
    scene, admin = Scene(connect(), redis_url), connect()
    order = new_order(scene.orders)
    terminate(scene.database, admin)
    assert [event["seq"] for event in scene.say({"action": "subscribe", "orderId": str(order.id)})] == [1]
    terminate(scene.database, admin)
    assert len(scene.say({"action": "execute", **ORDER})) == 1


def test_a_client_that_disconnected_meanwhile_is_deleted(scene: Scene) -> None:
    order = new_order(scene.orders, connection_id="c1")
    scene.connections.gone.add("c1")
    for message in (
        {"action": "subscribe", "orderId": str(order.id)},
        {"action": "ping"},
        {"action": "dance"},
        {"action": "execute", **ORDER},
    ):
        scene.websocket.receive(CALLER, "c1", json.dumps(message))
        assert scene.listeners() == []


# Scopes


def test_a_reader_watches_orders_and_neither_submits_nor_cancels_any(scene: Scene) -> None:
    order = new_order(scene.orders)
    for message in ({"action": "execute", **ORDER}, {"action": "cancel", "orderId": str(order.id)}):
        (refused,) = scene.say(message, Scope.READ)
        assert refused == {
            "error": {
                "code": "ScopeMissing",
                "message": "expected a key with the scope trade, was one with the scope read",
                "details": [{"neededScope": "trade", "scope": "read"}],
            }
        }
    assert [listed.status for listed in scene.orders.page(CLIENT, 10)[0]] == [Status.PENDING]
    (event,) = scene.say({"action": "subscribe", "orderId": str(order.id)}, Scope.READ)
    assert (event["orderId"], event["status"]) == (str(order.id), "pending")
    assert scene.say({"action": "unsubscribe", "orderId": str(order.id)}, Scope.READ) != []
    assert scene.say({"action": "ping"}, Scope.READ) == [{"action": "pong"}]
    assert scene.say({"action": "cancel", "orderId": str(order.id)}, Scope.ADMIN)[-1]["action"] == "cancelled"


def test_a_reader_is_told_of_an_unknown_action(scene: Scene) -> None:
    (answer,) = scene.say({"action": "buy"}, Scope.READ)
    assert answer["error"]["code"] == "UnknownAction"
