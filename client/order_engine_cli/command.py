"""What the commands of `orders` share: each asks an engine, prints the answer, and ends with a status."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from enum import IntEnum
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from order_engine_cli.tables import ENDLESS
from order_engine_cli.target import Target
from order_engine_cli.views import event_view
from order_engine_client.asynchronous import AsyncClient
from order_engine_client.errors import Refused, Unreachable
from order_engine_client.fields import Json
from order_engine_client.transport import FINAL


class Exit(IntEnum):
    """The exit status of a command. `INTERRUPTED` is the shells' number for Ctrl-C."""

    FAILED = 1
    BAD_INPUT = 2
    KEY_REFUSED = 3
    UNAVAILABLE = 4
    INTERRUPTED = 130


out = Console(highlight=False, width=None if sys.stdout.isatty() else ENDLESS)
err = Console(stderr=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON: one document, or one event a line.")]


def run(context: typer.Context, ask: Callable[[AsyncClient], Awaitable[None]]) -> None:
    """Calls `ask` with a connected engine. Ends the command with the status of its error, if it raises one.

    With `--json` the error is a document too, of the same form as the service's.
    """
    target: Target | None = context.obj
    as_json: bool = context.params["as_json"]

    def fail(number: Exit, code: str, message: str, details: Sequence[Json] = (), shown: str | None = None) -> NoReturn:
        error = {"code": code, "message": message, "details": list(details)}
        end(number, json.dumps({"error": error}, ensure_ascii=False) if as_json else shown or message)

    if target is None:
        message = "no stack runs here: start one with make run, or name another with --url or ORDERS_URL"
        fail(Exit.UNAVAILABLE, "Unreachable", message)

    async def connected() -> None:
        try:
            async with AsyncClient(target.url, target.key) as engine:
                await ask(engine)
        except asyncio.CancelledError:
            # The loop would wait for its threads before it ends, and nothing interrupts one that looks up a host name.
            sys.stdout.flush()
            os._exit(Exit.INTERRUPTED)

    try:
        asyncio.run(connected())
    except ValueError as error:
        fail(Exit.BAD_INPUT, "BadInput", str(error))
    except Unreachable as error:
        fail(Exit.UNAVAILABLE, "Unreachable", f"the service does not answer: {error}")
    except Refused as error:
        problems = [f"  {detail['field']}: {detail['message']}" for detail in error.details if "field" in detail]
        shown = "\n".join([f"{error.code}:", *problems]) if problems else f"{error.code}: {error}"
        fail(_number(error.status), error.code, str(error), error.details, shown)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None


async def follow(engine: AsyncClient, order_id: str, after: int, as_json: bool) -> None:
    """Prints each event as it comes. Ends the command with `FAILED` unless the order is confirmed."""
    first: Json | None = None
    status = ""
    # The spinner shows a person that the command is still running.
    with nullcontext() if as_json else out.status("waiting for the next step …"):
        try:
            async for event in engine.events(order_id, after):
                first, status = first or event.raw, event.status
                if as_json:
                    print(json.dumps(event.raw, ensure_ascii=False), flush=True)
                else:
                    out.print(event_view(event.raw, first), soft_wrap=True)
        except asyncio.CancelledError:
            state = "stays open" if status == "open" else "goes on"
            err.print(f"the order {state}; continue with orders watch {order_id}, or orders cancel {order_id}")
            raise
    if status in FINAL and status != "confirmed":
        raise typer.Exit(Exit.FAILED)


def show(value: Json, view: Callable[[Json], Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        out.print(view(value), crop=False)


def _number(status: int) -> Exit:
    if status in (401, 403):
        return Exit.KEY_REFUSED
    return Exit.UNAVAILABLE if status == 429 or status >= 500 else Exit.BAD_INPUT


def end(number: Exit, message: str) -> NoReturn:
    err.print(message, markup=False, style="red", soft_wrap=True)
    raise typer.Exit(number)
