"""Who calls, and the secrets by which callers prove it: API keys, and tickets that stand for one for a moment."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from order_engine.domain.errors import Unauthorized

KEY, TICKET = "oee_", "oet_"
TICKET_SECONDS = 30
SHOWN = 8
"""So many characters of a key are shown in lists, to tell it from others: 24 of its 256 bits."""

_SECRET = re.compile(r"oe[et]_[\w-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Caller:
    """A client, and the key that it came with."""

    client_id: UUID
    key_id: UUID

    @classmethod
    def of(cls, request_context: Mapping[str, Any]) -> Caller:
        """Whom the authorizer let in, from an API Gateway event's request context. Raises `Unauthorized` for nobody."""
        passed = request_context.get("authorizer") or {}
        try:
            return cls(UUID(passed["clientId"]), UUID(passed["keyId"]))
        except (KeyError, ValueError):
            raise Unauthorized("expected a request that an authorizer let in, was one that none has seen") from None

    def to_json(self) -> dict[str, str]:
        """What an authorizer passes on: `of` reads it."""
        return {"clientId": str(self.client_id), "keyId": str(self.key_id)}


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key, as lists show it. `prefix` is its beginning."""

    id: UUID
    client: str
    prefix: str
    created_at: datetime
    revoked_at: datetime | None


def new_secret(kind: str) -> str:
    """A new key (`oee_…`) or ticket (`oet_…`): 256 random bits."""
    return kind + secrets.token_urlsafe(32)


def is_secret(kind: str, text: str) -> bool:
    return text.startswith(kind) and _SECRET.fullmatch(text) is not None


def digest(secret: str) -> bytes:
    """What is stored in a secret's place.

    SHA-256 alone: salt and stretching make it costly to guess a password, and nobody guesses 256 random bits. It can be
    looked up by index, in microseconds, and comparing digests by index tells nothing about the secret by its timing.
    """
    return hashlib.sha256(secret.encode()).digest()
