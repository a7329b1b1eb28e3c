"""What amounts of a token are worth in another one, at spot prices."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from order_engine.dex.routing import Listing, paths
from order_engine.dex.splitting import Side, at_best_prices


def worth(listings: Sequence[Listing], amount: int, token: str, unit: str) -> int | None:
    """An amount of a token in base units of another one, at spot prices; `None` without pools between the two.

    The deepest pool of each pair counts: a small pool with a strange price says little about the market.
    """
    hops = _hops(listings, token, unit)
    if hops is None:
        return None
    for sides in hops:
        deepest = max(sides, key=lambda side: side.pool.depth(side.a_to_b))
        numerator, denominator = deepest.pool.spot_price(deepest.a_to_b)
        amount = amount * numerator // denominator
    return amount


def worth_at_most(listings: Sequence[Listing], amount: int, token: str, unit: str) -> int | None:
    """As `worth`, at the best spot price of each pair: never less, and found sooner, since no depth is."""
    hops = _hops(listings, token, unit)
    return None if hops is None else at_best_prices(hops, amount)


def _hops(listings: Sequence[Listing], token: str, unit: str) -> list[list[Side]] | None:
    """The pools of each hop from one token to the other; `None` without a path."""
    if token == unit:
        return []
    path = next(paths(listings, token, unit), None)
    if path is None:
        return None
    return [[one.side(pair[0]) for one in listings if one.trades(*pair)] for pair in pairwise(path)]
