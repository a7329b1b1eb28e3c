"""The running orders of a client, by HTTP: out of Redis, and out of Postgres where Redis does not have them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import redis

from order_engine.api.callers import authorizer_context
from order_engine.api.views import event_view
from order_engine.domain.lifecycle import RUNNING, Status
from order_engine.services import active_orders
from order_engine.storage.active_orders import KEY
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.events import rest
from tests.support.functions import ORDER, Functions, answered, dispatched, new_environment, refusal
from tests.support.network import silent_port
from tests.support.orders import CLIENT, OTHER, brought_to

pytestmark = pytest.mark.usefixtures("nothing_sent")

LIMIT = {"type": "limit", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5", "limitPrice": "900"}
ACTIVE = "/api/orders/active"


@pytest.fixture(autouse=True)
def cache(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as cache:
        cache.delete(KEY.format(CLIENT))
        yield cache


def active(functions: Functions, **query: str) -> list[dict[str, Any]]:
    status, body = answered(functions("submit", rest("GET", ACTIVE, query=query or None)))
    assert (status, body["complete"]) == (200, True)
    orders: list[dict[str, Any]] = body["orders"]
    return orders


def execute(functions: Functions, form: dict[str, Any]) -> str:
    status, body = answered(functions("submit", rest("POST", "/api/orders/execute", json.dumps(form))))
    assert status == 202, body
    return str(body["orderId"])


def test_running_orders_are_listed_with_their_newest_events(functions: Functions, orders: PostgresOrderStore) -> None:
    running = [brought_to(orders, status) for status in RUNNING]
    for status in (Status.CONFIRMED, Status.FAILED, Status.OPEN):
        brought_to(orders, status)
    # Out of Postgres, and then out of Redis.
    stored, shown = active(functions), active(functions)
    assert stored == shown
    newest = {str(order.id): event_view(orders.events(order.id)[-1]) for order in running}
    assert {order["orderId"]: order["event"] for order in shown} == newest
    assert [order["orderId"] for order in shown] == sorted(newest, reverse=True)


def test_an_order_is_listed_as_long_as_it_runs(functions: Functions, orders: PostgresOrderStore) -> None:
    assert active(functions) == []
    order_id = execute(functions, ORDER)
    (order,) = active(functions)
    pending = orders.events(UUID(order_id))[0]
    assert order == {
        "orderId": order_id,
        **{name: event_view(pending)["data"][name] for name in ("type", "market", "slippageBps", "maxPriceImpactBps")},
        "tokenIn": "SOL",
        "tokenOut": "USDC",
        "amountIn": "1.5",
        "amountInBaseUnits": "1500000000",
        "clientOrderId": "a-1",
        "quoteId": None,
        "parentId": None,
        "startedAt": event_view(pending)["at"],
        "event": event_view(pending),
    }
    dispatched(functions, UUID(order_id))
    assert active(functions) == []


def test_a_list_out_of_redis_asks_nothing_of_postgres(
    functions: Functions, orders: PostgresOrderStore, database: Database
) -> None:
    execute(functions, ORDER)
    known = active(functions)
    database.execute("UPDATE orders SET status = 'failed'")
    assert active(functions) == known != []


def test_open_orders_are_listed_if_they_are_asked_for(functions: Functions, orders: PostgresOrderStore) -> None:
    waiting, running = execute(functions, LIMIT), execute(functions, ORDER)
    assert [order["orderId"] for order in active(functions)] == [running]
    found = {order["orderId"]: order for order in active(functions, include="open")}
    assert found.keys() == {waiting, running}
    assert (found[waiting]["type"], found[waiting]["event"]["status"]) == ("limit", "open")


def test_another_clients_orders_are_not_listed(functions: Functions, orders: PostgresOrderStore) -> None:
    execute(functions, ORDER)
    for _ in range(2):
        event = rest("GET", ACTIVE)
        event["requestContext"]["authorizer"] = authorizer_context(OTHER)
        assert answered(functions("submit", event)) == (200, {"orders": [], "complete": True})
        assert len(active(functions)) == 1


def test_a_redis_that_was_emptied_is_filled_again(
    functions: Functions, orders: PostgresOrderStore, cache: redis.Redis
) -> None:
    first = execute(functions, ORDER)
    assert [order["orderId"] for order in active(functions)] == [first]
    cache.flushall()
    second = execute(functions, {**ORDER, "clientOrderId": "a-2"})
    # THEN it has the second order only, and is not believed
    for _ in range(2):
        assert {order["orderId"] for order in active(functions)} == {first, second}


@pytest.mark.parametrize("fault", ["down", "slow"])
def test_without_redis_they_are_read_from_postgres(
    environment: dict[str, str], orders: PostgresOrderStore, fault: str
) -> None:
    order = brought_to(orders, Status.ROUTING)
    with silent_port() as port:
        url = f"redis://127.0.0.1:{port if fault == 'slow' else 1}/0"
        with new_environment({**environment, "REDIS_URL": url}) as functions:
            assert [each["orderId"] for each in active(functions)] == [str(order.id)]


def test_a_list_that_is_too_long_is_cut_and_says_so(
    functions: Functions, orders: PostgresOrderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def newest() -> tuple[list[str], bool]:
        _, body = answered(functions("submit", rest("GET", ACTIVE)))
        return [order["orderId"] for order in body["orders"]], body["complete"]

    ids = sorted((str(brought_to(orders, Status.ROUTING).id) for _ in range(2)), reverse=True)
    monkeypatch.setattr(active_orders, "MAX_ACTIVE", 2)
    assert newest() == newest() == (ids, True)
    monkeypatch.setattr(active_orders, "MAX_ACTIVE", 1)
    assert newest() == (ids[:1], False)


@pytest.mark.parametrize("query", [{"include": "ended"}, {"status": "open"}])
def test_an_unknown_selection_is_refused(functions: Functions, query: dict[str, str]) -> None:
    assert refusal(functions("submit", rest("GET", ACTIVE, query=query))) == (400, "InvalidRequest")
