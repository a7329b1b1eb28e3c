"""Measures how fast the best route over the pools of the simulated market is found.

docs/benchmarks.md says what each row means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bench.quotes import NOW, ROUNDS, batches, cells
from bench.table import print_table
from order_engine.dex.meteora_dlmm import MeteoraDlmm
from order_engine.dex.routing import Listing, Paths, Route
from order_engine.services.routing import LEG_COST_LAMPORTS
from order_engine.simulation.pools import pool_settings

SOL = 10**9
SMALL, LARGE = 3 * SOL // 2, 5_000 * SOL
PAIR = ("SOL", "USDC")
OVER_USDT = (*PAIR, "USDT")


def listings(tokens: tuple[str, ...]) -> list[Listing]:
    return [
        Listing(of.id, of.venue, of.token_a, of.token_b, 1, of.pool)
        for of in pool_settings()
        if of.token_a in tokens and of.token_b in tokens
    ]


def as_read(given: list[Listing]) -> list[Listing]:
    """The pools as they come from their venues, without cached sums."""
    return [one._replace(pool=replace(one.pool)) if isinstance(one.pool, MeteoraDlmm) else one for one in given]


def cases() -> list[tuple[str, int, Callable[[], list[Route]]]]:
    """Title, duration to reach in µs, and the function to time."""
    pair, wide = listings(PAIR), listings(OVER_USDT)

    def find(given: list[Listing], amount_in: int, fresh: bool = False) -> Callable[[], list[Route]]:
        return lambda: Paths(as_read(given) if fresh else given, *PAIR, NOW, LEG_COST_LAMPORTS).routes(amount_in)

    return [
        (f"1.5 SOL, {len(pair)} pools: one pays most", 500, find(pair, SMALL)),
        (f"5000 SOL, {len(pair)} pools: split over all", 2_000, find(pair, LARGE)),
        ("… the first of these states", 2_000, find(pair, LARGE, fresh=True)),
        (f"5000 SOL, {len(wide)} pools: also over USDT", 2_000, find(wide, LARGE)),
    ]


def main() -> None:
    rows = []
    for title, target, ask in cases():
        for _ in batches(ask):
            pass
        taken = [us for _ in range(ROUNDS) for us in batches(ask)]
        rows.append([title, str(target), *cells(taken)])
    print_table(["a route, µs", "target", "median", "p10–p90"], rows)


if __name__ == "__main__":
    main()
