"""Records why a route was chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from order_engine.dex import routing
from order_engine.dex.routing import Route
from order_engine.domain.decisions import Candidate, Decision, Fee, Hop, Leg, Missing
from order_engine.domain.errors import EngineError
from order_engine.domain.money import BPS


def decide(routes: Sequence[Route], amount_in: int, missing: Mapping[str, EngineError]) -> Decision:
    """The decision for the first of these routes, for an order of `amount_in`.

    `missing` has the errors of unavailable venues and pools.
    """
    best = routes[0]
    return Decision(
        token_in=best.hops[0].token_in,
        token_out=best.hops[-1].token_out,
        amount_in=amount_in,
        venue="+".join(best.venues),
        reason=routing.reason(routes),
        fees=_fees(best.hops),
        hops=tuple(Hop(hop.token_in, hop.token_out, tuple(_leg(leg) for leg in hop.legs)) for hop in best.hops),
        candidates=tuple(_candidate(route, amount_in) for route in routes),
        missing=tuple(Missing(name, error.code, str(error)) for name, error in missing.items()),
    )


def _leg(leg: routing.Leg) -> Leg:
    return Leg(
        venue=leg.listing.venue,
        pool=leg.listing.id,
        kind=leg.listing.pool.kind,
        amount_in=leg.swap.amount_in,
        amount_out=leg.swap.amount_out,
        price_impact_bps=leg.swap.price_impact_bps,
        slot=leg.listing.slot,
    )


def _candidate(route: Route, amount_in: int) -> Candidate:
    return Candidate(
        name=route.name,
        venue="+".join(route.venues),
        amount_out=route.amount_out,
        price_impact_bps=route.price_impact_bps,
        fee_bps=_fee_bps(route),
        cost=route.cost,
        unspent=amount_in - route.amount_in,
    )


def _fees(hops: Sequence[routing.Hop]) -> tuple[Fee, ...]:
    """The fees of all pools by token and kind, without those that are zero."""
    total: Counter[tuple[str, str]] = Counter()
    for hop in hops:
        for leg in hop.legs:
            for kind, units in leg.swap.fees._asdict().items():
                on_input = leg.swap.creator_fee_on_input if kind == "creator" else leg.swap.fee_on_input
                total[hop.token_in if on_input else hop.token_out, kind] += units
    return tuple(Fee(token, kind, units) for (token, kind), units in total.items() if units)


def _fee_bps(route: Route) -> int:
    """The fees of a route in basis points, rounded up: the sum of each hop's fees relative to its amounts."""
    numerator, denominator = 0, 1
    for hop in route.hops:
        taken = sum(leg.swap.fee_out for leg in hop.legs)
        on_input = sum(leg.swap.fee_in for leg in hop.legs), hop.amount_in
        on_output = taken, hop.amount_out + taken
        for fee, amount in (on_input, on_output):
            numerator, denominator = numerator * amount + fee * denominator, denominator * amount
    return -(-numerator * BPS // denominator)
