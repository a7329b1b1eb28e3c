from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from order_engine.api.callers import authenticate, authorizer_context, caller_of
from order_engine.domain.access import KEY_PREFIX, TICKET_PREFIX, new_secret
from order_engine.domain.errors import StoreUnavailable, Unauthorized
from order_engine.services.authentication import Authentication
from order_engine.storage.clients import PostgresClientStore
from order_engine.storage.database import Database
from tests.support.concurrency import at_once, eventually
from tests.support.network import closed_port
from tests.support.orders import CALLER, OTHER

Connect = Callable[[], Database]
LAYER = Path(__file__).parents[3] / "layers" / "common"


@pytest.fixture
def clients(database: Database) -> PostgresClientStore:
    return PostgresClientStore(database)


def key_id(clients: PostgresClientStore, name: str) -> UUID:
    (key,) = [key for key in clients.list_keys() if key.client == name]
    return key.id


# Keys


def test_a_key_identifies_its_client(clients: PostgresClientStore) -> None:
    key = clients.create_key("alice")
    caller = clients.caller_with_key(key)
    assert caller is not None
    assert caller.key_id == key_id(clients, "alice")
    assert clients.caller_with_key(clients.create_key("bob")) not in (caller, None)


def test_a_client_may_have_several_keys_for_rotation(clients: PostgresClientStore) -> None:
    old, new = (clients.caller_with_key(clients.create_key("alice")) for _ in range(2))
    assert old is not None
    assert new is not None
    assert old.client_id == new.client_id
    assert old.key_id != new.key_id
    clients.revoke(old.key_id)
    assert [bool(key.revoked_at) for key in clients.list_keys() if key.client == "alice"] == [True, False]


def test_only_a_keys_digest_is_stored(clients: PostgresClientStore, database: Database) -> None:
    key = clients.create_key("alice")
    ticket, _ = clients.issue_ticket(CALLER)
    stored = str(database.fetch("SELECT * FROM api_keys")) + str(database.fetch("SELECT * FROM tickets"))
    assert key[8:] not in stored
    assert ticket[4:] not in stored
    (listed,) = [item for item in clients.list_keys() if item.client == "alice"]
    assert (listed.prefix, listed.revoked_at) == (key[:8], None)


def test_a_revoked_key_identifies_nobody(clients: PostgresClientStore) -> None:
    key = clients.create_key("alice")
    id = key_id(clients, "alice")
    assert clients.revoke(id)
    assert clients.caller_with_key(key) is None
    revoked_at = clients.list_keys()[-1].revoked_at
    assert clients.revoke(id)
    assert clients.list_keys()[-1].revoked_at == revoked_at
    assert not clients.revoke(uuid4())


@pytest.mark.parametrize(
    "key",
    [
        "",
        KEY_PREFIX,
        pytest.param(new_secret(KEY_PREFIX), id="unknown"),
        pytest.param(new_secret(TICKET_PREFIX), id="ticket"),
        "oee_" + "x" * 42,
        "oee_" + "x" * 100_000,
        "oee_' OR 1=1 --",
        "\0",
        "ü",
    ],
)
def test_an_unknown_key_identifies_nobody(clients: PostgresClientStore, key: str) -> None:
    assert clients.caller_with_key(key) is None
    assert clients.redeem(key) is None


def test_a_key_may_be_added_by_its_text_and_stays_revoked(clients: PostgresClientStore) -> None:
    key = new_secret(KEY_PREFIX)
    for _ in range(2):
        clients.add_key("development", key)
    assert clients.caller_with_key(key) is not None
    clients.revoke(key_id(clients, "development"))
    clients.add_key("development", key)
    assert clients.caller_with_key(key) is None


@pytest.mark.parametrize(
    ("name", "key"), [("a", "short"), ("", None), ("a\nb", None), ("x" * 101, None), ("nobody", None)]
)
def test_an_invalid_key_is_refused_without_being_shown(
    clients: PostgresClientStore, name: str, key: str | None
) -> None:
    with pytest.raises(ValueError, match="expected a ") as refusal:
        clients.add_key(name, key or new_secret(KEY_PREFIX))
    assert "short" not in str(refusal.value)


