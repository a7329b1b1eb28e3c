"""What orders pay and receive, and what they lose by moving the price, in words."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Any

from rich.text import Text

from order_engine_cli.waiting import progress
from order_engine_client.transport import FINAL

Json = dict[str, Any]

BPS = 10_000
CAUTION_BPS, DANGER_BPS = 100, 500
"""From which price impact on a user is warned, and asked."""

_UNFILLED = frozenset(FINAL) - {"confirmed"}
_ABOUT = Context(prec=4)


def percent(bps: int) -> str:
    return f"{Decimal(bps) / 100:f} %"


def pays(order: Json) -> str:
    """What the order has paid, or would pay: never as if an order without a fill had paid anything."""
    amount = f"{order['amountIn']} {order['tokenIn']}"
    if order["status"] not in _UNFILLED:
        return f"{order['amountSpent'] or order['amountIn']} {order['tokenIn']}"
    if order["type"] == "recurring" and order["terms"]["slicesDone"]:
        return f"{progress(order)} slices of {amount}"
    return f"0 of {amount}"


def receives(order: Json) -> str:
    """What the order has received, or about what it would receive, as far as it is known."""
    if order["amountOut"]:
        return f"{order['amountOut']} {order['tokenOut']}"
    if order["status"] in _UNFILLED:
        return ""
    return f"~ {order['quotedOut']} {order['tokenOut']}" if order["quotedOut"] else order["tokenOut"]


def impact(bps: int, amount_out: str | Decimal, token_out: str) -> Text:
    """The price impact of a quote; from `CAUTION_BPS` on with a warning that says what it costs."""
    if bps < CAUTION_BPS:
        return Text(percent(bps))
    word, style = ("danger", "bold red") if bps >= DANGER_BPS else ("caution", "bold yellow")
    return Text(f"{percent(bps)}, {word}: {loss(bps, amount_out, token_out)}", style)


def loss(bps: int, amount_out: str | Decimal, token_out: str) -> str:
    """How much less that is than the price before the swap would pay."""
    if bps >= BPS:
        return "nearly everything is lost"
    lost = _ABOUT.divide(Decimal(amount_out) * bps, Decimal(BPS - bps))
    return f"about {lost.normalize():f} {token_out} less than without it"


def compared(amount_out: str, best: str) -> str:
    """How much better that is, or less, than what the best route pays."""
    difference = (Decimal(amount_out) / Decimal(best) - 1) * 100
    if not difference:
        return "the same"
    size = "under 0.01" if abs(difference) < Decimal("0.01") else f"{abs(difference):.2f}"
    return f"{size} % {'better' if difference > 0 else 'less'}"
