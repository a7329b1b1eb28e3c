"""The command `orders`: quotes, submits, lists, shows, watches, replaces and cancels orders, and shows the market."""

from __future__ import annotations

import asyncio
import sys
from decimal import Context
from pathlib import Path
from typing import Annotated

import typer

from order_engine_cli.amounts import BPS
from order_engine_cli.command import AsJson, Exit, end, follow, run, show
from order_engine_cli.options import (
    WHEN,
    Amount,
    Cursor,
    Limit,
    MaxPrice,
    MaxPriceImpact,
    MinOut,
    MinPrice,
    Name,
    OrderId,
    PageSize,
    Pair,
    Slippage,
    Status,
    Stop,
    TokenIn,
    TokenOut,
    Type,
    Watch,
)
from order_engine_cli.submission import accepted_impact, submitted
from order_engine_cli.target import DATA, find
from order_engine_cli.terms import NEVER, given, moment, moment_or_never, order, seconds, terms
from order_engine_cli.views import market_view, open_view, order_view, orders_view, quote_view, wallet_view
from order_engine_client.asynchronous import AsyncClient
from order_engine_client.errors import Refused
from order_engine_client.models import Order

app = typer.Typer(
    name="orders",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Quotes, submits and watches swaps on Solana DEXs.",
    epilog="Exit status: 0 for success, 1 if the watched order was not confirmed, 2 for bad input, 3 if the key was"
    " refused, 4 if the service does not answer or cannot serve the request now.",
)

_PRICES = Context(prec=12)


@app.callback()
def target(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Option(envvar="ORDERS_URL", help="URL of the REST API. Default: the stack that make run runs here."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(envvar="ORDERS_KEY", help="Your API key. Default: the key of the stack that runs here."),
    ] = None,
    data: Annotated[
        Path, typer.Option(envvar="ORDERS_DATA", help="Data folder of the stack that runs here.", show_default=".local")
    ] = DATA,
) -> None:
    context.obj = find(url, key, data)


@app.command()
def quote(
    context: typer.Context,
    token_in: TokenIn,
    token_out: TokenOut,
    amount: Amount,
    slippage_bps: Slippage = 50,
    max_price_impact_bps: Annotated[
        int, typer.Option(min=0, max=BPS, help="Refuse to quote what moves the price further, in basis points.")
    ] = BPS,
    as_json: AsJson = False,
) -> None:
    """Show what an order would receive now, and by which route."""

    async def ask(engine: AsyncClient) -> None:
        quoted = await engine.quote(
            token_in, token_out, amount, slippage_bps=slippage_bps, max_price_impact_bps=max_price_impact_bps
        )
        show(quoted.raw, quote_view, as_json)

    run(context, ask)


