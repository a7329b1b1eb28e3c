"""Parses what clients send. Errors say what was expected and what came."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NoReturn
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from order_engine.api import cursors
from order_engine.domain.errors import InvalidJson, InvalidOrder, InvalidRequest
from order_engine.domain.lifecycle import Status
from order_engine.domain.money import parse_amount
from order_engine.domain.orders import OrderRequest
from order_engine.domain.tokens import Token, token

_QUOTE_PARAMETERS = ("tokenIn", "tokenOut", "amountIn", "slippageBps", "tokenPair", "amount")
_SHORT_FORM = {"amount": ("amountIn",), "tokenPair": ("tokenIn", "tokenOut")}


class OrderTerms(BaseModel):
    """The fields that every form of an order has. This checks their shape; `_request` checks their values."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    type: Literal["market"]
    slippage_bps: Annotated[StrictInt, Field(ge=0, le=10_000)] = 50
    # Postgres stores any character but NUL.
    client_order_id: Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")] | None = (
        None
    )
    user_id: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]*$")] | None = None
    quote_id: Any = None


class _OrderForm(OrderTerms):
    token_in: str
    token_out: str
    amount_in: Any


class _Problems:
    """Collects what is wrong with the fields of an order. `names` are the client's names of some fields."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._found: list[dict[str, Any]] = []

    def add(self, field: str, message: str) -> None:
        self._found.append({"field": self._names.get(field, field), "message": message})

    def check(self) -> None:
        """Raises `InvalidOrder` if there are any."""
        if self._found:
            self.refuse()

    def refuse(self) -> NoReturn:
        raise InvalidOrder(self._found)


def parse_json(body: str) -> dict[str, Any]:
    """A JSON object whose numbers are `int` or `Decimal`, never float. Raises `InvalidJson`."""
    try:
        value = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_unique)
        if "\\ud" in body.lower():
            # Half of a surrogate pair is not a character: no answer and no column could hold it.
            json.dumps(value, default=str, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidJson(f"expected a JSON object: {error}") from None
    if not isinstance(value, dict):
        raise InvalidJson(f"expected a JSON object, was {_shown(value)}")
    return value


def parse_order(form: dict[str, Any]) -> OrderRequest:
    """The order that a form describes: `{"type", "tokenIn", "tokenOut", "amountIn", …}`.

    `tokenPair` and `amount` may replace `tokenIn`, `tokenOut` and `amountIn`. Raises `InvalidOrder` with every problem.
    """
    problems = _Problems({full: short for short, fulls in _SHORT_FORM.items() if short in form for full in fulls})
    return _request(_shaped(_normalised(form, problems), problems), problems)


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
        pair = form.pop("tokenPair")
        symbols = pair.split("-") if isinstance(pair, str) else []
        if len(symbols) != 2:
            problems.add("tokenPair", f'expected a pair like "SOL-USDC", was {_shown(pair)}')
            problems.refuse()
        form["tokenIn"], form["tokenOut"] = symbols
    return form


def _shaped(form: dict[str, Any], problems: _Problems) -> _OrderForm:
    """The form, if all fields are known and have the right types."""
    try:
        return _OrderForm.model_validate(form)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            problems.add(".".join(map(str, detail["loc"])), _message(detail))
    problems.refuse()


def _request(form: _OrderForm, problems: _Problems) -> OrderRequest:
    """The order, if the values make sense."""
    token_in = _token("tokenIn", form.token_in, problems)
    token_out = _token("tokenOut", form.token_out, problems)
    if token_in and token_out and token_in == token_out:
        problems.add("tokenOut", f"expected another token than tokenIn, was {form.token_out!r} too")
    elif token_in and token_out and token_in.mint == token_out.mint:
        problems.add("tokenOut", f"expected a token to swap for, was {form.token_out!r}: the same mint, wrapped or not")
    amount_in = _amount(form.amount_in, token_in, problems)
    quote_id = None
    if form.quote_id is not None:
        try:
            quote_id = parse_uuid("quoteId", form.quote_id)
        except InvalidRequest as error:
            problems.add("quoteId", error.problems[0]["message"])
    problems.check()
    return OrderRequest(
        type=form.type,
        token_in=form.token_in,
        token_out=form.token_out,
        amount_in=amount_in,
        slippage_bps=form.slippage_bps,
        client_order_id=form.client_order_id,
        user_id=form.user_id,
        quote_id=quote_id,
    )


def _token(field: str, symbol: str, problems: _Problems) -> Token | None:
    try:
        return token(symbol)
    except ValueError as error:
        problems.add(field, str(error))
        return None


def _amount(value: object, token_in: Token | None, problems: _Problems) -> int:
    """Base units; 0 after a problem, or if the token is unknown."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        problems.add("amountIn", f'expected a positive decimal number like "1.5", was {_shown(value)}')
    elif token_in:
        try:
            return parse_amount(value, token_in)
        except ValueError as error:
            problems.add("amountIn", str(error))
    return 0


def parse_quote_request(query: Mapping[str, str]) -> OrderRequest:
    """The order that these query parameters ask a quote for: `tokenIn`, `tokenOut`, `amountIn` and `slippageBps`.

    Raises `InvalidOrder` with every problem.
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
    """1 to 255 printable ASCII characters, or `None`. Raises `InvalidRequest`, naming the field."""
    if value is None or (isinstance(value, str) and re.fullmatch("[ -~]{1,255}", value)):
        return value
    _refuse(field, f"expected 1 to 255 printable ASCII characters, was {_shown(value)}")


class PageRequest(NamedTuple):
    """At most `limit` orders of a status, or of any, with ids below `before`."""

    limit: int
    status: Status | None
    before: UUID | None


def parse_page(query: Mapping[str, str]) -> PageRequest:
    """The page of a list of orders that these query parameters ask for. Raises `InvalidRequest`."""
    limit = parse_integer("limit", query.get("limit", 20), 1, 100)
    status = query.get("status")
    if status is not None and status not in list(Status):
        _refuse("status", f"expected one of {', '.join(Status)}, was {status[:60]!r}")
    return PageRequest(limit, Status(status) if status else None, _parse_cursor(query.get("cursor")))


def _parse_cursor(cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    try:
        return cursors.decode(cursor)
    except ValueError:
        _refuse("cursor", f"expected the nextCursor of an earlier page, was {cursor[:40]!r}")


def parse_uuid(field: str, value: object) -> UUID:
    """Raises `InvalidRequest`, naming the field."""
    try:
        if isinstance(value, str) and len(value) == 36:
            return UUID(value)
    except ValueError:
        pass
    _refuse(field, f"expected a UUID like 01890a5d-ac96-774b-bcce-b302099a8057, was {_shown(value)}")


def parse_integer(field: str, value: object, minimum: int, maximum: int) -> int:
    """An integer in that range, given as a number or as its decimal string. Raises `InvalidRequest`."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        _refuse(field, f"expected an integer from {minimum} to {maximum}, was {_shown(value)}")
    return value


def _refuse(field: str, message: str) -> NoReturn:
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
    """The start of a value, as JSON, for an error message."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("one object has the same key twice")
    return found
