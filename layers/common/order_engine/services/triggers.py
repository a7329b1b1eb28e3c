"""Decides which orders the market has reached. Nothing here is stored or sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import groupby

from order_engine.dex.bounds import best_price_from, best_price_of_all, worst_price_until
from order_engine.dex.errors import DexError
from order_engine.dex.rounding import U64_MAX
from order_engine.dex.routing import NoPath, Paths, Route, TooSmall
from order_engine.domain.events import Activated, Activation
from order_engine.domain.orders import Order
from order_engine.domain.terms import Wait
from order_engine.ports import Group
from order_engine.services.routing import Snapshot


def activation(reason: Activated, route: Route) -> Activation:
    """Why an order runs, with what it was quoted."""
    return Activation(reason, route.amount_out, max(leg.listing.slot for leg in route.legs))


def reached(order: Order, snapshot: Snapshot) -> Activation | None:
    """Why an order that waits for a price may run: the exact quote of its own amount. `None` while it may not.

    A price that only seems to be low, because a venue does not answer, reaches no stop.
    """
    if order.trigger_out is None or (order.waits_for is Wait.AT_MOST and not snapshot.is_complete):
        return None
    route = snapshot.quote(order.token_in, order.token_out, order.amount_in, order.max_price_impact_bps)
    if route is None:
        return None
    if order.waits_for is Wait.AT_MOST:
        return activation(Activated.STOP_REACHED, route) if route.amount_out <= order.trigger_out else None
    return activation(Activated.LIMIT_MET, route) if route.amount_out >= order.trigger_out else None


def by_direction(groups: Iterable[Group]) -> Iterator[list[Group]]:
    """The groups of each direction of a pair that wait alike."""
    for _, of_direction in groupby(sorted(groups, key=_direction), _direction):
        yield list(of_direction)


def within_reach(groups: Iterable[Group], snapshot: Snapshot) -> Iterator[tuple[Group, Fraction]]:
    """The groups of one direction with orders that may have been reached, each with the bound of their triggers.

    No other order of these groups has been reached. Most groups need no quote: what a smaller amount is paid bounds
    what larger ones are, and the other way round.
    """
    by_size = sorted(groups, key=lambda group: group.size)
    try:
        paths = snapshot.paths(by_size[0].token_in, by_size[0].token_out)
    except NoPath:
        return
    if by_size[0].waits_for is Wait.AT_MOST:
        yield from _falling(by_size[::-1], paths)
    else:
        yield from _rising(by_size, paths)


def _rising(groups: Iterable[Group], paths: Paths) -> Iterator[tuple[Group, Fraction]]:
    bound = best_price_of_all(paths)
    for group in groups:
        if _first(group) > bound:
            continue
        price = best_price_from(paths, _least(group))
        if price is not None:
            bound = min(bound, price)
        elif _finds_no_route(group, paths):
            continue
        if _first(group) <= bound:
            yield group, bound


def _finds_no_route(group: Group, paths: Paths) -> bool:
    """Whether no amount of a group finds a route, given that the smallest one finds none."""
    try:
        paths.routes(_least(group))
    except TooSmall as error:
        return error.smallest > _beyond(group)
    except DexError:
        # Where pools are exhausted, a larger amount may find a route all the same.
        return paths.best(_beyond(group)) is None
    return False


def _falling(groups: Iterable[Group], paths: Paths) -> Iterator[tuple[Group, Fraction]]:
    worst: Fraction | None = None
    for group in groups:
        slack = paths.slack / _least(group)
        if worst is None or _first(group) >= worst - slack:
            worst = worst_price_until(paths, _beyond(group))
            if _first(group) >= worst - slack:
                yield group, worst - slack


def _first(group: Group) -> Fraction:
    """The price at which the first order of a group is reached, in units out for one unit in."""
    return Fraction(group.trigger_out, group.amount_in)


def _least(group: Group) -> int:
    """No amount of a group is smaller, except by how its logarithm is rounded."""
    return min(1 << group.size, U64_MAX)


def _beyond(group: Group) -> int:
    """No amount of a group is larger."""
    return min(2 << group.size, U64_MAX)


def _direction(group: Group) -> tuple[str, str, str]:
    return group.token_in, group.token_out, group.waits_for
