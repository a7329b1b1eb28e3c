"""Authenticates callers: by API key or, on the WebSocket API, also by ticket."""

from __future__ import annotations

from order_engine.domain.access import Caller
from order_engine.domain.errors import Unauthorized
from order_engine.ports import CredentialStore


class Authentication:
    def __init__(self, credentials: CredentialStore) -> None:
        self._credentials = credentials

    def by_key(self, authorization: str | None) -> Caller:
        """The caller with the key in an `Authorization: Bearer …` header. Raises `Unauthorized`."""
        scheme, _, key = (authorization or "").partition(" ")
        return _authorized(self._credentials.caller_with_key(key.strip()) if scheme.lower() == "bearer" else None)

    def by_ticket(self, ticket: str) -> Caller:
        """The caller to whom the ticket was issued. A ticket is valid once. Raises `Unauthorized`."""
        return _authorized(self._credentials.redeem(ticket))


def _authorized(caller: Caller | None) -> Caller:
    if caller is None:
        raise Unauthorized("expected a valid API key or ticket")
    return caller
