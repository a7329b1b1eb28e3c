"""Cursors of a list's pages: the id of the last item, opaque to clients."""

from __future__ import annotations

import base64
from uuid import UUID


def encode(id: UUID) -> str:
    return base64.urlsafe_b64encode(id.bytes).decode().rstrip("=")


def decode(cursor: str) -> UUID:
    """Raises `ValueError` for a cursor that `encode` has not made."""
    return UUID(bytes=base64.b64decode(cursor + "==", altchars=b"-_", validate=True))
