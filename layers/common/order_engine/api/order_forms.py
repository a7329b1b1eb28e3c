"""Orders as clients ask for them, change them, and ask for quotes. Errors say what was expected and what came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from order_engine.api import order_terms
from order_engine.api.json_text import shown
from order_engine.api.order_terms import (
    LimitTerms,
    MarketTerms,
    OcoTerms,
    OrderTerms,
    RecurringTerms,
    SignedTerms,
    SniperTerms,
    StopTerms,
    WaitingTerms,
)
from order_engine.api.requests import numeric, parse_pair, parse_uuid, unknown_parameters
from order_engine.domain.errors import InvalidOrder, InvalidRequest
from order_engine.domain.money import BPS, U64_MAX, describe, format_amount, parse_amount
from order_engine.domain.orders import (
    DEFAULT_MAX_PRICE_IMPACT_BPS,
    DEFAULT_SLIPPAGE_BPS,
    Order,
    OrderRequest,
    SignedOrder,
)
from order_engine.domain.terms import Limit, Recurring, Sniper, Stop, Terms
from order_engine.domain.timestamps import rfc3339
from order_engine.domain.tokens import TOKENS, Token, pool_token, token, tradable_token

_SWAP_PARAMETERS = ("tokenIn", "tokenOut", "amountIn", "slippageBps", "maxPriceImpactBps", "tokenPair", "amount")
_QUOTE_PARAMETERS = (*_SWAP_PARAMETERS, "wallet")
_SHORT_FORM = {"amount": ("amountIn",), "tokenPair": ("tokenIn", "tokenOut")}

_PRICED_BY = {"limit": "limitPrice", "stop": "stopPrice", "sniper": "maxPrice"}
"""The field that decides what an order of a type must pay."""

_CHANGEABLE = {
    "limit": ("amountIn", "limitPrice", "minAmountOut", "expiresAt"),
    "stop": ("amountIn", "stopPrice", "limitPrice", "expiresAt"),
    "recurring": ("minPrice", "maxPrice", "expiresAt"),
    "sniper": ("amountIn", "minLiquidity", "maxPrice", "expiresAt"),
}
"""The fields that a client may replace while an order of a type is open."""


class _Swap(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")

    token_in: str
    token_out: str
    amount_in: Any


_SWAP = frozenset(map(to_camel, _Swap.model_fields))
_SIGNED = frozenset(map(to_camel, SignedTerms.model_fields))

_Model = TypeVar("_Model", bound=BaseModel)


class _Problems:
    """Collects what is wrong with the fields of an order. `names` are the client's names of some fields."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._found: list[dict[str, Any]] = []

    def add(self, field: str, message: str) -> None:
        self._found.append({"field": self._names.get(field, field), "message": message})

    def __bool__(self) -> bool:
        return bool(self._found)

    def check(self) -> None:
        """Raises `InvalidOrder` if there are any."""
        if self._found:
            raise InvalidOrder(self._found)


def parse_submission(form: dict[str, Any]) -> OrderRequest | SignedOrder:
    """The order that a form describes, as `parse_order`, or its quote: `{"quoteId", "signedTransaction"}`.

    Raises `InvalidOrder` with every problem.
    """
    return parse_order(form) if form.get("signedTransaction") is None else _signed(form)


def parse_order(form: dict[str, Any]) -> OrderRequest:
    """The order that a form describes: `{"type", "tokenIn", "tokenOut", "amountIn", …}`.

    `tokenPair` and `amount` may replace `tokenIn`, `tokenOut` and `amountIn`. Of type `oco` it is a limit order with a
    stop order as its `linked` one. Raises `InvalidOrder` with every problem.
    """
    problems = _Problems({full: short for short, fulls in _SHORT_FORM.items() if short in form for full in fulls})
    return _request(*_shaped(_normalised(form, problems), problems), problems)


def parse_changes(form: dict[str, Any], order: Order) -> OrderRequest:
    """The order with the fields of the form in place of its own, and otherwise as it is.

    A null takes an optional term away. Raises `InvalidOrder` with every problem.
    """
    problems, changeable = _Problems({}), _CHANGEABLE[order.type]
    for name in form.keys() - {*changeable}:
        problems.add(name[:60], f"expected one of {', '.join(changeable)} for a {order.type} order, was {name[:60]!r}")
    if not form:
        problems.add("body", f"expected at least one of {', '.join(changeable)}, was none")
    problems.check()
    whole = _form(order) | form
    for name, other in (("limitPrice", "minAmountOut"), ("minAmountOut", "limitPrice")):
        if name in form and other not in form and order.type == "limit":
            del whole[other]
    request = parse_order(whole)
    if isinstance(order.terms, Stop) and isinstance(request.terms, Stop) and "stopPrice" not in form:
        return replace(request, terms=replace(request.terms, reached=order.terms.reached))
    return request


