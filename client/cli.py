"""The command `orders`: quotes, submits, lists, shows, watches and cancels orders, and shows the market and wallet."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from client.engine import FINAL, Engine, Json, Refused, Unreachable
from client.target import DATA, Target, find
from client.views import event_view, market_view, order_view, orders_view, quote_view, wallet_view

DEFAULT_MAX_PRICE_IMPACT_BPS = 500
IMPACT_MARGIN_BPS = 100
"""How far the price impact may pass the one that the user has accepted: prices move."""


class Exit(IntEnum):
    """The exit status of a command. `INTERRUPTED` is the shells' number for Ctrl-C."""

    FAILED = 1
    BAD_INPUT = 2
    KEY_REFUSED = 3
    UNAVAILABLE = 4
    INTERRUPTED = 130


app = typer.Typer(
    name="orders",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Quotes, submits and watches swaps on Solana DEXs.",
    epilog="Exit status: 0 for success, 1 if the watched order was not confirmed, 2 for bad input, 3 if the key was"
    " refused, 4 if the service does not answer or cannot serve the request now.",
)
out, err = Console(highlight=False), Console(stderr=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON: one document, or one event a line.")]
Slippage = Annotated[
    int, typer.Option(min=0, max=10_000, help="How far the swap may pay below the quote, in basis points.")
]
MaxPriceImpact = Annotated[
    int | None,
    typer.Option(min=0, max=10_000, help="How far the order may move the price, in basis points.", show_default="500"),
]
TokenIn = Annotated[str, typer.Argument(help="The token that you pay, such as SOL.", metavar="IN")]
TokenOut = Annotated[str, typer.Argument(help="The token that you receive, such as USDC.", metavar="OUT")]
Amount = Annotated[str, typer.Argument(help="The amount that you pay, in whole tokens, such as 1.5.", metavar="AMOUNT")]
OrderId = Annotated[str, typer.Argument(metavar="ID")]


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
    max_price_impact_bps: MaxPriceImpact = None,
    as_json: AsJson = False,
) -> None:
    """Show what an order would receive now, and by which route."""

    async def ask(engine: Engine) -> None:
        order = _order(token_in, token_out, amount, slippage_bps)
        show(await engine.quote(order | _given(maxPriceImpactBps=max_price_impact_bps)), quote_view, as_json)

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
    max_price_impact_bps: MaxPriceImpact = None,
    quote: Annotated[str | None, typer.Option(metavar="ID", help="Execute at this quote or fail.")] = None,
    name: Annotated[str | None, typer.Option(help="Your own id (clientOrderId); a repeat is the same order.")] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show every step until the order ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """Submit an order. In a terminal, ask before one that moves the price by more than 5 %."""

    async def ask(engine: Engine) -> None:
        order = _order(token_in, token_out, amount, slippage_bps)
        impact = max_price_impact_bps
        if impact is None and sys.stdin.isatty():
            impact = await _accepted_impact(engine, order)
        options = _given(
            allowAnySlippage=allow_any_slippage or None,
            maxPriceImpactBps=impact,
            quoteId=quote,
            clientOrderId=name,
        )
        accepted = await engine.submit(order | options)
        if watch:
            if not as_json:
                out.print(f"order {accepted['orderId']} on {accepted['market']}")
            await follow(engine, accepted["orderId"], 0, as_json)
        else:
            show(accepted, order_view, as_json)

    run(context, ask)


@app.command("list")
def list_orders(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help="Only orders with this status: pending, failed, …")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Maximum number of orders.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="Continue after the previous list.")] = None,
    as_json: AsJson = False,
) -> None:
    """List your orders, newest first."""

    async def ask(engine: Engine) -> None:
        page = await engine.list(**_given(limit=str(limit), status=status, cursor=cursor))
        show(page, orders_view, as_json)

    run(context, ask)


