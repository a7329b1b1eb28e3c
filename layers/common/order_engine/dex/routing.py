"""Finds the route that pays most: through one pool, split over several pools of a pair, or over a third token."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from itertools import pairwise
from math import prod
from typing import NamedTuple, Protocol

from order_engine.dex.errors import DexError
from order_engine.dex.pool import Pool
from order_engine.dex.rounding import U64_MAX
from order_engine.dex.splitting import Side, Split, at_best_prices, best_split, unsplit
from order_engine.dex.swaps import BPS, Swap

HUBS = ("SOL", "USDC", "USDT")
"""The tokens that may be in the middle of a route: most other tokens have pools with them."""

ROUNDED = 64
"""The base units by which the programs may round a swap of one pool."""

NATIVE = "SOL"
"""The token that pays for transactions."""


class Listing(NamedTuple):
    """A pool as its venue lists it: its address, its tokens, and its state in a slot of the chain.

    `label` names it to people where the address does not.
    """

    id: str
    venue: str
    token_a: str
    token_b: str
    slot: int
    pool: Pool
    label: str | None = None

    @property
    def name(self) -> str:
        return self.label or self.id

    def trades(self, token_in: str, token_out: str) -> bool:
        return (self.token_a, self.token_b) in ((token_in, token_out), (token_out, token_in))

    def side(self, token_in: str) -> Side:
        return Side(self.pool, token_in == self.token_a)


class Leg(NamedTuple):
    """The swap in one pool."""

    listing: Listing
    swap: Swap


@dataclass(frozen=True)
class Hop:
    """The swap from one token to another, through one pool or several pools. Amounts are in base units."""

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
        """The base units of the output token in these pools."""
        return sum(leg.listing.pool.depth(leg.listing.side(self.token_in).a_to_b) for leg in self.legs)


@dataclass(frozen=True)
class Route:
    """One or two hops. `cost` is that of all legs but the first, in base units of the output token."""

    hops: tuple[Hop, ...]
    cost: int

    @property
    def amount_in(self) -> int:
        return self.hops[0].amount_in

    @property
    def amount_out(self) -> int:
        return self.hops[-1].amount_out

    @cached_property
    def legs(self) -> tuple[Leg, ...]:
        return tuple(leg for hop in self.hops for leg in hop.legs)

    @property
    def venues(self) -> list[str]:
        return sorted({leg.listing.venue for leg in self.legs})

    @property
    def name(self) -> str:
        """The names of the pools: `+` joins the pools of one hop, ` > ` joins hops."""
        return " > ".join("+".join(leg.listing.name for leg in hop.legs) for hop in self.hops)

    @property
    def price_impact_bps(self) -> int:
        """The price impact in basis points, without fees, rounded up.

        Within a hop it is the mean over the pools, weighted by input. Over hops it is `1 − ∏(1 − impact)`.
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
    def net(self) -> int:
        """The output after costs."""
        return self.amount_out - self.cost

    def __lt__(self, other: Route) -> bool:
        """Whether it is the better one: by output after costs, then by depth, then by name."""
        if self.net != other.net:
            return self.net > other.net
        # Only where it decides: the depth of a pool with many bins takes longer than its quote.
        return (-self.hops[-1].depth, self.name) < (-other.hops[-1].depth, other.name)


class Limits(Protocol):
    """What a transaction can carry out."""

    @property
    def hop_reserve_bps(self) -> int:
        """How much of the input the first of two hops leaves, in basis points: it buys an exact amount.

        The second hop takes exactly this amount. 0 where a transaction passes on whatever the first hop pays.
        """

    def fits(self, hops: Sequence[Hop]) -> bool:
        """Whether the swaps fit in one transaction. A transaction never shrinks when a swap is added."""


class NoPath(DexError):
    """No pools connect the two tokens."""


class TooSmall(DexError):
    """Every route pays nothing. `smallest` is the smallest amount for which a route pays something."""

    def __init__(self, smallest: int) -> None:
        super().__init__(f"expected at least {smallest} base units")
        self.smallest = smallest


class TooLarge(DexError):
    """No route can take the amount. `largest` is the largest amount that a route takes, for `amount_out`."""

    def __init__(self, largest: int, amount_out: int) -> None:
        super().__init__(f"expected at most {largest} base units, for {amount_out}")
        self.largest = largest
        self.amount_out = amount_out


class DoesNotFit(DexError):
    """No route fits in a transaction."""


