"""The REST API of fills: as pages, as CSV, and as what they have changed over time."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from order_engine.api import cursors
from order_engine.api.requests import (
    parse_choice,
    parse_cursor,
    parse_integer,
    parse_period,
    parse_query,
    parse_token_pair,
    unknown_parameters,
)
from order_engine.api.rest import NEXT_CURSOR, caller, json_response, response
from order_engine.api.views import amounts, costs_view, price
from order_engine.domain.errors import InvalidRequest
from order_engine.domain.fills import Change, ClientFill, Interval
from order_engine.domain.timestamps import rfc3339
from order_engine.ports import Fills, Selection

_FORMATS = ("json", "csv")
_HISTORY = timedelta(days=30)
_FIRST = datetime(2020, 1, 1, tzinfo=UTC)

COLUMNS = (
    *("filledAt", "orderId", "type", "market", "tokenIn", "amountIn", "tokenOut", "amountOut", "executedPrice"),
    *("networkFee", "rent", "venue", "txHash", "clientOrderId", "parentId"),
)
"""The columns of a CSV: those of the fields of a fill that are not repeated in base units."""


def add_fills(app: APIGatewayRestResolver, market: str, fills: Callable[[], Fills]) -> None:
    """Adds the routes. `fills` is asked for with the first request."""

    def client() -> UUID:
        return caller(app.current_event).client_id

    @app.get("/api/fills")
    def list_fills() -> Response[str]:
        query = parse_query(app.current_event)
        limit, selection = _page(query)
        accepts = app.current_event.headers.get("accept", "")
        default = "csv" if "text/csv" in accepts.lower() else "json"
        found, beyond = fills().page(client(), limit, selection)
        cursor = beyond and cursors.encode(beyond)
        views = [fill_view(fill) for fill in found]
        if (parse_choice("format", query, _FORMATS) or default) == "csv":
            more = {NEXT_CURSOR: cursor} if cursor else {}
            return response(200, "text/csv; charset=utf-8; header=present", as_csv(views), **more)
        return json_response(200, {"fills": views, "nextCursor": cursor})

    @app.get("/api/fills/balances")
    def list_balances() -> Response[str]:
        query = parse_query(app.current_event)
        if problems := unknown_parameters(query, ("from", "to", "interval")):
            raise InvalidRequest(problems)
        interval = Interval(parse_choice("interval", query, Interval) or Interval.DAY)
        since, until = parse_period(query)
        until = until or datetime.now(UTC)
        since = since or max(until, _FIRST + _HISTORY) - _HISTORY
        if not timedelta(0) < until - since <= interval.longest:
            longest = f"expected at most {interval.longest.days} days for each {interval}"
            problem = f"{longest}, and to after from, were {rfc3339(since)} to {rfc3339(until)}"
            raise InvalidRequest([{"field": "from", "message": problem}])
        changes = fills().changes(client(), since, until, interval)
        period = {"since": rfc3339(since), "until": rfc3339(until)}
        return json_response(
            200, {"market": market, **period, "interval": interval, "points": [_point(change) for change in changes]}
        )


def fill_view(fill: ClientFill) -> dict[str, Any]:
    return {
        "orderId": str(fill.order_id),
        "filledAt": rfc3339(fill.filled_at),
        "type": fill.type,
        "market": fill.market,
        "tokenIn": fill.token_in,
        "tokenOut": fill.token_out,
        **amounts("amountIn", fill.amount_in, fill.token_in),
        **amounts("amountOut", fill.amount_out, fill.token_out),
        "executedPrice": price(fill.amount_in, fill.token_in, fill.amount_out, fill.token_out),
        **costs_view(fill.costs),
        "venue": fill.venue,
        "txHash": fill.tx_hash,
        "clientOrderId": fill.client_order_id,
        "parentId": fill.parent_id and str(fill.parent_id),
    }


def as_csv(views: Sequence[Mapping[str, Any]]) -> str:
    """The columns of fills as RFC 4180 has them, with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(view[name]) for name in COLUMNS] for view in views)
    return text.getvalue()


def _cell(value: str | None) -> str:
    """A spreadsheet takes text that begins like a formula for one, and would run what a client has written."""
    text = value or ""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def _page(query: Mapping[str, str]) -> tuple[int, Selection]:
    known = ("limit", "cursor", "tokenPair", "from", "to", "format")
    if problems := unknown_parameters(query, known):
        raise InvalidRequest(problems)
    since, until = parse_period(query)
    selection = Selection(pair=parse_token_pair(query), since=since, until=until, beyond=parse_cursor(query))
    return parse_integer("limit", query.get("limit"), 1, 1_000, default=100), selection


def _point(change: Change) -> dict[str, str]:
    return {
        "at": rfc3339(change.at),
        "token": change.token,
        **amounts("change", change.change, change.token),
        **amounts("total", change.total, change.token),
    }
