"""Sets the faults of the simulated venues.

`python -m order_engine.commands.market fault raydium quote fail --times 2`, or `clear`.
"""

from __future__ import annotations

import argparse
import sys

from order_engine.bootstrap import settings
from order_engine.simulation.faults import FAULTS, STEPS, clear_faults, set_fault
from order_engine.simulation.pools import VENUES
from order_engine.storage.database import Database


def main() -> None:
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
    arguments = parser.parse_args()
    database = Database(settings.required("DATABASE_URL"))
    try:
        if arguments.action == "clear":
            clear_faults(database)
        else:
            set_fault(database, arguments.venue, arguments.step, arguments.kind, arguments.times, arguments.percent)
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