# Tickets


def test_a_ticket_admits_its_bearer_once_as_its_client(clients: PostgresClientStore) -> None:
    ticket, expires_at = clients.issue_ticket(OTHER)
    assert timedelta(seconds=25) < expires_at - datetime.now(UTC) < timedelta(seconds=35)
    assert clients.redeem(ticket) == OTHER
    assert clients.redeem(ticket) is None


def test_one_of_many_concurrent_redemptions_succeeds(clients: PostgresClientStore, connect: Connect) -> None:
    ticket, _ = clients.issue_ticket(CALLER)
    stores = [PostgresClientStore(connect()) for _ in range(10)]
    callers = at_once(10, lambda number: stores[number].redeem(ticket))
    assert [caller for caller in callers if caller is not None] == [CALLER]


def test_an_expired_ticket_is_refused_and_deleted(database: Database) -> None:
    clients = PostgresClientStore(database, ticket_seconds=0.05)
    late, _ = clients.issue_ticket(CALLER)
    eventually(lambda: not database.fetch("SELECT FROM tickets WHERE expires_at > now()"))
    assert clients.redeem(late) is None
    clients.issue_ticket(CALLER)
    eventually(lambda: not database.fetch("SELECT FROM tickets WHERE expires_at > now()"))
    clients.issue_ticket(CALLER)
    assert len(database.fetch("SELECT FROM tickets")) == 1


def test_a_ticket_of_before_the_clock_was_set_back_is_refused_and_deleted(
    clients: PostgresClientStore, database: Database
) -> None:
    """GIVEN a ticket for 30 seconds that would be valid for an hour."""
    late, other = (clients.issue_ticket(CALLER)[0] for _ in range(2))
    database.execute("UPDATE tickets SET expires_at = expires_at + interval '1 hour'")
    assert clients.redeem(late) is None
    fresh, _ = clients.issue_ticket(CALLER)
    assert len(database.fetch("SELECT FROM tickets")) == 1
    assert (clients.redeem(other), clients.redeem(fresh)) == (None, CALLER)


def test_a_ticket_of_a_revoked_key_is_refused(clients: PostgresClientStore) -> None:
    ticket, _ = clients.issue_ticket(CALLER)
    clients.revoke(CALLER.key_id)
    assert clients.redeem(ticket) is None


# Authentication


def rest(**headers: str) -> dict[str, object]:
    return {"headers": headers, "queryStringParameters": {}, "requestContext": {"httpMethod": "GET"}}


def connecting(ticket: str | None = None, **headers: str) -> dict[str, object]:
    event: dict[str, object] = {"headers": headers, "requestContext": {"eventType": "CONNECT"}}
    return event | ({"queryStringParameters": {"ticket": ticket}} if ticket is not None else {})


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
@pytest.mark.parametrize("header", ["Authorization", "authorization"])
def test_a_key_is_accepted_by_both_apis(clients: PostgresClientStore, header: str, scheme: str) -> None:
    key = clients.create_key("alice")
    for event in (rest(**{header: scheme + key}), connecting(**{header: scheme + key})):
        assert authenticate(Authentication(clients), event) == clients.caller_with_key(key)


def test_a_ticket_is_accepted_by_the_websocket_api_only(clients: PostgresClientStore) -> None:
    ticket, _ = clients.issue_ticket(CALLER)
    with pytest.raises(Unauthorized):
        authenticate(Authentication(clients), rest() | {"queryStringParameters": {"ticket": ticket}})
    assert authenticate(Authentication(clients), connecting(ticket)) == CALLER
    with pytest.raises(Unauthorized):
        authenticate(Authentication(clients), connecting(ticket))


@pytest.mark.parametrize("value", [None, "", "Bearer", "Bearer ", "Basic {}", "{}", "Bearer {} {}", "Bearer x{}"])
def test_a_caller_without_a_key_is_refused(clients: PostgresClientStore, value: str | None) -> None:
    headers = {} if value is None else {"Authorization": value.replace("{}", clients.create_key("alice"))}
    for event in (rest(**headers), connecting(**headers)):
        with pytest.raises(Unauthorized):
            authenticate(Authentication(clients), event)


