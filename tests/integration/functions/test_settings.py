"""Functions without a store, without a queue, and without their settings."""

from __future__ import annotations

import json
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import redis

from order_engine.domain.lifecycle import Status
from order_engine.storage.orders import PostgresOrderStore
from tests.support.events import rest
from tests.support.functions import ORDER, Functions, answered, new_environment, refusal
from tests.support.network import closed_port

pytestmark = pytest.mark.usefixtures("nothing_sent")


def test_health_reports_every_part_up(functions: Functions, orders: PostgresOrderStore) -> None:
    status, body = answered(functions("submit", rest("GET", "/health")))
    assert status == 200
    assert (body["market"], body["status"]) == ("Simulated", "up")
    assert {name: check["status"] for name, check in body["checks"].items()} == {
        "postgres": "up",
        "redis": "up",
        "queue": "up",
    }


def test_without_postgres_the_api_answers_503(environment: dict[str, str]) -> None:
    with (
        closed_port() as port,
        new_environment({**environment, "DATABASE_URL": f"host=127.0.0.1 port={port} user=postgres"}) as functions,
    ):
        status, body = answered(functions("submit", rest("GET", "/health")))
        assert (status, body["status"], body["checks"]["postgres"]["status"]) == (503, "down", "down")
        response = functions("submit", rest("POST", "/api/orders/execute", json.dumps(ORDER)))
        assert refusal(response) == (503, "StoreUnavailable")
        assert response["multiValueHeaders"]["Retry-After"] == ["1"]


def test_without_redis_and_the_queue_orders_are_still_accepted(
    environment: dict[str, str], orders: PostgresOrderStore
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


def test_functions_connect_with_iam_when_configured(environment: dict[str, str], redis_url: str) -> None:
    """The stores here accept any password. test_tokens compares the passwords with those of AWS's SDK."""
    access = ("on", "nopass", "allkeys", "allcommands")
    change = {
        "DATABASE_AUTH": "iam",
        "REDIS_AUTH": "iam",
        "REDIS_URL": f"redis://by_iam@127.0.0.1:{urlsplit(redis_url).port}/0",
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
def test_a_function_without_its_settings_does_not_start(
    environment: dict[str, str], change: dict[str, str], message: str
) -> None:
    with (
        new_environment({**environment, **change}) as functions,
        pytest.raises(RuntimeError, match=message),
    ):
        functions.handler("execute")
