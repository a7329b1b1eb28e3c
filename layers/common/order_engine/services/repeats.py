"""Whether a request asks for the same as something that was stored earlier."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from order_engine.domain.errors import IdempotencyKeyReused, InvalidOrder
from order_engine.domain.money import describe, format_amount
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.quotes import Offer, Quote
from order_engine.domain.terms import Limit, Recurring, Sniper, Stop, Terms
from order_engine.domain.timestamps import rfc3339
from order_engine.domain.tokens import token


def check_same(request: OrderRequest, order: Order, linked: Terms | None, start_at: datetime | None) -> None:
    """Raises `IdempotencyKeyReused`, with every difference, unless the request asks for the order as it was accepted.

    `linked` are the terms of the order that is linked with it.
    """
    expected, was = _amounts_in(order, request)
    stored = _fields(order, expected, linked, start_at)
    asked = _fields(request, was, request.linked.terms if request.linked else None, request.start_at)
    if problems := _mismatches(f"order {order.id}", stored, asked):
        raise IdempotencyKeyReused(problems)


def check_quoted(request: OrderRequest, offer: Offer) -> None:
    """Raises `InvalidOrder`, with every difference, unless the request asks for what was quoted."""
    quote = offer.quote
    expected, was = _amounts_in(quote, request)
    quoted = {"tokenIn": quote.token_in, "tokenOut": quote.token_out, "amountIn": expected}
    asked = {"tokenIn": request.token_in, "tokenOut": request.token_out, "amountIn": was}
    problems = _mismatches(
        f"quote {offer.id}",
        {**quoted, "slippageBps": offer.slippage_bps},
        {**asked, "slippageBps": request.slippage_bps},
    )
    if problems:
        raise InvalidOrder(problems)


def _fields(
    order: Order | OrderRequest, amount_in: str, linked: Terms | None, start_at: datetime | None
) -> dict[str, object]:
    """What the client asked for, by its own names."""
    stop = _terms(linked, order)
    if linked:
        stop["stopLimitPrice"] = stop.pop("limitPrice")
    return {
        "type": "oco" if linked else order.type,
        "tokenIn": order.token_in,
        "tokenOut": order.token_out,
        "amountIn": amount_in,
        "slippageBps": order.slippage_bps,
        "clientOrderId": order.client_order_id,
        "userId": order.user_id,
        "quoteId": order.quote_id,
        "wallet": order.wallet,
        "maxPriceImpactBps": order.max_price_impact_bps,
        "expiresAt": order.expires_at,
        "startAt": start_at,
        **stop,
        **_terms(order.terms, order),
    }


def _terms(terms: Terms | None, order: Order | OrderRequest) -> dict[str, object]:
    match terms:
        case Limit(price, min_out):
            return {"limitPrice": price, "minAmountOut": min_out and describe(min_out, token(order.token_out))}
        case Stop(price, limit_price, confirm_ticks):
            return {"stopPrice": price, "limitPrice": limit_price, "confirmTicks": confirm_ticks}
        case Recurring(slices, interval_seconds, min_price, max_price):
            prices = {"minPrice": min_price, "maxPrice": max_price}
            return {"slices": slices, "intervalSeconds": interval_seconds, **prices}
        case Sniper(min_liquidity, max_price, allow_freeze_authority, allow_extensions):
            return {
                "minLiquidity": describe(min_liquidity, token(order.token_in)),
                "maxPrice": max_price,
                "allowFreezeAuthority": allow_freeze_authority,
                "allowExtensions": allow_extensions,
            }
    return {}


def _amounts_in(expected: Order | Quote, was: OrderRequest) -> tuple[str, str]:
    """Both amounts, equal if their decimals are: another token is a difference of its own."""
    both = [(each.amount_in, token(each.token_in)) for each in (expected, was)]
    one, other = (format_amount(*each) for each in both)
    return (one, other) if one == other else (describe(*both[0]), describe(*both[1]))


def _mismatches(source: str, expected: Mapping[str, object], was: Mapping[str, object]) -> list[dict[str, Any]]:
    """A problem for each field whose expected and actual values differ."""
    fields = {name: (expected.get(name), was.get(name)) for name in {**expected, **was}}
    return [
        {"field": field, "message": f"expected {_shown(one)} as in {source}, was {_shown(other)}"}
        for field, (one, other) in fields.items()
        if one != other
    ]


def _shown(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case datetime():
            return rfc3339(value)
        case Decimal():
            return format(value, "f")
    return str(value)
