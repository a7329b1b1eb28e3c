"""Which way through the pools pays most: straight, split over several pools of a pair, or over a third token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from order_engine.dex.errors import DexError
from order_engine.dex.pool import Pool
from order_engine.dex.rounding import U64_MAX
from order_engine.dex.splitting import Side, Split, best_split
from order_engine.dex.swaps import BPS, Swap

HUBS = ("SOL", "USDC", "USDT")
"""The tokens over which a route may go: most others have pools with them."""

NATIVE = "SOL"
"""The token that transactions are paid in."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A pool as its venue lists it: its address, its tokens, and its state at a slot of the chain."""

    id: str
    venue: str
    token_a: str
    token_b: str
    slot: int
    pool: Pool

    def trades(self, token_in: str, token_out: str) -> bool:
        return {self.token_a, self.token_b} == {token_in, token_out}

    def side(self, token_in: str) -> Side:
        return Side(self.pool, token_in == self.token_a)


@dataclass(frozen=True, slots=True)
class Leg:
    """A swap in one pool. Amounts in base units."""

    listing: Listing
    swap: Swap


@dataclass(frozen=True)
class Hop:
    """From one token to another, through one pool or several at once."""

    token_in: str
    token_out: str
    legs: tuple[Leg, ...]

    @cached_property
    def amount_in(self) -> int:
        return sum(leg.swap.amount_in for leg in self.legs)

    @cached_property
    def amount_out(self) -> int:
        return sum(leg.swap.amount_out for leg in self.legs)

    @property
    def depth(self) -> int:
        """Base units of the token that comes out, in the pools used."""
        return sum(leg.listing.pool.depth(leg.listing.side(self.token_in).a_to_b) for leg in self.legs)


