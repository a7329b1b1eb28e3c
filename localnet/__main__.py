"""`python -m localnet up | airdrop | create-mint | create-pool | fault | faults | clear | advance | programs`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import Any

from localnet.binaries import MAINNET, BinaryError, fetch_programs
from localnet.commands import CommandError, airdrop, call, create_pool
from localnet.faults import AT_SLOTS, KINDS, MEANINGS

_PORT = 8899


def main() -> None:
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        match arguments.action:
            case "up":
                _up(arguments)
            case "airdrop":
                print(airdrop(arguments.url, arguments.address, arguments.amount, arguments.token))
            case "create-mint":
                print(_new_mint(arguments))
            case "create-pool":
                mint = arguments.mint or _new_mint(arguments)
                pool = create_pool(
                    arguments.url, mint, arguments.paired, arguments.price, arguments.liquidity, arguments.program
                )
                print(f"mint {mint}\npool {pool}")
            case "fault":
                options = {name: getattr(arguments, name) for name in ("times", "percent", "slots", "deep")}
                given = {name: value for name, value in options.items() if value is not None}
                _show(call(arguments.url, "localnet_fault", arguments.kind, given))
            case "faults":
                _show(call(arguments.url, "localnet_faults"))
            case "clear":
                _show(call(arguments.url, "localnet_clear"))
            case "advance":
                print(call(arguments.url, "localnet_advance", arguments.slots))
            case "programs":
                fetch_programs(arguments.rpc or _node_url() or MAINNET, arguments.into, print)
    except (BinaryError, CommandError) as error:
        sys.exit(f"localnet: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localnet", description="Runs a Solana on this machine.")
    actions = parser.add_subparsers(dest="action", required=True)

    start = actions.add_parser("up", help="run until Ctrl-C; prints the URL of its JSON-RPC first")
    start.add_argument("--host", default="127.0.0.1", help="the address to listen at (%(default)s)")
    start.add_argument("--port", type=_port, default=_PORT, help="%(default)s; 0 for any free one")
    start.add_argument("--data", type=Path, default=Path(".local/localnet"), help="where it is kept (%(default)s)")
    start.add_argument("--instant", action="store_true", help="a slot whenever somebody sends, confirmed at once")
    start.add_argument("--programs", type=Path, metavar="FOLDER", help="real programs, ID.so each, for the stand-ins")
    start.add_argument("--wallet", type=Path, metavar="PATH", help="make and fund a wallet in this file")
    start.add_argument("--no-market", action="store_true", help="begin without pools")
    start.add_argument("--still", action="store_true", help="without other traders, who move the pools")
    start.add_argument("--seed", type=int, default=1, help="of the prices that the other traders follow (%(default)s)")

    node = argparse.ArgumentParser(add_help=False)
    node.add_argument("--url", default=f"http://127.0.0.1:{_PORT}", help="of the localnet (%(default)s)")

    gift = actions.add_parser("airdrop", parents=[node], help="give SOL or another known token away")
    gift.add_argument("address")
    gift.add_argument("amount", help="in whole tokens, such as 1.5")
    gift.add_argument("token", nargs="?", default="SOL", help="its symbol (%(default)s)")

    new = argparse.ArgumentParser(add_help=False)
    new.add_argument("--decimals", type=int, default=6, help="of the new mint (%(default)s)")
    new.add_argument("--freeze-authority", action="store_true", help="somebody can freeze its holders' accounts")
    actions.add_parser("create-mint", parents=[node, new], help="make a token without a pool; prints its mint")

    pool = actions.add_parser("create-pool", parents=[node, new], help="make a pool, and its mint; prints both")
    pool.add_argument("--mint", help="one that exists; a new one if not given")
    pool.add_argument("--with", dest="paired", default="SOL", metavar="TOKEN", help="paired with this (%(default)s)")
    pool.add_argument("--price", default="0.001", help="of one whole token, in whole tokens of the other (%(default)s)")
    pool.add_argument("--liquidity", default="100", help="whole tokens of the other in the pool (%(default)s)")
    pool.add_argument("--program", default="raydium_cp", help="its kind, such as meteora_dlmm (%(default)s)")

    meanings = "\n".join(f"  {kind:8} {meaning}" for kind, meaning in MEANINGS.items())
    fault = actions.add_parser(
        "fault",
        parents=[node],
        help="make the node or the chain fail",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"kinds:\n{meanings}",
    )
    fault.add_argument("kind", choices=KINDS, metavar="KIND")
    once = " and ".join(AT_SLOTS)
    fault.add_argument("--times", type=int, help=f"how often; for ever if not given, {once} once")
    fault.add_argument("--percent", type=int, help="of the calls, or of the slots (100)")
    fault.add_argument("--slots", type=int, help="of delay and lag (10)")
    fault.add_argument("--deep", action="store_true", default=None, help="fork away what is confirmed, too")

    actions.add_parser("faults", parents=[node], help="list the faults in force")
    actions.add_parser("clear", parents=[node], help="end all faults")

    advance = actions.add_parser("advance", parents=[node], help="let slots pass at once; prints the new slot")
    advance.add_argument("slots", type=int, nargs="?", default=1)

    binaries = actions.add_parser("programs", help="fetch the programs that the stand-ins are for, and compare them")
    node_help = f"of a mainnet node's JSON-RPC; if not given, the first in SOLANA_RPC_URL, or {MAINNET}"
    binaries.add_argument("--rpc", metavar="URL", help=node_help)
    binaries.add_argument("--into", type=Path, required=True, metavar="FOLDER", help="where to put them, as ID.so each")
    return parser


def _new_mint(arguments: argparse.Namespace) -> str:
    options = {"decimals": arguments.decimals, "freezeAuthority": arguments.freeze_authority}
    mint: str = call(arguments.url, "localnet_createMint", options)
    return mint


def _node_url() -> str:
    """The first URL in `SOLANA_RPC_URL`. It may hold an API key, which the environment hides from other users."""
    return os.environ.get("SOLANA_RPC_URL", "").partition(",")[0].strip()


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 65536:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, was {text}")
    return port


def _up(arguments: argparse.Namespace) -> None:
    try:
        from localnet.market import Prices
        from localnet.up import Options, StartError, up
    except ModuleNotFoundError as error:
        if error.name != "order_engine":
            raise
        sys.exit("localnet: expected order_engine, whose maths the stand-ins use: set PYTHONPATH=layers/common")
    options = Options(
        arguments.host,
        arguments.port,
        arguments.data,
        arguments.instant,
        arguments.programs,
        arguments.wallet,
        not arguments.no_market,
        None if arguments.still else Prices(arguments.seed),
    )
    try:
        up(options, lambda line: print(line, flush=True))
    except StartError as error:
        sys.exit(f"localnet: {error}")


def _show(faults: list[dict[str, Any]]) -> None:
    for fault in faults:
        deep = " --deep" if fault["deep"] else ""
        times = f" --times {fault['times']}" if fault["times"] else ""
        print(f"{fault['kind']}{times} --percent {fault['percent']} --slots {fault['slots']}{deep}")
    if not faults:
        print("no faults")


if __name__ == "__main__":
    main()
