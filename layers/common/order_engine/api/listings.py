"""The REST API of what can be traded: tokens, and pools as they stand now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from order_engine.api.requests import check_query, parse_pair
from order_engine.api.rest import caller, json_response
from order_engine.api.views import amounts
from order_engine.domain.errors import EngineError, InvalidRequest
from order_engine.domain.timestamps import rfc3339

if TYPE_CHECKING:
    # The maths of pools: other routes of the same function do without it.
    from order_engine.services.listings import ListedToken, Listings, PoolState, PoolStates


def add_listings(app: APIGatewayRestResolver, market: str, listings: Callable[[], Listings]) -> None:
    """Adds the routes. `listings` is asked for with the first request."""

    @app.get("/api/tokens")
    def list_tokens() -> Response[str]:
        client = caller(app.current_event).client_id
        check_query(app.current_event)
        tokens, complete = listings().tokens(client)
        views = [token_view(token) for token in tokens]
        return json_response(200, {"market": market, "tokens": views, "complete": complete})

    @app.get("/api/pools")
    def list_pools() -> Response[str]:
        client = caller(app.current_event).client_id
        query = check_query(app.current_event, "tokenPair")
        try:
            pair = parse_pair(query["tokenPair"]) if "tokenPair" in query else None
        except ValueError as error:
            raise InvalidRequest([{"field": "tokenPair", "message": str(error)}]) from None
        return json_response(200, pools_view(market, listings().pools(client, pair)))


def token_view(listed: ListedToken) -> dict[str, Any]:
    token, mint, facts = listed
    return {
        "mint": mint,
        "symbol": token.symbol if listed.is_verified else None,
        "decimals": token.decimals,
        "verified": listed.is_verified,
        "hasFreezeAuthority": facts and facts.has_freeze_authority,
        "extensions": facts and list(facts.extensions),
    }


def pools_view(market: str, states: PoolStates) -> dict[str, Any]:
    return {
        "market": market,
        "readAt": rfc3339(datetime.fromtimestamp(states.read_at, UTC)),
        "pools": [_pool(state) for state in states.pools],
        "unavailable": [{"venue": name, **_problem(error)} for name, error in states.missing.items()],
    }


def _pool(state: PoolState) -> dict[str, Any]:
    known, listing = state.known, state.listing
    return {
        "address": state.address,
        "program": state.program,
        "venue": known.venue,
        "tokenA": known.token_a,
        "tokenB": known.token_b,
        "liquidity": listing
        and [
            {"token": token, **amounts("amount", listing.pool.depth(a_to_b), token)}
            for token, a_to_b in ((listing.token_a, False), (listing.token_b, True))
        ],
        "feeBps": state.fee_bps,
        "slot": listing and listing.slot,
        "enabled": state.enabled,
        "usable": listing is not None,
        "problem": state.problem and _problem(state.problem),
    }


def _problem(error: EngineError) -> dict[str, str]:
    return {"code": error.code, "message": str(error)}
