"""Views: orders, events and quotes as clients see them. Amounts are shown as decimals and in base units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from order_engine.api import cursors
from order_engine.dex.swaps import min_out
from order_engine.domain import terms
from order_engine.domain.decisions import Candidate, Decision, Hop, Leg
from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status
from order_engine.domain.markets import SIMULATED, MarketDescription
from order_engine.domain.money import BPS, format_amount, format_price, shares_bps
from order_engine.domain.orders import Order
from order_engine.domain.quotes import Costs, Offer
from order_engine.domain.terms import Limit, Recurring, Sniper, Stop, Terms
from order_engine.domain.timestamps import rfc3339
from order_engine.domain.tokens import token
from order_engine.domain.transactions import Unsigned
from order_engine.ports import ActiveOrder

_REQUEST = (
    *("type", "market", "tokenIn", "tokenOut", "amountIn", "amountInBaseUnits", "slippageBps", "maxPriceImpactBps"),
    *("clientOrderId", "quoteId", "parentId"),
)
"""The fields of an active order that the event with which it began has."""


def amounts(name: str, units: int, symbol: str) -> dict[str, str]:
    """An amount as a decimal and in base units: `{"amountIn": "1.5", "amountInBaseUnits": "1500000000"}`."""
    return {name: format_amount(units, token(symbol)), f"{name}BaseUnits": str(units)}


def price(amount_in: int, token_in: str, amount_out: int, token_out: str) -> str:
    """Whole `token_out` paid for one whole `token_in`."""
    return format_price(amount_in, token(token_in), amount_out, token(token_out))


def order_view(order: Order) -> dict[str, Any]:
    spent = order.amount_spent
    if spent is None and order.amount_out is not None:
        # It was confirmed before that was recorded, and spent its whole amount.
        spent = order.amount_in
    progress: dict[str, Any] = {}
    if order.slices_done is not None:
        progress = {"slicesDone": order.slices_done, "nextSliceAt": order.due_at and rfc3339(order.due_at)}
    return {
        "orderId": str(order.id),
        "type": order.type,
        "status": order.status,
        "market": order.market,
        "tokenIn": order.token_in,
        "tokenOut": order.token_out,
        **amounts("amountIn", order.amount_in, order.token_in),
        "slippageBps": order.slippage_bps,
        "maxPriceImpactBps": order.max_price_impact_bps,
        "attempt": order.attempt,
        "venue": order.venue,
        **_optional("quotedOut", order.quoted_out, order.token_out),
        **_optional("minOut", order.min_out, order.token_out),
        **_optional("amountOut", order.amount_out, order.token_out),
        **_optional("amountSpent", spent, order.token_in),
        "executedPrice": None
        if order.amount_out is None or spent is None
        else price(spent, order.token_in, order.amount_out, order.token_out),
        "txHash": order.tx_hash,
        "error": None if order.error is None else _failed(order.error),
        "clientOrderId": order.client_order_id,
        "userId": order.user_id,
        "quoteId": str(order.quote_id) if order.quote_id else None,
        "parentId": str(order.parent_id) if order.parent_id else None,
        "linkedOrderId": str(order.linked_id) if order.linked_id else None,
        "wallet": order.wallet,
        "expiresAt": order.expires_at and rfc3339(order.expires_at),
        "terms": order.terms and {**_terms(order.terms, order.token_in, order.token_out, order.amount_in), **progress},
        "createdAt": rfc3339(order.created_at),
        "updatedAt": rfc3339(order.updated_at),
    }


def accepted_view(order: Order, first: Event | None, websocket_url: str) -> dict[str, Any]:
    """The answer to a submitted order, which for an order that waits takes its `first` event."""
    return {
        **order_view(order),
        "activation": first and _activation(first.data),
        "webSocketUrl": f"{websocket_url}?orderId={order.id}",
    }


def _optional(name: str, units: int | None, symbol: str) -> dict[str, str | None]:
    """As `amounts`, with `None` for an amount that is not known yet."""
    return {name: None, f"{name}BaseUnits": None} if units is None else {**amounts(name, units, symbol)}


def _terms(terms: Terms, token_in: str, token_out: str, amount_in: int) -> dict[str, Any]:
    """What an order of that amount waits for."""
    least = terms.watch(amount_in, token(token_in), token(token_out)).limit_out
    least_out = _optional("minAmountOut", least, token_out)
    match terms:
        case Limit(limit_price):
            return {"limitPrice": _set_price(limit_price), **least_out}
        case Stop(stop_price, limit_price, confirm_ticks, reached):
            prices = {"stopPrice": _set_price(stop_price), "limitPrice": _set_price(limit_price)}
            return {**prices, **least_out, "stopReached": reached, "confirmTicks": confirm_ticks}
        case Recurring(slices, interval_seconds, min_price, max_price):
            prices = {"minPrice": _set_price(min_price), "maxPrice": _set_price(max_price)}
            return {"slices": slices, "intervalSeconds": interval_seconds, **prices}
        case Sniper(min_liquidity, max_price, allow_freeze_authority, allow_extensions):
            return {
                "maxPrice": _set_price(max_price),
                **least_out,
                **amounts("minLiquidity", min_liquidity, token_in),
                "allowFreezeAuthority": allow_freeze_authority,
                "allowExtensions": allow_extensions,
            }


def _set_price(price: Decimal | None) -> str | None:
    """A price as its client has set it."""
    return None if price is None else format(price, "f")


def market_view(market: MarketDescription) -> dict[str, Any]:
    explorer = market.explorer
    return {
        "market": market.name,
        "explorer": {"transaction": explorer.transaction, "address": explorer.address} if explorer else None,
        "wallet": market.wallet,
        "tokens": list(market.tokens),
    }


def wallet_view(market: str, address: str, balances: Mapping[str, int]) -> dict[str, Any]:
    """A wallet's balances by token, `SOL` for native SOL and `wSOL` for what is wrapped."""
    held = [{"token": symbol, **amounts("amount", units, symbol)} for symbol, units in balances.items()]
    return {"market": market, "address": address, "balances": held}


