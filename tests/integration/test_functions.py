from __future__ import annotations

import base64
import json
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import redis
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError
from psycopg.conninfo import make_conninfo

from order_engine.domain.access import Caller, new_secret
from order_engine.domain.errors import NoRoute, StaleRun
from order_engine.domain.lifecycle import Status
from order_engine.execution import Run
from order_engine.storage.clients import ClientStore
from order_engine.storage.database import Database
from order_engine.storage.orders import OrderStore
from order_engine.storage.rate_limit import KEY
from order_engine.storage.schema import migrate
from order_engine.venues.faults import VENUES, clear_faults, set_fault
from order_engine.venues.market_data import pool_settings
from tests.integration.aws import Aws, HttpServer
from tests.integration.handlers import (
    ORDER,
    SCHEDULED,
    Functions,
    answered,
    dispatched,
    new_environment,
    refusal,
    rest,
    sqs,
    websocket,
)
from tests.integration.support import (
    CALLER,
    CLIENT,
    OTHER,
    RUN,
    brought_to,
    claimed,
    closed_port,
    new_database,
    new_order,
)

# Importing the handlers filters it out, which does not last from one test to the next.
pytestmark = [
    pytest.mark.filterwarnings("ignore:No application metrics to publish"),
    pytest.mark.usefixtures("nothing_sent"),
]

LIFE = ["pending", "routing", "building", "submitted", "confirmed"]


def statuses(orders: OrderStore, order_id: UUID) -> list[str]:
    return [event.status.value for event in orders.events(order_id)]


# authorize


METHOD = "arn:aws:execute-api:us-east-1:000000000000:api/v1/GET/api/orders/1"


def asked(event: dict[str, Any], key: str | None) -> dict[str, Any]:
    """The event of an API, as its authorizer gets it."""
    context = {name: value for name, value in event["requestContext"].items() if name != "authorizer"}
    headers = event["headers"] | ({"Authorization": f"Bearer {key}"} if key else {})
    return {**event, "type": "REQUEST", "methodArn": METHOD, "headers": headers, "requestContext": context}


@pytest.mark.parametrize("event", [rest("GET", "/api/orders"), websocket("CONNECT")], ids=["REST", "WebSocket"])
def test_a_key_opens_the_whole_stage_and_says_whose_it_is(
    functions: Functions, database: Database, event: dict[str, Any]
) -> None:
    clients = ClientStore(database)
    key = clients.create_key("alice")
    answer = functions("authorize", asked(event, key))
    caller = clients.caller_with_key(key)
    assert caller is not None
    assert answer["principalId"] == str(caller.client_id)
    assert Caller.of({"authorizer": answer["context"]}) == caller
    (statement,) = answer["policyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
        "Resource": "arn:aws:execute-api:us-east-1:000000000000:api/v1/*",
    }
    clients.revoke(caller.key_id)
    with pytest.raises(RuntimeError, match="^Unauthorized$"):
        functions("authorize", asked(event, key))


def test_a_ticket_opens_one_connection(functions: Functions, orders: OrderStore) -> None:
    status, body = answered(functions("ticket", rest("POST", "/api/ws-ticket")))
    assert (status, set(body)) == (201, {"ticket", "expiresAt", "webSocketUrl"})
    event = asked(websocket("CONNECT", query={"ticket": body["ticket"]}), None)
    assert Caller.of({"authorizer": functions("authorize", event)["context"]}) == CALLER
    with pytest.raises(RuntimeError, match="^Unauthorized$"):
        functions("authorize", event)


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("submit", rest("POST", "/api/orders/execute", json.dumps(ORDER))),
        ("submit", rest("GET", "/api/orders")),
        ("submit", rest("GET", f"/api/orders/{uuid4()}")),
        ("submit", rest("DELETE", f"/api/orders/{uuid4()}")),
        ("ticket", rest("POST", "/api/ws-ticket")),
    ],
)
def test_a_request_that_no_authorizer_has_seen_is_refused(
    functions: Functions, orders: OrderStore, name: str, event: dict[str, Any]
) -> None:
    context = {key: value for key, value in event["requestContext"].items() if key != "authorizer"}
    response = functions(name, {**event, "requestContext": context})
    assert refusal(response) == (401, "Unauthorized")
    assert response["multiValueHeaders"]["WWW-Authenticate"] == ["Bearer"]
    assert orders.page(CLIENT, 10) == ([], None)


@pytest.mark.parametrize("path", ["/health", "/api/orders", "/api/orders/x", "/nowhere"])
def test_every_answer_says_that_it_is_not_to_be_kept_or_guessed_at(
    functions: Functions, orders: OrderStore, path: str
) -> None:
    headers = functions("submit", rest("GET", path))["multiValueHeaders"]
    assert headers["Cache-Control"] == ["no-store"]
    assert headers["Content-Security-Policy"] == ["default-src 'none'; frame-ancestors 'none'"]
    assert headers["Referrer-Policy"] == ["no-referrer"]
    assert headers["X-Content-Type-Options"] == ["nosniff"]


