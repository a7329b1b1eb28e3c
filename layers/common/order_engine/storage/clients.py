"""Clients, their API keys, and tickets that replace a key once. Stores only digests of secrets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from order_engine.domain.access import (
    KEY_PREFIX,
    OPERATOR,
    SHOWN_LENGTH,
    TICKET_PREFIX,
    TICKET_SECONDS,
    ApiKey,
    Caller,
    Scope,
    digest,
    is_secret,
    new_secret,
)
from order_engine.domain.ids import uuid7
from order_engine.domain.timestamps import rfc3339
from order_engine.storage.database import Database

# No ticket is valid for longer. One that expires later was issued before the clock was set back.
_IS_VALID = f"(tickets.expires_at BETWEEN now() AND now() + 2 * interval '{TICKET_SECONDS} s')"

_IS_ADMITTED = "(revoked_at IS NULL AND (api_keys.expires_at <= now()) IS NOT TRUE)"

# Notes the use in the same statement, at most once a minute and without waiting for another request that does so. A use
# that is later than now was noted before the clock was set back.
_CALLER = f"""
    WITH used AS (
        UPDATE api_keys SET last_used_at = now() WHERE id = (
            SELECT id FROM api_keys WHERE hash = %(hash)s AND {_IS_ADMITTED}
            AND (last_used_at BETWEEN now() - interval '1 minute' AND now()) IS NOT TRUE
            FOR NO KEY UPDATE SKIP LOCKED
        )
    )
    SELECT client_id, id, scope FROM api_keys WHERE hash = %(hash)s AND {_IS_ADMITTED}"""

# If several requests redeem one ticket at once, only one of them deletes its row.
_REDEEM = f"""
    WITH tickets AS (DELETE FROM tickets WHERE hash = %(hash)s RETURNING key_id, expires_at)
    SELECT client_id, key_id AS id, scope FROM tickets JOIN api_keys ON api_keys.id = key_id
    WHERE {_IS_VALID} AND {_IS_ADMITTED}"""

_ISSUE = f"""
    WITH expired AS (DELETE FROM tickets WHERE NOT {_IS_VALID})
    INSERT INTO tickets (hash, key_id, expires_at)
    VALUES (%(hash)s, %(key)s, now() + make_interval(secs => %(seconds)s)) RETURNING expires_at"""

_ADD = """
    WITH client AS (
        INSERT INTO clients (id, name) VALUES (%(client)s, %(name)s)
        ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id
    ), added AS (
        INSERT INTO api_keys (id, client_id, prefix, hash, scope, expires_at)
        SELECT %(id)s, id, %(prefix)s, %(hash)s, %(scope)s, %(expires_at)s FROM client
        ON CONFLICT (hash) DO NOTHING RETURNING id
    )
    INSERT INTO key_audit (key_id, action, actor) SELECT id, 'created', %(actor)s FROM added"""

_REVOKE = """
    WITH key AS (
        UPDATE api_keys SET revoked_at = coalesce(revoked_at, now())
        WHERE id = %(id)s AND client_id = coalesce(%(client)s, client_id) RETURNING id, revoked_at
    ), audited AS (
        INSERT INTO key_audit (key_id, action, actor, at) SELECT id, 'revoked', %(actor)s, revoked_at FROM key
        WHERE revoked_at = now() ON CONFLICT DO NOTHING
    )
    SELECT id FROM key"""

_KEYS = """
    SELECT k.id, name AS client, prefix, scope, k.created_at, made.actor AS created_by, expires_at, last_used_at,
        revoked_at, gone.actor AS revoked_by
    FROM api_keys k JOIN clients ON clients.id = client_id
    LEFT JOIN key_audit made ON made.key_id = k.id AND made.action = 'created'
    LEFT JOIN key_audit gone ON gone.key_id = k.id AND gone.action = 'revoked'"""


class PostgresClientStore:
    """A `CredentialStore` and a `KeyStore`.

    `ticket_seconds` is how long a ticket can be redeemed. Every method may raise `StoreUnavailable`.
    """

    def __init__(self, database: Database, ticket_seconds: float = TICKET_SECONDS) -> None:
        self._database = database
        self._ticket_seconds = ticket_seconds

    def create_key(
        self, client: str, scope: Scope = Scope.TRADE, expires_at: datetime | None = None, actor: str = OPERATOR
    ) -> str:
        """Creates a key for the client, and the client if it does not exist. Only this call returns the key.

        Without `expires_at`, it is valid until it is revoked. The audit keeps who creates it, the `actor`. Raises
        `ValueError` for an invalid name, and for an expiry that is over.
        """
        key = new_secret(KEY_PREFIX)
        self.add_key(client, key, scope, expires_at, actor)
        return key

    def add_key(
        self,
        client: str,
        key: str,
        scope: Scope = Scope.TRADE,
        expires_at: datetime | None = None,
        actor: str = OPERATOR,
    ) -> ApiKey:
        """Adds this key to the client, which is created if it does not exist. A known key keeps its client and state.

        Raises `ValueError` for an invalid name or key, and for an expiry that is over.
        """
        if not (client.isprintable() and 0 < len(client) <= 100) or client == "nobody":
            raise ValueError(
                f"expected a name of at most 100 printable characters, and not nobody, was {client[:100]!r}"
            )
        if not is_secret(KEY_PREFIX, key):
            raise ValueError(f"expected a key of {KEY_PREFIX} and 43 characters, was one of {len(key)} characters")
        if expires_at is not None and expires_at <= datetime.now(UTC):
            raise ValueError(f"expected a time in the future, was {rfc3339(expires_at)}")
        self._database.execute(
            _ADD,
            {
                "client": uuid7(),
                "name": client,
                "id": uuid7(),
                "prefix": key[:SHOWN_LENGTH],
                "hash": digest(key),
                "scope": scope,
                "expires_at": expires_at,
                "actor": actor,
            },
        )
        (added,) = self._keys("hash = %(hash)s", hash=digest(key))
        return added

    def key_of(self, caller: Caller) -> ApiKey:
        """The key that the caller uses."""
        (key,) = self._keys("k.id = %(id)s", id=caller.key_id)
        return key

    def list_keys(self, client_id: UUID | None = None) -> list[ApiKey]:
        """Every key, or every one of a client, oldest first."""
        return self._keys("client_id = %(client)s", client=client_id) if client_id else self._keys("true")

    def revoke(self, key_id: UUID, client_id: UUID | None = None, actor: str = OPERATOR) -> ApiKey | None:
        """Revokes a key. `None` if there is no key with this id, or not of this client.

        A repeated call changes nothing. The audit keeps who revokes it, the `actor`.
        """
        if not self._database.fetch(_REVOKE, {"id": key_id, "client": client_id, "actor": actor}):
            return None
        (revoked,) = self._keys("k.id = %(id)s", id=key_id)
        return revoked

    def _keys(self, condition: str, **parameters: Any) -> list[ApiKey]:
        rows = self._database.fetch(f"{_KEYS} WHERE {condition} ORDER BY k.id", parameters)
        return [ApiKey(**{**row, "scope": Scope(row["scope"])}) for row in rows]

    def caller_with_key(self, key: str) -> Caller | None:
        if not is_secret(KEY_PREFIX, key):
            return None
        return self._caller(_CALLER, key)

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
        return self._caller(_REDEEM, ticket)

    def _caller(self, statement: str, secret: str) -> Caller | None:
        rows = self._database.fetch(statement, {"hash": digest(secret)})
        return Caller(rows[0]["client_id"], rows[0]["id"], Scope(rows[0]["scope"])) if rows else None