def page_view(orders: Sequence[Order], before: UUID | None) -> dict[str, Any]:
    """A page of orders. `before` is the id below which the next page begins, if there is one."""
    return {"orders": [order_view(order) for order in orders], "nextCursor": before and cursors.encode(before)}


def active_view(orders: Sequence[ActiveOrder], complete: bool) -> dict[str, Any]:
    """Active orders with their newest events, and whether these are all."""
    return {"orders": [_active(order) for order in orders], "complete": complete}


def _active(order: ActiveOrder) -> dict[str, Any]:
    request = event_view(order.request)["data"]
    return {
        "orderId": str(order.newest.order_id),
        **{name: request.get(name) for name in _REQUEST},
        "startedAt": rfc3339(order.request.at),
        "event": event_view(order.newest),
    }


def cancelled_view(ids: Sequence[UUID], complete: bool) -> dict[str, Any]:
    """The answer to a request to cancel all orders: which were, and whether none is left."""
    return {"cancelled": [str(id) for id in ids], "complete": complete}


def event_view(event: Event) -> dict[str, Any]:
    # Events without a version are older than records, and were stored as clients see them.
    data = _DATA[event.status](event.data) if "version" in event.data else event.data
    return {
        "orderId": str(event.order_id),
        "seq": event.seq,
        "status": event.status,
        "at": rfc3339(event.at),
        "attempt": event.attempt,
        "data": data,
    }


def offer_view(offer: Offer, market: str) -> dict[str, Any]:
    quote = offer.quote
    return {
        "quoteId": str(offer.id),
        "market": market,
        "expiresAt": rfc3339(datetime.fromtimestamp(quote.expires_at, UTC)),
        "tokenIn": quote.token_in,
        "tokenOut": quote.token_out,
        **amounts("amountIn", quote.amount_in, quote.token_in),
        **amounts("amountOut", quote.amount_out, quote.token_out),
        **amounts("minOut", min_out(quote.amount_out, offer.slippage_bps), quote.token_out),
        "slippageBps": offer.slippage_bps,
        **costs_view(quote.costs),
        "slot": quote.slot,
        **(_unsigned(offer.unsigned) if offer.unsigned else {}),
        **decision_view(offer.decision),
    }


