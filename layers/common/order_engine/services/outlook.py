"""What the market says of an order that waits, at the moment when its client asks for it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from order_engine.domain.errors import InsufficientLiquidity, InvalidOrder, VenueUnavailable
from order_engine.domain.events import Activated, Activation
from order_engine.domain.money import BPS, format_price
from order_engine.domain.orders import OrderRequest
from order_engine.domain.quotes import Quote
from order_engine.domain.terms import Limit, Recurring, Sniper, Stop, Wait, Watch
from order_engine.domain.tokens import token

if TYPE_CHECKING:
    from order_engine.services.routing import Router

_ROUNDED = Context(prec=4)


class Outlook(NamedTuple):
    """Why an order may run at once, if it may, and what its client should know though the order is accepted."""

    activation: Activation | None = None
    warning: str | None = None


def outlook(router: Callable[[], Router], request: OrderRequest) -> Outlook:
    """Compares the order with the exact quote for its amount, or for that of its first slice.

    Without a price a stop can't be told from one that is reached, and without a venue's pools the price may only seem
    low. All other orders are taken without a price: they wait for it. Raises `InvalidOrder` with every problem,
    `NoRoute`, `AmountTooSmall`, `OrderTooLarge`, and for a stop `VenueUnavailable` and `InsufficientLiquidity`.
    """
    if isinstance(request.terms, Sniper):
        # Its pool may not exist yet.
        return Outlook()
    is_stop = request.linked is not None or isinstance(request.terms, Stop)
    amount_in = request.amount_in
    if isinstance(request.terms, Recurring):
        amount_in = request.terms.slice_amount(amount_in, 0)
    try:
        snapshot = router().read((request.token_in, request.token_out))
        # A price that the order would not accept is a price to compare with.
        quote, decision = snapshot.best(request.token_in, request.token_out, amount_in, BPS)
    except (VenueUnavailable, InsufficientLiquidity) as error:
        if is_stop:
            raise
        return Outlook(warning=f"there is no price now: {error}")
    problems = _problems(request, quote)
    if request.linked:
        problems += _problems(request.linked, quote, "stopLimitPrice")
    if problems:
        refusal = InvalidOrder(problems)
        raise snapshot.unless_missing(refusal) if is_stop else refusal
    if decision.price_impact_bps > request.max_price_impact_bps:
        return Outlook(
            warning=f"expected a price impact of at most {request.max_price_impact_bps} basis points,"
            f" would be {decision.price_impact_bps} now"
        )
    watch = request.watch
    if watch and watch.waits_for is Wait.AT_LEAST and _pays(quote, watch):
        return Outlook(Activation(Activated.LIMIT_MET, quote.amount_out, quote.slot))
    return Outlook()


def _pays(quote: Quote, watch: Watch) -> bool:
    return watch.trigger_out is not None and quote.amount_out >= watch.trigger_out


def _problems(request: OrderRequest, quote: Quote, stop_limit: str = "limitPrice") -> list[dict[str, Any]]:
    """What is wrong with the prices of the order. `stop_limit` is the client's name for the limit of a stop."""
    token_in, token_out = token(request.token_in), token(request.token_out)
    market = format_price(quote.amount_in, token_in, quote.amount_out, token_out)
    about = _ROUNDED.create_decimal(market).normalize()
    found = {
        field: f"expected whole {token_out.symbol} for one {token_in.symbol}, about {about:f} now, was {price:f}"
        for field, price in _prices(request, stop_limit).items()
        if price is not None and _is_inverse(price, Fraction(market))
    }
    watch = request.watch
    if (
        isinstance(request.terms, Stop)
        and watch
        and watch.waits_for is Wait.AT_MOST
        and watch.trigger_out is not None
        and quote.amount_out <= watch.trigger_out
    ):
        found.setdefault("stopPrice", f"expected a price below the market's, {market} now, was {request.terms.price:f}")
    return [{"field": field, "message": message} for field, message in found.items()]


def _prices(request: OrderRequest, stop_limit: str) -> dict[str, Decimal | None]:
    """The prices of an order in output tokens for one input token, by their fields."""
    match request.terms:
        case Limit(price):
            return {"limitPrice": price}
        case Stop(price, limit_price):
            return {"stopPrice": price, stop_limit: limit_price}
        case Recurring(_, _, min_price, max_price):
            return {"minPrice": min_price, "maxPrice": max_price}
    return {}


def _is_inverse(price: Decimal, market: Fraction) -> bool:
    """Whether a price is far from the market's, and near it if it is in input tokens for one output token."""
    ratio = Fraction(price) / market
    inverse = 1 / Fraction(price) / market
    return not Fraction(1, 10) <= ratio <= 10 and Fraction(1, 2) <= inverse <= 2
