from __future__ import annotations

import base64
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from order_engine.api import cursors
from order_engine.api.requests import (
    parse_integer,
    parse_json,
    parse_order,
    parse_page,
    parse_quote_request,
    parse_uuid,
)
from order_engine.domain.errors import InvalidJson, InvalidOrder, InvalidRequest
from order_engine.domain.orders import OrderRequest

FULL: dict[str, Any] = {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5"}
SHORT: dict[str, Any] = {"type": "market", "tokenPair": "SOL-USDC", "amount": 10}


def parse(form: dict[str, Any]) -> OrderRequest:
    return parse_order(parse_json(json.dumps(form)))


def problems(form: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidOrder) as error:
        parse(form)
    return {problem["field"]: problem["message"] for problem in error.value.problems}


def test_a_full_request_is_parsed() -> None:
    order = parse({**FULL, "slippageBps": 100, "clientOrderId": "a-1", "userId": "user123"})
    assert order == OrderRequest("market", "SOL", "USDC", 1_500_000_000, 100, "a-1", "user123")


def test_an_order_may_name_a_quote() -> None:
    id = "01890a5d-ac96-774b-bcce-b302099a8057"
    assert parse({**FULL, "quoteId": id}) == OrderRequest("market", "SOL", "USDC", 1_500_000_000, quote_id=UUID(id))
    assert parse({**FULL, "quoteId": None}).quote_id is None


def test_wrapped_sol_is_accepted_as_a_token() -> None:
    assert parse({**FULL, "tokenIn": "wSOL"}) == OrderRequest("market", "wSOL", "USDC", 1_500_000_000)


@pytest.mark.parametrize(
    ("query", "slippage_bps"),
    [
        ({"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5"}, 50),
        ({"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5", "slippageBps": "0"}, 0),
        ({"tokenPair": "SOL-USDC", "amount": "1.5", "slippageBps": "10000"}, 10_000),
    ],
)
def test_a_quote_request_has_the_fields_of_an_order(query: dict[str, str], slippage_bps: int) -> None:
    assert parse_quote_request(query) == OrderRequest("market", "SOL", "USDC", 1_500_000_000, slippage_bps)


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"slippageBps": "10001"}, ["slippageBps"]),
        ({"slippageBps": "-1"}, ["slippageBps"]),
        ({"slippageBps": "٣"}, ["slippageBps"]),
        ({"slippageBps": "9" * 5000}, ["slippageBps"]),
        ({"slippageBps": ""}, ["slippageBps"]),
        ({"amountIn": "NaN"}, ["amountIn"]),
        ({"tokenIn": "USDC"}, ["tokenOut"]),
        ({"amount": "1"}, ["amount"]),
        ({"type": "limit"}, ["type"]),
        ({"userId": "u", "quoteId": "q"}, ["quoteId", "userId"]),
    ],
)
def test_a_bad_quote_request_is_refused_at_its_field(change: dict[str, str], fields: list[str]) -> None:
    with pytest.raises(InvalidOrder) as error:
        parse_quote_request({"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5", **change})
    assert [problem["field"] for problem in error.value.problems] == fields


def test_the_short_form_of_earlier_clients_is_parsed() -> None:
    assert parse(SHORT) == OrderRequest("market", "SOL", "USDC", 10_000_000_000, 50)


def test_an_amount_may_be_a_number_and_stays_exact() -> None:
    assert parse_order(parse_json('{"type":"market","tokenPair":"USDC-SOL","amount":0.1}')).amount_in == 100_000
    assert parse({**FULL, "amountIn": 1000}).amount_in == 1_000_000_000_000


