"""The authorizer, and how the other functions answer a request that it has not authorized."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from order_engine.api.callers import caller_of
from order_engine.storage.clients import PostgresClientStore
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.events import rest, websocket
from tests.support.functions import ORDER, Functions, answered, refusal
from tests.support.orders import CALLER, CLIENT

pytestmark = pytest.mark.usefixtures("nothing_sent")


METHOD = "arn:aws:execute-api:us-east-1:000000000000:api/v1/GET/api/orders/1"


def asked(event: dict[str, Any], key: str | None) -> dict[str, Any]:
    """Returns the event that an authorizer gets for the API event."""
    context = {name: value for name, value in event["requestContext"].items() if name != "authorizer"}
    headers = event["headers"] | ({"Authorization": f"Bearer {key}"} if key else {})
    return {**event, "type": "REQUEST", "methodArn": METHOD, "headers": headers, "requestContext": context}


@pytest.mark.parametrize("event", [rest("GET", "/api/orders"), websocket("CONNECT")], ids=["REST", "WebSocket"])
def test_a_key_allows_the_whole_stage_and_names_its_client(
    functions: Functions, database: Database, event: dict[str, Any]
) -> None:
    clients = PostgresClientStore(database)
    key = clients.create_key("alice")
    answer = functions("authorize", asked(event, key))
    caller = clients.caller_with_key(key)
    assert caller is not None
    assert answer["principalId"] == str(caller.client_id)
    assert caller_of({"authorizer": answer["context"]}) == caller
    (statement,) = answer["policyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
        "Resource": "arn:aws:execute-api:us-east-1:000000000000:api/v1/*",
    }
    clients.revoke(caller.key_id)
    with pytest.raises(RuntimeError, match="^Unauthorized$"):
        functions("authorize", asked(event, key))


def test_a_ticket_allows_one_connection(functions: Functions, orders: PostgresOrderStore) -> None:
    status, body = answered(functions("ticket", rest("POST", "/api/ws-ticket")))
    assert (status, set(body)) == (201, {"ticket", "expiresAt", "webSocketUrl", "scope"})
    assert body["scope"] == CALLER.scope
    event = asked(websocket("CONNECT", query={"ticket": body["ticket"]}), None)
    assert caller_of({"authorizer": functions("authorize", event)["context"]}) == CALLER
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
        ("ticket", rest("GET", "/api/key")),
        ("ticket", rest("GET", "/api/keys")),
        ("ticket", rest("POST", "/api/keys", "{}")),
        ("ticket", rest("DELETE", f"/api/keys/{uuid4()}")),
    ],
)
def test_a_request_without_an_authorizers_verdict_is_refused(
    functions: Functions, orders: PostgresOrderStore, name: str, event: dict[str, Any]
) -> None:
    context = {key: value for key, value in event["requestContext"].items() if key != "authorizer"}
    response = functions(name, {**event, "requestContext": context})
    assert refusal(response) == (401, "Unauthorized")
    assert response["multiValueHeaders"]["WWW-Authenticate"] == ["Bearer"]
    assert orders.page(CLIENT, 10) == ([], None)


@pytest.mark.parametrize("path", ["/health", "/api/orders", "/api/orders/x", "/nowhere"])
def test_every_response_forbids_caching_and_content_sniffing(
    functions: Functions, orders: PostgresOrderStore, path: str
) -> None:
    headers = functions("submit", rest("GET", path))["multiValueHeaders"]
    assert headers["Cache-Control"] == ["no-store"]
    assert headers["Content-Security-Policy"] == ["default-src 'none'; frame-ancestors 'none'"]
    assert headers["Referrer-Policy"] == ["no-referrer"]
    assert headers["X-Content-Type-Options"] == ["nosniff"]