# submit


def test_an_order_is_accepted_stored_and_queued(functions: Functions, orders: OrderStore, services: Aws) -> None:
    status, body = answered(functions("submit", rest("POST", "/api/orders/execute", json.dumps(ORDER))))
    assert status == 202
    order = orders.get(UUID(body["orderId"]))
    assert body == {**order.to_json(), "webSocketUrl": f"ws://127.0.0.1/v1?orderId={order.id}"}
    assert (body["status"], body["amountIn"], body["clientOrderId"]) == ("pending", "1.5", "a-1")
    assert services.messages("OrderQueue") == [{"orderId": str(order.id)}]
    assert statuses(orders, order.id) == ["pending"]


@pytest.mark.parametrize("name", ["Idempotency-Key", "idempotency-key", "IDEMPOTENCY-KEY"])
def test_an_order_that_comes_again_is_answered_byte_for_byte(
    functions: Functions, orders: OrderStore, services: Aws, name: str
) -> None:
    event = rest("POST", "/api/orders/execute", json.dumps({**ORDER, "clientOrderId": None}))
    event["headers"][name] = "a key"
    first, again = (functions("submit", event) for _ in range(2))
    assert first["statusCode"] == again["statusCode"] == 202
    assert first["body"] == again["body"]
    assert len(services.messages("OrderQueue")) == 1
    event["body"] = json.dumps({**ORDER, "clientOrderId": None, "amountIn": "2"})
    response = functions("submit", event)
    assert refusal(response) == (422, "IdempotencyKeyReused")
    assert [problem["field"] for problem in json.loads(response["body"])["error"]["details"]] == ["amountIn"]


@pytest.mark.parametrize("key", ["", "x" * 256, "ü", "\t"])
def test_an_idempotency_key_that_can_be_none_is_refused(functions: Functions, orders: OrderStore, key: str) -> None:
    event = rest("POST", "/api/orders/execute", json.dumps(ORDER))
    event["headers"]["Idempotency-Key"] = key
    assert refusal(functions("submit", event)) == (400, "InvalidRequest")
    assert orders.page(CLIENT, 10) == ([], None)


def test_a_client_that_submits_too_much_is_told_when_to_come_back(
    environment: dict[str, str], orders: OrderStore, redis_url: str
) -> None:
    with redis.Redis.from_url(redis_url) as store:
        store.delete(KEY.format(CLIENT))
    with new_environment({**environment, "ORDERS_PER_MINUTE": "2"}) as functions:
        form = {**ORDER, "clientOrderId": None}
        event = rest("POST", "/api/orders/execute", json.dumps(form))
        statuses = [functions("submit", event)["statusCode"] for _ in range(2)]
        # What is no order takes no token.
        functions("submit", rest("POST", "/api/orders/execute", "{}"))
        response = functions("submit", event)
    assert statuses == [202, 202]
    assert refusal(response) == (429, "RateLimited")
    assert response["multiValueHeaders"]["Retry-After"] == ["30"]
    assert json.loads(response["body"])["error"]["details"] == [{"retryAfter": 30}]
    assert len(orders.page(CLIENT, 10)[0]) == 2


def test_the_short_form_is_accepted(functions: Functions, orders: OrderStore) -> None:
    form = {"type": "market", "tokenPair": "SOL-USDC", "amount": 10, "userId": "u-1"}
    status, body = answered(functions("submit", rest("POST", "/api/orders/execute", json.dumps(form))))
    assert (status, body["tokenIn"], body["amountIn"], body["userId"]) == (202, "SOL", "10", "u-1")


def test_a_body_may_come_in_base64_and_with_a_character_set(functions: Functions, orders: OrderStore) -> None:
    body = base64.b64encode(json.dumps({**ORDER, "clientOrderId": "ü"}).encode()).decode()
    event = rest("POST", "/api/orders/execute", body, isBase64Encoded=True)
    event["headers"] = {"content-type": "Application/JSON; charset=utf-8"}
    status, answer = answered(functions("submit", event))
    assert (status, answer["clientOrderId"]) == (202, "ü")


