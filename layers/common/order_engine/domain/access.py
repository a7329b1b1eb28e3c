"""Callers, and the secrets that identify them: API keys, and tickets that replace a key once."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from order_engine.domain.errors import ScopeMissing

KEY_PREFIX, TICKET_PREFIX = "oee_", "oet_"
TICKET_SECONDS = 30
OPERATOR, DEPLOYMENT = "operator", "deployment"
"""Who creates and revokes keys, where nothing tells more: the actors that the audit keeps."""

SHOWN_LENGTH = 8
"""The number of characters of a key that lists show: its prefix, and 24 of its 256 bits."""

_SECRET = re.compile(r"oe[et]_[\w-]{43}", re.ASCII)


class Scope(StrEnum):
    """What a key may do. Each scope includes those before it."""

    READ = "read"
    TRADE = "trade"
    ADMIN = "admin"

    def includes(self, other: Scope) -> bool:
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Caller:
    """A client, the key that it uses, and what the key may do."""

    client_id: UUID
    key_id: UUID
    scope: Scope

    def require(self, scope: Scope) -> None:
        """Raises `ScopeMissing` if the key does not include this scope."""
        if not self.scope.includes(scope):
            raise ScopeMissing(scope, self.scope)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as lists show it. `prefix` holds its first characters.

    `last_used_at` may be a minute old. Who has created and revoked a key is unknown if that was before the audit.
    """

    id: UUID
    client: str
    prefix: str
    scope: Scope
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None


def new_secret(prefix: str) -> str:
    """A new key or ticket: the prefix and 256 random bits."""
    return prefix + secrets.token_urlsafe(32)


def is_secret(prefix: str, text: str) -> bool:
    """Whether a text has the form of a secret with this prefix."""
    return text.startswith(prefix) and _SECRET.fullmatch(text) is not None


def digest(secret: str) -> bytes:
    """The SHA-256 digest that the database stores instead of the secret.

    Salt and stretching slow down guesses of a password, and nobody guesses 256 random bits. An index finds the digest
    in microseconds, and its timing tells nothing about the secret.
    """
    return hashlib.sha256(secret.encode()).digest()