@dataclass(frozen=True)
class Route:
    """One way from a token to another. `cost` is what its further legs cost, in base units of what comes out."""

    hops: tuple[Hop, ...]
    cost: int

    @property
    def amount_in(self) -> int:
        return self.hops[0].amount_in

    @property
    def amount_out(self) -> int:
        return self.hops[-1].amount_out

    @property
    def legs(self) -> tuple[Leg, ...]:
        return tuple(leg for hop in self.hops for leg in hop.legs)

    @property
    def venues(self) -> list[str]:
        return sorted({leg.listing.venue for leg in self.legs})

    @property
    def name(self) -> str:
        """The pools, `+` between those of one hop and ` > ` between hops."""
        return " > ".join("+".join(leg.listing.id for leg in hop.legs) for hop in self.hops)

    @property
    def price_impact_bps(self) -> int:
        """By how much the swap moves the price that it is paid, without fees, rounded up to basis points.

        Of the pools of one hop the mean, weighted by what goes in; of two hops, one after the other.
        """
        left, whole = 1, 1
        for hop in self.hops:
            numerator, denominator = 0, 1
            for leg in hop.legs:
                of, to = leg.swap.price_impact
                numerator = numerator * to + of * leg.swap.amount_in * denominator
                denominator *= to
            left *= denominator * hop.amount_in - numerator
            whole *= denominator * hop.amount_in
        return -(-(whole - left) * BPS // whole)

    @property
    def rank(self) -> tuple[int, int, str]:
        """Sorts the better route first: by what it pays after costs, then by depth, then by name."""
        return self.cost - self.amount_out, -self.hops[-1].depth, self.name


class NoPath(DexError):
    """No pools lead from the one token to the other."""


class TooSmall(DexError):
    """Every route pays nothing. `smallest` is the least amount for which one pays something."""

    def __init__(self, smallest: int) -> None:
        super().__init__(f"expected at least {smallest} base units")
        self.smallest = smallest


class TooLarge(DexError):
    """No route can take the amount. `largest` is the most that one can, and what it then pays."""

    def __init__(self, largest: int, amount_out: int) -> None:
        super().__init__(f"expected at most {largest} base units, for {amount_out}")
        self.largest = largest
        self.amount_out = amount_out


def routes(
    listings: Sequence[Listing], token_in: str, token_out: str, amount_in: int, now: int, leg_cost: int = 0
) -> list[Route]:
    """The routes that are worth a comparison, the best one first.

    They are each pool of the pair by itself, the best division between these pools, and for each hub the best way over
    it. `now` in Unix seconds; `leg_cost` is what each leg but the first costs, in base units of `NATIVE`.

    Raises `NoPath`, `TooSmall`, `TooLarge`.
    """
    if not any(True for _ in paths(listings, token_in, token_out)):
        raise NoPath(f"expected pools between {token_in} and {token_out}")
    found = sorted(_routes(listings, token_in, token_out, amount_in, now, leg_cost), key=lambda route: route.rank)
    if not found:
        raise _verdict(listings, token_in, token_out, amount_in, now)
    return found


def paths(listings: Sequence[Listing], token_in: str, token_out: str) -> Iterator[tuple[str, ...]]:
    """The tokens that a route goes through, for each way that there is."""
    pairs = {frozenset((listing.token_a, listing.token_b)) for listing in listings}
    if {token_in, token_out} in pairs:
        yield token_in, token_out
    for hub in HUBS:
        if hub not in (token_in, token_out) and {token_in, hub} in pairs and {hub, token_out} in pairs:
            yield token_in, hub, token_out


def reason(found: Sequence[Route]) -> str:
    """Why the first of these routes won, in words."""
    first, *others = found
    if not others:
        return f"{first.name} is the only route"
    second = others[0]
    gain = (first.amount_out - first.cost) - (second.amount_out - second.cost)
    if not gain:
        deeper = first.hops[-1].depth > second.hops[-1].depth
        why = "has the deeper pool" if deeper else "comes first by name"
        return f"{first.name} pays as much as {second.name} and {why}"
    hundredths = gain * 100 * BPS // max(second.amount_out - second.cost, 1)
    return f"{first.name} pays {hundredths // 100}.{hundredths % 100:02d} bps more than {second.name}"


def _routes(
    listings: Sequence[Listing], token_in: str, token_out: str, amount_in: int, now: int, leg_cost: int
) -> Iterator[Route]:
    """The direct pools first: a way over a hub that can't pay more even without fees and price impact is left out."""
    best = 0
    for path in paths(listings, token_in, token_out):
        pools = [[one for one in listings if one.trades(*pair)] for pair in pairwise(path)]
        if len(path) == 2:
            choices = [[[one]] for one in pools[0]] + ([pools] if len(pools[0]) > 1 else [])
        else:
            choices = [pools] if _at_most(path, pools, amount_in) > best else []
        for choice in choices:
            route = _along(path, choice, amount_in, now, [_cost(listings, leg_cost, token) for token in path[1:]])
            # A division that uses one pool only is that pool's own route again.
            if route is not None and (len(route.legs) > 1 or choice is not pools):
                best = max(best, route.amount_out - route.cost)
                yield route


def _along(
    path: Sequence[str], pools: Sequence[Sequence[Listing]], amount_in: int, now: int, costs: Sequence[int]
) -> Route | None:
    """The route through these pools of each hop, divided as pays most. `costs` of a leg, in what comes out of a hop."""
    splits = _splits(path, pools, amount_in, now, costs)
    if not splits or not splits[-1].amount_out:
        return None
    hops = []
    for pair, listings, split in zip(pairwise(path), pools, splits, strict=True):
        legs = [
            Leg(listing, listing.pool.quote(amount, listing.side(pair[0]).a_to_b, now))
            for listing, amount in zip(listings, split.amounts, strict=True)
            if amount
        ]
        hops.append(Hop(*pair, tuple(legs)))
    return Route(tuple(hops), costs[-1] * (sum(len(hop.legs) for hop in hops) - 1))


def _splits(
    path: Sequence[str], pools: Sequence[Sequence[Listing]], amount_in: int, now: int, costs: Sequence[int]
) -> list[Split]:
    """One for each hop, as far as something comes out; none at all where a hop can't take its amount."""
    splits: list[Split] = []
    for token_in, listings, cost in zip(path, pools, costs, strict=False):
        split = best_split([listing.side(token_in) for listing in listings], amount_in, now, cost)
        if split is None:
            return []
        splits.append(split)
        amount_in = split.amount_out
        if amount_in > U64_MAX:
            return []
        if not amount_in:
            break
    return splits


def _at_most(path: Sequence[str], pools: Sequence[Sequence[Listing]], amount_in: int) -> int:
    """What the path would pay without fees and price impact."""
    for (token_in, _), listings in zip(pairwise(path), pools, strict=True):
        prices = [listing.pool.spot_price(listing.side(token_in).a_to_b) for listing in listings]
        amount_in = max(amount_in * numerator // denominator for numerator, denominator in prices)
    return amount_in


def _cost(listings: Sequence[Listing], native: int, token: str) -> int:
    """So many base units of the native token, in another one at the best spot price; 0 where there is no such pool."""
    if token == NATIVE or not native:
        return native
    sides = [one.side(NATIVE) for one in listings if one.trades(NATIVE, token)]
    prices = [side.pool.spot_price(side.a_to_b) for side in sides]
    return max((-(-native * numerator // denominator) for numerator, denominator in prices), default=0)


def _verdict(listings: Sequence[Listing], token_in: str, token_out: str, amount_in: int, now: int) -> DexError:
    """Why there is no route for the amount, and for which amount there would be one."""

    ways = [
        (path, [[one for one in listings if one.trades(*pair)] for pair in pairwise(path)])
        for path in paths(listings, token_in, token_out)
    ]

    def paid(amount: int) -> int | None:
        """`None` where no path can take the amount."""
        splits = [_splits(path, pools, amount, now, [0] * len(pools)) for path, pools in ways]
        return max((one[-1].amount_out for one in splits if one), default=None)

    if paid(amount_in) is None:
        largest = _first(lambda amount: paid(amount) is None, 1, amount_in) - 1
        return TooLarge(largest, paid(largest) or 0 if largest else 0)
    return TooSmall(_first(lambda amount: paid(amount) != 0, amount_in, U64_MAX))


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The least integer from `low` to `high` for which a condition holds that, once true, stays so."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