def parse_quote_request(query: Mapping[str, str]) -> OrderRequest:
    """The order that these query parameters ask a quote for: `tokenIn`, `tokenOut`, `amountIn`, `slippageBps`,
    `maxPriceImpactBps`, and the `wallet` that is to sign it.

    Raises `InvalidOrder` with every problem.
    """
    problems = unknown_parameters(query, _QUOTE_PARAMETERS)
    # A quote swaps nothing: it may show what any slippage would mean.
    form: dict[str, Any] = {"type": "market", "allowAnySlippage": True, "allowUnverified": True}
    form |= {name: query[name] for name in _SWAP_PARAMETERS if name in query}
    for name in form.keys() & {"slippageBps", "maxPriceImpactBps"}:
        form[name] = numeric(form[name])
    try:
        request = parse_order(form)
    except InvalidOrder as error:
        raise InvalidOrder([*problems, *error.problems]) from None
    if problems:
        raise InvalidOrder(problems)
    return replace(request, wallet=query.get("wallet"))


def _signed(form: dict[str, Any]) -> SignedOrder:
    problems = _Problems({})
    type = form.get("type", "market")
    if type != "market":
        problems.add(
            "type",
            "expected market: a signed transaction can't wait, since it is valid for about a minute, was"
            f" {shown(type)}",
        )
        problems.check()
    for name in sorted(form.keys() - _SIGNED):
        problems.add(name[:60], "expected no such field with a signedTransaction, whose quote says it")
    terms = _valid(SignedTerms, {name: value for name, value in form.items() if name in _SIGNED}, problems)
    quote_id = _quote_id(form.get("quoteId"), problems)
    if quote_id is None and not problems:
        problems.add("quoteId", "expected the quote of the transaction, was null")
    problems.check()
    assert terms is not None
    return SignedOrder(quote_id, terms.signed_transaction, terms.client_order_id, terms.user_id)


def _normalised(form: dict[str, Any], problems: _Problems) -> dict[str, Any]:
    """The form with the fields `tokenIn`, `tokenOut` and `amountIn`."""
    for short, fulls in _SHORT_FORM.items():
        if short in form and any(full in form for full in fulls):
            problems.add(short, f"expected either {short} or {' and '.join(fulls)}, were both")
    problems.check()
    form = dict(form)
    if "amount" in form:
        form["amountIn"] = form.pop("amount")
    if "tokenPair" in form:
        try:
            form["tokenIn"], form["tokenOut"] = parse_pair(form.pop("tokenPair"))
        except ValueError as error:
            problems.add("tokenPair", str(error))
    problems.check()
    return form


def _shaped(form: dict[str, Any], problems: _Problems) -> tuple[_Swap, OrderTerms]:
    """The form, if all fields are known and have the right types."""
    swap = _valid(_Swap, form, problems)
    rest = {name: value for name, value in form.items() if name not in _SWAP}
    type = rest.get("type")
    model = order_terms.TERMS.get(type) if isinstance(type, str) else None
    if model is None:
        if "type" in rest:
            problems.add("type", f"expected one of {', '.join(order_terms.TERMS)}, was {shown(type)}")
        # What is wrong in any type, or belongs to none.
        known = {to_camel(name) for name in OrderTerms.model_fields}
        rest = {name: value for name, value in rest.items() if name in known or name not in order_terms.FIELDS}
        model = OrderTerms
        if "type" in rest:
            rest["type"] = ""
    terms = _valid(model, rest, problems)
    problems.check()
    assert swap is not None
    assert terms is not None
    return swap, terms


def _valid(model: type[_Model], form: dict[str, Any], problems: _Problems) -> _Model | None:
    try:
        return model.model_validate(form)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            problems.add(".".join(map(str, detail["loc"])), _message(detail, form.get("type")))
    return None