@pytest.mark.parametrize(
    ("body", "changes", "refused"),
    [
        ("{", {}, (400, "InvalidJson")),
        ("[]", {}, (400, "InvalidJson")),
        ("", {}, (400, "InvalidJson")),
        (None, {}, (400, "InvalidJson")),
        ('{"amountIn": NaN}', {}, (400, "InvalidJson")),
        ("/w==", {"isBase64Encoded": True}, (400, "InvalidJson")),
        ("!", {"isBase64Encoded": True}, (400, "InvalidJson")),
        ("{}", {}, (400, "InvalidOrder")),
        (json.dumps({**ORDER, "amountIn": "-1"}), {}, (400, "InvalidOrder")),
        (json.dumps({**ORDER, "amountIn": "1.0000000001"}), {}, (400, "InvalidOrder")),
        (json.dumps({**ORDER, "amountIn": "99999999999999999999"}), {}, (400, "InvalidOrder")),
        (json.dumps({**ORDER, "tokenOut": "SOL"}), {}, (400, "InvalidOrder")),
        (json.dumps({**ORDER, "tokenIn": "ETH"}), {}, (400, "InvalidOrder")),
        (json.dumps({**ORDER, "slippageBps": 10_001}), {}, (400, "InvalidOrder")),
        (json.dumps({**ORDER, "surprise": 1}), {}, (400, "InvalidOrder")),
        (json.dumps(ORDER) + " " * 32 * 1024, {}, (413, "PayloadTooLarge")),
        (json.dumps(ORDER), {"headers": {"Content-Type": "text/plain"}}, (415, "UnsupportedMediaType")),
        (json.dumps(ORDER), {"headers": {}}, (415, "UnsupportedMediaType")),
        (json.dumps(ORDER), {"headers": None}, (415, "UnsupportedMediaType")),
    ],
)
def test_what_is_no_order_is_refused_and_leaves_nothing(
    functions: Functions,
    orders: OrderStore,
    services: Aws,
    body: str | None,
    changes: dict[str, Any],
    refused: tuple[int, str],
) -> None:
    assert refusal(functions("submit", rest("POST", "/api/orders/execute", body, **changes))) == refused
    assert orders.page(CLIENT, 10) == ([], None)
    assert services.messages("OrderQueue") == []


def test_every_problem_of_an_order_is_in_the_answer(functions: Functions, orders: OrderStore) -> None:
    form = {**ORDER, "amountIn": "0", "slippageBps": -1}
    _, body = answered(functions("submit", rest("POST", "/api/orders/execute", json.dumps(form))))
    assert [problem["field"] for problem in body["error"]["details"]] == ["slippageBps"]
    del form["slippageBps"]
    _, body = answered(functions("submit", rest("POST", "/api/orders/execute", json.dumps(form))))
    assert body["error"]["details"] == [{"field": "amountIn", "message": "expected an amount above zero, was '0'"}]


def test_an_order_is_read_with_its_events(functions: Functions, orders: OrderStore) -> None:
    order = brought_to(orders, Status.CONFIRMED)
    status, body = answered(functions("submit", rest("GET", f"/api/orders/{order.id}")))
    assert status == 200
    assert body == {**order.to_json(), "events": [event.to_json() for event in orders.events(order.id)]}
    assert [event["seq"] for event in body["events"]] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("order_id", "refused"),
    [(str(uuid4()), (404, "OrderNotFound")), ("7", (400, "InvalidRequest")), ("x" * 36, (400, "InvalidRequest"))],
)
def test_an_order_that_is_none_can_not_be_read(
    functions: Functions, orders: OrderStore, order_id: str, refused: tuple[int, str]
) -> None:
    assert refusal(functions("submit", rest("GET", f"/api/orders/{order_id}"))) == refused


def test_an_order_is_cancelled_and_its_listeners_are_told(
    functions: Functions, orders: OrderStore, clients: HttpServer
) -> None:
    order = new_order(orders, connection_id="c1")
    status, body = answered(functions("submit", rest("DELETE", f"/api/orders/{order.id}")))
    assert (status, body["status"]) == (200, "cancelled")
    assert answered(functions("submit", rest("GET", f"/api/orders/{order.id}"))) == (200, body)
    assert [event["status"] for event in body["events"]] == ["pending", "cancelled"]
    assert clients.pushed("c1") == body["events"]
    # Asked for again, it is answered the same.
    assert answered(functions("submit", rest("DELETE", f"/api/orders/{order.id}"))) == (200, body)


@pytest.mark.parametrize("status", [Status.SUBMITTED, Status.CONFIRMED, Status.FAILED])
def test_an_order_that_was_sent_or_has_ended_is_not_cancelled(
    functions: Functions, orders: OrderStore, status: Status
) -> None:
    order = brought_to(orders, status)
    answer = functions("submit", rest("DELETE", f"/api/orders/{order.id}"))
    assert refusal(answer) == (409, "TooLateToCancel")
    assert json.loads(answer["body"])["error"]["message"].endswith(f"was {status}")


def test_an_order_that_is_none_can_not_be_cancelled(functions: Functions, orders: OrderStore) -> None:
    assert refusal(functions("submit", rest("DELETE", f"/api/orders/{uuid4()}"))) == (404, "OrderNotFound")
    assert refusal(functions("submit", rest("DELETE", "/api/orders/7"))) == (400, "InvalidRequest")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_another_clients_order_is_as_one_that_there_is_not(
    functions: Functions, orders: OrderStore, method: str
) -> None:
    order = new_order(orders)
    event = rest(method, f"/api/orders/{order.id}")
    event["requestContext"]["authorizer"] = OTHER.to_json()
    response = functions("submit", event)
    assert refusal(response) == (404, "OrderNotFound")
    assert json.loads(response["body"])["error"]["message"] == f"expected the id of an order, was {order.id}"
    assert orders.get(order.id) == order


