"""Manages the pools on Solana that the engine trades in.

`python -m order_engine.commands.pools add ADDRESS`, `remove ADDRESS`, `list`, `find MINT` or `discover`.
"""

from __future__ import annotations

import argparse
import sys

from order_engine.bootstrap import settings
from order_engine.dex.routing import NATIVE
from order_engine.domain.errors import EngineError
from order_engine.domain.markets import CLUSTERS
from order_engine.services.discovery import Discovery, Report
from order_engine.solana.deployments import deployment
from order_engine.solana.nodes import Nodes
from order_engine.solana.pool_source import SolanaPools
from order_engine.solana.rpc import Rpc
from order_engine.storage.database import Database
from order_engine.storage.pools import PostgresPoolRegistry

DISCOVERY_SECONDS = 600


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m order_engine.commands.pools", description="Manages the pools on Solana."
    )
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="check a pool and trade in it from now on")
    add.add_argument("address")
    remove = actions.add_parser("remove", help="trade in a pool no more, until it is added by hand")
    remove.add_argument("address")
    actions.add_parser("list", help="list every pool: its address, program, tokens, and how it came to be known")
    find = actions.add_parser("find", help="search the chain for pools of one mint; prints a report")
    find.add_argument("mint")
    actions.add_parser("discover", help="search the chain for pools of the known tokens; prints a report")
    arguments = parser.parse_args()
    cluster = settings.one_of("SOLANA_CLUSTER", CLUSTERS)
    registry = PostgresPoolRegistry(Database(settings.required("DATABASE_URL")), cluster)
    try:
        match arguments.action:
            case "add":
                pool = _discovery(cluster, registry).add(arguments.address)
                print(f"{pool.address} trades {pool.token_a}-{pool.token_b} ({pool.program})")
            case "remove":
                if not registry.remove(arguments.address):
                    sys.exit(f"no pool with address {arguments.address}")
            case "list":
                for pool in registry.all():
                    state = "" if pool.enabled else "  disabled"
                    pair = f"{pool.token_a}-{pool.token_b}"
                    print(f"{pool.address:44}  {pool.program:16}  {pair:11}  {pool.source}{state}")
            case "find":
                _show(_discovery(cluster, registry).find(arguments.mint, NATIVE, DISCOVERY_SECONDS))
            case "discover":
                _show(_discovery(cluster, registry).run(DISCOVERY_SECONDS))
    except EngineError as error:
        sys.exit(f"{error.code}: {error}")
    except ValueError as error:
        sys.exit(str(error))


def _show(report: Report) -> None:
    print(f"found {report.found} pools")
    for address in report.disabled:
        print(f"disabled {address}")
    for address, reason in report.unusable.items():
        print(f"unusable {address}: {reason}")
    for search, reason in report.failed.items():
        print(f"failed {search}: {reason}", file=sys.stderr)
    if not report.complete:
        sys.exit("the search is not complete")


def _discovery(cluster: str, registry: PostgresPoolRegistry) -> Discovery:
    market = CLUSTERS[cluster]
    rpc = Rpc(Nodes(settings.required("SOLANA_RPC_URL"), market))
    return Discovery(source=SolanaPools(rpc, deployment(market)), registry=registry)


if __name__ == "__main__":
    main()
