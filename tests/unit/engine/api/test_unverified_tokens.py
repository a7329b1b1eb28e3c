"""Orders for tokens without a symbol: nobody has verified their mints."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from order_engine.api.order_forms import parse_changes, parse_order, parse_quote_request
from order_engine.domain.errors import InvalidOrder
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import Order
from order_engine.domain.terms import Limit
from order_engine.domain.timestamps import rfc3339
from order_engine.domain.tokens import Token, TokenSource, connect

MINT = "7GCihgDB8fe6KNjn2MYtkzZcRjQy3t9GHdC8uHYMW2hr"
OTHER = "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"
IN_AN_HOUR = rfc3339(datetime.now(UTC) + timedelta(hours=1))


class AnyMint(TokenSource):
    def stored(self, mint: str) -> Token:
        return Token(mint, 6)

    def listed(self, mint: str) -> Token:
        return Token(mint, 6)


@pytest.fixture(autouse=True)
def _mints() -> Iterator[None]:
    connect(AnyMint)
    yield
    connect()


def form(token_in: str, token_out: str, **more: Any) -> dict[str, Any]:
    return {"type": "market", "tokenIn": token_in, "tokenOut": token_out, "amountIn": "1", **more}


def refused(order: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidOrder) as refusal:
        parse_order(order)
    return [(problem["field"], problem["message"]) for problem in refusal.value.problems]


def problem(mint: str) -> str:
    return f"expected a token with a symbol, or allowUnverified: true, was '{mint}'"


@pytest.mark.parametrize(
    ("token_in", "token_out", "fields"),
    [
        ("SOL", MINT, {"tokenOut": MINT}),
        (MINT, "SOL", {"tokenIn": MINT}),
        (MINT, OTHER, {"tokenIn": MINT, "tokenOut": OTHER}),
    ],
)
@pytest.mark.parametrize("said", [{}, {"allowUnverified": False}, {"allowUnverified": None}])
def test_an_order_has_to_allow_a_token_that_nobody_has_verified(
    token_in: str, token_out: str, fields: dict[str, str], said: dict[str, Any]
) -> None:
    assert refused(form(token_in, token_out, **said)) == [(field, problem(mint)) for field, mint in fields.items()]
    order = parse_order(form(token_in, token_out, allowUnverified=True))
    assert (order.token_in, order.token_out) == (token_in, token_out)


@pytest.mark.parametrize(
    ("type", "terms"),
    [
        ("limit", {"limitPrice": "2"}),
        ("stop", {"stopPrice": "2"}),
        ("oco", {"limitPrice": "2", "stopPrice": "1"}),
        ("recurring", {"slices": 2, "intervalSeconds": 60}),
    ],
)
def test_so_do_orders_that_wait(type: str, terms: dict[str, Any]) -> None:
    order = {**form("SOL", MINT), "type": type, **terms}
    assert refused(order) == [("tokenOut", problem(MINT))]
    assert parse_order({**order, "allowUnverified": True}).token_out == MINT


def test_a_token_with_a_symbol_needs_no_word() -> None:
    assert parse_order(form("wSOL", "USDC")).token_in == "wSOL"
    assert parse_order(form("wSOL", "USDC", allowUnverified=True)).token_in == "wSOL"


def test_a_sniper_order_needs_no_word() -> None:
    order = form("SOL", MINT, type="sniper", minLiquidity="5", expiresAt=IN_AN_HOUR)
    assert parse_order(order).token_out == MINT


def test_a_quote_needs_no_word_and_knows_none() -> None:
    query = {"tokenIn": "SOL", "tokenOut": MINT, "amountIn": "1"}
    assert parse_quote_request(query).token_out == MINT
    with pytest.raises(InvalidOrder, match="allowUnverified"):
        parse_quote_request({**query, "allowUnverified": "true"})


def test_the_terms_of_an_order_that_was_allowed_are_replaced_without_it() -> None:
    status, now = Status.OPEN, datetime.now(UTC)
    order = Order(uuid7(), "limit", "SOL", MINT, 10**9, 50, status, 1, 1, now, now, terms=Limit(Decimal(2)))
    assert parse_changes({"limitPrice": "3"}, order).token_out == MINT


@pytest.mark.parametrize("value", ["true", 1, []])
def test_the_word_is_true_or_false(value: object) -> None:
    ((field, message),) = refused(form("SOL", "USDC", allowUnverified=value))
    assert (field, message.partition(",")[0]) == ("allowUnverified", "expected true or false")