def test_a_list_holds_the_clients_own_orders(functions: Functions, orders: OrderStore) -> None:
    new_order(orders)
    event = rest("GET", "/api/orders")
    event["requestContext"]["authorizer"] = OTHER.to_json()
    assert answered(functions("submit", event)) == (200, {"orders": [], "nextCursor": None})


def test_orders_are_listed_page_by_page(functions: Functions, orders: OrderStore) -> None:
    ids = sorted((str(new_order(orders).id) for _ in range(5)), reverse=True)
    found, cursor = [], None
    for expected in (2, 2, 1):
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        status, body = answered(functions("submit", rest("GET", "/api/orders", query=query)))
        assert (status, len(body["orders"])) == (200, expected)
        found += [order["orderId"] for order in body["orders"]]
        cursor = body["nextCursor"]
    assert (found, cursor) == (ids, None)


def test_orders_are_listed_by_status(functions: Functions, orders: OrderStore) -> None:
    failed = brought_to(orders, Status.FAILED)
    new_order(orders)
    _, body = answered(functions("submit", rest("GET", "/api/orders", query={"status": "failed"})))
    assert [order["orderId"] for order in body["orders"]] == [str(failed.id)]


def test_without_a_limit_twenty_orders_are_listed(functions: Functions, orders: OrderStore) -> None:
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
def test_a_list_that_can_not_be_is_refused(functions: Functions, orders: OrderStore, query: dict[str, str]) -> None:
    assert refusal(functions("submit", rest("GET", "/api/orders", query=query))) == (400, "InvalidRequest")


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("DELETE", "/api/orders"), ("GET", "/")])
def test_there_is_nothing_at_other_paths(functions: Functions, method: str, path: str) -> None:
    assert refusal(functions("submit", rest(method, path))) == (404, "NotFound")


def test_everything_is_up(functions: Functions, orders: OrderStore) -> None:
    status, body = answered(functions("submit", rest("GET", "/health")))
    assert status == 200
    assert body["status"] == "up"
    assert {name: check["status"] for name, check in body["checks"].items()} == {
        "postgres": "up",
        "redis": "up",
        "queue": "up",
    }


def test_without_postgres_the_api_says_so(environment: dict[str, str]) -> None:
    with (
        closed_port() as port,
        new_environment({**environment, "DATABASE_URL": f"host=127.0.0.1 port={port} user=postgres"}) as functions,
    ):
        status, body = answered(functions("submit", rest("GET", "/health")))
        assert (status, body["status"], body["checks"]["postgres"]["status"]) == (503, "down", "down")
        response = functions("submit", rest("POST", "/api/orders/execute", json.dumps(ORDER)))
        assert refusal(response) == (503, "StoreUnavailable")
        assert response["multiValueHeaders"]["Retry-After"] == ["1"]


def test_without_redis_and_the_queue_orders_are_taken_all_the_same(
    environment: dict[str, str], orders: OrderStore
) -> None:
    with (
        closed_port() as port,
        new_environment(
            {
                **environment,
                "REDIS_URL": f"redis://127.0.0.1:{port}/0",
                "ORDER_QUEUE_URL": f"http://127.0.0.1:{port}/0/q",
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            }
        ) as functions,
    ):
        status, body = answered(functions("submit", rest("POST", "/api/orders/execute", json.dumps(ORDER))))
        assert status == 202
        assert orders.get(UUID(body["orderId"])).status is Status.PENDING
        status, body = answered(functions("submit", rest("GET", "/health")))
        assert (status, body["status"]) == (200, "degraded")
        assert [name for name, check in body["checks"].items() if check["status"] == "down"] == ["redis", "queue"]


def test_functions_connect_by_iam_where_they_are_told_to(environment: dict[str, str], redis_url: str) -> None:
    """Against stores that take any password: what they are given is held against AWS's own in test_tokens."""
    access = ("on", "nopass", "allkeys", "allcommands")
    change = {
        "DATABASE_AUTH": "iam",
        "REDIS_AUTH": "iam",
        "REDIS_URL": redis_url.replace("//", "//by_iam@"),
        "REDIS_CACHE_NAME": "orders",
    }
    with redis.Redis.from_url(redis_url) as admin, new_environment({**environment, **change}) as functions:
        admin.execute_command("ACL", "SETUSER", "by_iam", *access)
        status, body = answered(functions("submit", rest("GET", "/health")))
        assert (status, body["status"]) == (200, "up")
        users = {client.get("user") for client in admin.client_list()}
        admin.execute_command("ACL", "DELUSER", "by_iam")
    assert "by_iam" in users


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"DATABASE_URL": ""}, "expected the environment variable DATABASE_URL to be set"),
        ({"DATABASE_AUTH": "none"}, "expected DATABASE_AUTH to be one of password, iam, was 'none'"),
        ({"REDIS_AUTH": "iam"}, "expected the environment variable REDIS_CACHE_NAME to be set"),
        ({"PREPARED_STATEMENTS": "maybe"}, "expected PREPARED_STATEMENTS to be one of true, false, was 'maybe'"),
        ({"MARKET_LATENCY": "slow"}, "expected MARKET_LATENCY to be one of instant, realistic, was 'slow'"),
        ({"MARKET_DRIFT_BPS": "ten"}, "expected MARKET_DRIFT_BPS to be an integer, was 'ten'"),
        ({"MARKET_SEED": "any"}, "expected MARKET_SEED to be an integer, was 'any'"),
    ],
)
def test_a_function_that_is_not_set_up_does_not_start(
    environment: dict[str, str], change: dict[str, str], message: str
) -> None:
    with (
        new_environment({**environment, **change}) as functions,
        pytest.raises(RuntimeError, match=message),
    ):
        functions.handler("execute")


