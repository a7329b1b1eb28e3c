"""How much the pools of a token hold."""

from __future__ import annotations

from collections.abc import Sequence

from order_engine.dex.routing import Listing
from order_engine.dex.worth import worth


def liquidity(listings: Sequence[Listing], token: str, unit: str) -> int:
    """What the deepest pool of a token holds of its other token, in base units of `unit` at spot prices.

    One side counts: what those who sell the token can take out, valued at prices that its own pool does not make. A
    pool whose other token is neither `unit` nor one that pools value in it counts as empty.
    """
    held = [_held(listings, one, token, unit) for one in listings if token in (one.token_a, one.token_b)]
    return max(held, default=0)


def _held(listings: Sequence[Listing], pool: Listing, token: str, unit: str) -> int:
    other = pool.token_b if token == pool.token_a else pool.token_a
    return worth(listings, pool.pool.depth(pool.side(token).a_to_b), other, unit) or 0
