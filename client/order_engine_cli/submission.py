"""Submits orders, and asks the user before one that moves the price far."""

from __future__ import annotations

import typer
from rich.text import Text

from order_engine_cli.amounts import BPS, CAUTION_BPS, DANGER_BPS, impact
from order_engine_cli.command import err, follow, out, show
from order_engine_cli.views import order_view
from order_engine_client.asynchronous import AsyncClient
from order_engine_client.errors import ClientError
from order_engine_client.fields import Json

IMPACT_MARGIN_BPS = 100
"""How far the price impact may pass the one that the user has accepted: prices move."""


async def submitted(engine: AsyncClient, order: Json, watch: bool, as_json: bool) -> None:
    """Submits the order, and shows it, or every step until it ends."""
    accepted = await engine.submit(order)
    if not watch:
        show(accepted.raw, order_view, as_json)
        return
    if not as_json:
        linked = f", linked with {accepted.linked_order_id}" if accepted.linked_order_id else ""
        out.print(f"order {accepted.order_id} on {accepted.market}{linked}")
    await follow(engine, accepted.order_id, 0, as_json)


async def accepted_impact(engine: AsyncClient, order: Json, yes: bool) -> int | None:
    """The price impact that the user accepts, if the order needs more than the service allows by itself.

    Warns of what it costs, and asks unless `yes`. Ends the command if the user does not accept it.
    """
    try:
        quoted = await engine.quote(
            order["tokenIn"],
            order["tokenOut"],
            order["amountIn"],
            slippage_bps=order["slippageBps"],
            max_price_impact_bps=BPS,
        )
    except ClientError:
        return None  # The order itself is answered with the reason.
    bps = quoted.price_impact_bps
    if bps < CAUTION_BPS:
        return None
    pays, receives = f"{quoted.amount_in:f} {quoted.token_in}", f"{quoted.amount_out:f} {quoted.token_out}"
    warning = impact(bps, quoted.amount_out, quoted.token_out)
    err.print(Text.assemble(f"{pays} would receive {receives}. Price impact: ", warning, "."), soft_wrap=True)
    if bps < DANGER_BPS:
        return None
    if not yes:
        typer.confirm("Swap anyway?", abort=True, err=True)
    return min(bps + IMPACT_MARGIN_BPS, BPS)