# ws_connect


def test_a_connection_opens_and_closes(functions: Functions, orders: OrderStore, database: Database) -> None:
    assert functions("ws_connect", websocket("CONNECT")) == {"statusCode": 200}
    order = new_order(orders, connection_id="c1")
    assert functions("ws_connect", websocket("DISCONNECT")) == {"statusCode": 200}
    assert database.fetch("SELECT * FROM subscriptions") == []
    assert orders.get(order.id) == order


def test_a_connection_for_an_order_has_its_replay_queued(
    functions: Functions, orders: OrderStore, services: Aws, clients: HttpServer
) -> None:
    order = new_order(orders)
    event = websocket("CONNECT", query={"orderId": str(order.id)})
    assert functions("ws_connect", event) == {"statusCode": 200}
    (message,) = services.messages("ReplayQueue")
    assert message == {"connectionId": "c1", "clientId": str(CLIENT), "orderId": str(order.id)}
    assert clients.requests == []
    assert functions("ws_connect", sqs(message)) == {"batchItemFailures": []}
    assert clients.pushed("c1") == [event.to_json() for event in orders.events(order.id)]


@pytest.mark.parametrize(
    ("order_id", "status", "code"), [(str(uuid4()), 404, "OrderNotFound"), ("7", 400, "InvalidRequest")]
)
def test_no_connection_opens_for_an_order_that_is_none(
    functions: Functions, orders: OrderStore, order_id: str, status: int, code: str
) -> None:
    response = functions("ws_connect", websocket("CONNECT", query={"orderId": order_id}))
    assert response["statusCode"] == status
    assert json.loads(response["body"])["error"]["code"] == code


def test_no_connection_opens_for_another_page_or_beyond_the_limit(functions: Functions, orders: OrderStore) -> None:
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


def test_an_order_comes_over_the_socket(
    functions: Functions, orders: OrderStore, services: Aws, clients: HttpServer
) -> None:
    body = json.dumps({"action": "execute", **ORDER})
    assert functions("ws_connect", websocket("MESSAGE", body=body)) == {"statusCode": 200}
    (event,) = clients.pushed("c1")
    assert (event["seq"], event["status"]) == (1, "pending")
    assert services.messages("OrderQueue") == [{"orderId": event["orderId"]}]


def test_what_is_pushed_is_signed(functions: Functions, orders: OrderStore, clients: HttpServer) -> None:
    functions("ws_connect", websocket("MESSAGE", "a=b/c@d", json.dumps({"action": "ping"})))
    (request,) = clients.requests
    assert (request.method, request.path) == ("POST", "/@connections/a%3Db%2Fc%40d")
    assert request.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=test/")
    assert "/us-east-1/execute-api/aws4_request" in request.headers["Authorization"]
    assert request.body == {"action": "pong"}


@pytest.mark.parametrize("body", [None, "", "no json", "[]", '{"action": "dance"}'])
def test_a_malformed_message_is_answered(
    functions: Functions, orders: OrderStore, clients: HttpServer, body: str | None
) -> None:
    assert functions("ws_connect", websocket("MESSAGE", body=body)) == {"statusCode": 200}
    (answer,) = clients.pushed("c1")
    assert answer["error"]["code"] in ("InvalidJson", "UnknownAction")


def test_a_replay_that_fails_comes_back_alone(functions: Functions, orders: OrderStore, clients: HttpServer) -> None:
    order = new_order(orders)
    clients.statuses["/@connections/c2"] = 500
    owner = {"clientId": str(CLIENT), "orderId": str(order.id)}
    event = sqs(*({**owner, "connectionId": f"c{number}"} for number in (1, 2, 3)))
    assert functions("ws_connect", event) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert (len(clients.pushed("c1")), len(clients.pushed("c3"))) == (1, 1)


# dispatch


