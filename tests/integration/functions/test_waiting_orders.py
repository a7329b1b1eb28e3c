"""Orders that wait, by HTTP and over the WebSocket. The simulated market pays some 180 USDC for one SOL."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from order_engine.api.views import event_view, order_view
from order_engine.domain.lifecycle import Status
from order_engine.storage.orders import PostgresOrderStore
from tests.support.aws import Aws
from tests.support.events import rest, websocket
from tests.support.functions import Functions, answered, refusal
from tests.support.http_server import HttpServer
from tests.support.orders import CLIENT, brought_to

LIMIT = {"type": "limit", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5", "limitPrice": "900"}
PAIR = {**LIMIT, "type": "oco", "stopPrice": "20", "clientOrderId": "pair"}


def execute(functions: Functions, form: dict[str, Any]) -> dict[str, Any]:
    status, body = answered(functions("submit", rest("POST", "/api/orders/execute", json.dumps(form))))
    assert status == 202, body
    answer: dict[str, Any] = body
    return answer


def test_a_limit_order_is_accepted_read_replaced_listed_and_cancelled(
    functions: Functions, orders: PostgresOrderStore, services: Aws
) -> None:
    answer = execute(functions, {**LIMIT, "clientOrderId": "mine"})
    order = orders.get(UUID(answer["orderId"]))
    assert answer.items() >= {**order_view(order), "activation": None}.items()
    assert (answer["status"], answer["terms"]["minAmountOut"]) == ("open", "1350")
    path = f"/api/orders/{order.id}"
    status, body = answered(functions("submit", rest("PATCH", path, json.dumps({"limitPrice": "800"}))))
    assert (status, body["terms"]["limitPrice"]) == (200, "800")
    assert [event["data"]["reason"] for event in body["events"]] == ["accepted", "replaced"]
    assert execute(functions, {**LIMIT, "clientOrderId": "mine"}) == answer
    for query, found in (
        ({"type": "limit", "tokenPair": "SOL-USDC", "status": "open", "clientOrderId": "mine"}, 1),
        ({"from": body["createdAt"]}, 1),
        ({"to": "2020-01-01T00:00:00+01:00"}, 0),
        ({"parentId": str(order.id)}, 0),
    ):
        status, page = answered(functions("submit", rest("GET", "/api/orders", query=query)))
        assert (status, len(page["orders"])) == (200, found)
    assert answered(functions("submit", rest("DELETE", "/api/orders", query={"type": "stop"}))) == (
        *(200, {"cancelled": [], "complete": True}),
    )
    assert answered(functions("submit", rest("DELETE", "/api/orders", query={"tokenPair": "SOL-USDC"}))) == (
        *(200, {"cancelled": [str(order.id)], "complete": True}),
    )
    assert services.messages("OrderQueue") == []


def test_a_limit_that_the_market_meets_is_pending_and_says_why(
    functions: Functions, orders: PostgresOrderStore, services: Aws
) -> None:
    answer = execute(functions, {**LIMIT, "limitPrice": "20", "clientOrderId": "now"})
    assert (answer["status"], answer["activation"]["reason"]) == ("pending", "limitMet")
    assert float(answer["activation"]["amountOut"]) > 30
    assert execute(functions, {**LIMIT, "limitPrice": "20", "clientOrderId": "now"}) == answer
    id = answer["orderId"]
    assert services.messages("OrderQueue") == [{"orderId": id, "publishedSeq": 2}]
    events = [event_view(event) for event in orders.events(UUID(id))]
    assert [event["status"] for event in events] == ["open", "pending"]
    assert events[1]["data"]["activation"] == answer["activation"]


def test_a_pair_over_the_websocket_sends_the_events_of_both(
    functions: Functions, orders: PostgresOrderStore, clients: HttpServer
) -> None:
    for _ in range(2):
        functions("ws_connect", websocket("MESSAGE", body=json.dumps({"action": "execute", **PAIR})))
    pushed = clients.pushed("c1")
    (limit, stop, *again) = pushed
    assert orders.get(UUID(limit["orderId"])).linked_id == UUID(stop["orderId"])
    assert [event["data"]["type"] for event in (limit, stop)] == ["limit", "stop"]
    assert again == [limit, stop]


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "refused"),
    [
        ("PATCH", "/api/orders/{open}", {"stopPrice": "1"}, {}, (400, "InvalidOrder")),
        ("PATCH", "/api/orders/{open}", {"limitPrice": "0.0055"}, {}, (400, "InvalidOrder")),
        ("PATCH", "/api/orders/{open}", {"limitPrice": "1"}, {"odd": "1"}, (400, "InvalidRequest")),
        ("PATCH", "/api/orders/{routing}", {"limitPrice": "1"}, {}, (409, "NotOpen")),
        ("PATCH", "/api/orders/7", {"limitPrice": "1"}, {}, (400, "InvalidRequest")),
        ("PATCH", f"/api/orders/{UUID(int=7)}", {"limitPrice": "1"}, {}, (404, "OrderNotFound")),
        ("DELETE", "/api/orders", None, {"status": "open"}, (400, "InvalidRequest")),
        ("DELETE", "/api/orders", None, {"type": "oco"}, (400, "InvalidRequest")),
        ("DELETE", "/api/orders", None, {"tokenPair": "SOL"}, (400, "InvalidRequest")),
        ("DELETE", "/api/orders", None, {"tokenPair": "SOL-ETH"}, (400, "InvalidRequest")),
        ("GET", "/api/orders", None, {"from": "yesterday"}, (400, "InvalidRequest")),
        ("GET", "/api/orders", None, {"to": "2026-01-31T12:00:00"}, (400, "InvalidRequest")),
        (
            *("GET", "/api/orders", None),
            {"from": "2026-01-31T12:00:00Z", "to": "2026-01-31T12:00:00Z"},
            (400, "InvalidRequest"),
        ),
        ("GET", "/api/orders", None, {"parentId": "7"}, (400, "InvalidRequest")),
        ("GET", "/api/orders", None, {"clientOrderId": "\x00"}, (400, "InvalidRequest")),
        ("POST", "/api/orders/execute", {**LIMIT, "limitPrice": "0.0055"}, {}, (400, "InvalidOrder")),
        ("POST", "/api/orders/execute", {**LIMIT, "quoteId": str(UUID(int=7))}, {}, (400, "InvalidOrder")),
        ("POST", "/api/orders/execute", {**PAIR, "limitPrice": "9000", "stopPrice": "899"}, {}, (400, "InvalidOrder")),
    ],
)
def test_a_bad_request_is_refused_and_changes_nothing(
    functions: Functions,
    orders: PostgresOrderStore,
    method: str,
    path: str,
    body: dict[str, Any] | None,
    query: dict[str, str],
    refused: tuple[int, str],
) -> None:
    waiting = orders.get(UUID(execute(functions, LIMIT)["orderId"]))
    routing = brought_to(orders, Status.ROUTING)
    path = path.format(open=waiting.id, routing=routing.id)
    event = rest(method, path, json.dumps(body) if body else None, query=query)
    assert refusal(functions("submit", event)) == refused
    assert {order.id: order for order in (waiting, routing)} == {
        order.id: order for order in orders.page(CLIENT, 10)[0]
    }
