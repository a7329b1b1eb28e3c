"""Orders that are read, listed and cancelled by HTTP."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from order_engine.api.callers import authorizer_context
from order_engine.api.views import event_view, order_view
from order_engine.domain.lifecycle import Status
from order_engine.storage.orders import PostgresOrderStore
from tests.support.events import rest
from tests.support.functions import Functions, answered, refusal
from tests.support.http_server import HttpServer
from tests.support.orders import OTHER, brought_to, new_order

pytestmark = pytest.mark.usefixtures("nothing_sent")


def test_an_order_is_read_with_its_events(functions: Functions, orders: PostgresOrderStore) -> None:
    order = brought_to(orders, Status.CONFIRMED)
    status, body = answered(functions("submit", rest("GET", f"/api/orders/{order.id}")))
    assert status == 200
    assert body == {**order_view(order), "events": [event_view(event) for event in orders.events(order.id)]}
    assert [event["seq"] for event in body["events"]] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("order_id", "refused"),
    [
        pytest.param(str(uuid4()), (404, "OrderNotFound"), id="unknown"),
        ("7", (400, "InvalidRequest")),
        ("x" * 36, (400, "InvalidRequest")),
    ],
)
def test_an_unknown_or_malformed_id_is_refused(
    functions: Functions, orders: PostgresOrderStore, order_id: str, refused: tuple[int, str]
) -> None:
    assert refusal(functions("submit", rest("GET", f"/api/orders/{order_id}"))) == refused


def test_an_order_is_cancelled_and_its_listeners_are_notified(
    functions: Functions, orders: PostgresOrderStore, clients: HttpServer
) -> None:
    order = new_order(orders, connection_id="c1")
    status, body = answered(functions("submit", rest("DELETE", f"/api/orders/{order.id}")))
    assert (status, body["status"]) == (200, "cancelled")
    assert answered(functions("submit", rest("GET", f"/api/orders/{order.id}"))) == (200, body)
    assert [event["status"] for event in body["events"]] == ["pending", "cancelled"]
    assert clients.pushed("c1") == body["events"]
    # A repeated request gets the same answer.
    assert answered(functions("submit", rest("DELETE", f"/api/orders/{order.id}"))) == (200, body)


@pytest.mark.parametrize("status", [Status.SUBMITTED, Status.CONFIRMED, Status.FAILED])
def test_a_submitted_or_final_order_is_not_cancelled(
    functions: Functions, orders: PostgresOrderStore, status: Status
) -> None:
    order = brought_to(orders, status)
    answer = functions("submit", rest("DELETE", f"/api/orders/{order.id}"))
    assert refusal(answer) == (409, "TooLateToCancel")
    assert json.loads(answer["body"])["error"]["message"] == f"the order is already {status} and cannot be cancelled"


def test_an_unknown_or_malformed_id_can_not_be_cancelled(functions: Functions, orders: PostgresOrderStore) -> None:
    assert refusal(functions("submit", rest("DELETE", f"/api/orders/{uuid4()}"))) == (404, "OrderNotFound")
    assert refusal(functions("submit", rest("DELETE", "/api/orders/7"))) == (400, "InvalidRequest")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_another_clients_order_is_not_found(functions: Functions, orders: PostgresOrderStore, method: str) -> None:
    order = new_order(orders)
    event = rest(method, f"/api/orders/{order.id}")
    event["requestContext"]["authorizer"] = authorizer_context(OTHER)
    response = functions("submit", event)
    assert refusal(response) == (404, "OrderNotFound")
    assert json.loads(response["body"])["error"]["message"] == f"no order with id {order.id}"
    assert orders.get(order.id) == order


def test_a_list_holds_only_the_clients_own_orders(functions: Functions, orders: PostgresOrderStore) -> None:
    new_order(orders)
    event = rest("GET", "/api/orders")
    event["requestContext"]["authorizer"] = authorizer_context(OTHER)
    assert answered(functions("submit", event)) == (200, {"orders": [], "nextCursor": None})


def test_orders_are_listed_page_by_page(functions: Functions, orders: PostgresOrderStore) -> None:
    ids = sorted((str(new_order(orders).id) for _ in range(5)), reverse=True)
    found, cursor = [], None
    for expected in (2, 2, 1):
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        status, body = answered(functions("submit", rest("GET", "/api/orders", query=query)))
        assert (status, len(body["orders"])) == (200, expected)
        found += [order["orderId"] for order in body["orders"]]
        cursor = body["nextCursor"]
    assert (found, cursor) == (ids, None)


def test_orders_are_listed_by_status(functions: Functions, orders: PostgresOrderStore) -> None:
    failed = brought_to(orders, Status.FAILED)
    new_order(orders)
    _, body = answered(functions("submit", rest("GET", "/api/orders", query={"status": "failed"})))
    assert [order["orderId"] for order in body["orders"]] == [str(failed.id)]


def test_without_a_limit_twenty_orders_are_listed(functions: Functions, orders: PostgresOrderStore) -> None:
    for _ in range(21):
        new_order(orders)
    _, body = answered(functions("submit", rest("GET", "/api/orders")))
    assert len(body["orders"]) == 20
    assert body["nextCursor"]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "x"},
        {"limit": ""},
        {"status": "lost"},
        {"status": ""},
        {"cursor": "foreign"},
        {"cursor": "' OR 1=1 --"},
    ],
)
def test_an_invalid_list_query_is_refused(
    functions: Functions, orders: PostgresOrderStore, query: dict[str, str]
) -> None:
    assert refusal(functions("submit", rest("GET", "/api/orders", query=query))) == (400, "InvalidRequest")


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("PUT", "/api/orders"), ("GET", "/")])
def test_other_paths_are_not_found(functions: Functions, method: str, path: str) -> None:
    assert refusal(functions("submit", rest(method, path))) == (404, "NotFound")
