"""WebSocket connections and their messages."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from order_engine.api.views import event_view
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.aws import Aws
from tests.support.events import sqs, websocket
from tests.support.functions import ORDER, Functions
from tests.support.http_server import HttpServer
from tests.support.orders import CLIENT, new_order

pytestmark = pytest.mark.usefixtures("nothing_sent")


def test_a_connection_opens_and_closes(functions: Functions, orders: PostgresOrderStore, database: Database) -> None:
    assert functions("ws_connect", websocket("CONNECT")) == {"statusCode": 200}
    order = new_order(orders, connection_id="c1")
    assert functions("ws_connect", websocket("DISCONNECT")) == {"statusCode": 200}
    assert database.fetch("SELECT * FROM subscriptions") == []
    assert orders.get(order.id) == order


def test_a_connection_for_an_order_has_its_replay_queued(
    functions: Functions, orders: PostgresOrderStore, services: Aws, clients: HttpServer
) -> None:
    order = new_order(orders)
    event = websocket("CONNECT", query={"orderId": str(order.id)})
    assert functions("ws_connect", event) == {"statusCode": 200}
    (message,) = services.messages("ReplayQueue")
    assert message == {"connectionId": "c1", "clientId": str(CLIENT), "orderId": str(order.id)}
    assert clients.requests == []
    assert functions("ws_connect", sqs(message)) == {"batchItemFailures": []}
    assert clients.pushed("c1") == [event_view(event) for event in orders.events(order.id)]


@pytest.mark.parametrize(
    ("order_id", "status", "code"),
    [pytest.param(str(uuid4()), 404, "OrderNotFound", id="unknown"), ("7", 400, "InvalidRequest")],
)
def test_no_connection_opens_for_an_unknown_or_malformed_order(
    functions: Functions, orders: PostgresOrderStore, order_id: str, status: int, code: str
) -> None:
    response = functions("ws_connect", websocket("CONNECT", query={"orderId": order_id}))
    assert response["statusCode"] == status
    assert json.loads(response["body"])["error"]["code"] == code


def test_no_connection_opens_for_a_foreign_origin_or_beyond_the_limit(
    functions: Functions, orders: PostgresOrderStore
) -> None:
    event = websocket("CONNECT")
    event["headers"]["Origin"] = "https://evil.example"
    refused = functions("ws_connect", event)
    assert (refused["statusCode"], json.loads(refused["body"])["error"]["code"]) == (403, "OriginNotAllowed")
    event["headers"]["Origin"] = "https://api.example.com"
    assert functions("ws_connect", event) == {"statusCode": 200}
    for number in range(2):
        functions("ws_connect", websocket("CONNECT", f"d{number}"))
    refused = functions("ws_connect", websocket("CONNECT", "e"))
    assert (refused["statusCode"], json.loads(refused["body"])["error"]["code"]) == (429, "TooManyConnections")


def test_an_order_is_submitted_over_the_websocket(
    functions: Functions, orders: PostgresOrderStore, services: Aws, clients: HttpServer
) -> None:
    body = json.dumps({"action": "execute", **ORDER})
    assert functions("ws_connect", websocket("MESSAGE", body=body)) == {"statusCode": 200}
    (event,) = clients.pushed("c1")
    assert (event["seq"], event["status"]) == (1, "pending")
    assert services.messages("OrderQueue") == [{"orderId": event["orderId"], "publishedSeq": 1}]


def test_what_is_pushed_is_signed(functions: Functions, orders: PostgresOrderStore, clients: HttpServer) -> None:
    functions("ws_connect", websocket("MESSAGE", "a=b/c@d", json.dumps({"action": "ping"})))
    (request,) = clients.requests
    assert (request.method, request.path) == ("POST", "/@connections/a%3Db%2Fc%40d")
    assert request.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=test/")
    assert "/us-east-1/execute-api/aws4_request" in request.headers["Authorization"]
    assert request.body == {"action": "pong"}


@pytest.mark.parametrize("body", [None, "", "no json", "[]", '{"action": "dance"}'])
def test_a_malformed_message_is_answered(
    functions: Functions, orders: PostgresOrderStore, clients: HttpServer, body: str | None
) -> None:
    assert functions("ws_connect", websocket("MESSAGE", body=body)) == {"statusCode": 200}
    (answer,) = clients.pushed("c1")
    assert answer["error"]["code"] in ("InvalidJson", "UnknownAction")


def test_only_a_failed_replay_is_retried(functions: Functions, orders: PostgresOrderStore, clients: HttpServer) -> None:
    order = new_order(orders)
    clients.statuses["/@connections/c2"] = 500
    owner = {"clientId": str(CLIENT), "orderId": str(order.id)}
    event = sqs(*({**owner, "connectionId": f"c{number}"} for number in (1, 2, 3)))
    assert functions("ws_connect", event) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert (len(clients.pushed("c1")), len(clients.pushed("c3"))) == (1, 1)
