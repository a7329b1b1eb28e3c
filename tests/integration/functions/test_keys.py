"""API keys, as an operator manages them."""

from __future__ import annotations

import pytest

from order_engine.domain.access import Scope
from order_engine.domain.errors import InvalidRequest
from order_engine.storage.clients import PostgresClientStore
from order_engine.storage.database import Database
from tests.support.aws import Context
from tests.support.functions import new_environment

pytestmark = pytest.mark.usefixtures("nothing_sent")


def test_an_operator_creates_lists_and_revokes_keys(
    environment: dict[str, str], database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    store = PostgresClientStore(database)
    with new_environment(environment) as functions:
        made = functions("keys", {"action": "create-key", "name": "alice"})
        caller = store.caller_with_key(made["key"])
        assert caller is not None
        (listed,) = [key for key in functions("keys", {"action": "list-keys"})["keys"] if key["client"] == "alice"]
        assert listed["id"] == made["id"] == str(caller.key_id)
        assert listed["prefix"] == made["key"][:8]
        assert (listed["scope"], listed["expiresAt"], listed["revokedAt"]) == ("trade", None, None)
        assert functions("keys", {"action": "revoke-key", "id": listed["id"]}) == {"revoked": listed["id"]}
        assert store.caller_with_key(made["key"]) is None
        (revoked,) = [key for key in functions("keys", {"action": "list-keys"})["keys"] if key["id"] == listed["id"]]
        changes = {name: revoked[name] for name in ("revokedAt", "revokedBy")}
        assert revoked == {**listed, **changes}
        assert None not in changes.values()
    assert made["key"] not in "".join(capsys.readouterr())


def test_the_audit_keeps_the_id_under_which_aws_knows_who_has_invoked_the_function(
    environment: dict[str, str], database: Database
) -> None:
    with new_environment(environment) as functions:
        handler = functions.handler("keys")
        made = handler({"action": "create-key", "name": "alice"}, Context("keys", aws_request_id="request-1"))
        handler({"action": "revoke-key", "id": made["id"]}, Context("keys", aws_request_id="request-2"))
        (key,) = [key for key in functions("keys", {"action": "list-keys"})["keys"] if key["id"] == made["id"]]
    assert (key["createdBy"], key["revokedBy"]) == ("invocation request-1", "invocation request-2")


def test_an_operator_creates_a_key_that_only_reads_and_expires(environment: dict[str, str], database: Database) -> None:
    with new_environment(environment) as functions:
        event = {"action": "create-key", "name": "alice", "scope": "read", "expiresAt": "2126-01-31T01:00:00+01:00"}
        made = functions("keys", event)
    assert (made["scope"], made["expiresAt"]) == ("read", "2126-01-31T00:00:00.000Z")
    caller = PostgresClientStore(database).caller_with_key(made["key"])
    assert caller is not None
    assert caller.scope is Scope.READ


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ({}, "was one with nothing"),
        ({"action": "dance"}, "expected .*create-key.*, was one with action"),
        ({"action": "create-key"}, "was one with action"),
        ({"action": "create-key", "name": ""}, "expected a name of at most 100 printable characters"),
        ({"action": "create-key", "name": "a", "scope": "all"}, 'expected one of read, trade, admin, was "all"'),
        (
            {"action": "create-key", "name": "a", "expires": "2126-01-31T00:00:00Z"},
            "expires: expected scope or expiresAt",
        ),
        ({"action": "create-key", "name": "a", "expiresAt": "2026-01-31T00:00:00Z"}, "expected a time in the future"),
        ({"action": "create-key", "name": "a", "expiresAt": "soon"}, "expected a time with its offset"),
        ({"action": "revoke-key", "id": "x"}, "no key with id x"),
        ({"action": "revoke-key", "id": "01a1fa72-0b07-7468-9d18-a3aa29f91511"}, "no key with id 01a1"),
    ],
)
def test_an_impossible_request_about_keys_is_refused(
    environment: dict[str, str], event: dict[str, str], problem: str
) -> None:
    with new_environment(environment) as functions, pytest.raises((ValueError, InvalidRequest), match=problem):
        functions("keys", event)