def _request(swap: _Swap, form: OrderTerms, problems: _Problems) -> OrderRequest:
    """The order, if the values make sense."""
    token_in = _token("tokenIn", swap.token_in, problems)
    token_out = _token("tokenOut", swap.token_out, problems)
    if token_in and token_out and token_in == token_out:
        problems.add("tokenOut", f"expected another token than tokenIn, was {swap.token_out!r} too")
    elif token_in and token_out and pool_token(token_in.symbol) == pool_token(token_out.symbol):
        problems.add("tokenOut", f"expected a token to swap for, was {swap.token_out!r}: the same mint, wrapped or not")
    # Who waits for a new token knows that nobody has verified it.
    if not form.allow_unverified and not isinstance(form, SniperTerms):
        _check_verified("tokenIn", token_in, problems)
        _check_verified("tokenOut", token_out, problems)
    amount_in = _amount("amountIn", swap.amount_in, token_in, problems)
    slippage_bps = _or_default(form.slippage_bps, DEFAULT_SLIPPAGE_BPS)
    if slippage_bps == BPS and not form.allow_any_slippage:
        problems.add(
            "slippageBps",
            f"expected at most {BPS - 1}, or allowAnySlippage: true to be paid any amount, was {slippage_bps}",
        )
    request = OrderRequest(
        type=form.type,
        token_in=token_in.symbol if token_in else swap.token_in,
        token_out=token_out.symbol if token_out else swap.token_out,
        amount_in=amount_in,
        slippage_bps=slippage_bps,
        client_order_id=form.client_order_id,
        user_id=form.user_id,
        max_price_impact_bps=_or_default(form.max_price_impact_bps, DEFAULT_MAX_PRICE_IMPACT_BPS),
    )
    if isinstance(form, MarketTerms):
        request = replace(request, quote_id=_quote_id(form.quote_id, problems))
    if isinstance(form, WaitingTerms):
        request = _waiting(request, form, token_in, token_out, problems)
    problems.check()
    return request


def _waiting(
    request: OrderRequest, form: WaitingTerms, token_in: Token | None, token_out: Token | None, problems: _Problems
) -> OrderRequest:
    """The request with what it waits for."""
    request = replace(request, expires_at=form.expires_at)
    match form:
        case LimitTerms():
            terms: Terms = _limit(form, token_out, problems)
        case StopTerms():
            terms = _stop(form.stop_price, form.limit_price, "limitPrice", form.confirm_ticks, problems)
        case OcoTerms():
            stop = _stop(form.stop_price, form.stop_limit_price, "stopLimitPrice", form.confirm_ticks, problems)
            if form.stop_price >= form.limit_price:
                problems.add("stopPrice", f"expected less than limitPrice, {form.limit_price:f}, was {stop.price:f}")
            linked = replace(request, type="stop", terms=stop, client_order_id=None)
            request = replace(request, type="limit", linked=linked)
            _check_worth(linked, token_in, token_out, problems)
            terms = Limit(form.limit_price)
        case RecurringTerms():
            terms = _recurring(request, form, problems)
            request = replace(request, start_at=form.start_at)
        case SniperTerms():
            terms = Sniper(
                _amount("minLiquidity", form.min_liquidity, token_in, problems),
                form.max_price,
                bool(form.allow_freeze_authority),
                bool(form.allow_extensions),
            )
        case _:
            raise AssertionError(f"no terms of {form.type} orders")
    request = replace(request, terms=terms)
    _check_worth(request, token_in, token_out, problems)
    return request


def _limit(form: LimitTerms, token_out: Token | None, problems: _Problems) -> Limit:
    if (form.limit_price is None) == (form.min_amount_out is None):
        were = "was neither" if form.limit_price is None else "were both"
        problems.add("limitPrice", f"expected either limitPrice or minAmountOut, {were}")
    if form.min_amount_out is None:
        return Limit(form.limit_price)
    return Limit(None, _amount("minAmountOut", form.min_amount_out, token_out, problems))


def _stop(
    price: Decimal, limit_price: Decimal | None, limit_field: str, confirm_ticks: int | None, problems: _Problems
) -> Stop:
    if limit_price is not None and limit_price > price:
        problems.add(limit_field, f"expected at most stopPrice, {price:f}, was {limit_price:f}")
    return Stop(price, limit_price, _or_default(confirm_ticks, 1))


def _recurring(request: OrderRequest, form: RecurringTerms, problems: _Problems) -> Recurring:
    if 0 < request.amount_in < form.slices:
        problems.add(
            "slices", f"expected at most {request.amount_in}, one for each base unit of amountIn, was {form.slices}"
        )
    if form.min_price is not None and form.max_price is not None and form.min_price > form.max_price:
        problems.add("minPrice", f"expected at most maxPrice, {form.max_price:f}, was {form.min_price:f}")
    if form.start_at and form.expires_at and form.start_at >= form.expires_at:
        problems.add(
            "startAt", f"expected a time before expiresAt, {rfc3339(form.expires_at)}, was {rfc3339(form.start_at)}"
        )
    return Recurring(form.slices, form.interval_seconds, form.min_price, form.max_price)


