from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from order_engine.domain.ids import first_uuid7, uuid7
from order_engine.domain.timestamps import parse_rfc3339, rfc3339

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


def test_a_bound_lies_between_the_ids_of_two_milliseconds() -> None:
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    bound, last = first_uuid7(at), UUID(int=first_uuid7(at, timedelta(milliseconds=1)).int - 1)
    assert str(bound).startswith("019c13ec-9e00-0000")
    assert str(last).startswith("019c13ec-9e00-ffff")
    assert first_uuid7(at + timedelta(microseconds=999)) == bound
    assert first_uuid7(datetime.min.replace(tzinfo=UTC), -timedelta(days=1)) == UUID(int=0)
    assert first_uuid7(datetime.max.replace(tzinfo=UTC), timedelta(days=1)).version is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31t12:00:00z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31 12:00:00.5+01:30", datetime(2026, 1, 31, 10, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-01-31T12:00:00.123456789-00:00", datetime(2026, 1, 31, 12, 0, 0, 123_456, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_with_its_offset(text: str, expected: datetime) -> None:
    assert parse_rfc3339(text) == expected
    assert parse_rfc3339(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "2026-01-31", "2026-01-31T12:00Z", "2026-01-31T12:00:00", "2026-01-31T12:00:00+0100"),
        *("2026-02-30T12:00:00Z", "2026-01-31T24:00:01Z", "2026-01-31T12:00:60Z", "0001-01-01T00:00:00+23:59"),
        *("٢٠٢٦-01-31T12:00:00Z", "2026-01-31T12:00:00+99:00", "2026-W05-6T12:00:00Z", "1769860800"),
    ],
)
def test_a_text_that_is_no_time_with_an_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a time with its offset like .*, was "):
        parse_rfc3339(text)
