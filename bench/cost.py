"""Prints what an order and a month cost on AWS, and writes the tables into `docs/costs.md`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from bench.application import Application
from bench.billing import DAYS, Order, Use, delivering, dollars, fixed, message, month, servers, watching
from bench.one_order import RECORD
from bench.prices import AS_OF
from bench.table import markdown

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "costs.md"
BEGIN, END = "<!-- Written by make costs: begin -->\n", "<!-- Written by make costs: end -->\n"
ENVIRONMENT = "prod"
VOLUMES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
"""Orders a day."""
ANSWERED, UNANSWERED = 0.2, 10
"""Seconds: what a receiver of webhooks is assumed to take, and how long it is waited for."""


def money(amount: float) -> str:
    return f"{amount:,.2f}" if amount < 100 else f"{amount:,.0f}"


def number(quantity: float) -> str:
    return f"{quantity:,.0f}" if quantity >= 100 else f"{quantity:.3g}" if quantity >= 0.001 else f"{quantity:.2e}"


def rows(uses: list[Use], times: float = 1) -> list[list[str]]:
    """A row for each use, and one for their price together, if each occurs `times` times in a month."""
    found = [[use.service, use.what, number(use.quantity), money(dollars([use], times))] for use in uses]
    return [*found, ["**all**", "", "", f"**{money(sum(dollars([use], times) for use in uses))}**"]]


def tables(template: Path, record: dict[str, Any]) -> str:
    """The tables of `docs/costs.md`. `record` is what `bench.one_order` has measured."""
    application, small = Application(template, ENVIRONMENT), Application(template, "dev")
    solana = record["solana"]
    order = Order(application, solana)
    uses, standard = order.uses(), order.standard()
    at_once = Order(application, solana, waits=False).uses()
    simulated = Order(application, record["simulated"]).uses()
    monthly = fixed(application, solana)
    volumes = []
    for volume in VOLUMES:
        here = month(application, solana, volume, uses)
        volumes.append(
            [
                f"{volume:,}",
                money(here),
                money(here / (volume * DAYS) * 1e6),
                money(month(application, solana, volume, at_once)),
                money(month(application, solana, volume, standard)),
                money(servers(solana, volume, managed=True)),
                money(servers(solana, volume, managed=False)),
            ]
        )
    transitions = order.transitions()
    prices = f"List prices of US East (N. Virginia) on {AS_OF}, in US dollars, without free tiers."
    measured = f"Durations and bytes measured on {record['when']}, {record['where']}."
    price_of_transitions = money(dollars([Use("", "", "standard transition", transitions)], 1e6))
    compared = (
        f"The only function that waits is DispatchFunction: it holds the message while the order runs, for"
        f" ${money(dollars([order.held()], 1e6))} of this. If the chain confirmed at once, a million orders would cost"
        f" ${money(dollars(at_once, 1e6))}; on the simulated market, whose venues and chain take seconds, they cost"
        f" ${money(dollars(simulated, 1e6))}. They cost ${money(dollars(order.slower_node(10), 1e6))} more for each"
        f" 10 ms by which a node answers later than the localnet here: {solana['realistic']['node_calls']:g} calls an"
        f" order. With a Standard workflow they would cost ${money(dollars(standard, 1e6))}: {transitions:g} state"
        f" transitions an order (${price_of_transitions} per million orders) instead of the Express requests and"
        " GB-hours, and a DispatchFunction that does not wait."
    )
    waiting = (
        f"A month in which an order waits all the time costs ${money(dollars(watching(application)))} more:"
        f" WatchFunction then looks at the market every {application.watch_interval():g} s instead of asking once a"
        " minute whether an order waits."
    )
    answered, unanswered = (money(dollars(message(application, seconds), 1e6)) for seconds in (ANSWERED, UNANSWERED))
    sending = (
        f"A month in which there is a webhook all the time costs ${money(dollars(delivering(application)))} more:"
        " DeliverFunction then looks for events each second instead of asking once a minute whether there is a webhook."
        f" A million messages to webhooks cost ${answered} if receivers answer within {ANSWERED:g} s, and ${unanswered}"
        f" if none answers within {UNANSWERED} s: PostFunction waits."
    )
    columns = [
        "orders a day",
        "this",
        "this, per million orders",
        "a chain that confirms at once",
        "Standard workflow",
        "two servers, managed stores",
        "two servers, own stores",
    ]
    return "\n".join(
        [
            f"{prices} {measured}\n",
            "### One order\n",
            markdown(["service", "billed unit", "one order", "$ per million orders"], rows(uses, 1e6), text=2),
            f"{compared}\n",
            "### A month without an order\n",
            markdown(["service", "billed unit", "a month", "$ a month"], rows(monthly), text=2),
            f"In `dev`, such a month costs ${money(dollars(fixed(small, solana)))}.\n",
            f"{waiting}\n",
            f"{sending}\n",
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
