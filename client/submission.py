"""Submits orders, and asks the user before one that moves the price far."""

from __future__ import annotations

import typer

from client.command import err, follow, out, show
from client.engine import Engine, Json, Refused, Unreachable
from client.views import order_view

DEFAULT_MAX_PRICE_IMPACT_BPS = 500
IMPACT_MARGIN_BPS = 100
"""How far the price impact may pass the one that the user has accepted: prices move."""


async def submitted(engine: Engine, order: Json, watch: bool, as_json: bool) -> None:
    """Submits the order, and shows it, or every step until it ends."""
    accepted = await engine.submit(order)
    if not watch:
        show(accepted, order_view, as_json)
        return
    if not as_json:
        linked = f", linked with {accepted['linkedOrderId']}" if accepted["linkedOrderId"] else ""
        out.print(f"order {accepted['orderId']} on {accepted['market']}{linked}")
    await follow(engine, accepted["orderId"], 0, as_json)


async def accepted_impact(engine: Engine, order: Json) -> int | None:
    """The price impact that the user accepts, if the order needs more than the default. Ends the command otherwise."""
    try:
        quoted = await engine.quote(order | {"maxPriceImpactBps": 10_000})
    except (Refused, Unreachable):
        return None  # The order itself is answered with the reason.
    impact: int = quoted["priceImpactBps"]
    if impact <= DEFAULT_MAX_PRICE_IMPACT_BPS:
        return None
    pays, receives = (f"{quoted[f'amount{side}']} {quoted[f'token{side}']}" for side in ("In", "Out"))
    err.print(f"This order moves the price by {impact / 100:.2f} %: {pays} would receive {receives}.", markup=False)
    typer.confirm("Submit it?", abort=True, err=True)
    return min(impact + IMPACT_MARGIN_BPS, 10_000)
