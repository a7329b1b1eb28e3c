"""Runs the engine on this machine, as `make run` does: the emulator, in the market that is asked for.

It knows three: a localnet that it starts with the engine, the cluster of the node at `SOLANA_RPC_URL`, and the
simulated market. What it does not know are options of the emulator.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from localnet.market import LOOKUP_TABLE
from order_engine.domain.errors import EngineError
from order_engine.domain.markets import CLUSTERS, LOCALNET, MAINNET, explorer
from order_engine.domain.money import describe
from order_engine.domain.tokens import token
from order_engine.solana.addresses import encode
from order_engine.solana.deployments import deployment
from order_engine.solana.nodes import Nodes
from order_engine.solana.rpc import Rpc
from order_engine.solana.signing import Keypair
from order_engine.solana.wallet import SolanaWallet
from order_engine_client.transport import is_loopback
from tools import python_build

_ROOT = Path(__file__).resolve().parent.parent
_MARKETS = ("localnet", "cluster", "simulated")
_NODE_SECONDS = 15.0


class RunError(Exception):
    """The engine cannot run as it was asked to. The message says what was expected."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.run", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder for data and logs")
    parser.add_argument("--market", default="localnet", help=f"one of {', '.join(_MARKETS)} (%(default)s)")
    parser.add_argument("--wallet", help="the key file of the wallet that pays")
    parser.add_argument("--programs", type=Path, help="the folder of the real programs for the localnet")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--localnet-port", type=int, default=8899, help="%(default)s")
    parser.add_argument("--aws-port", type=int, default=4566, help="the port of the console; 0 for any (%(default)s)")
    parser.add_argument("--yes", action="store_true", help="do not ask before trading with real money")
    arguments, options = parser.parse_known_args()
    listen = ("--host", arguments.host)
    try:
        match arguments.market:
            case "localnet":
                data, port = arguments.data, arguments.localnet_port
                options += on_localnet(data, arguments.wallet, arguments.programs, port, *listen)
            case "cluster":
                options += on_cluster(os.environ, arguments.wallet, arguments.yes)
            case "simulated":
                pass
            case other:
                raise RunError(f"expected MARKET to be one of {', '.join(_MARKETS)}, was {other!r}")
    except (RunError, EngineError, ValueError) as error:
        sys.exit(f"make run: {error}")
    if build := python_build.note():
        print(build, flush=True)
    command = [sys.executable, "-m", "emulator", "--data", str(arguments.data), "up", *listen]
    command += [*console(arguments.aws_port), *options]
    # The emulator knows nothing of the engine.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    os.execve(command[0], command, environment)


def console(port: int) -> list[str]:
    """The emulator's options for its console at this port, to which the dashboard links each order."""
    found = f"http://127.0.0.1:{port}/_emulator/#/executions?find="
    return ["--aws-port", str(port), *([f"--parameter=ExecutionsUrl={found}"] if port else [])]


def on_localnet(
    data: Path, wallet: str | None, programs: Path | None, port: int, *options: str, root: Path = _ROOT
) -> list[str]:
    """The emulator's options for a localnet at this port, which gets these further `options`. Its code is in `root`.

    Makes the wallet once. Raises `ValueError`.
    """
    data = data.resolve()
    path = _path(wallet) if wallet else data / "wallet.json"
    libraries = os.pathsep.join((str(root), str(root / "layers" / "common")))
    command = [
        *("env", f"PYTHONPATH={libraries}", sys.executable, "-m", "localnet", "up", "--port", str(port)),
        *("--data", str(data / "localnet"), "--wallet", str(path)),
        *(("--programs", str(programs.resolve())) if programs else ()),
        *options,
    ]
    parameters = localnet_parameters(path, f"http://127.0.0.1:{port}")
    return ["--process", f"SolanaRpcUrl={shlex.join(command)}", *parameters]


def localnet_parameters(wallet: Path, url: str) -> list[str]:
    """The emulator's options for a localnet that runs at this URL, which is not among them.

    Makes the wallet once. Raises `ValueError`.
    """
    if not wallet.exists():
        wallet.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        Keypair.create(wallet)
    return [f"--parameter=LookupTables={LOOKUP_TABLE}", *_wallet_options(wallet, LOCALNET, url)]


def on_cluster(environment: Mapping[str, str], wallet: str | None, yes: bool) -> list[str]:
    """The emulator's options for the cluster of the node at `SOLANA_RPC_URL`, which may contain an API key.

    Without a `wallet`, only clients sign. Says which cluster that is, and asks before it trades with the wallet's real
    money, unless `yes`. Raises `RunError`, `ValueError`, `VenueUnavailable`.
    """
    url = environment.get("SOLANA_RPC_URL")
    if not url:
        raise RunError("expected SOLANA_RPC_URL, the URL of a node")
    path = _path(wallet) if wallet else None
    key = Keypair.from_file(path).address if path else None
    rpc = Rpc(Nodes(url, deadline=_NODE_SECONDS))
    market = rpc.cluster()
    if market == LOCALNET and not all(is_loopback(node.strip()) for node in url.split(",")):
        hosts = ", ".join(str(urlsplit(node.strip()).hostname) for node in url.split(","))
        raise RunError(f"expected a node of Devnet, Testnet or Mainnet, or one on this machine, was {hosts}")
    from_node = ["--parameter-from", "SolanaRpcUrl=SOLANA_RPC_URL"]
    if path is None or key is None:
        _say(
            f"Orders trade on {market}, from the wallets of clients, which sign their transactions: WALLET is not set."
        )
        return [*from_node, f"--parameter=SolanaCluster={_cluster(market)}"]
    balances = SolanaWallet(rpc, deployment(market), key).balances()
    held = ", ".join(describe(units, token(symbol)) for symbol, units in balances.items() if units) or "nothing"
    _say(f"Orders trade on {market}, from the wallet {encode(key)} ({path}), which holds {held}.")
    if market == MAINNET:
        _say("This is REAL MONEY. Anybody with an API key of this engine can spend all of it.")
        if not yes:
            _confirm()
    return [*from_node, *_wallet_options(path, market, url)]


def _cluster(market: str) -> str:
    (cluster,) = (cluster for cluster, name in CLUSTERS.items() if name == market)
    return cluster


def _wallet_options(path: Path, market: str, url: str) -> list[str]:
    cluster = _cluster(market)
    address = encode(Keypair.from_file(path).address)
    values = {"SolanaCluster": cluster, "WalletKey": str(path), "WalletAddress": address}
    if pages := explorer(cluster, url):
        values["ShownExplorer"] = pages.address.replace("{address}", address)
    return [f"--parameter={name}={value}" for name, value in values.items()]


def _path(text: str) -> Path:
    """A shell leaves the ~ of `WALLET=~/…` to its commands."""
    return Path(text).expanduser().resolve()


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise RunError("expected YES=1, because there is no terminal on which to ask about real money")
    print("Type YES to go on: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != "YES":
        raise RunError("nothing was started")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