def test_a_key_does_not_make_up_for_an_invalid_ticket(clients: PostgresClientStore) -> None:
    with pytest.raises(Unauthorized):
        authenticate(
            Authentication(clients),
            connecting(new_secret(TICKET_PREFIX), Authorization=f"Bearer {clients.create_key('a')}"),
        )


def test_without_postgres_callers_are_unknown() -> None:
    with closed_port() as port:
        clients = PostgresClientStore(Database(f"host=127.0.0.1 port={port} user=postgres"))
        with pytest.raises(StoreUnavailable):
            authenticate(Authentication(clients), rest(Authorization=f"Bearer {new_secret(KEY_PREFIX)}"))
        # A malformed key needs no store.
        with pytest.raises(Unauthorized):
            authenticate(Authentication(clients), rest(Authorization="Bearer x"))


@pytest.mark.parametrize(
    "context", [{}, {"authorizer": None}, {"authorizer": {}}, {"authorizer": {"clientId": "x", "keyId": "y"}}]
)
def test_a_request_without_an_authorizers_context_has_no_caller(context: dict[str, object]) -> None:
    with pytest.raises(Unauthorized):
        caller_of(context)


def test_a_caller_survives_the_authorizers_context() -> None:
    assert (
        caller_of({"authorizer": {**authorizer_context(CALLER), "principalId": "x", "integrationLatency": 3}}) == CALLER
    )


# The command line


def admin(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "order_engine.commands.keys", *arguments]
    environment = {"PYTHONPATH": str(LAYER), "DATABASE_URL": url}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_line_creates_lists_and_revokes_keys(database_url: str, clients: PostgresClientStore) -> None:
    made = admin(database_url, "create-key", "alice")
    key = made.stdout.strip()
    caller = clients.caller_with_key(key)
    assert caller is not None
    listed = admin(database_url, "list-keys").stdout
    assert f"{caller.key_id}  {key[:8]}…  " in listed
    assert key not in listed
    assert admin(database_url, "revoke-key", str(caller.key_id)).returncode == 0
    assert clients.caller_with_key(key) is None
    assert "alice  revoked 20" in admin(database_url, "list-keys").stdout


def test_the_command_line_shows_what_a_key_may_do_and_what_has_been_done_with_it(
    database_url: str, clients: PostgresClientStore
) -> None:
    made = admin(database_url, "create-key", "alice", "--scope", "read", "--expires", "2126-01-31T00:00:00Z")
    id = key_id(clients, "alice")
    (line,) = [line for line in admin(database_url, "list-keys").stdout.splitlines() if str(id) in line]
    assert re.fullmatch(
        rf"{id}  oee_....…  read   alice  expires 2126-01-31T00:00:00.000Z, never used, created 20\S+ by user \S+@\S+",
        line,
    )
    assert clients.caller_with_key(made.stdout.strip())
    assert admin(database_url, "revoke-key", str(id)).returncode == 0
    (line,) = [line for line in admin(database_url, "list-keys").stdout.splitlines() if str(id) in line]
    assert re.search(r"alice  revoked 20\S+ by user \S+@\S+, expires 2126\S+, used 20\S+, created 20", line)


@pytest.mark.parametrize(
    "arguments",
    [
        ("create-key", ""),
        ("create-key", "alice", "--scope", "all"),
        ("create-key", "alice", "--expires", "soon"),
        ("create-key", "alice", "--expires", "2026-01-31T00:00:00Z"),
        ("revoke-key", str(uuid4())),
        ("revoke-key", "x"),
        ("dance",),
    ],
)
def test_the_command_line_explains_what_it_can_not_do(database_url: str, arguments: tuple[str, ...]) -> None:
    ended = admin(database_url, *arguments)
    assert ended.returncode != 0
    assert ended.stderr
    assert "Traceback" not in ended.stderr