def test_a_message_runs_its_order_to_the_end(
    functions: Functions, orders: OrderStore, clients: HttpServer, database: Database
) -> None:
    order = new_order(orders, connection_id="c1")
    assert dispatched(functions, order.id) == {"batchItemFailures": []}
    assert orders.get(order.id).status is Status.CONFIRMED
    assert statuses(orders, order.id) == LIFE
    assert clients.pushed("c1") == [event.to_json() for event in orders.events(order.id, after=1)]
    assert len(database.fetch("SELECT FROM market_transactions")) == 1


def test_a_message_that_comes_twice_runs_its_order_once(
    functions: Functions, orders: OrderStore, database: Database
) -> None:
    order = new_order(orders)
    for _ in range(2):
        assert dispatched(functions, order.id) == {"batchItemFailures": []}
    assert statuses(orders, order.id) == LIFE
    assert len(database.fetch("SELECT FROM market_transactions")) == 1


def test_an_order_that_another_run_holds_is_left_alone(functions: Functions, orders: OrderStore) -> None:
    order = claimed(orders)
    assert dispatched(functions, order.id) == {"batchItemFailures": []}
    assert orders.get(order.id) == order


def test_an_order_that_fails_is_done_with(functions: Functions, orders: OrderStore, database: Database) -> None:
    database.execute("DELETE FROM market_pools")
    order = new_order(orders)
    assert dispatched(functions, order.id) == {"batchItemFailures": []}
    failed = orders.get(order.id)
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert (failed.error["code"], failed.error["attempts"], failed.error["retryable"]) == ("NoRoute", 1, False)


def test_an_order_that_did_not_end_comes_back_and_is_free_for_the_next_run(
    functions: Functions, orders: OrderStore, services: Aws
) -> None:
    order = new_order(orders)
    route, execute = services.handlers["RouteFunction"], services.handlers["ExecuteFunction"]

    def broken(event: Any, context: Any) -> Any:
        raise KeyError("a defect")

    services.handlers |= {"RouteFunction": broken, "ExecuteFunction": broken}
    try:
        with pytest.raises(BatchProcessingError, match="ExecutionFailed"):
            dispatched(functions, order.id)
    finally:
        services.handlers |= {"RouteFunction": route, "ExecuteFunction": execute}
    assert orders.get(order.id).status is Status.PENDING
    assert dispatched(functions, order.id) == {"batchItemFailures": []}
    assert orders.get(order.id).status is Status.CONFIRMED


def test_an_order_whose_machine_can_not_be_reached_comes_back(environment: dict[str, str], orders: OrderStore) -> None:
    order = new_order(orders)
    with (
        closed_port() as port,
        new_environment({**environment, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}) as functions,
        pytest.raises(BatchProcessingError),
    ):
        dispatched(functions, order.id)
    assert orders.get(order.id).status is Status.PENDING


@pytest.mark.parametrize("body", ["no json", "{}", '{"orderId": "7"}'])
def test_a_message_that_is_none_goes_the_way_of_dead_letters(functions: Functions, body: str) -> None:
    with pytest.raises(BatchProcessingError):
        functions("dispatch", sqs(body))


# route and execute


def states_input(run: dict[str, Any] | Run, attempt: int = 1, **more: Any) -> dict[str, Any]:
    return {"order": run.to_json() if isinstance(run, Run) else run, "attempt": attempt, **more}


def test_the_steps_hand_the_order_on(functions: Functions, orders: OrderStore) -> None:
    order = claimed(orders)
    run = functions("route", states_input(Run.of(order)))
    assert (run["status"], run["quote"]["swaps"][0]["venue"], run["transaction"]) == (
        "routing",
        orders.get(order.id).venue,
        None,
    )
    for step, status in (("build", "building"), ("submit", "submitted"), ("confirm", "confirmed")):
        run = functions("execute", states_input(run, step=step))
        assert run["status"] == orders.get(order.id).status == status
    assert run["transaction"]["signature"] == orders.get(order.id).tx_hash


def test_a_step_counts_the_attempts_as_the_machine_does(functions: Functions, orders: OrderStore) -> None:
    order = claimed(orders)
    functions("route", states_input(Run.of(order), attempt=2))
    assert orders.get(order.id).attempt == 2
    assert orders.events(order.id)[-1].attempt == 2


def test_a_step_fails_with_an_error_that_the_machine_knows_by_name(
    functions: Functions, orders: OrderStore, database: Database
) -> None:
    order = claimed(orders)
    with pytest.raises(StaleRun):
        functions("route", states_input({**Run.of(order).to_json(), "run": "another"}))
    database.execute("DELETE FROM market_pools")
    with pytest.raises(NoRoute):
        functions("route", states_input(Run.of(order)))


def test_failing_stores_the_reason(functions: Functions, orders: OrderStore) -> None:
    order = claimed(orders)
    error = {"Error": "NoRoute", "Cause": json.dumps({"errorMessage": "no pool", "errorType": "NoRoute"})}
    run = functions("execute", states_input(Run.of(order), step="fail", error=error))
    failed = orders.get(order.id).error
    assert run["status"] == "failed"
    assert failed is not None
    assert (failed["code"], failed["message"]) == ("NoRoute", "no pool")


