"""Times as clients and logs see them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

# RFC 3339, section 5.6. The offset is not optional there: without one, a time means another one to every reader.
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def rfc3339(time: datetime) -> str:
    """UTC with milliseconds: `2026-01-31T12:00:00.000Z`."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """A time with its offset, in UTC and to the microsecond. Raises `ValueError`, saying what was expected."""
    if _TIME.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise ValueError(f'expected a time with its offset like "2026-12-31T12:00:00Z", was {text[:40]!r}')
