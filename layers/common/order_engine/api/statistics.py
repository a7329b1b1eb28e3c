"""The REST API of what orders have come to: how many are in each status, and how long those that have ended took."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from order_engine.api.requests import check_query, parse_integer
from order_engine.api.rest import caller, json_response
from order_engine.api.views import route_price
from order_engine.domain.statistics import Routed, Timing
from order_engine.domain.timestamps import rfc3339
from order_engine.ports import Statistics

MAX_COUNTED = 10_000
"""How far the orders in a status are counted, which takes longer the more there are."""


def add_statistics(app: APIGatewayRestResolver, statistics: Callable[[], Statistics]) -> None:
    """Adds the routes. `statistics` is asked for with the first request."""

    def client() -> UUID:
        return caller(app.current_event).client_id

    @app.get("/api/orders/counts")
    def count_orders() -> Response[str]:
        check_query(app.current_event)
        return json_response(200, {"counts": statistics().counts(client(), MAX_COUNTED), "atMost": MAX_COUNTED})

    @app.get("/api/orders/timings")
    def list_timings() -> Response[str]:
        query = check_query(app.current_event, "limit")
        limit = parse_integer("limit", query.get("limit"), 1, 1_000, default=100)
        timings, complete = statistics().timings(client(), limit)
        return json_response(200, {"orders": [timing_view(timing) for timing in timings], "complete": complete})


def timing_view(timing: Timing) -> dict[str, Any]:
    return {
        "orderId": str(timing.order_id),
        "type": timing.type,
        "market": timing.market,
        "tokenIn": timing.token_in,
        "tokenOut": timing.token_out,
        "status": timing.status,
        "endedAt": rfc3339(timing.ended_at),
        "venue": timing.venue,
        "errorCode": timing.error_code,
        "realisedSlippageBps": timing.realised_slippage_bps,
        "attempts": timing.attempts,
        "steps": {step: lasted and lasted / timedelta(milliseconds=1) for step, lasted in timing.steps.items()},
        "routed": timing.routed and _routed(timing.routed),
    }


def _routed(routed: Routed) -> dict[str, Any]:
    """The price impact of the chosen route, and the best route of each venue and of each mix of venues."""
    at, decision = routed
    # They are compared from the best one on.
    best = {candidate.venue: candidate for candidate in reversed(decision.candidates)}
    return {
        "at": rfc3339(at),
        "priceImpactBps": decision.price_impact_bps,
        "quotes": [
            {
                "venue": venue,
                "price": route_price(decision, candidate),
                "priceImpactBps": candidate.price_impact_bps,
            }
            for venue, candidate in sorted(best.items())
        ],
    }
