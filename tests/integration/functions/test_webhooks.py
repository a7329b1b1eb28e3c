"""Webhooks through the functions: registered over REST, delivered by `deliver` and `post`."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from order_engine.api.callers import authorizer_context
from order_engine.domain.lifecycle import Status
from order_engine.domain.webhooks import MAX_WEBHOOKS
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.aws import Aws
from tests.support.events import SCHEDULED, rest
from tests.support.functions import Functions, answered, new_environment
from tests.support.orders import OTHER, brought_to
from tests.support.receiver import Receiver, receiver

pytestmark = pytest.mark.usefixtures("database")

INSIDE = [
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://2130706433/",
    "https://localhost/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[fd00:ec2::254]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
]


@pytest.fixture
def receiving() -> Iterator[Receiver]:
    with receiver() as receiving:
        yield receiving


@pytest.fixture(autouse=True)
def woken(functions: Functions, services: Aws) -> list[Any]:
    """The events with which the deliveries were woken. Lambda has `post`, too."""
    woken: list[Any] = []
    services.handlers["PostFunction"] = functions.handler("post")
    services.handlers["DeliverFunction"] = lambda event, context: woken.append(event)
    return woken


def call(functions: Functions, method: str, path: str, body: Any = None, **changes: Any) -> tuple[int, Any]:
    text = None if body is None else json.dumps(body)
    return answered(functions("webhooks", rest(method, f"/api/webhooks{path}", text, **changes)))


def register(functions: Functions, url: str, **more: Any) -> Any:
    status, webhook = call(functions, "POST", "", {"url": url, **more})
    assert status == 201, webhook
    return webhook


def test_the_events_of_an_order_are_delivered_to_a_registered_address(
    functions: Functions, orders: PostgresOrderStore, receiving: Receiver
) -> None:
    webhook = register(functions, f"{receiving.url}/hook", statuses=["confirmed"])
    order = brought_to(orders, Status.CONFIRMED)
    assert functions("deliver", SCHEDULED) == {"delivered": 1, "failed": 0}
    (message,) = receiving.taken
    assert message.is_signed_with(webhook["secret"])
    _, read = answered(functions("submit", rest("GET", f"/api/orders/{order.id}")))
    assert message.event == read["events"][-1]
    listed = {name: value for name, value in webhook.items() if name != "secret"}
    assert call(functions, "GET", "") == (200, {"webhooks": [listed]})
    status, found = call(functions, "GET", f"/{webhook['webhookId']}/deliveries", query={"state": "delivered"})
    (delivery,) = found["deliveries"]
    assert (status, delivery["orderId"], delivery["deliveredSeq"]) == (200, str(order.id), 5)


def test_a_refused_event_is_shown_with_the_reason(
    functions: Functions, orders: PostgresOrderStore, receiving: Receiver
) -> None:
    webhook = register(functions, receiving.url)
    order = brought_to(orders, Status.CONFIRMED)
    receiving.answer = lambda message: 302
    assert functions("deliver", SCHEDULED) == {"delivered": 0, "failed": 1}
    path = f"/{webhook['webhookId']}"
    _, found = call(functions, "GET", f"{path}/deliveries")
    (delivery,) = found["deliveries"]
    assert (delivery["orderId"], delivery["state"], delivery["attempts"]) == (str(order.id), "waiting", 1)
    assert delivery["error"] == "expected status 2xx, was 302"
    assert delivery["nextAttemptAt"] > delivery["failingSince"]
    assert call(functions, "POST", f"{path}/redeliver") == (202, {"orders": 0})
    assert call(functions, "DELETE", path) == (200, {"webhookId": webhook["webhookId"]})
    assert call(functions, "GET", f"{path}/deliveries")[1]["error"]["code"] == "WebhookNotFound"


def test_the_deliveries_are_woken_by_the_first_webhook(
    functions: Functions, woken: list[Any], receiving: Receiver
) -> None:
    register(functions, f"{receiving.url}/1")
    register(functions, f"{receiving.url}/2")
    assert woken == [{}]


def test_a_client_sees_its_own_webhooks(functions: Functions, receiving: Receiver) -> None:
    webhook = register(functions, receiving.url)
    theirs = rest("GET", "/api/webhooks")["requestContext"] | {"authorizer": authorizer_context(OTHER)}
    path = f"/{webhook['webhookId']}"
    assert call(functions, "GET", "", requestContext=theirs) == (200, {"webhooks": []})
    for method, rest_of_path in (("DELETE", ""), ("GET", "/deliveries"), ("POST", "/redeliver")):
        status, refused = call(functions, method, path + rest_of_path, requestContext=theirs)
        assert (status, refused["error"]["code"]) == (404, "WebhookNotFound")
    # Both may have the same address.
    status, _ = call(functions, "POST", "", {"url": receiving.url}, requestContext=theirs)
    assert status == 201


def test_an_address_is_registered_once_and_ten_at_most(functions: Functions, receiving: Receiver) -> None:
    for number in range(MAX_WEBHOOKS):
        register(functions, f"{receiving.url}/{number}")
    for path, code in (("0", "WebhookExists"), ("new", "TooManyWebhooks")):
        status, refused = call(functions, "POST", "", {"url": f"{receiving.url}/{path}"})
        assert (status, refused["error"]["code"]) == (409, code)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["url"]),
        ({"url": 1}, ["url"]),
        ({"url": ""}, ["url"]),
        ({"url": "ftp://127.0.0.1/"}, ["url"]),
        ({"url": "http://127.0.0.1/", "statuses": []}, ["statuses"]),
        ({"url": "http://127.0.0.1/", "statuses": "confirmed"}, ["statuses"]),
        ({"url": "http://127.0.0.1/", "statuses": ["sold", "confirmed"]}, ["statuses"]),
        ({"url": "http://127.0.0.1/", "statuses": [["confirmed"]]}, ["statuses"]),
        ({"url": None, "secret": "whsec_mine"}, ["secret", "url"]),
    ],
)
def test_a_malformed_registration_is_refused_with_its_fields(
    functions: Functions, database: Database, body: dict[str, Any], fields: list[str]
) -> None:
    status, refused = call(functions, "POST", "", body)
    assert (status, refused["error"]["code"]) == (400, "InvalidRequest")
    assert [problem["field"] for problem in refused["error"]["details"]] == fields
    assert database.fetch("SELECT FROM webhooks") == []


@pytest.mark.parametrize("path", ["/not-an-id", "/01890a5d-ac96-774b-bcce-b302099a8057"])
def test_an_unknown_webhook_is_refused(functions: Functions, path: str) -> None:
    code = "InvalidRequest" if "not" in path else "WebhookNotFound"
    for method, rest_of_path in (("DELETE", ""), ("GET", "/deliveries"), ("POST", "/redeliver")):
        assert call(functions, method, path + rest_of_path)[1]["error"]["code"] == code


def test_addresses_inside_are_refused_outside_development(environment: dict[str, str], database: Database) -> None:
    with new_environment({**environment, "WEBHOOK_TARGETS": "public"}) as functions:
        for url in (*INSIDE, "http://8.8.8.8/", "https://8.8.8.8:8443/", "https://user@8.8.8.8/"):
            status, refused = call(functions, "POST", "", {"url": url})
            assert (status, refused["error"]["details"][0]["field"]) == (400, "url"), url
        assert database.fetch("SELECT FROM webhooks") == []
        assert call(functions, "POST", "", {"url": "https://8.8.8.8/"})[0] == 201


def test_addresses_inside_are_not_called_whatever_the_store_says(environment: dict[str, str]) -> None:
    """GIVEN rows from a time when development was allowed."""
    with new_environment({**environment, "WEBHOOK_TARGETS": "public"}) as functions:
        for url in INSIDE:
            refusal = functions("post", {"url": url, "headers": {}, "body": "{}"})["refusal"]
            assert "expected a host with public addresses only" in refusal


def test_no_secret_is_logged(
    functions: Functions,
    orders: PostgresOrderStore,
    receiving: Receiver,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with caplog.at_level(logging.DEBUG):
        secret = register(functions, receiving.url)["secret"]
        brought_to(orders, Status.CONFIRMED)
        functions("deliver", SCHEDULED)
    written = capsys.readouterr()
    assert secret not in caplog.text + written.out + written.err
    assert receiving.taken
