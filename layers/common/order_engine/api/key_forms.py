"""New API keys as requests describe them, and keys as answers show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from order_engine.api.json_text import shown
from order_engine.domain.access import ApiKey, Scope
from order_engine.domain.errors import InvalidRequest
from order_engine.domain.timestamps import parse_rfc3339, rfc3339

_FIELDS = ("scope", "expiresAt")


class NewKey(NamedTuple):
    """What a new key may do, and until when; for ever if `expires_at` is `None`."""

    scope: Scope
    expires_at: datetime | None


def parse_new_key(fields: Mapping[str, Any], now: datetime) -> NewKey:
    """The key that these fields ask for: one that may trade and does not expire, unless they say otherwise.

    Raises `InvalidRequest`, also for a field that is not known: a misspelt expiry would make a key that has none.
    """
    problems = [
        {"field": name[:60], "message": f"expected {' or '.join(_FIELDS)}, was {name[:60]!r}"}
        for name in sorted(fields.keys() - set(_FIELDS))
    ]
    scope, expiry, expires_at = fields.get("scope", Scope.TRADE), fields.get("expiresAt"), None
    if scope not in [*Scope]:
        problems.append({"field": "scope", "message": f"expected one of {', '.join(Scope)}, was {shown(scope)}"})
    if expiry is not None:
        try:
            expires_at = parse_rfc3339(expiry if isinstance(expiry, str) else shown(expiry))
            if expires_at <= now:
                raise ValueError(f"expected a time in the future, was {shown(expiry)}")
        except ValueError as error:
            problems.append({"field": "expiresAt", "message": str(error)})
    if problems:
        raise InvalidRequest(problems)
    return NewKey(Scope(scope), expires_at)


def key_view(key: ApiKey) -> dict[str, Any]:
    """A key without its text."""
    return {
        "id": str(key.id),
        "client": key.client,
        "prefix": key.prefix,
        "scope": key.scope,
        "createdAt": rfc3339(key.created_at),
        "createdBy": key.created_by,
        "expiresAt": key.expires_at and rfc3339(key.expires_at),
        "lastUsedAt": key.last_used_at and rfc3339(key.last_used_at),
        "revokedAt": key.revoked_at and rfc3339(key.revoked_at),
        "revokedBy": key.revoked_by,
    }