@app.command()
def submit(
    context: typer.Context,
    token_in: TokenIn,
    token_out: TokenOut,
    amount: Amount,
    slippage_bps: Slippage = 50,
    allow_any_slippage: Annotated[
        bool, typer.Option("--allow-any-slippage", help="Needed with a slippage of 10000: take any amount.")
    ] = False,
    allow_unverified: Annotated[
        bool, typer.Option("--allow-unverified", help="Needed for a token without a symbol, which nobody has verified.")
    ] = False,
    max_price_impact_bps: MaxPriceImpact = None,
    quote: Annotated[str | None, typer.Option(metavar="ID", help="Execute at this quote or fail.")] = None,
    limit: Limit = None,
    min_out: MinOut = None,
    stop: Stop = None,
    stop_limit: Annotated[
        str | None, typer.Option(metavar="PRICE", help="After the stop, sell for no less than this.")
    ] = None,
    confirm_ticks: Annotated[
        int | None, typer.Option(help="How many ticks in a row have to see the stop.", show_default="1")
    ] = None,
    slices: Annotated[int | None, typer.Option(help="Spend the amount in so many orders, one each --every.")] = None,
    every: Annotated[int | None, typer.Option(metavar="60s", parser=seconds, help="Seconds, as s, m, h or d.")] = None,
    min_price: MinPrice = None,
    max_price: MaxPrice = None,
    start: Annotated[
        str | None, typer.Option(metavar=WHEN, parser=moment, help="When the first slice is due.", show_default="now")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar=WHEN, parser=moment, help="Wait no longer.", show_default="never")
    ] = None,
    name: Name = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Do not ask. Without a terminal, an impact of 5 % or more needs this."),
    ] = False,
    watch: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Submit an order, which waits if it has a limit, a stop or slices. In a terminal, warn of a price impact from 1 %,
    and ask from 5 %.
    """
    waits = terms(
        limit=limit, min_out=min_out, stop=stop, stop_limit=stop_limit, confirm_ticks=confirm_ticks, slices=slices,
        every=every, min_price=min_price, max_price=max_price, start=start, expires=expires,
    )  # fmt: skip

    async def ask(engine: AsyncClient) -> None:
        asked = order(token_in, token_out, amount, slippage_bps)
        impact = max_price_impact_bps
        # A recurring order moves the price by its slices.
        if impact is None and waits["type"] != "recurring" and (yes or sys.stdin.isatty()):
            impact = await accepted_impact(engine, asked, yes)
        options = given(
            allowAnySlippage=allow_any_slippage or None,
            allowUnverified=allow_unverified or None,
            maxPriceImpactBps=impact,
            quoteId=quote,
            clientOrderId=name,
        )
        await submitted(engine, asked | options | waits, watch, as_json)

    run(context, ask)


@app.command()
def snipe(
    context: typer.Context,
    mint: Annotated[str, typer.Argument(help="The mint to buy, by its address or symbol.", metavar="MINT")],
    pay: Annotated[tuple[str, str], typer.Option(metavar="AMOUNT IN", help="What to pay, such as 1 SOL.")],
    min_liquidity: Annotated[
        str, typer.Option(metavar="AMOUNT", help="Wait for a pool that holds this, valued in whole IN.")
    ],
    expires: Annotated[str, typer.Option(metavar=WHEN, parser=moment, help="Wait no longer.")],
    max_price: Annotated[
        str | None, typer.Option(metavar="PRICE", help="The most that one whole MINT may cost, in whole IN.")
    ] = None,
    allow_freeze_authority: Annotated[
        bool, typer.Option("--allow-freeze-authority", help="Buy although somebody can freeze the tokens.")
    ] = False,
    allow_extensions: Annotated[
        bool, typer.Option("--allow-extensions", help="Buy although the mint has Token-2022 extensions.")
    ] = False,
    slippage_bps: Slippage = 50,
    max_price_impact_bps: MaxPriceImpact = None,
    name: Name = None,
    watch: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Buy a token as soon as a pool holds enough of it."""

    async def ask(engine: AsyncClient) -> None:
        amount, token_in = pay
        options = given(
            type="sniper",
            minLiquidity=min_liquidity,
            maxPrice=max_price,
            expiresAt=expires,
            allowFreezeAuthority=allow_freeze_authority or None,
            allowExtensions=allow_extensions or None,
            maxPriceImpactBps=max_price_impact_bps,
            clientOrderId=name,
        )
        await submitted(engine, order(token_in, mint, amount, slippage_bps) | options, watch, as_json)

    run(context, ask)


@app.command("list")
def list_orders(
    context: typer.Context,
    status: Status = None,
    type: Type = None,
    pair: Pair = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", parser=moment, help="Only orders created from then on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="DATE", parser=moment, help="Only orders created before.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Only the order with this clientOrderId.")] = None,
    parent: Annotated[str | None, typer.Option(metavar="ID", help="Only the slices of this recurring order.")] = None,
    limit: PageSize = 20,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List your orders, newest first."""

    async def ask(engine: AsyncClient) -> None:
        names = {"client_order_id": name, "parent_id": parent}
        filters = given(status=status, type=type, token_pair=pair, since=since, until=until, **names)
        page = await engine.orders(limit=limit, cursor=cursor, **filters)
        show(page.raw, orders_view, as_json)

    run(context, ask)


@app.command("open")
def open_orders(
    context: typer.Context,
    type: Type = None,
    pair: Pair = None,
    limit: PageSize = 20,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List the orders that wait: for what, how far it is away, and until when."""

    async def ask(engine: AsyncClient) -> None:
        filters = given(type=type, token_pair=pair)
        page = await engine.orders(limit=limit, cursor=cursor, status="open", **filters)
        prices = {} if as_json else await _prices(engine, page.orders)
        show(page.raw, lambda page: open_view(page, prices), as_json)

    run(context, ask)


