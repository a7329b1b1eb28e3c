"""Runs the localnet until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import closing, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from aiohttp import web
from solders.keypair import Keypair

from localnet import server
from localnet.chain import SLOT_SECONDS
from localnet.ledger import Ledger, LedgerError
from localnet.market import Prices
from localnet.node import Node
from localnet.programs import STANDINS
from localnet.runtime import ProgramFileError, Runtime
from localnet.wallet import WalletError, wallet

_SHUTDOWN_SECONDS = 1.0  # for calls that hang


class StartError(Exception):
    """The localnet cannot be started. The message says why."""


class Options(NamedTuple):
    """The options of `up`. Without `prices`, nobody else trades."""

    host: str
    port: int
    data: Path
    instant: bool
    programs: Path | None
    wallet: Path | None
    pools: bool
    prices: Prices | None


def up(options: Options, say: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT. Raises `StartError`."""
    try:
        runtime = Runtime(STANDINS)
        programs = runtime.load_programs(options.programs) if options.programs else []
        keypair = wallet(options.wallet) if options.wallet else None
        ledger = Ledger(options.data)
    except (LedgerError, ProgramFileError, WalletError) as error:
        raise StartError(str(error)) from None
    with closing(ledger):
        node = Node(runtime, ledger, instant=options.instant, pools=options.pools, prices=options.prices)
        asyncio.run(_serve(node, options, keypair, [str(program) for program in programs], say))


async def _serve(
    node: Node, options: Options, keypair: Keypair | None, programs: list[str], say: Callable[[str], None]
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    app = server.application(node, options.host)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        url = await _listen(runner, options)
        if keypair:
            node.grant(keypair.pubkey())
        say(url)
        say(f"Programs: {', '.join(programs) or 'stand-ins'}. Data: {options.data}.")
        if keypair:
            say(f"Wallet: {keypair.pubkey()} in {options.wallet}.")
        await (stop.wait() if options.instant else _tick(node, stop))
    finally:
        await runner.cleanup()
        node.chain.save()


async def _listen(runner: web.AppRunner, options: Options) -> str:
    """Opens the port. Returns the URL."""
    try:
        await web.TCPSite(runner, options.host, options.port).start()
    except OSError as error:
        message = f"port {options.port} at {options.host} is not free ({error.strerror}): choose another with --port"
        raise StartError(message) from None
    host, port, *_ = runner.addresses[0]
    if ip_address(host).is_unspecified:  # this machine is among all addresses
        host = "::1" if ":" in host else "127.0.0.1"
    if host == "127.0.0.1":
        with suppress(OSError):  # this machine's other address, which localhost may mean, unless it has none
            await web.TCPSite(runner, "::1", port).start()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _tick(node: Node, stop: asyncio.Event) -> None:
    """Lets a slot pass every 400 ms, without drifting."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        due = max(due + SLOT_SECONDS, loop.time())
        try:
            async with asyncio.timeout_at(due):
                await stop.wait()
            return
        except TimeoutError:
            node.advance()