def _check_worth(request: OrderRequest, token_in: Token | None, token_out: Token | None, problems: _Problems) -> None:
    """Adds a problem unless an account can hold what the order asks for. Any other problem comes first."""
    if problems or request.terms is None or token_in is None or token_out is None:
        return
    watch = request.terms.watch(request.amount_in, token_in, token_out)
    asked = watch.limit_out if watch.trigger_out is None else watch.trigger_out
    if asked is not None and not 1 <= asked <= U64_MAX:
        problems.add(
            _PRICED_BY[request.type],
            f"expected a price at which {describe(request.amount_in, token_in)} are worth from"
            f" {describe(1, token_out)} to {describe(U64_MAX, token_out)}, was {describe(asked, token_out)}",
        )


def _form(order: Order) -> dict[str, Any]:
    """The form that describes the order as it is now."""
    token_in, token_out = token(order.token_in), token(order.token_out)
    terms: dict[str, Any] = {}
    match order.terms:
        case Limit(price, min_out):
            terms = {"limitPrice": price, "minAmountOut": min_out and format_amount(min_out, token_out)}
        case Stop(price, limit_price, confirm_ticks):
            terms = {"stopPrice": price, "limitPrice": limit_price, "confirmTicks": confirm_ticks}
        case Recurring(slices, interval_seconds, min_price, max_price):
            terms = {"slices": slices, "intervalSeconds": interval_seconds}
            terms |= {"minPrice": min_price, "maxPrice": max_price}
        case Sniper(min_liquidity, max_price, allow_freeze_authority, allow_extensions):
            terms = {"minLiquidity": format_amount(min_liquidity, token_in), "maxPrice": max_price}
            terms |= {"allowFreezeAuthority": allow_freeze_authority, "allowExtensions": allow_extensions}
    return terms | {
        "type": order.type,
        "tokenIn": order.token_in,
        "tokenOut": order.token_out,
        "amountIn": format_amount(order.amount_in, token_in),
        "slippageBps": order.slippage_bps,
        "allowAnySlippage": True,
        "allowUnverified": True,
        "maxPriceImpactBps": order.max_price_impact_bps,
        "clientOrderId": order.client_order_id,
        "userId": order.user_id,
        "expiresAt": order.expires_at and order.expires_at.isoformat(),
    }


def _or_default(value: int | None, default: int) -> int:
    """The default for a field that is null, as for one that is absent."""
    return default if value is None else value


def _quote_id(value: object, problems: _Problems) -> Any:
    if value is None:
        return None
    try:
        return parse_uuid("quoteId", value)
    except InvalidRequest as error:
        problems.add("quoteId", error.problems[0]["message"])
        return None


def _token(field: str, symbol: str, problems: _Problems) -> Token | None:
    try:
        return tradable_token(symbol)
    except ValueError as error:
        problems.add(field, str(error))
        return None


def _check_verified(field: str, token: Token | None, problems: _Problems) -> None:
    """Anyone can make a mint and call it anything: only the tokens with a symbol are known to be what they seem."""
    if token and token.symbol not in TOKENS:
        problems.add(field, f"expected a token with a symbol, or allowUnverified: true, was {token.symbol!r}")


def _amount(field: str, value: object, token: Token | None, problems: _Problems) -> int:
    """Base units; 0 after a problem, or if the token is unknown."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        problems.add(field, f'expected a positive decimal number like "1.5", was {shown(value)}')
    elif token:
        try:
            return parse_amount(value, token)
        except ValueError as error:
            problems.add(field, str(error))
    return 0


def _message(detail: ErrorDetails, type: object) -> str:
    was, context = shown(detail["input"]), detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return "expected a value, was missing"
        case "extra_forbidden" if detail["loc"][0] in order_terms.FIELDS:
            return f"expected no such field for a {type} order, was {was}"
        case "extra_forbidden":
            return f"expected no such field, was {was}"
        case "bool_type":
            return f"expected true or false, was {was}"
        case "string_type":
            return f"expected a string, was {was}"
        case "string_too_short" | "string_too_long":
            limit = "at least 1 character" if "min_length" in context else f"at most {context['max_length']} characters"
            return f"expected {limit}, was {was}"
        case "string_pattern_mismatch":
            return f"expected text without NUL characters, was {was}"
        case "value_error":
            return str(context["error"])
        case _:
            return f"expected another value, was {was}"
