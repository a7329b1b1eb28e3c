"""API keys, as an operator manages them."""

from __future__ import annotations

import pytest

from order_engine.storage.clients import PostgresClientStore
from order_engine.storage.database import Database
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
        ({"action": "revoke-key", "id": "x"}, "no key with id x"),
        ({"action": "revoke-key", "id": "01a1fa72-0b07-7468-9d18-a3aa29f91511"}, "no key with id 01a1"),
    ],
)
def test_an_impossible_request_about_keys_is_refused(
    environment: dict[str, str], event: dict[str, str], problem: str
) -> None:
    with new_environment(environment) as functions, pytest.raises(ValueError, match=problem):
        functions("keys", event)
