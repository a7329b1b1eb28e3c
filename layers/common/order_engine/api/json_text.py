"""JSON as clients send it: read without losing a digit, and refused in the engine's own words."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from order_engine.domain.errors import InvalidJson

MAX_DEPTH = 20
"""How deep arrays and objects may be nested in a request. No request needs more than two levels."""

MAX_DIGITS = 40
"""The longest integer that becomes an `int`. Longer ones stay decimals: none is valid, and printing them is slow."""

_HALF_PAIR = re.compile("[\ud800-\udfff]|\\\\u[dD][89a-fA-F]")


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


def whole_number(value: object) -> object:
    """The integer that a number stands for, however it is written, such as `50.0` or `5e1`; any other value as is."""
    if isinstance(value, Decimal) and value.adjusted() < MAX_DIGITS and value == value.to_integral_value():
        return int(value)
    return value


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