def test_there_is_no_other_step(functions: Functions, orders: OrderStore) -> None:
    order = claimed(orders)
    with pytest.raises(ValueError, match="expected step build, submit, confirm or fail, was 'dance'"):
        functions("execute", states_input(Run.of(order), step="dance"))


def test_each_step_is_counted(functions: Functions, orders: OrderStore, capsys: pytest.CaptureFixture[str]) -> None:
    functions("route", states_input(Run.of(claimed(orders))))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "OrderRouting" in line]
    (metric,) = [line for line in lines if "_aws" in line]
    assert metric["OrderRouting"] == [1.0]
    assert metric["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "OrderEngine"


# recover


def test_the_sweep_wakes_orders_that_nobody_runs(
    functions: Functions, orders: OrderStore, database: Database, services: Aws
) -> None:
    order = new_order(orders)
    assert functions("recover", SCHEDULED) == {"woken": 0, "closed": 0}
    database.execute("UPDATE orders SET woken_at = now() - interval '1 minute'")
    assert functions("recover", SCHEDULED) == {"woken": 1, "closed": 0}
    assert services.messages("OrderQueue") == [{"orderId": str(order.id)}]
    assert dispatched(functions, order.id) == {"batchItemFailures": []}
    assert orders.get(order.id).status is Status.CONFIRMED


def test_the_sweep_closes_the_connections_of_a_revoked_key(
    functions: Functions, orders: OrderStore, database: Database, clients: HttpServer
) -> None:
    functions("ws_connect", websocket("CONNECT"))
    ClientStore(database).revoke(CALLER.key_id)
    clients.statuses["/@connections/c1"] = 204
    assert functions("recover", SCHEDULED) == {"woken": 0, "closed": 1}
    (request,) = clients.requests
    assert (request.method, request.path) == ("DELETE", "/@connections/c1")
    assert functions("recover", SCHEDULED) == {"woken": 0, "closed": 0}


def test_a_dead_letter_fails_its_order_and_tells_its_listeners(
    functions: Functions, orders: OrderStore, clients: HttpServer
) -> None:
    order = new_order(orders, connection_id="c1")
    assert functions("recover", sqs({"orderId": str(order.id)})) == {"batchItemFailures": []}
    assert orders.get(order.id).status is Status.FAILED
    (event,) = clients.pushed("c1")
    assert (event["status"], event["seq"]) == ("failed", 2)


def test_a_dead_letter_whose_order_may_still_be_filled_comes_back(
    functions: Functions, orders: OrderStore, database: Database
) -> None:
    order = claimed(orders)
    run = functions("route", states_input(Run.of(order)))
    for step in ("build", "submit"):
        run = functions("execute", states_input(run, step=step))
    orders.release(order.id, RUN)
    other = new_order(orders)
    for venue in VENUES:
        set_fault(database, venue, "confirm", "fail")
    event = sqs({"orderId": str(order.id)}, {"orderId": str(other.id)})
    assert functions("recover", event) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert [orders.get(id).status.value for id in (order.id, other.id)] == ["submitted", "failed"]
    clear_faults(database)
    database.execute("UPDATE orders SET lease_until = now()")
    functions("recover", sqs({"orderId": str(order.id)}))
    assert orders.get(order.id).status is Status.CONFIRMED


# keys


def test_an_operator_makes_lists_and_revokes_keys(
    environment: dict[str, str], database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ClientStore(database)
    with new_environment(environment) as functions:
        made = functions("keys", {"action": "create-key", "name": "alice"})
        caller = store.caller_with_key(made["key"])
        assert caller is not None
        (listed,) = [key for key in functions("keys", {"action": "list-keys"})["keys"] if key["client"] == "alice"]
        assert listed["id"] == made["id"] == str(caller.key_id)
        assert listed["prefix"] == made["key"][:8]
        assert listed["revokedAt"] is None
        assert functions("keys", {"action": "revoke-key", "id": listed["id"]}) == {"revoked": listed["id"]}
        assert store.caller_with_key(made["key"]) is None
        (revoked,) = [key for key in functions("keys", {"action": "list-keys"})["keys"] if key["id"] == listed["id"]]
        assert revoked == {**listed, "revokedAt": revoked["revokedAt"]} != listed
    assert made["key"] not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ({}, "was one with nothing"),
        ({"action": "dance"}, "expected .*create-key.*, was one with action"),
        ({"action": "create-key"}, "was one with action"),
        ({"action": "create-key", "name": ""}, "expected a name of at most 100 printable characters"),
        ({"action": "revoke-key", "id": "x"}, "expected the id of a key, was x"),
        ({"action": "revoke-key", "id": "01a1fa72-0b07-7468-9d18-a3aa29f91511"}, "expected the id of a key, was 01a1"),
    ],
)
def test_what_can_not_be_done_with_keys_is_said(
    environment: dict[str, str], event: dict[str, str], problem: str
) -> None:
    with new_environment(environment) as functions, pytest.raises(ValueError, match=problem):
        functions("keys", event)


