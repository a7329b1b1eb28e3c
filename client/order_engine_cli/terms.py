"""What a command's options say about an order, in the fields of the API."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

from order_engine_client.fields import Json

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
NEVER = "never"


def given(**fields: object) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def order(token_in: str, token_out: str, amount: str, slippage_bps: int) -> Json:
    return {"tokenIn": token_in, "tokenOut": token_out, "amountIn": amount, "slippageBps": slippage_bps}


def terms(
    *,
    limit: str | None,
    min_out: str | None,
    stop: str | None,
    stop_limit: str | None,
    confirm_ticks: int | None,
    slices: int | None,
    every: int | None,
    min_price: str | None,
    max_price: str | None,
    start: str | None,
    expires: str | None,
) -> Json:
    """The type of the order with these options, and its terms. The service refuses a term of another type."""
    if slices is not None or every is not None:
        type = "recurring"
    elif stop is not None:
        type = "stop" if limit is None else "oco"
    else:
        type = "market" if limit is None and min_out is None else "limit"
    return given(
        type=type,
        limitPrice=stop_limit if type == "stop" else limit,
        minAmountOut=min_out,
        stopPrice=stop,
        stopLimitPrice=None if type == "stop" else stop_limit,
        confirmTicks=confirm_ticks,
        slices=slices,
        intervalSeconds=every,
        minPrice=min_price,
        maxPrice=max_price,
        startAt=start,
        expiresAt=expires,
    )


def seconds(text: str) -> int:
    """The seconds of a duration. Raises `BadParameter`."""
    match = re.fullmatch(r"(\d{1,9})([smhd])", text, re.ASCII)
    if match is None:
        raise typer.BadParameter(f"expected a duration like 90s, 5m, 1h or 7d, was {text!r}")
    return int(match[1]) * _SECONDS[match[2]]


def moment(text: str) -> str:
    """The time after a duration, or of a date, which is this machine's unless it has an offset, in RFC 3339.

    Raises `BadParameter`.
    """
    try:
        if text[-1:] in _SECONDS:
            at = datetime.now(UTC) + timedelta(seconds=seconds(text))
        else:
            at = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"expected a duration like 1h or a date like 2027-01-31T12:00, was {text!r}") from None
    return at.isoformat()


def moment_or_never(text: str) -> str:
    """As `moment`, or `NEVER`."""
    return text if text == NEVER else moment(text)
