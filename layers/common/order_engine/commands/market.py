"""Switches of the simulated market: faults of its venues, and new mints and pools.

`python -m order_engine.commands.market fault raydium quote fail --times 2`, `clear`, `create-mint` or `create-pool`.
"""

from __future__ import annotations

import argparse
import sys

from order_engine.bootstrap import settings
from order_engine.domain.errors import NotAMint
from order_engine.domain.money import parse_amount, parse_price
from order_engine.domain.tokens import TOKENS
from order_engine.simulation.faults import FAULTS, STEPS, clear_faults, set_fault
from order_engine.simulation.new_tokens import create_mint, create_pool
from order_engine.simulation.pools import MICRO_USD, NEW_POOLS, VENUES
from order_engine.storage.database import Database


def main() -> None:
    arguments = _parser().parse_args()
    database = Database(settings.required("DATABASE_URL"))
    try:
        match arguments.action:
            case "clear":
                clear_faults(database)
            case "fault":
                set_fault(database, arguments.venue, arguments.step, arguments.kind, arguments.times, arguments.percent)
            case "create-mint":
                print(_new_mint(database, arguments))
            case "create-pool":
                paired = TOKENS[arguments.paired]
                price, liquidity = parse_price(arguments.price), parse_amount(arguments.liquidity, paired)
                mint = arguments.mint or _new_mint(database, arguments)
                pool = create_pool(database, mint, paired, price, liquidity, arguments.program)
                print(f"mint {mint}\npool {pool}")
    except (NotAMint, ValueError) as error:
        sys.exit(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m order_engine.commands.market", description="Switches of the simulated market."
    )
    actions = parser.add_subparsers(dest="action", required=True)
    fault = actions.add_parser("fault", help="make a venue misbehave at a step")
    fault.add_argument("venue", choices=VENUES)
    fault.add_argument("step", choices=STEPS)
    fault.add_argument("kind", choices=FAULTS["submit"], help="slip and drop are for submit only")
    fault.add_argument("--times", type=int, help="how often; without it, until cleared")
    fault.add_argument("--percent", type=int, default=100, help="how likely it is each time; 100 by default")
    actions.add_parser("clear", help="make every venue behave again")

    new = argparse.ArgumentParser(add_help=False)
    new.add_argument("--decimals", type=int, default=6, help="of the new mint (%(default)s)")
    new.add_argument("--freeze-authority", action="store_true", help="somebody can freeze its holders' accounts")
    new.add_argument("--extension", action="append", default=[], help="one that it has, such as TransferHook")
    actions.add_parser("create-mint", parents=[new], help="make a token without a pool; prints its mint")
    pool = actions.add_parser("create-pool", parents=[new], help="make a pool, and its mint; prints both")
    pool.add_argument("--mint", help="one that exists; a new one if not given")
    pool.add_argument("--with", dest="paired", default="SOL", choices=MICRO_USD, help="paired with this (%(default)s)")
    pool.add_argument("--price", default="0.001", help="of one whole token, in whole tokens of the other (%(default)s)")
    pool.add_argument("--liquidity", default="100", help="whole tokens of the other in the pool (%(default)s)")
    pool.add_argument("--program", default="raydium_cp", choices=NEW_POOLS, help="its kind (%(default)s)")
    return parser


def _new_mint(database: Database, arguments: argparse.Namespace) -> str:
    extensions = tuple(arguments.extension)
    return create_mint(database, arguments.decimals, can_freeze=arguments.freeze_authority, extensions=extensions)


if __name__ == "__main__":
    main()
