"""The arguments and options that several commands of `orders` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, get_args

import typer

from order_engine_cli.amounts import BPS
from order_engine_client.models import Order

WHEN = "1h|DATE"


def _one_of(field: str) -> Callable[[], list[str]]:
    """Completes the values of this field of an order."""
    known, _ = get_args(Order.model_fields[field].annotation)
    return lambda: list(get_args(known))


Slippage = Annotated[
    int, typer.Option(min=0, max=BPS, help="How far the swap may pay below the quote, in basis points.")
]
MaxPriceImpact = Annotated[
    int | None,
    typer.Option(min=0, max=BPS, help="How far the order may move the price, in basis points.", show_default="500"),
]
TokenIn = Annotated[str, typer.Argument(help="The token that you pay, such as SOL.", metavar="IN")]
TokenOut = Annotated[str, typer.Argument(help="The token that you receive, such as USDC.", metavar="OUT")]
Amount = Annotated[str, typer.Argument(help="The amount that you pay, in whole tokens, such as 1.5.", metavar="AMOUNT")]
OrderId = Annotated[str, typer.Argument(metavar="ID")]
Name = Annotated[str | None, typer.Option(help="Your own id (clientOrderId); a repeat is the same order.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Show every step until the order ends.")]
Limit = Annotated[
    str | None, typer.Option(metavar="PRICE", help="Wait until one whole IN pays this; never be paid less.")
]
MinOut = Annotated[
    str | None, typer.Option(metavar="AMOUNT", help="Wait until the whole amount pays this; never less.")
]
Stop = Annotated[
    str | None,
    typer.Option(metavar="PRICE", help="Wait until one whole IN pays only this, then sell. With --limit: a pair."),
]
MinPrice = Annotated[str | None, typer.Option(metavar="PRICE", help="Make slices only while one IN pays this or more.")]
MaxPrice = Annotated[str | None, typer.Option(metavar="PRICE", help="Make slices only while one IN pays this or less.")]
Pair = Annotated[str | None, typer.Option(metavar="IN-OUT", help="Only orders of these tokens, such as SOL-USDC.")]
Type = Annotated[
    str | None,
    typer.Option(help="Only market, limit, stop, recurring or sniper orders.", autocompletion=_one_of("type")),
]
Status = Annotated[
    str | None,
    typer.Option(help="Only orders with this status: open, pending, failed, …", autocompletion=_one_of("status")),
]
PageSize = Annotated[int, typer.Option(min=1, max=100, help="Maximum number of orders.")]
Cursor = Annotated[str | None, typer.Option(help="Continue after the previous list.")]
