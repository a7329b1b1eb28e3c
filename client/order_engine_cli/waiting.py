"""What an open order waits for, in words, and how far the market is from it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Json = dict[str, Any]

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def waits_for(order: Json) -> str:
    """What the order, or the order in the data of an `open` event, waits for, as in "until one SOL pays 180 USDC"."""
    terms, token_in, token_out = order["terms"], order["tokenIn"], order["tokenOut"]
    match order["type"]:
        case "limit":
            return _limit(terms, token_in, token_out)
        case "stop" if terms["stopReached"]:
            return f"stop {terms['stopPrice']} reached; {_limit(terms, token_in, token_out)}"
        case "stop":
            ticks = f" for {terms['confirmTicks']} ticks" if terms["confirmTicks"] > 1 else ""
            then = "the market's price" if terms["limitPrice"] is None else f"{terms['limitPrice']} or more"
            return f"until one {token_in} pays only {terms['stopPrice']} {token_out}{ticks}, then sells at {then}"
        case "recurring":
            slices = f"for each of {terms['slices']} slices, one every {duration(terms['intervalSeconds'])}"
            return f"{slices}{_range(terms, token_in, token_out)}"
    most = f", at no more than {terms['maxPrice']} {token_in} for one" if terms["maxPrice"] else ""
    return f"for a pool of {token_out} that holds {terms['minLiquidity']} {token_in}{most}"


def _limit(terms: Json, token_in: str, token_out: str) -> str:
    if terms["limitPrice"] is None:
        return f"until the whole amount pays {terms['minAmountOut']} {token_out}"
    return f"until one {token_in} pays {terms['limitPrice']} {token_out}"


def _range(terms: Json, token_in: str, token_out: str) -> str:
    match terms["minPrice"], terms["maxPrice"]:
        case None, None:
            return ""
        case least, None:
            prices = f"at least {least}"
        case None, most:
            prices = f"at most {most}"
        case least, most:
            prices = f"{least} to {most}"
    return f", while one {token_in} pays {prices} {token_out}"


def progress(order: Json) -> str:
    """How many slices of a recurring order are made, and when the next one is due."""
    terms = order["terms"]
    made = f"{terms['slicesDone']} of {terms['slices']}"
    is_next = terms["slicesDone"] < terms["slices"] and terms["nextSliceAt"]
    return f"{made}, the next {remaining(terms['nextSliceAt'])}" if is_next else made


def distance(order: Json, price: str) -> str:
    """How far `price`, the one that the order would get now, has to move."""
    terms = order["terms"]
    wanted = terms["limitPrice" if order["type"] == "limit" or terms["stopReached"] else "stopPrice"]
    if wanted is None:
        wanted = Decimal(terms["minAmountOut"]) / Decimal(order["amountIn"])
    return f"{(Decimal(wanted) / Decimal(price) - 1) * 100:+.2f} %"


def remaining(at: str | None) -> str:
    """The time until then: to the second within an hour, to the minute within a day, to the hour beyond."""
    if at is None:
        return "never"
    seconds = int((datetime.fromisoformat(at) - datetime.now(UTC)).total_seconds())
    if seconds <= 0:
        return "now"
    return f"in {duration(seconds - seconds % (3_600 if seconds > 86_400 else 60 if seconds > 3_600 else 1))}"


def duration(seconds: int) -> str:
    """Seconds in all units that they fill: "1 h 30 min"."""
    parts = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts)
