"""Prints what an order and a month cost on AWS, and writes the tables into `docs/costs.md`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from bench.application import Application
from bench.billing import DAYS, Order, Use, dollars, fixed, month, servers
from bench.one_order import RECORD
from bench.prices import AS_OF
from bench.table import markdown

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "costs.md"
BEGIN, END = "<!-- Written by make costs: begin -->\n", "<!-- Written by make costs: end -->\n"
ENVIRONMENT = "prod"
VOLUMES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
"""Orders a day."""


def money(amount: float) -> str:
    return f"{amount:,.2f}" if amount < 100 else f"{amount:,.0f}"


def number(quantity: float) -> str:
    return f"{quantity:,.0f}" if quantity >= 100 else f"{quantity:.3g}" if quantity >= 0.001 else f"{quantity:.2e}"


def tables(template: Path, record: dict[str, Any]) -> str:
    """The tables of `docs/costs.md`. `record` is what `bench.one_order` has measured."""
    application, small = Application(template, ENVIRONMENT), Application(template, "dev")
    order = Order(application, record)
    uses, standard = order.uses(), order.standard()
    at_once = Order(application, record, waits=False).uses()
    rows = [[use.service, use.what, number(use.quantity), money(dollars([use], 1e6))] for use in uses]
    rows.append(["**all**", "", "", f"**{money(sum(dollars([use], 1e6) for use in uses))}**"])
    monthly = fixed(application, record)
    fixed_rows = [[use.service, use.what, number(use.quantity), money(dollars([use]))] for use in monthly]
    fixed_rows.append(["**all**", "", "", f"**{money(dollars(monthly))}**"])
    volumes = []
    for volume in VOLUMES:
        here = month(application, record, volume, uses)
        volumes.append(
            [
                f"{volume:,}",
                money(here),
                money(here / (volume * DAYS) * 1e6),
                money(month(application, record, volume, at_once)),
                money(month(application, record, volume, standard)),
                money(servers(record, volume, managed=True)),
                money(servers(record, volume, managed=False)),
            ]
        )
    waiting = dollars(uses, 1e6) - dollars(at_once, 1e6)
    transitions = order.transitions()
    prices = f"List prices of US East (N. Virginia) on {AS_OF}, in US dollars, without free tiers."
    measured = f"Durations and bytes measured on {record['when']}, {record['where']}."
    price_of_transitions = money(dollars([Use("", "", "standard transition", transitions)], 1e6))
    compared = (
        f"${money(waiting)} of this pays for waiting: with venues that answer at once, a million orders cost"
        f" ${money(dollars(at_once, 1e6))}. With a Standard workflow they would cost ${money(dollars(standard, 1e6))}:"
        f" {transitions:g} state transitions an order (${price_of_transitions} per million orders) instead of the"
        " Express requests and GB-hours, and a DispatchFunction that does not wait."
    )
    columns = [
        "orders a day",
        "this",
        "this, per million orders",
        "venues that answer at once",
        "Standard workflow",
        "two servers, managed stores",
        "two servers, own stores",
    ]
    return "\n".join(
        [
            f"{prices} {measured}\n",
            "### One order\n",
            markdown(["service", "billed unit", "one order", "$ per million orders"], rows, text=2),
            f"{compared}\n",
            "### A month without an order\n",
            markdown(["service", "billed unit", "a month", "$ a month"], fixed_rows, text=2),
            f"In `dev`, such a month costs ${money(dollars(fixed(small, record)))}.\n",
            "### A month, in $\n",
            markdown(columns, volumes, text=0),
        ]
    )


def updated(document: str, tables: str) -> str:
    """The document with its tables replaced. Raises ValueError if it has no place for them."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"expected the lines {BEGIN.strip()} and {END.strip()} in the document")
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    written = tables(ROOT / "template.yaml", json.loads(RECORD.read_text()))
    print(written)
    DOCUMENT.write_text(updated(DOCUMENT.read_text(), written))


if __name__ == "__main__":
    main()
