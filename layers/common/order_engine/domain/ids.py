"""Identifiers that sort by creation time."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def uuid7() -> UUID:
    """A UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | secrets.randbits(80)
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return UUID(int=value)


def first_uuid7(at: datetime, offset: timedelta = timedelta()) -> UUID:
    """A bound: the identifiers of that millisecond and later are above it, all earlier ones below."""
    milliseconds = (at - _EPOCH + offset) // timedelta(milliseconds=1)
    return UUID(int=max(milliseconds, 0) << 80)