class Paths:
    """The paths from one token to another through these pools, prepared for any number of amounts.

    `now` is in Unix seconds. Each leg but the first costs `leg_cost` base units of `NATIVE`. Raises `NoPath`.
    """

    def __init__(
        self,
        listings: Sequence[Listing],
        token_in: str,
        token_out: str,
        now: int,
        leg_cost: int = 0,
        limits: Limits | None = None,
    ) -> None:
        pairs: defaultdict[frozenset[str], list[Listing]] = defaultdict(list)
        for one in listings:
            pairs[frozenset((one.token_a, one.token_b))].append(one)
        found = list(paths(listings, token_in, token_out))
        costs = {
            token: _leg_cost(pairs[frozenset((NATIVE, token))], leg_cost, token)
            for token in {token for tokens in found for token in tokens[1:]}
        }
        self._options = [
            _Path(
                tokens,
                [pairs[frozenset(pair)] for pair in pairwise(tokens)],
                [costs[token] for token in tokens[1:]],
                now,
                limits,
            )
            for tokens in found
        ]
        if not found:
            raise NoPath(f"no pools between {token_in} and {token_out}")

    def routes(self, amount_in: int) -> list[Route]:
        """The routes to compare, the best one first.

        These are each pool of the pair alone, the best split between these pools, and the best route over each hub.
        Raises `TooSmall`, `TooLarge`, `DoesNotFit`.
        """
        found = sorted(_routes(self._options, amount_in))
        if not found:
            raise _no_route(self._options, amount_in)
        return found

    def best(self, amount_in: int) -> Route | None:
        """The first of `routes`; `None`, without the reason, where there are none."""
        return min(_routes(self._options, amount_in), default=None)

    @cached_property
    def spot_price(self) -> Fraction:
        """The price without fees and price impact, base units out per base unit in: no route pays more."""
        return max(path.spot_price for path in self._options)

    @cached_property
    def slack(self) -> Fraction:
        """The base units of output by which rounding and the costs of legs may part a route from the best one."""
        return max(path.slack for path in self._options)


def paths(listings: Sequence[Listing], token_in: str, token_out: str) -> Iterator[tuple[str, ...]]:
    """The tokens of each possible route, in order."""
    pairs = {frozenset((listing.token_a, listing.token_b)) for listing in listings}
    if {token_in, token_out} in pairs:
        yield token_in, token_out
    for hub in HUBS:
        if hub not in (token_in, token_out) and {token_in, hub} in pairs and {hub, token_out} in pairs:
            yield token_in, hub, token_out