# migrate


def custom_resource(kind: str, url: str) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": f"{url}/response",
        "StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/local/1",
        "RequestId": "request-1",
        "ResourceType": "Custom::DatabaseSchema",
        "LogicalResourceId": "Schema",
        "ResourceProperties": {"ServiceToken": "arn", "Revision": "0004", "DevelopmentKey": ""},
    }


def tables(url: str) -> int:
    with psycopg.connect(url) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()[0]
    return int(count)


ANSWER = {
    "StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/local/1",
    "RequestId": "request-1",
    "LogicalResourceId": "Schema",
    "PhysicalResourceId": "schema",
}


@pytest.fixture
def empty_url(postgres_url: str) -> str:
    return new_database(postgres_url)


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_deploying_brings_the_database_up_to_date(
    environment: dict[str, str], empty_url: str, clients: HttpServer, kind: str
) -> None:
    with new_environment({**environment, "DATABASE_URL": empty_url}) as functions:
        for _ in range(2):
            assert functions("migrate", custom_resource(kind, clients.url)) is None
    (first, second) = clients.requests
    assert (first.method, first.path, first.body) == ("PUT", "/response", {**ANSWER, "Status": "SUCCESS"})
    assert second.body == first.body
    # The URL is signed for a request without one.
    assert first.headers["Content-Type"] == ""
    database = Database(empty_url)
    assert len(database.fetch("SELECT FROM market_pools")) == len(list(pool_settings()))
    database.close()


def test_a_development_key_is_one_from_then_on(
    environment: dict[str, str], empty_url: str, clients: HttpServer, capsys: pytest.CaptureFixture[str]
) -> None:
    key = new_secret("oee_")
    event = custom_resource("Create", clients.url)
    event["ResourceProperties"]["DevelopmentKey"] = key
    with new_environment({**environment, "DATABASE_URL": empty_url}) as functions:
        functions("migrate", event)
        event["ResourceProperties"]["DevelopmentKey"] = "oee_secret"
        functions("migrate", event)
    database = Database(empty_url)
    assert ClientStore(database).caller_with_key(key) is not None
    database.close()
    assert [body["Status"] for body in clients.bodies("/response")] == ["SUCCESS", "FAILED"]
    said = str(clients.requests) + "".join(capsys.readouterr())
    assert key not in said
    assert "oee_secret" not in said


def test_a_url_that_is_none_is_told_without_its_password(
    environment: dict[str, str], clients: HttpServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with new_environment({**environment, "DATABASE_URL": "postgres//user:hunter2@host/db"}) as functions:
        functions("migrate", custom_resource("Create", clients.url))
        with pytest.raises(ValueError, match="expected DATABASE_URL to be like postgresql://"):
            functions("submit", rest("GET", "/api/orders"))
    (answer,) = clients.bodies("/response")
    assert answer["Reason"].startswith("ValueError: expected DATABASE_URL to be like ")
    assert "hunter2" not in answer["Reason"] + "".join(capsys.readouterr())


def test_a_deployment_lets_the_functions_role_in(
    environment: dict[str, str], empty_url: str, clients: HttpServer
) -> None:
    role = f"role_{uuid4().hex}"
    change = {"DATABASE_URL": empty_url, "DATABASE_ROLE": role}
    with new_environment({**environment, **change}) as functions:
        functions("migrate", custom_resource("Create", clients.url))
    assert clients.bodies("/response") == [{**ANSWER, "Status": "SUCCESS"}]
    with psycopg.connect(make_conninfo(empty_url, user=role)) as connection:
        assert connection.execute("SELECT count(*) FROM market_pools").fetchone() != (0,)


def test_deleting_the_stack_keeps_the_data(environment: dict[str, str], empty_url: str, clients: HttpServer) -> None:
    migrate(empty_url)
    before = tables(empty_url)
    with new_environment({**environment, "DATABASE_URL": empty_url}) as functions:
        functions("migrate", custom_resource("Delete", clients.url))
    assert clients.bodies("/response") == [{**ANSWER, "Status": "SUCCESS"}]
    assert tables(empty_url) == before > 0


def test_a_deployment_hears_at_once_that_the_database_is_out_of_reach(
    environment: dict[str, str], clients: HttpServer
) -> None:
    with (
        closed_port() as port,
        new_environment({**environment, "DATABASE_URL": f"host=127.0.0.1 port={port} user=postgres"}) as functions,
    ):
        functions("migrate", custom_resource("Create", clients.url))
    (answer,) = clients.bodies("/response")
    assert {key: answer[key] for key in ANSWER} == ANSWER
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("OperationalError: ")
