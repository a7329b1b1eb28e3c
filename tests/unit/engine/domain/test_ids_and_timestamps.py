from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from order_engine.domain.ids import uuid7
from order_engine.domain.timestamps import rfc3339

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_an_id_is_a_uuid_of_version_7() -> None:
    for _ in range(100):
        id = uuid7()
        assert (id.version, id.variant) == (7, "specified in RFC 4122")
        assert UUID(str(id)) == id


def test_an_id_begins_with_its_time_of_creation() -> None:
    before = datetime.now(UTC)
    made = datetime.fromtimestamp((uuid7().int >> 80) / 1000, UTC)
    assert before - timedelta(milliseconds=1) <= made <= datetime.now(UTC)


def test_ids_are_unique_even_within_a_millisecond() -> None:
    assert len({uuid7() for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (AT, "2026-01-31T12:00:00.000Z"),
        (AT.replace(microsecond=999_999), "2026-01-31T12:00:00.999Z"),
        (AT.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-01-31T12:00:00.000Z"),
    ],
)
def test_a_time_is_shown_in_utc_with_milliseconds(time: datetime, text: str) -> None:
    assert rfc3339(time) == text
