"""From what a client sends to a valid `OrderRequest`, or an error that says what was expected and what came."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, NoReturn
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from order_engine.domain.errors import InvalidJson, InvalidOrder, InvalidRequest
from order_engine.domain.lifecycle import Status
from order_engine.domain.money import parse_amount, token
from order_engine.domain.orders import OrderRequest

_QUOTE_PARAMETERS = ("tokenIn", "tokenOut", "amountIn", "slippageBps", "tokenPair", "amount")
_SHORT_FORM = {"amount": ("amountIn",), "tokenPair": ("tokenIn", "tokenOut")}


class OrderTerms(BaseModel):
    """What every form of an order has; what the values mean is checked after their shape."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    type: Literal["market"]
    slippage_bps: Annotated[StrictInt, Field(ge=0, le=10_000)] = 50
    # Postgres holds any character but NUL.
    client_order_id: Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")] | None = (
        None
    )
    user_id: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]*$")] | None = None
    quote_id: Any = None


class _OrderForm(OrderTerms):
    token_in: str
    token_out: str
    amount_in: Any


def parse_json(body: str) -> dict[str, Any]:
    """A JSON object whose numbers are `int` or `Decimal`, never float. Raises `InvalidJson`."""
    try:
        value = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_unique)
        if "\\ud" in body.lower():
            # Half of a surrogate pair is no character: no answer and no column could hold it.
            json.dumps(value, default=str, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidJson(f"expected a JSON object: {error}") from None
    if not isinstance(value, dict):
        raise InvalidJson(f"expected a JSON object, was {_shown(value)}")
    return value


def parse_order(form: dict[str, Any]) -> OrderRequest:
    """The order that a form describes: `{"type", "tokenIn", "tokenOut", "amountIn", …}`, or with `tokenPair` and
    `amount` in the place of the latter three. Raises `InvalidOrder` with every problem found.
    """
    problems: list[dict[str, Any]] = []
    named = {full: short for short, fulls in _SHORT_FORM.items() if short in form for full in fulls}

    def problem(field: str, message: str) -> None:
        problems.append({"field": named.get(field, field), "message": message})

    for short, fulls in _SHORT_FORM.items():
        if short in form and any(full in form for full in fulls):
            problem(short, f"expected either {short} or {' and '.join(fulls)}, were both")
    if problems:
        raise InvalidOrder(problems)
    form = dict(form)
    if "amount" in form:
        form["amountIn"] = form.pop("amount")
    if "tokenPair" in form:
        pair = form.pop("tokenPair")
        tokens_of_pair = pair.split("-") if isinstance(pair, str) else []
        if len(tokens_of_pair) != 2:
            raise InvalidOrder(
                [{"field": "tokenPair", "message": f'expected a pair like "SOL-USDC", was {_shown(pair)}'}]
            )
        form["tokenIn"], form["tokenOut"] = tokens_of_pair

    try:
        order = _OrderForm.model_validate(form)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            problem(".".join(map(str, detail["loc"])), _message(detail))
        raise InvalidOrder(problems) from None

    tokens = []
    for field, symbol in (("tokenIn", order.token_in), ("tokenOut", order.token_out)):
        try:
            tokens.append(token(symbol))
        except ValueError as error:
            problem(field, str(error))
    if len(tokens) == 2 and tokens[0] == tokens[1]:
        problem("tokenOut", f"expected another token than tokenIn, was {order.token_out!r} too")
    elif len(tokens) == 2 and tokens[0].mint == tokens[1].mint:
        problem("tokenOut", f"expected a token to swap for, was {order.token_out!r}: the same mint, wrapped or not")
    amount = 0
    if isinstance(order.amount_in, bool) or not isinstance(order.amount_in, str | int | Decimal):
        problem("amountIn", f'expected a positive decimal number like "1.5", was {_shown(order.amount_in)}')
    elif tokens and tokens[0].symbol == order.token_in:
        try:
            amount = parse_amount(order.amount_in, tokens[0])
        except ValueError as error:
            problem("amountIn", str(error))
    quote_id = None
    if order.quote_id is not None:
        try:
            quote_id = parse_uuid("quoteId", order.quote_id)
        except InvalidRequest as error:
            problems += error.problems
    if problems:
        raise InvalidOrder(problems)
    return OrderRequest(
        type=order.type,
        token_in=order.token_in,
        token_out=order.token_out,
        amount_in=amount,
        slippage_bps=order.slippage_bps,
        client_order_id=order.client_order_id,
        user_id=order.user_id,
        quote_id=quote_id,
    )


def parse_quote_request(query: Mapping[str, str]) -> OrderRequest:
    """What an order of these query parameters would be: `tokenIn`, `tokenOut`, `amountIn` and `slippageBps`.

    Raises `InvalidOrder` with every problem found.
    """
    known = ", ".join(_QUOTE_PARAMETERS)
    problems = [
        {"field": name, "message": f"expected one of {known}"} for name in sorted(query.keys() - _QUOTE_PARAMETERS)
    ]
    form: dict[str, Any] = {"type": "market"} | {name: query[name] for name in _QUOTE_PARAMETERS if name in query}
    slippage = query.get("slippageBps", "")
    if slippage.isascii() and slippage.isdigit() and len(slippage) < 12:
        form["slippageBps"] = int(slippage)
    try:
        request = parse_order(form)
    except InvalidOrder as error:
        raise InvalidOrder([*problems, *error.problems]) from None
    if problems:
        raise InvalidOrder(problems)
    return request


def parse_idempotency_key(field: str, value: object) -> str | None:
    """1 to 255 printable ASCII characters, or none at all. Raises `InvalidRequest` naming the field."""
    if value is None or (isinstance(value, str) and re.fullmatch("[ -~]{1,255}", value)):
        return value
    refuse(field, f"expected 1 to 255 printable ASCII characters, was {_shown(value)}")


def parse_page(query: Mapping[str, str]) -> tuple[int, Status | None, str | None]:
    """Of a list of orders: how many, of which status, after which cursor. Raises `InvalidRequest`."""
    limit = parse_integer("limit", query.get("limit", 20), 1, 100)
    status = query.get("status")
    if status is not None and status not in list(Status):
        refuse("status", f"expected one of {', '.join(Status)}, was {status[:60]!r}")
    return limit, Status(status) if status else None, query.get("cursor")


def parse_uuid(field: str, value: object) -> UUID:
    """Raises `InvalidRequest` naming the field."""
    try:
        if isinstance(value, str) and len(value) == 36:
            return UUID(value)
    except ValueError:
        pass
    refuse(field, f"expected a UUID like 01890a5d-ac96-774b-bcce-b302099a8057, was {_shown(value)}")


def parse_integer(field: str, value: object, minimum: int, maximum: int) -> int:
    """An integer of that range, given as a number or as its decimal string. Raises `InvalidRequest`."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        refuse(field, f"expected an integer from {minimum} to {maximum}, was {_shown(value)}")
    return value


def refuse(field: str, message: str) -> NoReturn:
    raise InvalidRequest([{"field": field, "message": message}])


def _message(detail: ErrorDetails) -> str:
    was, context = _shown(detail["input"]), detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return "expected a value, was missing"
        case "extra_forbidden":
            return f"expected no such field, was {was}"
        case "literal_error":
            return f"expected {context['expected']}, was {was}"
        case "string_type":
            return f"expected a string, was {was}"
        case "string_too_short" | "string_too_long":
            limit = "at least 1 character" if "min_length" in context else f"at most {context['max_length']} characters"
            return f"expected {limit}, was {was}"
        case "string_pattern_mismatch":
            return f"expected text without NUL characters, was {was}"
        case "int_type" | "greater_than_equal" | "less_than_equal":
            return f"expected an integer from 0 to 10000, was {was}"
        case _:
            return detail["msg"]


def _shown(value: object) -> str:
    """A value as it came, shortened, for an error message."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found
