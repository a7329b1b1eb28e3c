"""Callers, and the secrets that identify them: API keys, and tickets that replace a key once."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

KEY_PREFIX, TICKET_PREFIX = "oee_", "oet_"
TICKET_SECONDS = 30
SHOWN_LENGTH = 8
"""The number of characters of a key that lists show: its prefix, and 24 of its 256 bits."""

_SECRET = re.compile(r"oe[et]_[\w-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Caller:
    """A client and the key that it uses."""

    client_id: UUID
    key_id: UUID


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as lists show it. `prefix` holds its first characters."""

    id: UUID
    client: str
    prefix: str
    created_at: datetime
    revoked_at: datetime | None


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