@app.command("show")
def show_order(context: typer.Context, order_id: OrderId, as_json: AsJson = False) -> None:
    """Show an order and its events."""

    async def ask(engine: Engine) -> None:
        order = await engine.show(order_id)
        market = None if as_json else await engine.market()
        show(order, lambda order: order_view(order, market), as_json)

    run(context, ask)


@app.command()
def watch(
    context: typer.Context,
    order_id: OrderId,
    after: Annotated[int, typer.Option(min=0, help="Skip the events up to this seq.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Show an order's earlier steps, then each new one, until the order ends."""

    async def ask(engine: Engine) -> None:
        await follow(engine, order_id, after, as_json)

    run(context, ask)


@app.command()
def cancel(context: typer.Context, order_id: OrderId, as_json: AsJson = False) -> None:
    """Cancel an order. This is possible until its transaction is sent."""

    async def ask(engine: Engine) -> None:
        show(await engine.cancel(order_id), order_view, as_json)

    run(context, ask)


@app.command()
def market(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the market in which orders are executed."""

    async def ask(engine: Engine) -> None:
        show(await engine.market(), market_view, as_json)

    run(context, ask)


@app.command()
def wallet(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the address and the balances of the wallet that pays for the orders."""

    async def ask(engine: Engine) -> None:
        market = None if as_json else await engine.market()
        show(await engine.wallet(), lambda wallet: wallet_view(wallet, market), as_json)

    run(context, ask)


def run(context: typer.Context, ask: Callable[[Engine], Awaitable[None]]) -> None:
    """Calls `ask` with a connected engine. Ends the command with the status of its error, if it raises one."""
    target: Target | None = context.obj
    if target is None:
        _end(Exit.UNAVAILABLE, "no stack runs here: start one with make run, or name another with --url or ORDERS_URL")

    async def connected() -> None:
        try:
            async with Engine(target.url, target.key) as engine:
                await ask(engine)
        except asyncio.CancelledError:
            # The loop would wait for its threads before it ends, and nothing interrupts one that looks up a host name.
            sys.stdout.flush()
            os._exit(Exit.INTERRUPTED)

    try:
        asyncio.run(connected())
    except ValueError as error:
        _end(Exit.BAD_INPUT, str(error))
    except Unreachable as error:
        _end(Exit.UNAVAILABLE, f"the service does not answer: {error}")
    except Refused as error:
        problems = [f"  {detail['field']}: {detail['message']}" for detail in error.details if "field" in detail]
        _end(_number(error.status), "\n".join([f"{error.code}:", *problems]) if problems else f"{error.code}: {error}")
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None


async def follow(engine: Engine, order_id: str, after: int, as_json: bool) -> None:
    """Prints each event as it comes. Ends the command with `FAILED` unless the order is confirmed."""
    first: Json | None = None
    status = ""
    # The spinner shows a person that the command is still running.
    with nullcontext() if as_json else out.status("waiting for the next step …"):
        try:
            async for event in engine.watch(order_id, after):
                first, status = first or event, event["status"]
                if as_json:
                    print(json.dumps(event, ensure_ascii=False), flush=True)
                else:
                    out.print(event_view(event, first), soft_wrap=True)
        except asyncio.CancelledError:
            err.print(f"the order goes on; continue with orders watch {order_id}, or orders cancel {order_id}")
            raise
    if status in FINAL and status != "confirmed":
        raise typer.Exit(Exit.FAILED)


def show(value: Json, view: Callable[[Json], Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        out.print(view(value))


def _order(token_in: str, token_out: str, amount: str, slippage_bps: int) -> Json:
    return {"tokenIn": token_in, "tokenOut": token_out, "amountIn": amount, "slippageBps": slippage_bps}


def _given(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


async def _accepted_impact(engine: Engine, order: Json) -> int | None:
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


def _number(status: int) -> Exit:
    if status in (401, 403):
        return Exit.KEY_REFUSED
    return Exit.UNAVAILABLE if status == 429 or status >= 500 else Exit.BAD_INPUT


def _end(number: Exit, message: str) -> NoReturn:
    err.print(message, markup=False, style="red", soft_wrap=True)
    raise typer.Exit(number)