def _unsigned(unsigned: Unsigned) -> dict[str, Any]:
    """What the client's wallet is to sign."""
    return {
        "wallet": unsigned.wallet,
        "orderId": str(unsigned.order_id),
        "transaction": unsigned.transaction.wire,
        "lastValidBlockHeight": unsigned.transaction.last_valid_height,
    }


def decision_view(record: dict[str, Any]) -> dict[str, Any]:
    """The chosen route, the routes it was compared with, and the venues and pools that were missing."""
    if "version" not in record:
        return record
    decision = Decision.load(record)
    best = decision.candidates[0]
    return {
        "venue": decision.venue,
        "reason": decision.reason,
        "price": route_price(decision, best),
        **amounts("unspent", best.unspent, decision.token_in),
        "priceImpactBps": best.price_impact_bps,
        "fees": [
            {"token": fee.token, "kind": fee.kind, **amounts("amount", fee.amount, fee.token)} for fee in decision.fees
        ],
        "route": [{"tokenIn": hop.token_in, "tokenOut": hop.token_out, "legs": _legs(hop)} for hop in decision.hops],
        "quotes": [_candidate(decision, candidate) for candidate in decision.candidates],
        "unavailable": [
            {"venue": missing.name, "code": missing.code, "message": missing.message} for missing in decision.missing
        ],
    }


def _legs(hop: Hop) -> list[dict[str, Any]]:
    shares = shares_bps([leg.amount_in for leg in hop.legs])
    return [_leg(hop, leg, share) for leg, share in zip(hop.legs, shares, strict=True)]


def _leg(hop: Hop, leg: Leg, share_bps: int) -> dict[str, Any]:
    return {
        "venue": leg.venue,
        "pool": leg.pool,
        "kind": leg.kind,
        "shareBps": share_bps,
        **amounts("amountIn", leg.amount_in, hop.token_in),
        **amounts("amountOut", leg.amount_out, hop.token_out),
        "priceImpactBps": leg.price_impact_bps,
        "slot": leg.slot,
    }


def _candidate(decision: Decision, candidate: Candidate) -> dict[str, Any]:
    return {
        "pools": candidate.name,
        "venue": candidate.venue,
        **amounts("amountOut", candidate.amount_out, decision.token_out),
        "price": route_price(decision, candidate),
        "priceImpactBps": candidate.price_impact_bps,
        "feeBps": candidate.fee_bps,
        "cost": format_amount(candidate.cost, token(decision.token_out)),
    }


def route_price(decision: Decision, candidate: Candidate) -> str:
    """Whole output tokens that a route pays for one whole input token, of what it takes."""
    return price(decision.amount_in - candidate.unspent, decision.token_in, candidate.amount_out, decision.token_out)


def _open(data: dict[str, Any]) -> dict[str, Any]:
    token_in, token_out = data["token_in"], data["token_out"]
    set_terms, expires_at = terms.load(data["type"], data["terms"]), data["expires_at"]
    made = data["slice"]
    return {
        "reason": data["reason"],
        "message": data["message"],
        "slice": made
        and {
            "number": made["number"],
            "orderId": made["order_id"],
            **amounts("amountIn", int(made["amount_in"]), token_in),
        },
        **_request(data),
        "expiresAt": expires_at and rfc3339(datetime.fromisoformat(expires_at)),
        "terms": _terms(set_terms, token_in, token_out, int(data["amount_in"])),
    }


def _pending(data: dict[str, Any]) -> dict[str, Any]:
    return {**_request(data), "parentId": data.get("parent_id"), "activation": _activation(data)}


