"""What a key may do, until when, when it was last used, and who has made and revoked it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from order_engine.domain.access import DEPLOYMENT, OPERATOR, ApiKey, Caller, Scope
from order_engine.services.connections import Eviction
from order_engine.storage.clients import PostgresClientStore
from order_engine.storage.connections import PostgresConnectionStore
from order_engine.storage.database import Database
from order_engine.storage.subscriptions import PostgresSubscriptionStore
from tests.support.concurrency import at_once
from tests.support.fakes import Connections
from tests.support.orders import CALLER

Connect = Callable[[], Database]
IN_AN_HOUR = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def clients(database: Database) -> PostgresClientStore:
    return PostgresClientStore(database)


def caller(clients: PostgresClientStore, key: str) -> Caller:
    found = clients.caller_with_key(key)
    assert found is not None
    return found


def listed(clients: PostgresClientStore, client: str = "alice") -> ApiKey:
    (key,) = [key for key in clients.list_keys() if key.client == client]
    return key


def expire(database: Database) -> None:
    database.execute("UPDATE api_keys SET expires_at = now() - interval '1 ms' WHERE expires_at IS NOT NULL")


def set_last_use(database: Database, age: str) -> None:
    database.execute("UPDATE api_keys SET last_used_at = now() - %(age)s::interval", {"age": age})


def audit(database: Database) -> list[dict[str, Any]]:
    return database.fetch("SELECT key_id, action, actor, at FROM key_audit ORDER BY at, action")


# Scopes


@pytest.mark.parametrize("scope", Scope)
def test_a_key_and_its_tickets_have_the_scope_that_it_was_made_with(clients: PostgresClientStore, scope: Scope) -> None:
    holder = caller(clients, clients.create_key("alice", scope))
    assert holder.scope is listed(clients).scope is scope
    ticket, _ = clients.issue_ticket(holder)
    assert clients.redeem(ticket) == holder


def test_a_key_may_trade_unless_it_is_made_for_something_else(clients: PostgresClientStore) -> None:
    assert caller(clients, clients.create_key("alice")).scope is Scope.TRADE


# Expiry


def test_an_expired_key_and_its_tickets_identify_nobody(clients: PostgresClientStore, database: Database) -> None:
    key, other = clients.create_key("alice", expires_at=IN_AN_HOUR), clients.create_key("bob")
    ticket, _ = clients.issue_ticket(caller(clients, key))
    assert listed(clients).expires_at == IN_AN_HOUR
    expire(database)
    assert clients.caller_with_key(key) is None
    assert clients.redeem(ticket) is None
    assert caller(clients, other)
    assert listed(clients).revoked_at is None


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(days=1)])
def test_no_key_is_made_that_has_expired_already(clients: PostgresClientStore, ago: timedelta) -> None:
    with pytest.raises(ValueError, match="expected a time in the future, was 20"):
        clients.create_key("alice", expires_at=datetime.now(UTC) - ago)
    assert [key for key in clients.list_keys() if key.client == "alice"] == []


def test_the_connections_of_an_expired_key_are_closed(clients: PostgresClientStore, database: Database) -> None:
    opened, connections = PostgresConnectionStore(database), Connections()
    opened.open("c1", caller(clients, clients.create_key("alice", expires_at=IN_AN_HOUR)), 2)
    opened.open("c2", caller(clients, clients.create_key("bob")), 2)
    eviction = Eviction(
        store=opened, subscriptions=PostgresSubscriptionStore(database), connections=connections, warn=pytest.fail
    )
    assert eviction.sweep(60) == []
    expire(database)
    assert eviction.sweep(60) == connections.closed == ["c1"]


# Last use


def test_the_use_of_a_key_is_noted(clients: PostgresClientStore) -> None:
    key = clients.create_key("alice")
    assert listed(clients).last_used_at is None
    before = datetime.now(UTC)
    caller(clients, key)
    used = listed(clients).last_used_at
    assert used is not None
    assert before - timedelta(seconds=1) < used < datetime.now(UTC) + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("age", "is_noted"),
    [
        ("50 seconds", False),
        ("61 seconds", True),
        ("2 days", True),
        # Noted before the clock was set back.
        ("-1 hour", True),
    ],
)
def test_the_use_of_a_key_is_noted_once_a_minute(
    clients: PostgresClientStore, database: Database, age: str, is_noted: bool
) -> None:
    key = clients.create_key("alice")
    set_last_use(database, age)
    before = listed(clients).last_used_at
    caller(clients, key)
    after = listed(clients).last_used_at
    assert (after != before) is is_noted
    caller(clients, key)
    assert listed(clients).last_used_at == after


def test_a_key_that_is_refused_is_not_used(clients: PostgresClientStore, database: Database) -> None:
    expired, revoked = clients.create_key("alice", expires_at=IN_AN_HOUR), clients.create_key("bob")
    clients.revoke(listed(clients, "bob").id)
    expire(database)
    for key in (expired, revoked):
        assert clients.caller_with_key(key) is None
    assert {key.last_used_at for key in clients.list_keys()} == {None}


def test_nobody_waits_for_another_one_who_notes_the_use(
    clients: PostgresClientStore, database: Database, connect: Connect
) -> None:
    key = clients.create_key("alice")
    with connect().transaction(("UPDATE api_keys SET last_used_at = now() RETURNING id", {})):
        database.execute("SET lock_timeout = '2s'")
        assert caller(clients, key)
        assert listed(clients).last_used_at is None


def test_a_key_that_is_revoked_while_it_is_used_stays_revoked(
    clients: PostgresClientStore, database: Database, connect: Connect
) -> None:
    stores = [PostgresClientStore(connect()) for _ in range(4)]
    for _ in range(20):
        key = clients.create_key("alice")
        id, revoked = caller(clients, key).key_id, threading.Event()
        set_last_use(database, "2 minutes")

        def take_turns(number: int, key: str = key, id: Any = id, revoked: threading.Event = revoked) -> bool:
            """Uses the key, or revokes it. Returns whether a use that began after the revocation was admitted."""
            if number == 0:
                assert stores[0].revoke(id)
                revoked.set()
                return False
            late = False
            for _ in range(10):
                began_late = revoked.is_set()
                late |= stores[number].caller_with_key(key) is not None and began_late
            return late

        assert not any(at_once(4, take_turns))
        assert clients.caller_with_key(key) is None


# The audit


def test_the_audit_names_who_has_made_and_revoked_a_key(clients: PostgresClientStore, database: Database) -> None:
    clients.create_key("alice", actor="user bob@desk")
    id = listed(clients).id
    assert (listed(clients).created_by, listed(clients).revoked_by) == ("user bob@desk", None)
    revoked = clients.revoke(id, actor="invocation 1")
    assert revoked is not None
    assert revoked == listed(clients)
    assert (revoked.created_by, revoked.revoked_by) == ("user bob@desk", "invocation 1")
    made, gone = audit(database)
    assert made == {"key_id": id, "action": "created", "actor": "user bob@desk", "at": revoked.created_at}
    assert gone == {"key_id": id, "action": "revoked", "actor": "invocation 1", "at": revoked.revoked_at}


def test_only_the_first_revocation_counts(clients: PostgresClientStore, connect: Connect, database: Database) -> None:
    clients.create_key("alice")
    id, stores = listed(clients).id, [PostgresClientStore(connect()) for _ in range(4)]
    answers = at_once(4, lambda number: stores[number].revoke(id, actor=f"user {number}"))
    assert [answer and answer.revoked_by for answer in answers] == [listed(clients).revoked_by] * 4
    assert [entry["action"] for entry in audit(database)] == ["created", "revoked"]


def test_a_key_that_is_added_again_is_made_once(clients: PostgresClientStore, database: Database) -> None:
    key = clients.create_key("alice", actor="user bob@desk")
    added = clients.add_key("mallory", key, Scope.ADMIN, IN_AN_HOUR, DEPLOYMENT)
    assert added == listed(clients)
    assert (added.scope, added.expires_at, added.created_by) == (Scope.TRADE, None, "user bob@desk")
    assert len(audit(database)) == 1


def test_who_made_a_key_from_before_the_audit_is_unknown(clients: PostgresClientStore, database: Database) -> None:
    old = clients.key_of(CALLER)
    assert (old.scope, old.created_by, old.expires_at, old.last_used_at) == (Scope.TRADE, None, None, None)
    database.execute("UPDATE api_keys SET revoked_at = now() - interval '1 day'")
    revoked = clients.revoke(CALLER.key_id)
    assert revoked is not None
    assert (revoked.revoked_by, audit(database)) == (None, [])


# The keys of one client


def test_a_client_reaches_its_own_keys_only(clients: PostgresClientStore) -> None:
    mine = caller(clients, clients.create_key("alice"))
    theirs = caller(clients, clients.create_key("bob"))
    assert [key.id for key in clients.list_keys(mine.client_id)] == [mine.key_id]
    assert clients.key_of(theirs).client == "bob"
    assert clients.revoke(theirs.key_id, mine.client_id) is None
    assert clients.key_of(theirs).revoked_at is None
    revoked = clients.revoke(mine.key_id, mine.client_id)
    assert revoked is not None
    assert revoked.revoked_by == OPERATOR
