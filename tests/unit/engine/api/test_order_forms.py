"""Orders that wait, as clients ask for them and change them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.api.json_text import parse_json
from order_engine.api.order_forms import parse_changes, parse_order
from order_engine.domain.errors import InvalidOrder
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status
from order_engine.domain.money import U64_MAX
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.terms import Limit, Recurring, Sniper, Stop, Terms, Wait, Watch
from order_engine.domain.timestamps import rfc3339
from order_engine.domain.tokens import TOKENS

NOW = datetime.now(UTC)
SOON = rfc3339(NOW + timedelta(days=1))
LATER = rfc3339(NOW + timedelta(days=2))
PAST = rfc3339(NOW - timedelta(seconds=1))
FAR = rfc3339(NOW + timedelta(days=366))

SWAP = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5"}
FORMS: dict[str, dict[str, Any]] = {
    "limit": {"limitPrice": "180"},
    "stop": {"stopPrice": "170"},
    "oco": {"limitPrice": "200", "stopPrice": "170"},
    "recurring": {"slices": 10, "intervalSeconds": 60},
    "sniper": {"minLiquidity": "20", "expiresAt": SOON},
}
OWN_FIELDS = {
    "market": ["quoteId"],
    "limit": ["limitPrice", "minAmountOut", "expiresAt"],
    "stop": ["stopPrice", "limitPrice", "confirmTicks", "expiresAt"],
    "oco": ["limitPrice", "stopPrice", "stopLimitPrice", "confirmTicks", "expiresAt"],
    "recurring": ["slices", "intervalSeconds", "minPrice", "maxPrice", "startAt", "expiresAt"],
    "sniper": ["minLiquidity", "maxPrice", "allowFreezeAuthority", "allowExtensions", "expiresAt"],
}


def form(type: str, **change: Any) -> dict[str, Any]:
    """A valid order of the type, with these fields changed; without those that are `...`."""
    whole = {"type": type, **SWAP, **FORMS.get(type, {}), **change}
    return {name: value for name, value in whole.items() if value is not ...}


def parse(type: str, **change: Any) -> OrderRequest:
    return parse_order(parse_json(json.dumps(form(type, **change))))


def problems(type: str, **change: Any) -> dict[str, str]:
    with pytest.raises(InvalidOrder) as error:
        parse(type, **change)
    return {problem["field"]: problem["message"] for problem in error.value.problems}


def sol_to_usdc(type: str, terms: Terms, **more: Any) -> OrderRequest:
    return OrderRequest(type, "SOL", "USDC", 1_500_000_000, terms=terms, **more)


EXPIRY = datetime.fromisoformat(SOON)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (parse("limit"), sol_to_usdc("limit", Limit(Decimal(180)))),
        (parse("limit", limitPrice=180), sol_to_usdc("limit", Limit(Decimal(180)))),
        (parse("limit", limitPrice=..., minAmountOut="270"), sol_to_usdc("limit", Limit(None, 270_000_000))),
        (parse("limit", minAmountOut=None), sol_to_usdc("limit", Limit(Decimal(180)))),
        (parse("limit", expiresAt=SOON), sol_to_usdc("limit", Limit(Decimal(180)), expires_at=EXPIRY)),
        (parse("limit", expiresAt=None), sol_to_usdc("limit", Limit(Decimal(180)))),
        (parse("stop"), sol_to_usdc("stop", Stop(Decimal(170)))),
        (
            parse("stop", limitPrice="169.5", confirmTicks=2),
            sol_to_usdc("stop", Stop(Decimal(170), Decimal("169.5"), 2)),
        ),
        (parse("stop", limitPrice="170"), sol_to_usdc("stop", Stop(Decimal(170), Decimal(170)))),
        (parse("recurring"), sol_to_usdc("recurring", Recurring(10, 60))),
        (
            parse("recurring", minPrice="170", maxPrice="190", startAt=SOON, expiresAt=LATER),
            sol_to_usdc(
                "recurring",
                Recurring(10, 60, Decimal(170), Decimal(190)),
                start_at=EXPIRY,
                expires_at=datetime.fromisoformat(LATER),
            ),
        ),
        (parse("sniper"), sol_to_usdc("sniper", Sniper(20_000_000_000), expires_at=EXPIRY)),
        (
            parse("sniper", maxPrice="0.006", allowFreezeAuthority=True, allowExtensions=True),
            sol_to_usdc("sniper", Sniper(20_000_000_000, Decimal("0.006"), True, True), expires_at=EXPIRY),
        ),
    ],
)
def test_an_order_that_waits_is_parsed(request_: OrderRequest, expected: OrderRequest) -> None:
    assert request_ == expected


def test_a_pair_is_a_limit_order_with_a_stop_order() -> None:
    pair = parse("oco", stopLimitPrice="169", confirmTicks=2, clientOrderId="c-1", userId="u-1", expiresAt=SOON)
    stop = sol_to_usdc("stop", Stop(Decimal(170), Decimal(169), 2), user_id="u-1", expires_at=EXPIRY)
    limit = sol_to_usdc("limit", Limit(Decimal(200)), user_id="u-1", client_order_id="c-1", expires_at=EXPIRY)
    assert pair == replace(limit, linked=stop)


def test_the_short_form_takes_every_type() -> None:
    short = {"tokenIn": ..., "tokenOut": ..., "amountIn": ..., "tokenPair": "SOL-USDC", "amount": 1.5}
    for type in FORMS:
        assert parse(type, **short) == parse(type)


@pytest.mark.parametrize(
    ("type", "change", "field", "message"),
    [
        ("limit", {"limitPrice": ...}, "limitPrice", "expected either limitPrice or minAmountOut, was neither"),
        ("limit", {"minAmountOut": "1"}, "limitPrice", "expected either limitPrice or minAmountOut, were both"),
        ("limit", {"limitPrice": "0"}, "limitPrice", "expected a price above zero, was '0'"),
        ("limit", {"limitPrice": "-1"}, "limitPrice", "expected a positive decimal number like \"180.5\", was '-1'"),
        ("limit", {"limitPrice": True}, "limitPrice", 'expected a positive decimal number like "180.5", was true'),
        ("limit", {"limitPrice": [1]}, "limitPrice", 'expected a positive decimal number like "180.5", was [1]'),
        ("limit", {"limitPrice": "1" * 41}, "limitPrice", "expected a positive decimal number"),
        ("limit", {"limitPrice": "1" * 40}, "limitPrice", "expected a price at which 1.5 SOL are worth from 0.000001"),
        ("limit", {"limitPrice": ..., "minAmountOut": "0"}, "minAmountOut", "expected an amount above zero, was '0'"),
        ("limit", {"limitPrice": ..., "minAmountOut": "0.0000001"}, "minAmountOut", "expected at most 6 decimals"),
        ("limit", {"limitPrice": ..., "minAmountOut": False}, "minAmountOut", "expected a positive decimal number"),
        ("limit", {"expiresAt": PAST}, "expiresAt", "expected a time in the future, at most 365 days from now, was"),
        ("limit", {"expiresAt": FAR}, "expiresAt", "expected a time in the future, at most 365 days from now, was"),
        ("limit", {"expiresAt": "2099-01-01"}, "expiresAt", "expected a time with its offset like"),
        ("limit", {"expiresAt": "2099-01-01T00:00:00"}, "expiresAt", "expected a time with its offset like"),
        ("limit", {"expiresAt": "2099-13-01T00:00:00Z"}, "expiresAt", "expected a time with its offset like"),
        ("limit", {"expiresAt": "9999-12-31T23:59:59-23:59"}, "expiresAt", "expected a time with its offset like"),
        ("limit", {"expiresAt": 1_900_000_000}, "expiresAt", "expected a time with its offset like"),
        ("stop", {"stopPrice": ...}, "stopPrice", "expected a value, was missing"),
        ("stop", {"stopPrice": None}, "stopPrice", 'expected a positive decimal number like "180.5", was null'),
        ("stop", {"stopPrice": "0.0000000001"}, "stopPrice", "expected a price at which 1.5 SOL are worth from"),
        ("stop", {"limitPrice": "170.1"}, "limitPrice", "expected at most stopPrice, 170, was 170.1"),
        ("stop", {"confirmTicks": 0}, "confirmTicks", "expected an integer from 1 to 60, was 0"),
        ("stop", {"confirmTicks": 61}, "confirmTicks", "expected an integer from 1 to 60, was 61"),
        ("oco", {"stopPrice": "200"}, "stopPrice", "expected less than limitPrice, 200, was 200"),
        ("oco", {"stopLimitPrice": "171"}, "stopLimitPrice", "expected at most stopPrice, 170, was 171"),
        ("oco", {"limitPrice": ...}, "limitPrice", "expected a value, was missing"),
        ("recurring", {"slices": 1}, "slices", "expected an integer from 2 to 1000, was 1"),
        ("recurring", {"slices": 1001}, "slices", "expected an integer from 2 to 1000, was 1001"),
        ("recurring", {"amountIn": "0.000000009"}, "slices", "expected at most 9, one for each base unit of amountIn"),
        ("recurring", {"intervalSeconds": 0}, "intervalSeconds", "expected an integer from 1 to 31536000, was 0"),
        ("recurring", {"intervalSeconds": 0.5}, "intervalSeconds", "expected an integer from 1 to 31536000, was 0.5"),
        ("recurring", {"minPrice": "2", "maxPrice": "1"}, "minPrice", "expected at most maxPrice, 1, was 2"),
        ("recurring", {"startAt": PAST}, "startAt", "expected a time in the future"),
        ("recurring", {"startAt": LATER, "expiresAt": SOON}, "startAt", "expected a time before expiresAt, "),
        ("sniper", {"expiresAt": ...}, "expiresAt", "expected a value, was missing"),
        ("sniper", {"expiresAt": None}, "expiresAt", "expected a time with its offset like"),
        ("sniper", {"minLiquidity": ...}, "minLiquidity", "expected a value, was missing"),
        ("sniper", {"minLiquidity": "0"}, "minLiquidity", "expected an amount above zero, was '0'"),
        ("sniper", {"maxPrice": f"0.{'0' * 18}1"}, "maxPrice", "expected a price at which 1.5 SOL are worth from"),
        ("sniper", {"allowExtensions": "yes"}, "allowExtensions", 'expected true or false, was "yes"'),
        ("sniper", {"tokenOut": "x"}, "tokenOut", "expected one of SOL, wSOL, USDC"),
    ],
)
def test_a_bad_field_says_what_was_expected_and_what_came(
    type: str, change: dict[str, Any], field: str, message: str
) -> None:
    found = problems(type, **change)
    assert list(found) == [field]
    if change.get("limitPrice") != "1" * 40 and "worth" in message and type == "stop":
        assert found[field].endswith("was 0 USDC")
    assert message in found[field]
    assert ", was " in found[field] or ", were " in found[field]


@pytest.mark.parametrize(
    ("type", "field"),
    [
        (type, field)
        for type, own in OWN_FIELDS.items()
        for field in sorted({name for names in OWN_FIELDS.values() for name in names} - {*own})
    ],
)
def test_a_field_of_another_type_is_refused_by_name(type: str, field: str) -> None:
    assert problems(type, **{field: "1"}) == {field: f'expected no such field for a {type} order, was "1"'}


def test_every_problem_of_an_order_that_waits_is_reported_at_once() -> None:
    bad = problems(
        *("stop",), stopPrice="x", limitPrice=0, confirmTicks=99, expiresAt="soon", slices=2, slippageBps=-1, odd=1
    )
    assert {*bad} == {"stopPrice", "limitPrice", "confirmTicks", "expiresAt", "slices", "slippageBps", "odd"}
    bad = problems("oco", stopPrice="201", stopLimitPrice="202", amountIn="0", tokenOut="ETH", slippageBps=10_000)
    assert {*bad} == {"stopPrice", "stopLimitPrice", "amountIn", "tokenOut", "slippageBps"}


@given(
    amount_in=st.integers(1, U64_MAX),
    price=st.decimals("0.000000001", "1000000000", places=9).map(lambda price: price.normalize()),
)
def test_a_limit_is_the_least_amount_that_meets_the_price(amount_in: int, price: Decimal) -> None:
    """In whole USDC for one whole SOL: the amounts have 6 and 9 decimals."""
    watch = Limit(price).watch(amount_in, TOKENS["SOL"], TOKENS["USDC"])
    least = watch.limit_out
    assert watch == Watch(Wait.AT_LEAST, least, least)
    assert least is not None

    def meets(amount_out: int) -> bool:
        numerator, denominator = price.as_integer_ratio()
        return amount_out * 10**9 * denominator >= amount_in * 10**6 * numerator

    assert meets(least)
    assert not meets(least - 1)
    stop = Stop(price).watch(amount_in, TOKENS["SOL"], TOKENS["USDC"])
    assert stop.trigger_out is not None
    assert least - 1 <= stop.trigger_out <= least
    assert not meets(stop.trigger_out) or stop.trigger_out == least


@given(amount_in=st.integers(1, U64_MAX), price=st.decimals("0.000000001", "1000000000", places=9))
def test_a_price_per_bought_token_limits_what_is_paid(amount_in: int, price: Decimal) -> None:
    least = Sniper(1, price).watch(amount_in, TOKENS["SOL"], TOKENS["USDC"]).limit_out
    numerator, denominator = price.as_integer_ratio()
    assert least is not None
    assert least * 10**9 * numerator >= amount_in * 10**6 * denominator
    assert (least - 1) * 10**9 * numerator < amount_in * 10**6 * denominator


def stored(request: OrderRequest) -> Order:
    fields = {name: getattr(request, name) for name in ("type", "token_in", "token_out", "amount_in", "slippage_bps")}
    more = {name: getattr(request, name) for name in ("client_order_id", "user_id", "terms", "expires_at")}
    return Order(uuid7(), **fields, status=Status.OPEN, attempt=1, seq=1, created_at=NOW, updated_at=NOW, **more)


def changed(type: str, changes: dict[str, Any], **own: Any) -> OrderRequest:
    return parse_changes(parse_json(json.dumps(changes)), stored(parse(type, **own)))


@pytest.mark.parametrize(
    ("type", "own", "changes", "expected"),
    [
        ("limit", {}, {"limitPrice": "181"}, {"limitPrice": "181"}),
        ("limit", {}, {"minAmountOut": "300"}, {"limitPrice": ..., "minAmountOut": "300"}),
        ("limit", {"limitPrice": ..., "minAmountOut": "300"}, {"limitPrice": "7"}, {"limitPrice": "7"}),
        ("limit", {}, {"amountIn": 2}, {"amountIn": "2"}),
        ("limit", {"expiresAt": SOON}, {"expiresAt": None}, {}),
        ("limit", {"slippageBps": 10_000, "allowAnySlippage": True}, {"expiresAt": LATER}, {"expiresAt": LATER}),
        ("stop", {"limitPrice": "160"}, {"stopPrice": "165"}, {"stopPrice": "165", "limitPrice": "160"}),
        ("stop", {"limitPrice": "160"}, {"limitPrice": None}, {}),
        ("recurring", {"minPrice": "1", "maxPrice": "9"}, {"minPrice": None, "maxPrice": "8"}, {"maxPrice": "8"}),
        ("sniper", {}, {"maxPrice": "0.1", "minLiquidity": "1"}, {"maxPrice": "0.1", "minLiquidity": "1"}),
    ],
)
def test_changes_replace_only_what_they_name(
    type: str, own: dict[str, Any], changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    kept = {name: own[name] for name in ("slippageBps", "allowAnySlippage") if name in own}
    assert changed(type, changes, **own) == parse(type, **kept, **expected)


def test_a_stop_is_reached_no_more_once_its_price_is_replaced() -> None:
    order = stored(parse("stop", limitPrice="160"))
    reached = order._replace(terms=Stop(Decimal(170), Decimal(160), 1, reached=True))
    assert parse_changes({"limitPrice": "150"}, reached).terms == Stop(Decimal(170), Decimal(150), 1, reached=True)
    assert parse_changes({"stopPrice": "165"}, reached).terms == Stop(Decimal(165), Decimal(160), 1, reached=False)


@pytest.mark.parametrize(
    ("type", "changes", "field", "message"),
    [
        ("limit", {}, "body", "expected at least one of amountIn, limitPrice, minAmountOut, expiresAt, was none"),
        ("limit", {"stopPrice": "1"}, "stopPrice", "expected one of amountIn, limitPrice, minAmountOut, expiresAt for"),
        ("limit", {"limitPrice": None}, "limitPrice", "expected either limitPrice or minAmountOut, was neither"),
        ("limit", {"limitPrice": "1", "minAmountOut": "1"}, "limitPrice", "were both"),
        ("limit", {"amountIn": None}, "amountIn", 'expected a positive decimal number like "1.5", was null'),
        ("limit", {"expiresAt": PAST}, "expiresAt", "expected a time in the future"),
        ("limit", {"slippageBps": 1}, "slippageBps", "expected one of amountIn, limitPrice"),
        ("stop", {"stopPrice": None}, "stopPrice", "was null"),
        ("stop", {"limitPrice": "171"}, "limitPrice", "expected at most stopPrice, 170, was 171"),
        ("recurring", {"amountIn": "2"}, "amountIn", "expected one of minPrice, maxPrice, expiresAt for a recurring"),
        ("sniper", {"expiresAt": None}, "expiresAt", "expected a time with its offset"),
    ],
)
def test_a_bad_change_says_what_was_expected(type: str, changes: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(InvalidOrder) as refused:
        changed(type, changes)
    (problem,) = refused.value.problems
    assert problem["field"] == field
    assert message in problem["message"]
