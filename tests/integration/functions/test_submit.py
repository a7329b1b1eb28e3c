"""Orders that are submitted by HTTP."""

from __future__ import annotations

import base64
import json
import time
from typing import Any
from uuid import UUID

import pytest
import redis

from order_engine.api.views import order_view
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.rate_limit import KEY
from tests.support.aws import Aws
from tests.support.events import rest
from tests.support.functions import ORDER, Functions, answered, new_environment, refusal
from tests.support.orders import CLIENT, statuses

pytestmark = pytest.mark.usefixtures("nothing_sent")


def test_an_order_is_accepted_stored_and_queued(
    functions: Functions, orders: PostgresOrderStore, services: Aws
) -> None:
    status, body = answered(functions("submit", rest("POST", "/api/orders/execute", json.dumps(ORDER))))
    assert status == 202
    order = orders.get(UUID(body["orderId"]))
    websocket_url = f"ws://127.0.0.1/v1?orderId={order.id}"
    assert body == {**order_view(order), "activation": None, "webSocketUrl": websocket_url}
    assert (body["status"], body["amountIn"], body["clientOrderId"]) == ("pending", "1.5", "a-1")
    assert services.messages("OrderQueue") == [{"orderId": str(order.id), "publishedSeq": 1}]
    assert statuses(orders, order.id) == ["pending"]


@pytest.mark.parametrize("name", ["Idempotency-Key", "idempotency-key", "IDEMPOTENCY-KEY"])
def test_a_repeated_order_gets_the_same_bytes(
    functions: Functions, orders: PostgresOrderStore, services: Aws, name: str
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
def test_an_invalid_idempotency_key_is_refused(functions: Functions, orders: PostgresOrderStore, key: str) -> None:
    event = rest("POST", "/api/orders/execute", json.dumps(ORDER))
    event["headers"]["Idempotency-Key"] = key
    assert refusal(functions("submit", event)) == (400, "InvalidRequest")
    assert orders.page(CLIENT, 10) == ([], None)


def test_a_client_over_the_rate_limit_is_told_when_to_retry(
    environment: dict[str, str], orders: PostgresOrderStore, redis_url: str
) -> None:
    with redis.Redis.from_url(redis_url) as store:
        store.delete(KEY.format("order", CLIENT))
    with new_environment({**environment, "ORDERS_PER_MINUTE": "2"}) as functions:
        form = {**ORDER, "clientOrderId": None}
        event = rest("POST", "/api/orders/execute", json.dumps(form))
        answers = [functions("submit", event) for _ in range(2)]
        # An invalid order uses no token.
        invalid = functions("submit", rest("POST", "/api/orders/execute", "{}"))
        response = functions("submit", event)
    assert [answer["statusCode"] for answer in answers] == [202, 202]
    assert [left(answer) for answer in (*answers, invalid, response)] == [
        ("2", "1"),
        ("2", "0"),
        ("2", None),
        ("2", "0"),
    ]
    for answer, wait in zip((*answers, response), (30, 60, 60), strict=True):
        (reset,) = answer["multiValueHeaders"]["X-RateLimit-Reset"]
        assert wait - 2 <= int(reset) - time.time() <= wait + 1
    assert refusal(response) == (429, "RateLimited")
    assert response["multiValueHeaders"]["Retry-After"] == ["30"]
    assert json.loads(response["body"])["error"]["details"] == [{"retryAfter": 30}]
    assert len(orders.page(CLIENT, 10)[0]) == 2


def left(answer: dict[str, Any]) -> tuple[str, str | None]:
    """How many orders the answer allows a minute, and how many it says are left."""
    headers = answer["multiValueHeaders"]
    (limit,), (remaining,) = headers["X-RateLimit-Limit"], headers.get("X-RateLimit-Remaining", [None])
    return limit, remaining


def test_answers_of_routes_without_a_limit_say_nothing_of_one(functions: Functions, orders: PostgresOrderStore) -> None:
    # The functions here limit no orders.
    for event in (rest("POST", "/api/orders/execute", json.dumps(ORDER)), rest("GET", "/api/orders")):
        assert not [name for name in functions("submit", event)["multiValueHeaders"] if name.startswith("X-Rate")]


def test_the_short_form_is_accepted(functions: Functions, orders: PostgresOrderStore) -> None:
    form = {"type": "market", "tokenPair": "SOL-USDC", "amount": 10, "userId": "u-1"}
    status, body = answered(functions("submit", rest("POST", "/api/orders/execute", json.dumps(form))))
    assert (status, body["tokenIn"], body["amountIn"], body["userId"]) == (202, "SOL", "10", "u-1")


def test_a_body_may_be_base64_and_name_a_character_set(functions: Functions, orders: PostgresOrderStore) -> None:
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
def test_an_invalid_order_is_refused_and_stores_nothing(
    functions: Functions,
    orders: PostgresOrderStore,
    services: Aws,
    body: str | None,
    changes: dict[str, Any],
    refused: tuple[int, str],
) -> None:
    assert refusal(functions("submit", rest("POST", "/api/orders/execute", body, **changes))) == refused
    assert orders.page(CLIENT, 10) == ([], None)
    assert services.messages("OrderQueue") == []


def test_the_answer_names_every_problem_of_an_order(functions: Functions, orders: PostgresOrderStore) -> None:
    form = {**ORDER, "amountIn": "0", "slippageBps": -1}
    _, body = answered(functions("submit", rest("POST", "/api/orders/execute", json.dumps(form))))
    assert [problem["field"] for problem in body["error"]["details"]] == ["slippageBps"]
    del form["slippageBps"]
    _, body = answered(functions("submit", rest("POST", "/api/orders/execute", json.dumps(form))))
    assert body["error"]["details"] == [{"field": "amountIn", "message": "expected an amount above zero, was '0'"}]