def _activation(data: dict[str, Any]) -> dict[str, Any] | None:
    """Why an order that waited runs, and what it was quoted then."""
    activation = data.get("activation")
    if activation is None:
        return None
    amount_out = int(activation["amount_out"])
    return {
        "reason": activation["reason"],
        **amounts("amountOut", amount_out, data["token_out"]),
        "price": price(int(data["amount_in"]), data["token_in"], amount_out, data["token_out"]),
        "slot": activation["slot"],
    }


def _request(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": data["type"],
        # There was no other market when orders did not name theirs.
        "market": data.get("market", SIMULATED),
        "tokenIn": data["token_in"],
        "tokenOut": data["token_out"],
        **amounts("amountIn", int(data["amount_in"]), data["token_in"]),
        "slippageBps": data["slippage_bps"],
        # Orders from before there was a limit had none.
        "maxPriceImpactBps": data.get("max_price_impact_bps", BPS),
        "clientOrderId": data["client_order_id"],
        "quoteId": data["quote_id"],
    }


def _routing(data: dict[str, Any]) -> dict[str, Any]:
    return {
        **amounts("amountOut", int(data["amount_out"]), data["token_out"]),
        **({"quoteId": data["quote_id"]} if data["quote_id"] else {}),
        **decision_view(data["decision"]),
    }


def _building(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "venue": data["venue"],
        **amounts("minOut", int(data["min_out"]), data["token_out"]),
        "instructions": data["instructions"],
        "txHash": data["signature"],
    }


def _submitted(data: dict[str, Any]) -> dict[str, Any]:
    return {"venue": data["venue"], "txHash": data["signature"]}


def _confirmed(data: dict[str, Any]) -> dict[str, Any]:
    amount_in, amount_out = int(data["amount_in"]), int(data["amount_out"])
    return {
        "txHash": data["signature"],
        "slot": data["slot"],
        **amounts("amountIn", amount_in, data["token_in"]),
        **amounts("amountOut", amount_out, data["token_out"]),
        "executedPrice": price(amount_in, data["token_in"], amount_out, data["token_out"]),
        "realisedSlippageBps": data["realised_slippage_bps"],
        **costs_view(Costs.load(data.get("costs"))),
    }


def costs_view(costs: Costs | None) -> dict[str, str | None]:
    """The network's fees and the rent of new token accounts, in SOL and in lamports. `None` where they are unknown."""
    fee, rent = (costs.fee_lamports, costs.rent_lamports) if costs else (None, None)
    return {**_optional("networkFee", fee, "SOL"), **_optional("rent", rent, "SOL")}


def _failed(data: dict[str, Any]) -> dict[str, Any]:
    shown = {name: data[name] for name in ("code", "message", "attempts", "retryable")}
    return {**shown, "requote": _requote(data["requote"])} if "requote" in data else shown


def _requote(data: dict[str, Any]) -> str:
    """The path of a fresh quote, whose transaction only the client can sign."""
    query = {
        "tokenIn": data["token_in"],
        "tokenOut": data["token_out"],
        "amountIn": format_amount(int(data["amount_in"]), token(data["token_in"])),
        "slippageBps": data["slippage_bps"],
        "maxPriceImpactBps": data["max_price_impact_bps"],
        "wallet": data["wallet"],
    }
    return f"/api/quotes?{urlencode(query)}"


def _cancelled(data: dict[str, Any]) -> dict[str, Any]:
    return {"reason": data["reason"]} if "reason" in data else {}


def _expired(data: dict[str, Any]) -> dict[str, Any]:
    return {"expiresAt": rfc3339(datetime.fromisoformat(data["expires_at"]))}


_DATA: dict[Status, Callable[[dict[str, Any]], dict[str, Any]]] = {
    Status.OPEN: _open,
    Status.PENDING: _pending,
    Status.ROUTING: _routing,
    Status.BUILDING: _building,
    Status.SUBMITTED: _submitted,
    Status.CONFIRMED: _confirmed,
    Status.FAILED: _failed,
    Status.CANCELLED: _cancelled,
    Status.EXPIRED: _expired,
}
