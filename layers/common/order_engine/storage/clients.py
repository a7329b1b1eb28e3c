"""Clients, their API keys, and the tickets that replace a key for a moment. Stores only digests of secrets."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from order_engine.domain.access import KEY, SHOWN, TICKET, TICKET_SECONDS, ApiKey, Caller, digest, is_secret, new_secret
from order_engine.domain.ids import uuid7
from order_engine.storage.database import Database

# If several requests redeem one ticket at once, only one of them deletes its row.
_REDEEM = """
    WITH redeemed AS (DELETE FROM tickets WHERE hash = %(hash)s RETURNING key_id, expires_at)
    SELECT client_id, key_id FROM redeemed JOIN api_keys ON api_keys.id = key_id
    WHERE expires_at > now() AND revoked_at IS NULL"""

_ISSUE = """
    WITH expired AS (DELETE FROM tickets WHERE expires_at < now())
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
    """A `CredentialStore`, and what operators do with keys.

    `ticket_seconds` is how long a ticket can be redeemed. Every method may raise `StoreUnavailable`.
    """

    def __init__(self, database: Database, ticket_seconds: float = TICKET_SECONDS) -> None:
        self._database = database
        self._ticket_seconds = ticket_seconds

    def create_key(self, client: str) -> str:
        """Makes a key for the client with that name, and the client if it does not exist. The key can't be read again.

        Raises `ValueError` for an invalid name.
        """
        key = new_secret(KEY)
        self.add_key(client, key)
        return key

    def add_key(self, client: str, key: str) -> None:
        """Makes this key one of the client's. A key that exists already keeps its owner and state.

        Raises `ValueError` for an invalid name or key.
        """
        if not (client.isprintable() and 0 < len(client) <= 100) or client == "nobody":
            raise ValueError(
                f"expected a name of at most 100 printable characters, and not nobody, was {client[:100]!r}"
            )
        if not is_secret(KEY, key):
            raise ValueError(f"expected a key of {KEY} and 43 characters, was one of {len(key)} characters")
        self._database.execute(
            _ADD,
            {"client": uuid7(), "name": client, "id": uuid7(), "prefix": key[:SHOWN], "hash": digest(key)},
        )

    def list_keys(self) -> list[ApiKey]:
        """Every key, oldest first."""
        rows = self._database.fetch(
            "SELECT api_keys.id, name, prefix, api_keys.created_at, revoked_at"
            " FROM api_keys JOIN clients ON clients.id = client_id ORDER BY api_keys.id"
        )
        return [ApiKey(row["id"], row["name"], row["prefix"], row["created_at"], row["revoked_at"]) for row in rows]

    def revoke(self, key_id: UUID) -> bool:
        """Revokes a key from now on. `False` if there is no key with that id. A repeated call changes nothing."""
        rows = self._database.fetch(
            "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = %(id)s RETURNING id",
            {"id": key_id},
        )
        return bool(rows)

    def caller_with_key(self, key: str) -> Caller | None:
        if not is_secret(KEY, key):
            return None
        rows = self._database.fetch(
            "SELECT client_id, id FROM api_keys WHERE hash = %(hash)s AND revoked_at IS NULL", {"hash": digest(key)}
        )
        return Caller(rows[0]["client_id"], rows[0]["id"]) if rows else None

    def issue_ticket(self, caller: Caller) -> tuple[str, datetime]:
        """A ticket that admits its bearer once as this caller, and when it expires."""
        ticket = new_secret(TICKET)
        (row,) = self._database.fetch(
            _ISSUE, {"hash": digest(ticket), "key": caller.key_id, "seconds": self._ticket_seconds}
        )
        return ticket, row["expires_at"]

    def redeem(self, ticket: str) -> Caller | None:
        if not is_secret(TICKET, ticket):
            return None
        rows = self._database.fetch(_REDEEM, {"hash": digest(ticket)})
        return Caller(rows[0]["client_id"], rows[0]["key_id"]) if rows else None