@app.command("show")
def show_order(context: typer.Context, order_id: OrderId, as_json: AsJson = False) -> None:
    """Show an order and its events."""

    async def ask(engine: AsyncClient) -> None:
        order = await engine.order(order_id)
        market = None if as_json else (await engine.market()).raw
        show(order.raw, lambda order: order_view(order, market), as_json)

    run(context, ask)


@app.command()
def watch(
    context: typer.Context,
    order_id: OrderId,
    after: Annotated[int, typer.Option(min=0, help="Skip the events up to this seq.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Show an order's earlier steps, then each new one, until the order ends."""

    async def ask(engine: AsyncClient) -> None:
        await follow(engine, order_id, after, as_json)

    run(context, ask)


@app.command()
def replace(
    context: typer.Context,
    order_id: OrderId,
    amount: Annotated[str | None, typer.Option(help="The amount that the order pays, in whole tokens.")] = None,
    limit: Limit = None,
    min_out: MinOut = None,
    stop: Stop = None,
    min_price: MinPrice = None,
    max_price: MaxPrice = None,
    min_liquidity: Annotated[str | None, typer.Option(metavar="AMOUNT", help="What the pool has to hold.")] = None,
    expires: Annotated[
        str | None, typer.Option(metavar=f"{WHEN}|{NEVER}", parser=moment_or_never, help="Until when the order waits.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replace terms of an open order. The other terms stay."""

    async def ask(engine: AsyncClient) -> None:
        changes = given(
            amountIn=amount,
            limitPrice=limit,
            minAmountOut=min_out,
            stopPrice=stop,
            minPrice=min_price,
            maxPrice=max_price,
            minLiquidity=min_liquidity,
            expiresAt=expires,
        )
        if expires == NEVER:
            changes["expiresAt"] = None
        show((await engine.replace(order_id, changes)).raw, order_view, as_json)

    run(context, ask)


@app.command()
def cancel(
    context: typer.Context,
    order_id: Annotated[str | None, typer.Argument(metavar="ID")] = None,
    all: Annotated[bool, typer.Option("--all", help="Cancel every order that can still be cancelled.")] = False,
    pair: Pair = None,
    type: Type = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --all: do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Cancel an order, or all. This is possible until its transaction is sent."""
    filters = given(tokenPair=pair, type=type)
    if all == (order_id is not None) or (filters and not all):
        end(Exit.BAD_INPUT, "expected the ID of an order, or --all with or without --pair and --type")
    if all and not yes:
        if not sys.stdin.isatty():
            end(Exit.BAD_INPUT, "expected --yes, because there is no terminal to ask in")
        of = " ".join(filters.values())
        typer.confirm(f"Cancel all {of} orders?" if of else "Cancel all orders?", abort=True, err=True)

    async def ask(engine: AsyncClient) -> None:
        if order_id is not None:
            show((await engine.cancel(order_id)).raw, order_view, as_json)
            return
        show(
            {"cancelled": await engine.cancel_all(token_pair=pair, type=type), "complete": True},
            lambda answer: "\n".join([*answer["cancelled"], f"{len(answer['cancelled'])} orders cancelled"]),
            as_json,
        )

    run(context, ask)


@app.command()
def market(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the market in which orders are executed."""

    async def ask(engine: AsyncClient) -> None:
        show((await engine.market()).raw, market_view, as_json)

    run(context, ask)


@app.command()
def wallet(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the address and the balances of the wallet that pays for the orders."""

    async def ask(engine: AsyncClient) -> None:
        market = None if as_json else (await engine.market()).raw
        show((await engine.wallet()).raw, lambda wallet: wallet_view(wallet, market), as_json)

    run(context, ask)


async def _prices(engine: AsyncClient, orders: list[Order]) -> dict[str, str]:
    """The price that each order which waits for one would get now, by its id; or why it would get none."""

    async def price(order: Order) -> str:
        try:
            quoted = await engine.quote(
                order.token_in,
                order.token_out,
                order.amount_in,
                slippage_bps=order.slippage_bps,
                max_price_impact_bps=order.max_price_impact_bps,
            )
        except Refused as error:
            return error.code
        # What the engine compares: also for an amount of which the route leaves a part unspent.
        return f"{_PRICES.divide(quoted.amount_out, quoted.amount_in):f}"

    priced = [order for order in orders if order.type in ("limit", "stop")]
    return dict(zip((order.order_id for order in priced), await asyncio.gather(*map(price, priced)), strict=True))
