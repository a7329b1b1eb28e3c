"""How clients see a quote, and how it was found. Every amount comes as people write it and in base units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil
from typing import Any

from order_engine.dex import routing
from order_engine.dex.routing import Hop, Leg, Route
from order_engine.dex.swaps import min_out
from order_engine.domain.errors import EngineError
from order_engine.domain.money import BPS, TOKENS, amounts, format_amount, format_price
from order_engine.domain.swaps import Quote


def quote_view(quote: Quote, slippage_bps: int) -> dict[str, Any]:
    token_in, token_out = TOKENS[quote.token_in], TOKENS[quote.token_out]
    return {
        "tokenIn": quote.token_in,
        "tokenOut": quote.token_out,
        **amounts("amountIn", quote.amount_in, token_in),
        **amounts("amountOut", quote.amount_out, token_out),
        **amounts("minOut", min_out(quote.amount_out, slippage_bps), token_out),
        "slippageBps": slippage_bps,
        "slot": quote.slot,
    }


def decision_view(found: Sequence[Route], refusals: Mapping[str, EngineError]) -> dict[str, Any]:
    """The route that was chosen, the others that were compared with it, and the venues and pools that were missing."""
    best = found[0]
    return {
        "venue": "+".join(best.venues),
        "reason": routing.reason(found),
        "price": _price(best),
        "priceImpactBps": best.price_impact_bps,
        "fees": _fees(best.hops),
        "route": [_hop_view(hop) for hop in best.hops],
        "quotes": [_summary(route) for route in found],
        "unavailable": [{"venue": name, "code": error.code, "message": str(error)} for name, error in refusals.items()],
    }


def _summary(route: Route) -> dict[str, Any]:
    token_out = TOKENS[route.hops[-1].token_out]
    return {
        "pools": route.name,
        "venue": "+".join(route.venues),
        **amounts("amountOut", route.amount_out, token_out),
        "price": _price(route),
        "priceImpactBps": route.price_impact_bps,
        "feeBps": _fee_bps(route),
        # Of the further swaps: the network's fees, which the output does not show.
        "cost": format_amount(route.cost, token_out),
    }


def _hop_view(hop: Hop) -> dict[str, Any]:
    return {
        "tokenIn": hop.token_in,
        "tokenOut": hop.token_out,
        "legs": [_leg_view(hop, leg) for leg in hop.legs],
    }


def _leg_view(hop: Hop, leg: Leg) -> dict[str, Any]:
    return {
        "venue": leg.listing.venue,
        "pool": leg.listing.id,
        "kind": leg.listing.pool.kind,
        "shareBps": leg.swap.amount_in * BPS // hop.amount_in,
        **amounts("amountIn", leg.swap.amount_in, TOKENS[hop.token_in]),
        **amounts("amountOut", leg.swap.amount_out, TOKENS[hop.token_out]),
        "priceImpactBps": leg.swap.price_impact_bps,
        "slot": leg.listing.slot,
    }


def _fees(hops: Sequence[Hop]) -> list[dict[str, Any]]:
    """The fees of all pools by token and kind; those of nothing are left out."""
    total: Counter[tuple[str, str]] = Counter()
    for hop in hops:
        for leg in hop.legs:
            for kind, units in leg.swap.fees._asdict().items():
                on_input = leg.swap.creator_fee_on_input if kind == "creator" else leg.swap.fee_on_input
                total[hop.token_in if on_input else hop.token_out, kind] += units
    return [
        {"token": token, "kind": kind, **amounts("amount", units, TOKENS[token])}
        for (token, kind), units in total.items()
        if units
    ]


def _fee_bps(route: Route) -> int:
    """The fees of a route's hops, each as a share of what it is taken from, rounded up."""
    shares = Fraction(0)
    for hop in route.hops:
        taken = sum(leg.swap.fee_out for leg in hop.legs)
        shares += Fraction(sum(leg.swap.fee_in for leg in hop.legs), hop.amount_in)
        shares += Fraction(taken, hop.amount_out + taken)
    return ceil(shares * BPS)


def _price(route: Route) -> str:
    token_in, token_out = TOKENS[route.hops[0].token_in], TOKENS[route.hops[-1].token_out]
    return format_price(route.amount_in, token_in, route.amount_out, token_out)
