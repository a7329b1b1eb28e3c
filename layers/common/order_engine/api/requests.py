"""Parses what clients send. Errors say what was expected and what came."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, NamedTuple, NoReturn
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationError,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from order_engine.api import cursors
from order_engine.domain.errors import InvalidJson, InvalidOrder, InvalidRequest
from order_engine.domain.lifecycle import Status
from order_engine.domain.money import BPS, parse_amount
from order_engine.domain.orders import DEFAULT_MAX_PRICE_IMPACT_BPS, DEFAULT_SLIPPAGE_BPS, OrderRequest
from order_engine.domain.tokens import Token, pool_token, tradable_token

_PAGE_PARAMETERS = ("limit", "status", "cursor")
_QUOTE_PARAMETERS = ("tokenIn", "tokenOut", "amountIn", "slippageBps", "maxPriceImpactBps", "tokenPair", "amount")
_SHORT_FORM = {"amount": ("amountIn",), "tokenPair": ("tokenIn", "tokenOut")}

MAX_DEPTH = 20
"""How deep arrays and objects may be nested in a request. No request needs more than two levels."""

MAX_DIGITS = 40
"""The longest integer that becomes an `int`. Longer ones stay decimals: none is valid, and printing them is slow."""

_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?")
_HALF_PAIR = re.compile("[\ud800-\udfff]|\\\\u[dD][89a-fA-F]")
_UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def whole_number(value: object) -> object:
    """The integer that a number stands for, however it is written, such as `50.0` or `5e1`; any other value as is."""
    if isinstance(value, Decimal) and value.adjusted() < MAX_DIGITS and value == value.to_integral_value():
        return int(value)
    return value


BasisPoints = Annotated[StrictInt, Field(ge=0, le=BPS), BeforeValidator(whole_number)]


class OrderTerms(BaseModel):
    """The fields that every form of an order has. This checks their shape; `_request` checks their values."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    type: Literal["market"]
    slippage_bps: BasisPoints | None = DEFAULT_SLIPPAGE_BPS
    allow_any_slippage: StrictBool | None = False
    max_price_impact_bps: BasisPoints | None = DEFAULT_MAX_PRICE_IMPACT_BPS
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
        value = json.loads(
            body,
            parse_int=_integer,
            parse_float=_decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise _not_json(f"was {_fault(body, error)}") from None
    if not isinstance(value, dict):
        raise _not_json(f"was {shown(value)}")
    if _depth(value) > MAX_DEPTH:
        raise _too_deep()
    # Half of a surrogate pair is not a character: no answer and no column could hold it.
    if _HALF_PAIR.search(body) and not _encodes(json.dumps(value, default=str, ensure_ascii=False)):
        raise _not_json("was one with half of a surrogate pair, which is not a character")
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
            problems.add("tokenPair", f'expected a pair like "SOL-USDC", was {shown(pair)}')
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
    elif token_in and token_out and pool_token(token_in.symbol) == pool_token(token_out.symbol):
        problems.add("tokenOut", f"expected a token to swap for, was {form.token_out!r}: the same mint, wrapped or not")
    amount_in = _amount(form.amount_in, token_in, problems)
    quote_id = None
    if form.quote_id is not None:
        try:
            quote_id = parse_uuid("quoteId", form.quote_id)
        except InvalidRequest as error:
            problems.add("quoteId", error.problems[0]["message"])
    slippage_bps = _or_default(form.slippage_bps, DEFAULT_SLIPPAGE_BPS)
    if slippage_bps == BPS and not form.allow_any_slippage:
        problems.add(
            "slippageBps",
            f"expected at most {BPS - 1}, or allowAnySlippage: true to be paid any amount, was {slippage_bps}",
        )
    problems.check()
    assert token_in
    assert token_out
    return OrderRequest(
        type=form.type,
        token_in=token_in.symbol,
        token_out=token_out.symbol,
        amount_in=amount_in,
        slippage_bps=slippage_bps,
        client_order_id=form.client_order_id,
        user_id=form.user_id,
        quote_id=quote_id,
        max_price_impact_bps=_or_default(form.max_price_impact_bps, DEFAULT_MAX_PRICE_IMPACT_BPS),
    )


def _or_default(value: int | None, default: int) -> int:
    """The default for a field that is null, as for one that is absent."""
    return default if value is None else value


def _token(field: str, symbol: str, problems: _Problems) -> Token | None:
    try:
        return tradable_token(symbol)
    except ValueError as error:
        problems.add(field, str(error))
        return None


def _amount(value: object, token_in: Token | None, problems: _Problems) -> int:
    """Base units; 0 after a problem, or if the token is unknown."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        problems.add("amountIn", f'expected a positive decimal number like "1.5", was {shown(value)}')
    elif token_in:
        try:
            return parse_amount(value, token_in)
        except ValueError as error:
            problems.add("amountIn", str(error))
    return 0


def parse_quote_request(query: Mapping[str, str]) -> OrderRequest:
    """The order that these query parameters ask a quote for: `tokenIn`, `tokenOut`, `amountIn`, `slippageBps` and
    `maxPriceImpactBps`.

    Raises `InvalidOrder` with every problem.
    """
    problems = _unknown(query, _QUOTE_PARAMETERS)
    # A quote swaps nothing: it may show what any slippage would mean.
    form: dict[str, Any] = {"type": "market", "allowAnySlippage": True}
    form |= {name: query[name] for name in _QUOTE_PARAMETERS if name in query}
    for name in form.keys() & {"slippageBps", "maxPriceImpactBps"}:
        form[name] = _numeric(form[name])
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
    _refuse(field, f"expected 1 to 255 printable ASCII characters, was {shown(value)}")


class PageRequest(NamedTuple):
    """At most `limit` orders of a status, or of any, with ids below `before`."""

    limit: int
    status: Status | None
    before: UUID | None


def parse_query(event: Mapping[str, Any]) -> dict[str, str]:
    """The query parameters of a proxy event. Raises `InvalidRequest` for one that is given twice."""
    problems = [
        {"field": name[:60], "message": f"expected one value, were {len(values)}"}
        for name, values in (event.get("multiValueQueryStringParameters") or {}).items()
        if len(values) > 1
    ]
    if problems:
        raise InvalidRequest(problems)
    return event.get("queryStringParameters") or {}


def check_query(event: Mapping[str, Any], *known: str) -> dict[str, str]:
    """The query parameters of a proxy event. Raises `InvalidRequest` for one that is not known, or given twice."""
    query = parse_query(event)
    if problems := _unknown(query, known):
        raise InvalidRequest(problems)
    return query


def _unknown(query: Mapping[str, str], known: Collection[str]) -> list[dict[str, Any]]:
    expected = f"expected one of {', '.join(known)}" if known else "expected no query parameters"
    return [
        {"field": name[:60], "message": f"{expected}, was {name[:60]!r}"} for name in sorted(query.keys() - set(known))
    ]


def parse_page(query: Mapping[str, str]) -> PageRequest:
    """The page of a list of orders that these query parameters ask for. Raises `InvalidRequest`."""
    if problems := _unknown(query, _PAGE_PARAMETERS):
        raise InvalidRequest(problems)
    limit = parse_integer("limit", query.get("limit"), 1, 100, default=20)
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
    # `UUID` reads more than UUIDs, such as other scripts' digits.
    if isinstance(value, str) and _UUID.fullmatch(value):
        return UUID(value)
    _refuse(field, f"expected a UUID like 01890a5d-ac96-774b-bcce-b302099a8057, was {shown(value)}")


def parse_integer(field: str, value: object, minimum: int, maximum: int, default: int | None = None) -> int:
    """An integer in that range, given as a number or as text, or the default for `None`. Raises `InvalidRequest`."""
    if value is None and default is not None:
        return default
    value = _numeric(value)
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        _refuse(field, f"expected an integer from {minimum} to {maximum}, was {shown(value)}")
    return value


def _numeric(value: object) -> object:
    """The integer that a number or a numeric text stands for; any other value as it is."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        whole = whole_number(Decimal(value))
        return whole if isinstance(whole, int) else value
    return whole_number(value)


def _refuse(field: str, message: str) -> NoReturn:
    raise InvalidRequest([{"field": field, "message": message}])


def _message(detail: ErrorDetails) -> str:
    was, context = shown(detail["input"]), detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return "expected a value, was missing"
        case "extra_forbidden":
            return f"expected no such field, was {was}"
        case "literal_error":
            return f"expected {context['expected']}, was {was}"
        case "bool_type":
            return f"expected true or false, was {was}"
        case "string_type":
            return f"expected a string, was {was}"
        case "string_too_short" | "string_too_long":
            limit = "at least 1 character" if "min_length" in context else f"at most {context['max_length']} characters"
            return f"expected {limit}, was {was}"
        case "string_pattern_mismatch":
            return f"expected text without NUL characters, was {was}"
        case "int_type" | "greater_than_equal" | "less_than_equal":
            return f"expected an integer from 0 to {BPS}, was {was}"
        case _:
            return f"expected another value, was {was}"


def shown(value: object) -> str:
    """The start of a value, as JSON, for an error message."""
    text = str(value) if isinstance(value, Decimal) else json.dumps(value, default=str, ensure_ascii=False)
    text = text.encode(errors="replace").decode()
    return text if len(text) <= 60 else text[:57] + "…"


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= MAX_DIGITS else Decimal(text)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise _not_json(f"was one with a number of too many digits, {text[:40]}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise _not_json(f"but {name} is not a JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _not_json("but one object has the same key twice")
    return found


def _fault(body: str, error: ValueError) -> str:
    """What is wrong with a text that is not JSON, in words of our own."""
    if not body:
        return "nothing"
    if body.startswith("\ufeff"):
        return "one after a byte order mark"
    if isinstance(error, json.JSONDecodeError) and error.pos < len(body):
        return f"text that is not JSON from line {error.lineno}, column {error.colno}: {shown(body[error.pos :])}"
    return "JSON that ends too early"


def _depth(value: object) -> int:
    """How deep arrays and objects are nested."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        level = [item for each in level for item in (each.values() if isinstance(each, dict) else each)]
    return depth


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_json(message: str) -> InvalidJson:
    return InvalidJson(f"expected a JSON object, {message}")


def _too_deep() -> InvalidJson:
    return InvalidJson(f"expected a JSON object nested at most {MAX_DEPTH} levels deep, was a deeper one")
