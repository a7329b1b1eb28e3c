"""The options of the command `orders` in the fields of the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import typer

from order_engine_cli.terms import moment, moment_or_never, seconds, terms
from order_engine_client.fields import Json

NONE = dict.fromkeys(
    ("limit", "min_out", "stop", "stop_limit", "confirm_ticks", "slices", "every", "min_price", "max_price", "start",
     "expires")
)  # fmt: skip


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({}, {"type": "market"}),
        ({"limit": "180"}, {"type": "limit", "limitPrice": "180"}),
        ({"min_out": "270", "expires": "soon"}, {"type": "limit", "minAmountOut": "270", "expiresAt": "soon"}),
        ({"stop": "140"}, {"type": "stop", "stopPrice": "140"}),
        (
            {"stop": "140", "stop_limit": "138", "confirm_ticks": 2},
            {"type": "stop", "stopPrice": "140", "limitPrice": "138", "confirmTicks": 2},
        ),
        (
            {"limit": "200", "stop": "140", "stop_limit": "138"},
            {"type": "oco", "limitPrice": "200", "stopPrice": "140", "stopLimitPrice": "138"},
        ),
        (
            {"slices": 4, "every": 60, "min_price": "150", "max_price": "190", "start": "soon"},
            {
                "type": "recurring", "slices": 4, "intervalSeconds": 60, "minPrice": "150", "maxPrice": "190",
                "startAt": "soon",
            },
        ),
        # The service says what is missing, or does not fit.
        ({"every": 60}, {"type": "recurring", "intervalSeconds": 60}),
        ({"confirm_ticks": 2}, {"type": "market", "confirmTicks": 2}),
        ({"slices": 4, "limit": "180"}, {"type": "recurring", "slices": 4, "limitPrice": "180"}),
    ],
)  # fmt: skip
def test_the_options_make_the_type_and_its_terms(options: Json, fields: Json) -> None:
    assert terms(**NONE | options) == fields


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("5m", 300), ("1h", 3_600), ("7d", 604_800)])
def test_a_duration_has_a_unit(text: str, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "60", "1.5h", "-1h", "h", "1w", "1h30m", "٣h", "9" * 10 + "s"])
def test_another_duration_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="expected a duration like 90s, 5m, 1h or 7d, was"):
        seconds(text)


def test_a_moment_is_a_duration_from_now_or_a_date() -> None:
    before = datetime.now(UTC)
    at = datetime.fromisoformat(moment("1h"))
    assert before <= at - timedelta(hours=1) <= datetime.now(UTC)
    assert moment("2027-01-31T12:00:00Z") == moment("2027-01-31T13:00+01:00") == "2027-01-31T12:00:00+00:00"
    # A date without an offset is this machine's.
    assert moment("2027-01-31") == datetime(2027, 1, 31).astimezone(UTC).isoformat()


@pytest.mark.parametrize("text", ["", "tomorrow", "2027-13-01", "12:00", "999999999d", "0001-01-01T00:00+23:59"])
def test_another_moment_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="expected a duration like .*, was"):
        moment(text)


def test_an_expiry_may_be_taken_away() -> None:
    assert moment_or_never("never") == "never"
    assert moment_or_never("2027-01-31T12:00Z") == "2027-01-31T12:00:00+00:00"
