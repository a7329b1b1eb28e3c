"""Runs each sample event in `events/` on its function: `<function>-<what>.json` or `<function>.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from order_engine.domain.lifecycle import Status
from order_engine.storage.clients import PostgresClientStore
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.databases import new_database
from tests.support.functions import FUNCTIONS, Functions, answered, new_environment
from tests.support.http_server import HttpServer
from tests.support.orders import CLIENT, LEASE, PATHS, REQUEST

FOLDER = Path(__file__).parents[3] / "events"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
STEPS = ("route", "execute-build", "execute-submit", "execute-confirm")

pytestmark = pytest.mark.usefixtures("nothing_sent", "orders")


def event(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def invoked(functions: Functions, name: str, **changes: Any) -> Any:
    return functions(name.partition("-")[0], event(name) | changes)


def taken(orders: PostgresOrderStore, name: str) -> None:
    """Stores the order that an event names, in the status that the event expects."""
    order = event(name)["order"]
    orders.insert(UUID(order["order_id"]), CLIENT, REQUEST, {})
    assert orders.claim(UUID(order["order_id"]), order["run"], LEASE) is not None
    for trigger in PATHS[Status(order["status"])]:
        assert orders.move(UUID(order["order_id"]), order["run"], trigger, 1, {}) is not None


def test_every_function_has_a_sample_event() -> None:
    assert {name.partition("-")[0] for name in NAMES} == {*FUNCTIONS, "dashboard", "describe"}


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("ticket", 201),
        ("submit-order", 202),
        ("submit-quote", 200),
        ("submit-list", 200),
        ("submit-health", 200),
        ("market-market", 200),
        ("market-wallet", 404),
        ("describe", 200),
        ("webhooks-list", 200),
    ],
)
def test_a_request_is_answered(functions: Functions, name: str, status: int) -> None:
    assert answered(invoked(functions, name))[0] == status


def test_the_page_is_served(functions: Functions) -> None:
    answer = invoked(functions, "dashboard")
    assert (answer["statusCode"], answer["body"][:15]) == (200, "<!doctype html>")


def test_the_authorizer_accepts_a_known_key(functions: Functions, database: Database) -> None:
    PostgresClientStore(database).add_key(
        "development", event("authorize")["headers"]["Authorization"].removeprefix("Bearer ")
    )
    (statement,) = invoked(functions, "authorize")["policyDocument"]["Statement"]
    assert statement["Effect"] == "Allow"


def test_a_key_is_created_and_listed(functions: Functions) -> None:
    made = invoked(functions, "keys-create")
    assert made["client"] == event("keys-create")["name"]
    assert made["id"] in {key["id"] for key in invoked(functions, "keys-list")["keys"]}


def test_a_connection_is_opened_used_and_closed(functions: Functions, clients: HttpServer) -> None:
    for name in ("ws_connect-connect", "ws_connect-message", "ws_connect-disconnect"):
        assert invoked(functions, name) == {"statusCode": 200}
    (told,) = clients.pushed(quote(event("ws_connect-message")["requestContext"]["connectionId"]))
    assert told["status"] == "pending"


@pytest.mark.parametrize(
    ("name", "status"), [("dispatch", "confirmed"), ("recover-dead_letter", "failed"), ("ws_connect-replay", "pending")]
)
def test_a_message_is_handled(functions: Functions, orders: PostgresOrderStore, name: str, status: str) -> None:
    (record,) = event(name)["Records"]
    message = json.loads(record["body"])
    order = orders.insert(UUID(message["orderId"]), UUID(message.get("clientId", str(CLIENT))), REQUEST, {})
    assert invoked(functions, name) == {"batchItemFailures": []}
    assert orders.get(order.id).status == status


def test_the_sweep_runs(functions: Functions) -> None:
    assert invoked(functions, "recover-schedule") == {"enqueued": 0, "closed": 0}


def test_a_watcher_finds_no_order_that_waits(functions: Functions) -> None:
    watched = {"open": 0, "ticks": 0, "longestTick": 0, "activated": 0, "sliced": 0, "expired": 0}
    assert invoked(functions, "watch-schedule") == watched


def test_there_is_nothing_to_deliver_without_webhooks(functions: Functions) -> None:
    assert invoked(functions, "deliver-schedule") == {"delivered": 0, "failed": 0}


def test_a_message_to_nobody_is_not_taken(functions: Functions) -> None:
    assert "refused" in invoked(functions, "post")["refusal"]


def test_the_simulated_market_has_no_pools_to_discover(functions: Functions) -> None:
    assert invoked(functions, "discover-schedule") == {}


def test_the_steps_confirm_an_order(functions: Functions, orders: PostgresOrderStore) -> None:
    taken(orders, "route")
    order = event(STEPS[0])["order"]
    for step, following in zip(STEPS, [*STEPS[1:], None], strict=True):
        # With the slots of now: the transaction of a sample may be too old, or signed for too far ahead, to land.
        answer = order = invoked(functions, step, order=order)
        if following:
            # Apart from random and time-dependent values, each event's result is the input of the next.
            expected = event(following)["order"]
            assert without_chance(answer) == without_chance(expected)
    assert answer["status"] == "confirmed"


def without_chance(order: dict[str, Any]) -> dict[str, Any]:
    transaction = order["transaction"] and order["transaction"] | {"signature": "", "last_valid_height": 0}
    quoted = order["quote"] and order["quote"] | {"slot": 0, "expires_at": 0}
    return order | {"quote": quoted, "transaction": transaction}


def test_a_dead_letter_gives_its_order_up(functions: Functions, orders: PostgresOrderStore) -> None:
    taken(orders, "execute-fail")
    assert invoked(functions, "execute-fail")["status"] == "failed"


def test_the_database_is_migrated(environment: dict[str, str], postgres_url: str, clients: HttpServer) -> None:
    with new_environment({**environment, "DATABASE_URL": new_database(postgres_url)}) as functions:
        assert invoked(functions, "migrate", ResponseURL=f"{clients.url}/response") is None
    (answer,) = clients.bodies("/response")
    assert answer["Status"] == "SUCCESS"
