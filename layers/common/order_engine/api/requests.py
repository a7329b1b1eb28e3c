"""What requests carry beside a body: query parameters, ids and keys. Errors say what was expected and what came."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, NoReturn
from uuid import UUID

from order_engine.api import cursors
from order_engine.api.json_text import shown, whole_number
from order_engine.domain.errors import InvalidRequest
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import TYPES
from order_engine.domain.timestamps import parse_rfc3339
from order_engine.domain.tokens import token
from order_engine.ports import Selection

_SELECTION_PARAMETERS = ("type", "tokenPair")
_PAGE_PARAMETERS = ("limit", "status", "cursor", *_SELECTION_PARAMETERS, "from", "to", "clientOrderId", "parentId")

_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?")
_UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def parse_idempotency_key(field: str, value: object) -> str | None:
    """1 to 255 printable ASCII characters, or `None`. Raises `InvalidRequest`, naming the field."""
    if value is None or (isinstance(value, str) and re.fullmatch("[ -~]{1,255}", value)):
        return value
    _refuse(field, f"expected 1 to 255 printable ASCII characters, was {shown(value)}")


class PageRequest(NamedTuple):
    """At most `limit` of the selected orders."""

    limit: int
    selection: Selection


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
    if problems := unknown_parameters(query, known):
        raise InvalidRequest(problems)
    return query


def unknown_parameters(query: Mapping[str, str], known: Collection[str]) -> list[dict[str, Any]]:
    expected = f"expected one of {', '.join(known)}" if known else "expected no query parameters"
    return [
        {"field": name[:60], "message": f"{expected}, was {name[:60]!r}"} for name in sorted(query.keys() - set(known))
    ]


def parse_page(query: Mapping[str, str]) -> PageRequest:
    """The page of a list of orders that these query parameters ask for. Raises `InvalidRequest`."""
    if problems := unknown_parameters(query, _PAGE_PARAMETERS):
        raise InvalidRequest(problems)
    limit = parse_integer("limit", query.get("limit"), 1, 100, default=20)
    since, until = parse_period(query)
    status = parse_choice("status", query, Status)
    client_order_id = query.get("clientOrderId")
    if client_order_id and "\x00" in client_order_id:
        _refuse("clientOrderId", f"expected text without NUL characters, was {shown(client_order_id)}")
    selection = _parse_selection(query)._replace(
        status=None if status is None else Status(status),
        client_order_id=client_order_id,
        parent_id=None if "parentId" not in query else parse_uuid("parentId", query["parentId"]),
        since=since,
        until=until,
        beyond=parse_cursor(query),
    )
    return PageRequest(limit, selection)


def parse_active(query: Mapping[str, str]) -> bool:
    """Whether a list of active orders includes the open ones: `include=open`. Raises `InvalidRequest`."""
    if problems := unknown_parameters(query, ("include",)):
        raise InvalidRequest(problems)
    return parse_choice("include", query, (Status.OPEN,)) is not None


def parse_cancellation(query: Mapping[str, str]) -> Selection:
    """The orders that a request to cancel all orders means: `type`, `tokenPair`, or none. Raises `InvalidRequest`."""
    if problems := unknown_parameters(query, _SELECTION_PARAMETERS):
        raise InvalidRequest(problems)
    return _parse_selection(query)


def _parse_selection(query: Mapping[str, str]) -> Selection:
    return Selection(parse_choice("type", query, TYPES), parse_token_pair(query))


def parse_token_pair(query: Mapping[str, str]) -> tuple[str, str] | None:
    """The tokens of `tokenPair`, if it is given. Raises `InvalidRequest`."""
    if "tokenPair" not in query:
        return None
    try:
        pair = parse_pair(query["tokenPair"])
        for symbol in pair:
            token(symbol)
    except ValueError as error:
        _refuse("tokenPair", str(error))
    return pair


def parse_period(query: Mapping[str, str]) -> tuple[datetime | None, datetime | None]:
    """The times `from` and `to`, where they are given. Raises `InvalidRequest`."""
    since, until = _parse_time("from", query), _parse_time("to", query)
    if since and until and since >= until:
        _refuse("to", f"expected a time after from, {query['from']}, was {query['to']}")
    return since, until


def parse_choice(field: str, query: Mapping[str, str], choices: Iterable[str]) -> str | None:
    """One of these words, if the parameter is given. Raises `InvalidRequest`."""
    value = query.get(field)
    if value is not None and value not in [*choices]:
        _refuse(field, f"expected one of {', '.join(choices)}, was {value[:60]!r}")
    return value


def _parse_time(field: str, query: Mapping[str, str]) -> datetime | None:
    if field not in query:
        return None
    try:
        return parse_rfc3339(query[field])
    except ValueError as error:
        _refuse(field, str(error))


def parse_cursor(query: Mapping[str, str]) -> UUID | None:
    """Where the page after another one begins, if the query has a `cursor`. Raises `InvalidRequest`."""
    cursor = query.get("cursor")
    if cursor is None:
        return None
    try:
        return cursors.decode(cursor)
    except ValueError:
        _refuse("cursor", f"expected the nextCursor of an earlier page, was {cursor[:40]!r}")


def parse_pair(value: object) -> tuple[str, str]:
    """The two tokens of a pair like `SOL-USDC`, as they are written. Raises `ValueError`, saying what was expected."""
    symbols = value.split("-") if isinstance(value, str) else []
    if len(symbols) != 2:
        raise ValueError(f'expected a pair like "SOL-USDC", was {shown(value)}')
    return symbols[0], symbols[1]


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
    value = numeric(value)
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        _refuse(field, f"expected an integer from {minimum} to {maximum}, was {shown(value)}")
    return value


def numeric(value: object) -> object:
    """The integer that a number or a numeric text stands for; any other value as it is."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        whole = whole_number(Decimal(value))
        return whole if isinstance(whole, int) else value
    return whole_number(value)


def _refuse(field: str, message: str) -> NoReturn:
    raise InvalidRequest([{"field": field, "message": message}])