def reason(found: Sequence[Route]) -> str:
    """Why the first of these routes won, as a sentence."""
    first, *others = found
    if not others:
        return f"{first.name} is the only route"
    second = others[0]
    gain = first.net - second.net
    if not gain:
        deeper = first.hops[-1].depth > second.hops[-1].depth
        why = "has the deeper pool" if deeper else "comes first by name"
        return f"{first.name} pays as much as {second.name} and {why}"
    whole, part = divmod(gain * 100 * BPS // max(second.net, 1), BPS)
    return f"{first.name} pays {whole}.{part:04d} % more than {second.name}"


def _routes(options: Sequence[_Path], amount_in: int) -> Iterator[Route]:
    """The routes, direct pools first. A path over a hub is skipped if it pays less even without fees and impact."""
    best = 0
    for path in options:
        if len(path.pools) == 1:
            found = [path.through(one, amount_in) for one in path.pools[0]]
            if len(found) > 1:
                split = path.route(amount_in)
                # One that uses only one pool repeats that pool's own route.
                found += [split] if split is not None and len(split.legs) > 1 else []
        elif path.output_at_spot_prices(amount_in) > best:
            found = [path.route(amount_in)]
        else:
            continue
        for route in found:
            if route is not None:
                best = max(best, route.net)
                yield route


class _Path(NamedTuple):
    """The tokens of possible routes, and the pools of each hop. `costs` is a leg's cost in each hop's output token."""

    tokens: Sequence[str]
    pools: Sequence[Sequence[Listing]]
    costs: Sequence[int]
    now: int
    limits: Limits | None

    def route(self, amount_in: int) -> Route | None:
        """The best route; `None` if it would pay nothing, or none can take the amount."""
        hops = self.hops(amount_in)
        return Route(tuple(hops), self.costs[-1] * (sum(len(hop.legs) for hop in hops) - 1)) if hops else None

    def through(self, listing: Listing, amount_in: int) -> Route | None:
        """The route of one hop through one pool; `None` if it would pay nothing, or can't take the amount."""
        try:
            swap = listing.pool.quote(amount_in, listing.side(self.tokens[0]).a_to_b, self.now)
        except DexError:
            return None
        hop = Hop(self.tokens[0], self.tokens[1], (Leg(listing, swap),))
        return Route((hop,), 0) if self.limits is None or self.limits.fits([hop]) else None

    def hops(self, amount_in: int) -> list[Hop] | None:
        """The best hops; empty if they would pay nothing, and `None` if none can take the amount."""
        amount = amount_in - amount_in * self._reserve_bps // BPS
        hops: list[Hop] = []
        for number, cost in enumerate(self.costs):
            if not amount:
                return []
            split = best_split(self._sides(number), amount, self.now, cost, partial(self._fits, hops))
            if split is None or split.amount_out > U64_MAX:
                return None
            if not split.amount_out:
                return []
            hops.append(self._hop(number, split))
            amount = split.amount_out
        # An exact output may cost a few base units more than the input that pays as much.
        return hops if hops[0].amount_in <= amount_in else None

    def output_at_spot_prices(self, amount_in: int) -> int:
        """The output without fees and price impact: an upper bound."""
        return at_best_prices(map(self._sides, range(len(self.pools))), amount_in)

    @property
    def spot_price(self) -> Fraction:
        """As `Paths.spot_price`, of this path."""
        return prod(map(self._spot_price, range(len(self.pools))), start=Fraction(1))

    @property
    def slack(self) -> Fraction:
        """As `Paths.slack`, of this path: some base units of each token for each pool, and the cost of each leg."""
        lost = Fraction(ROUNDED)
        for number in range(len(self.pools)):
            lost = lost * self._spot_price(number) + ROUNDED
        count = sum(map(len, self.pools))
        return count * lost + (count - 1) * self.costs[-1]

    @property
    def _reserve_bps(self) -> int:
        return self.limits.hop_reserve_bps if self.limits and len(self.pools) > 1 else 0

    def _spot_price(self, number: int) -> Fraction:
        return max(Fraction(*side.pool.spot_price(side.a_to_b)) for side in self._sides(number))

    def _sides(self, number: int) -> list[Side]:
        return [listing.side(self.tokens[number]) for listing in self.pools[number]]

    def _hop(self, number: int, split: Split) -> Hop:
        exact_out = number == 0 and self._reserve_bps
        legs = []
        for listing, (pool, a_to_b), amount in zip(self.pools[number], self._sides(number), split.amounts, strict=True):
            if amount:
                swap = pool.quote(amount, a_to_b, self.now)
                if exact_out:
                    swap = pool.quote_exact_out(swap.amount_out, a_to_b, self.now)
                legs.append(Leg(listing, swap))
        return Hop(self.tokens[number], self.tokens[number + 1], tuple(legs))

    def _fits(self, hops: Sequence[Hop], split: Split) -> bool:
        """Whether a transaction has room for the hops, the split that comes next, and one leg of a hop after it."""
        if self.limits is None or not 0 < split.amount_out <= U64_MAX:
            return True
        so_far = [*hops, self._hop(len(hops), split)]
        if len(so_far) == len(self.pools):
            return self.limits.fits(so_far)
        return any(self._fits(so_far, one) for one in unsplit(self._sides(len(so_far)), split.amount_out, self.now))


def _leg_cost(pools: Sequence[Listing], native: int, token: str) -> int:
    """The value of `native` base units of `NATIVE` in `token`, at the best spot price of these pools; 0 without one."""
    if token == NATIVE or not native:
        return native
    sides = [one.side(NATIVE) for one in pools]
    prices = [side.pool.spot_price(side.a_to_b) for side in sides]
    return max((-(-native * numerator // denominator) for numerator, denominator in prices), default=0)


def _no_route(options: Sequence[_Path], amount_in: int) -> DexError:
    """The error that says why no route takes the amount, and which amount one takes."""

    def paid(amount: int, options: Sequence[_Path] = options) -> int | None:
        """The highest output; `None` if no path can take the amount."""
        found = [path.hops(amount) for path in options]
        return max((hops[-1].amount_out if hops else 0 for hops in found if hops is not None), default=None)

    if paid(amount_in) is not None:
        return TooSmall(_bisect(lambda amount: paid(amount) != 0, amount_in, U64_MAX))
    largest = _bisect(lambda amount: paid(amount) is None, 1, amount_in) - 1
    amount_out = (largest and paid(largest)) or 0
    if not amount_out and paid(largest + 1, [path._replace(limits=None) for path in options]):
        return DoesNotFit("expected a route that fits in a transaction, was none")
    return TooLarge(largest, amount_out)


def _bisect(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The least integer from `low` to `high` for which `holds`. It must hold for every greater one too."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
