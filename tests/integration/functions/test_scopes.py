"""What the functions answer to keys of each scope, and the keys that admins manage."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from order_engine.api.callers import authorizer_context
from order_engine.domain.access import Caller, Scope
from order_engine.domain.timestamps import rfc3339
from order_engine.storage.clients import PostgresClientStore
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.events import rest
from tests.support.functions import ORDER, Functions, answered, refusal
from tests.support.orders import CALLER, CLIENT, OTHER, new_order

pytestmark = pytest.mark.usefixtures("nothing_sent")

ADMIN = replace(CALLER, scope=Scope.ADMIN)
UNKNOWN = UUID("01890a5d-ac96-774b-bcce-b302099a8057")

NEEDED: list[tuple[str, str, str, str | None, Scope]] = [
    ("submit", "GET", "/api/orders", None, Scope.READ),
    ("submit", "GET", "/api/orders/active", None, Scope.READ),
    ("market", "GET", "/api/fills", None, Scope.READ),
    ("market", "GET", "/api/orders/counts", None, Scope.READ),
    ("market", "GET", "/api/orders/timings", None, Scope.READ),
    ("market", "GET", "/api/tokens", None, Scope.READ),
    ("market", "GET", "/api/pools", None, Scope.READ),
    ("submit", "GET", f"/api/orders/{UNKNOWN}", None, Scope.READ),
    ("submit", "GET", "/api/quotes", None, Scope.READ),
    ("ticket", "POST", "/api/ws-ticket", None, Scope.READ),
    ("ticket", "GET", "/api/key", None, Scope.READ),
    ("submit", "POST", "/api/orders/execute", json.dumps(ORDER), Scope.TRADE),
    ("submit", "DELETE", "/api/orders", None, Scope.TRADE),
    ("submit", "DELETE", f"/api/orders/{UNKNOWN}", None, Scope.TRADE),
    ("submit", "PATCH", f"/api/orders/{UNKNOWN}", '{"limitPrice": "180"}', Scope.TRADE),
    ("webhooks", "GET", "/api/webhooks", None, Scope.READ),
    ("webhooks", "GET", f"/api/webhooks/{UNKNOWN}/deliveries", None, Scope.READ),
    ("webhooks", "POST", "/api/webhooks", '{"url": "ftp://127.0.0.1"}', Scope.TRADE),
    ("webhooks", "DELETE", f"/api/webhooks/{UNKNOWN}", None, Scope.TRADE),
    ("webhooks", "POST", f"/api/webhooks/{UNKNOWN}/redeliver", None, Scope.TRADE),
    ("ticket", "GET", "/api/keys", None, Scope.ADMIN),
    ("ticket", "POST", "/api/keys", '{"scope": "read"}', Scope.ADMIN),
    ("ticket", "DELETE", f"/api/keys/{UNKNOWN}", None, Scope.ADMIN),
]


@pytest.fixture
def keys(database: Database) -> PostgresClientStore:
    return PostgresClientStore(database)


def sent(caller: Caller, method: str, path: str, body: object = None, **changes: Any) -> dict[str, Any]:
    """Returns the event of a request that the authorizer has let in with this caller's key."""
    event = rest(method, path, body if body is None or isinstance(body, str) else json.dumps(body), **changes)
    return {**event, "requestContext": {**event["requestContext"], "authorizer": authorizer_context(caller)}}


@pytest.mark.parametrize(("function", "method", "path", "body", "needed"), NEEDED)
def test_a_request_is_refused_to_exactly_the_keys_without_its_scope(
    functions: Functions,
    orders: PostgresOrderStore,
    function: str,
    method: str,
    path: str,
    body: str | None,
    needed: Scope,
) -> None:
    for scope in Scope:
        response = functions(function, sent(replace(CALLER, scope=scope), method, path, body))
        if scope.includes(needed):
            assert response["statusCode"] not in (401, 403)
            continue
        assert orders.page(CLIENT, 10) == ([], None)
        assert answered(response) == (
            403,
            {
                "error": {
                    "code": "ScopeMissing",
                    "message": f"expected a key with the scope {needed}, was one with the scope {scope}",
                    "details": [{"neededScope": needed, "scope": scope}],
                }
            },
        )


def test_a_reader_cancels_nothing(functions: Functions, orders: PostgresOrderStore) -> None:
    order, reader = new_order(orders), replace(CALLER, scope=Scope.READ)
    for path in ("/api/orders", f"/api/orders/{order.id}"):
        assert refusal(functions("submit", sent(reader, "DELETE", path))) == (403, "ScopeMissing")
    _, read = answered(functions("submit", sent(reader, "GET", f"/api/orders/{order.id}")))
    assert read["status"] == "pending"


def test_a_connection_from_before_there_were_scopes_may_trade(functions: Functions, orders: PostgresOrderStore) -> None:
    event = sent(CALLER, "DELETE", f"/api/orders/{new_order(orders).id}")
    del event["requestContext"]["authorizer"]["scope"]
    assert answered(functions("submit", event))[0] == 200


def test_an_unknown_scope_lets_nobody_in(functions: Functions, orders: PostgresOrderStore) -> None:
    event = sent(CALLER, "GET", "/api/orders")
    event["requestContext"]["authorizer"]["scope"] = "everything"
    assert refusal(functions("submit", event)) == (401, "Unauthorized")


