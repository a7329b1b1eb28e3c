"""Clients, their API keys, and tickets that replace a key once. Stores only digests of secrets."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from order_engine.domain.access import (
    KEY_PREFIX,
    SHOWN_LENGTH,
    TICKET_PREFIX,
    TICKET_SECONDS,
    ApiKey,
    Caller,
    digest,
    is_secret,
    new_secret,
)
from order_engine.domain.ids import uuid7
from order_engine.storage.database import Database

# No ticket is valid for longer. One that expires later was issued before the clock was set back.
_IS_VALID = f"(expires_at BETWEEN now() AND now() + 2 * interval '{TICKET_SECONDS} s')"

# If several requests redeem one ticket at once, only one of them deletes its row.
_REDEEM = f"""
    WITH redeemed AS (DELETE FROM tickets WHERE hash = %(hash)s RETURNING key_id, expires_at)
    SELECT client_id, key_id FROM redeemed JOIN api_keys ON api_keys.id = key_id
    WHERE {_IS_VALID} AND revoked_at IS NULL"""

_ISSUE = f"""
    WITH expired AS (DELETE FROM tickets WHERE NOT {_IS_VALID})
    INSERT INTO tickets (hash, key_id, expires_at)
    VALUES (%(hash)s, %(key)s, now() + make_interval(secs => %(seconds)s)) RETURNING expires_at"""

_ADD = """
    WITH client AS (
        INSERT INTO clients (id, name) VALUES (%(client)s, %(name)s)
        ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id
    )
    INSERT INTO api_keys (id, client_id, prefix, hash) SELECT %(id)s, id, %(prefix)s, %(hash)s FROM client
    ON CONFLICT (hash) DO NOTHING"""


class PostgresClientStore:
    """A `CredentialStore`, and the operators' commands for keys.

    `ticket_seconds` is how long a ticket can be redeemed. Every method may raise `StoreUnavailable`.
    """

    def __init__(self, database: Database, ticket_seconds: float = TICKET_SECONDS) -> None:
        self._database = database
        self._ticket_seconds = ticket_seconds

    def create_key(self, client: str) -> str:
        """Creates a key for the client, and the client if it does not exist. Only this call returns the key.

        Raises `ValueError` for an invalid name.
        """
        key = new_secret(KEY_PREFIX)
        self.add_key(client, key)
        return key

    def add_key(self, client: str, key: str) -> None:
        """Adds this key to the client, which is created if it does not exist. A known key keeps its client and state.

        Raises `ValueError` for an invalid name or key.
        """
        if not (client.isprintable() and 0 < len(client) <= 100) or client == "nobody":
            raise ValueError(
                f"expected a name of at most 100 printable characters, and not nobody, was {client[:100]!r}"
            )
        if not is_secret(KEY_PREFIX, key):
            raise ValueError(f"expected a key of {KEY_PREFIX} and 43 characters, was one of {len(key)} characters")
        self._database.execute(
            _ADD,
            {"client": uuid7(), "name": client, "id": uuid7(), "prefix": key[:SHOWN_LENGTH], "hash": digest(key)},
        )

    def list_keys(self) -> list[ApiKey]:
        """Every key, oldest first."""
        rows = self._database.fetch(
            "SELECT api_keys.id, name, prefix, api_keys.created_at, revoked_at"
            " FROM api_keys JOIN clients ON clients.id = client_id ORDER BY api_keys.id"
        )
        return [ApiKey(row["id"], row["name"], row["prefix"], row["created_at"], row["revoked_at"]) for row in rows]

    def revoke(self, key_id: UUID) -> bool:
        """Revokes a key. `False` if there is no key with this id. A repeated call changes nothing."""
        rows = self._database.fetch(
            "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = %(id)s RETURNING id",
            {"id": key_id},
        )
        return bool(rows)

    def caller_with_key(self, key: str) -> Caller | None:
        if not is_secret(KEY_PREFIX, key):
            return None
        rows = self._database.fetch(
            "SELECT client_id, id FROM api_keys WHERE hash = %(hash)s AND revoked_at IS NULL", {"hash": digest(key)}
        )
        return Caller(rows[0]["client_id"], rows[0]["id"]) if rows else None

    def issue_ticket(self, caller: Caller) -> tuple[str, datetime]:
        """A ticket that authenticates this caller once, and the time when it expires."""
        ticket = new_secret(TICKET_PREFIX)
        (row,) = self._database.fetch(
            _ISSUE, {"hash": digest(ticket), "key": caller.key_id, "seconds": self._ticket_seconds}
        )
        return ticket, row["expires_at"]

    def redeem(self, ticket: str) -> Caller | None:
        if not is_secret(TICKET_PREFIX, ticket):
            return None
        rows = self._database.fetch(_REDEEM, {"hash": digest(ticket)})
        return Caller(rows[0]["client_id"], rows[0]["key_id"]) if rows else None