@pytest.mark.parametrize(
    "amount", ["-1", "0", "NaN", "Infinity", "abc", "1.0000000001", "99999999999999", "", None, True]
)
@pytest.mark.parametrize(("form", "field"), [(FULL, "amountIn"), (SHORT, "amount")])
def test_a_bad_amount_is_reported_at_its_field(form: dict[str, Any], field: str, amount: object) -> None:
    found = problems({**form, field: amount})
    assert list(found) == [field]
    assert found[field].startswith("expected")
    assert "was" in found[field]


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"tokenOut": "SOL"}, "tokenOut", "expected another token than tokenIn, was 'SOL' too"),
        ({"tokenIn": "ETH"}, "tokenIn", "expected one of SOL, wSOL, USDC, USDT, RAY, BONK, JUP, mSOL, was 'ETH'"),
        ({"tokenIn": 5}, "tokenIn", "expected a string, was 5"),
        ({"slippageBps": -1}, "slippageBps", "expected an integer from 0 to 10000, was -1"),
        ({"slippageBps": 10001}, "slippageBps", "expected an integer from 0 to 10000, was 10001"),
        ({"slippageBps": "50"}, "slippageBps", 'expected an integer from 0 to 10000, was "50"'),
        ({"slippageBps": 0.5}, "slippageBps", "expected an integer from 0 to 10000, was"),
        ({"slippageBps": True}, "slippageBps", "expected an integer from 0 to 10000, was true"),
        ({"type": "limit"}, "type", "expected 'market', was \"limit\""),
        ({"surprise": 1}, "surprise", "expected no such field, was 1"),
        ({"clientOrderId": ""}, "clientOrderId", 'expected at least 1 character, was ""'),
        ({"clientOrderId": "x" * 256}, "clientOrderId", "expected at most 255 characters"),
        ({"userId": 7}, "userId", "expected a string, was 7"),
        (
            {"tokenOut": "wSOL"},
            "tokenOut",
            "expected a token to swap for, was 'wSOL': the same mint, wrapped or not",
        ),
        ({"quoteId": "7"}, "quoteId", 'expected a UUID like 01890a5d-ac96-774b-bcce-b302099a8057, was "7"'),
        ({"quoteId": 7}, "quoteId", "expected a UUID like 01890a5d-ac96-774b-bcce-b302099a8057, was 7"),
        ({"tokenPair": "SOL-USDC"}, "tokenPair", "expected either tokenPair or tokenIn and tokenOut, were both"),
        ({"amount": 1}, "amount", "expected either amount or amountIn, were both"),
    ],
)
def test_a_bad_field_says_what_was_expected_and_what_came(change: dict[str, Any], field: str, message: str) -> None:
    assert message in problems({**FULL, **change})[field]


@pytest.mark.parametrize("field", ["type", "tokenIn", "tokenOut", "amountIn"])
def test_a_missing_field_is_reported(field: str) -> None:
    assert problems({name: value for name, value in FULL.items() if name != field}) == {
        field: "expected a value, was missing"
    }


@pytest.mark.parametrize("pair", ["SOLUSDC", "SOL-USDC-RAY", "", 5, None, ["SOL", "USDC"]])
def test_a_malformed_pair_is_reported(pair: object) -> None:
    assert problems({**SHORT, "tokenPair": pair})["tokenPair"].startswith('expected a pair like "SOL-USDC", was')


@pytest.mark.parametrize(("pair", "message"), [("SOL-SOL", "another token"), ("ETH-SOL", "'ETH'"), ("-", "''")])
def test_bad_tokens_of_a_pair_are_reported_at_the_pair(pair: str, message: str) -> None:
    assert message in problems({**SHORT, "tokenPair": pair})["tokenPair"]


def test_every_problem_is_reported_at_once() -> None:
    assert set(problems({"type": "stop", "slippageBps": -5})) == {
        "type",
        "tokenIn",
        "tokenOut",
        "amountIn",
        "slippageBps",
    }


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        '"text"',
        "null",
        "5",
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": 1, "a": 2}',
        "[" * 100_000,
        "1" * 5000,
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused(body: str) -> None:
    with pytest.raises(InvalidJson, match=r"^expected a JSON object"):
        parse_json(body)


@pytest.mark.parametrize("value", ["", "nonsense", "0" * 36, "{01890a5d-ac96-774b-bcce-b302099a805}", None, 7])
def test_a_value_that_is_not_a_uuid_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest, match="orderId: expected a UUID"):
        parse_uuid("orderId", value)


@pytest.mark.parametrize("value", [0, 101, "0", "x", "-1", "1.5", "", True, None, "9" * 30, "٣"])
def test_an_integer_out_of_range_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest, match="limit: expected an integer from 1 to 100"):
        parse_integer("limit", value, 1, 100)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "abc",
        "not base64!",
        "ü" * 22,
        base64.urlsafe_b64encode(b"x" * 15).decode(),
        "A" * 200,
        pytest.param(str(uuid4()), id="an id"),
    ],
)
def test_a_cursor_of_another_origin_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor: expected the nextCursor of an earlier page, was"):
        parse_page({"cursor": cursor})


def test_an_encoded_cursor_is_decoded() -> None:
    id = uuid4()
    assert parse_page({"cursor": cursors.encode(id)}).before == id