def test_a_ticket_says_what_its_connection_may_do(functions: Functions, orders: PostgresOrderStore) -> None:
    for scope in Scope:
        caller = replace(CALLER, scope=scope)
        assert answered(functions("ticket", sent(caller, "POST", "/api/ws-ticket")))[1]["scope"] == scope


def test_a_caller_reads_its_own_key(functions: Functions, keys: PostgresClientStore) -> None:
    key = keys.create_key("alice", Scope.READ, actor="user bob@desk")
    caller = keys.caller_with_key(key)
    assert caller is not None
    status, body = answered(functions("ticket", sent(caller, "GET", "/api/key")))
    stored = keys.key_of(caller)
    assert stored.last_used_at is not None
    assert (status, body) == (
        200,
        {
            "id": str(caller.key_id),
            "client": "alice",
            "prefix": key[:8],
            "scope": "read",
            "createdAt": rfc3339(stored.created_at),
            # Not the operator's user and machine.
            "createdBy": "operator",
            "expiresAt": None,
            "lastUsedAt": rfc3339(stored.last_used_at),
            "revokedAt": None,
            "revokedBy": None,
        },
    )


# Keys that admins manage


def test_an_admin_creates_lists_and_revokes_the_keys_of_its_client(
    functions: Functions, keys: PostgresClientStore, capsys: pytest.CaptureFixture[str]
) -> None:
    actor, expiry = f"key {ADMIN.key_id}", rfc3339(datetime.now(UTC) + timedelta(days=30))
    status, made = answered(
        functions("ticket", sent(ADMIN, "POST", "/api/keys", {"scope": "read", "expiresAt": expiry}))
    )
    assert status == 201
    caller = keys.caller_with_key(made["key"])
    assert caller is not None
    assert (caller.client_id, caller.scope) == (CLIENT, Scope.READ)
    assert (made["id"], made["expiresAt"], made["createdBy"]) == (str(caller.key_id), expiry, actor)
    status, body = answered(functions("ticket", sent(ADMIN, "GET", "/api/keys")))
    assert (status, [key["id"] for key in body["keys"]]) == (200, [str(ADMIN.key_id), made["id"]])
    assert "key" not in body["keys"][1]
    status, revoked = answered(functions("ticket", sent(ADMIN, "DELETE", f"/api/keys/{made['id']}")))
    assert (status, revoked["revokedBy"]) == (200, actor)
    assert keys.caller_with_key(made["key"]) is None
    assert answered(functions("ticket", sent(ADMIN, "DELETE", f"/api/keys/{made['id']}"))) == (200, revoked)
    assert made["key"] not in "".join(capsys.readouterr())


def test_a_key_trades_and_does_not_expire_unless_asked(functions: Functions, keys: PostgresClientStore) -> None:
    _, made = answered(functions("ticket", sent(ADMIN, "POST", "/api/keys", {"expiresAt": None})))
    assert (made["scope"], made["expiresAt"]) == ("trade", None)


def test_the_keys_of_another_client_do_not_exist(functions: Functions, keys: PostgresClientStore) -> None:
    refusals = [
        answered(functions("ticket", sent(ADMIN, "DELETE", f"/api/keys/{id}"))) for id in (OTHER.key_id, UNKNOWN)
    ]
    assert [(status, body["error"]["code"]) for status, body in refusals] == [(404, "KeyNotFound")] * 2
    messages = [body["error"]["message"] for _, body in refusals]
    assert messages == [f"no key with id {OTHER.key_id}", f"no key with id {UNKNOWN}"]
    assert keys.key_of(OTHER).revoked_at is None


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"scope": "all"}, "InvalidRequest", "scope"),
        ({"scope": None}, "InvalidRequest", "scope"),
        ({"scope": ["read"]}, "InvalidRequest", "scope"),
        ({"expiresAt": "2026-01-31T00:00:00Z"}, "InvalidRequest", "expiresAt"),
        ({"expiresAt": "tomorrow"}, "InvalidRequest", "expiresAt"),
        ({"expiresAt": 1_800_000_000}, "InvalidRequest", "expiresAt"),
        ({"expires": "2126-01-31T00:00:00Z"}, "InvalidRequest", "expires"),
        ({"client": "bob"}, "InvalidRequest", "client"),
        ("[]", "InvalidJson", None),
    ],
)
def test_a_malformed_key_is_not_made(
    functions: Functions, keys: PostgresClientStore, body: object, code: str, field: str | None
) -> None:
    before = keys.list_keys()
    status, answer = answered(functions("ticket", sent(ADMIN, "POST", "/api/keys", body)))
    assert (status, answer["error"]["code"]) == (400, code)
    assert [detail["field"] for detail in answer["error"]["details"]] == ([field] if field else [])
    assert keys.list_keys() == before


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/key"), ("GET", "/api/keys"), ("POST", "/api/keys"), ("DELETE", "/api/keys/x")]
)
def test_an_unknown_parameter_is_refused(
    functions: Functions, orders: PostgresOrderStore, method: str, path: str
) -> None:
    event = sent(ADMIN, method, path, "{}" if method == "POST" else None, query={"client": "bob"})
    assert refusal(functions("ticket", event)) == (400, "InvalidRequest")
