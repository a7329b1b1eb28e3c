from __future__ import annotations

import base64
import json
import re
from typing import Any
from uuid import UUID, uuid4

import pytest

from order_engine.api import cursors
from order_engine.api.errors import error_view
from order_engine.api.json_text import parse_json
from order_engine.api.order_forms import parse_order, parse_quote_request
from order_engine.api.requests import check_query, parse_integer, parse_page, parse_query, parse_uuid
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


def test_an_order_takes_any_slippage_only_if_it_says_so() -> None:
    assert parse({**FULL, "slippageBps": 10_000, "allowAnySlippage": True}).slippage_bps == 10_000
    assert parse({**FULL, "slippageBps": 9_999}).slippage_bps == 9_999


def test_an_order_may_move_the_price_by_five_per_cent_unless_it_says_otherwise() -> None:
    assert parse(FULL).max_price_impact_bps == 500
    assert parse({**FULL, "maxPriceImpactBps": 0}).max_price_impact_bps == 0
    assert parse({**FULL, "maxPriceImpactBps": 10_000}).max_price_impact_bps == 10_000


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
        (
            {"slippageBps": 10000},
            "slippageBps",
            "expected at most 9999, or allowAnySlippage: true to be paid any amount",
        ),
        ({"slippageBps": 10000, "allowAnySlippage": False}, "slippageBps", "expected at most 9999"),
        ({"allowAnySlippage": 1}, "allowAnySlippage", "expected true or false, was 1"),
        ({"allowAnySlippage": "true"}, "allowAnySlippage", 'expected true or false, was "true"'),
        ({"maxPriceImpactBps": 10001}, "maxPriceImpactBps", "expected an integer from 0 to 10000, was 10001"),
        ({"type": "twap"}, "type", 'expected one of market, limit, stop, oco, recurring, sniper, was "twap"'),
        ({"limitPrice": "180"}, "limitPrice", 'expected no such field for a market order, was "180"'),
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
    assert set(problems({"type": "twap", "slippageBps": -5, "limitPrice": "1"})) == {
        "type",
        "tokenIn",
        "tokenOut",
        "amountIn",
        "slippageBps",
    }


BODIES = {
    "nothing": ("", "was nothing"),
    "half an object": ("{", "was JSON that ends too early"),
    "a word": ('{"a": much}', 'was text that is not JSON from line 1, column 7: "much}"'),
    "single quotes": ("{'a': 1}", "was text that is not JSON from line 1, column 2"),
    "two objects": ("{}\n {}", 'was text that is not JSON from line 2, column 2: "{}"'),
    "a byte order mark": ("\ufeff{}", "was one after a byte order mark"),
    "a list": ("[]", "was []"),
    "text": ('"text"', 'was "text"'),
    "null": ("null", "was null"),
    "an integer": ("5", "was 5"),
    "a long integer": ("1" * 5000, "was 1111111111"),
    "a fraction": ("0.5", "was 0.5"),
    "NaN": ('{"a": NaN}', "but NaN is not a JSON number"),
    "infinity": ('{"a": Infinity}', "but Infinity is not a JSON number"),
    "a key twice": ('{"a": 1, "a": 2}', "but one object has the same key twice"),
    "a huge exponent": (f'{{"a": 1e{10**30}}}', "was one with a number of too many digits, 1e1000"),
    "endless nesting": ("[" * 100_000, "nested at most 20 levels deep, was a deeper one"),
    "deep nesting": ('{"a":' * 21 + "1" + "}" * 21, "nested at most 20 levels deep, was a deeper one"),
    "half a character": (r'{"a": "\uD83D"}', "was one with half of a surrogate pair, which is not a character"),
    "half a character as a name": (r'{"\udc00": 1}', "was one with half of a surrogate pair"),
    "half a character, not escaped": ('{"a": "\ud83d"}', "was one with half of a surrogate pair"),
    "a control character": ('{"a": "\n"}', "was text that is not JSON from line 1, column 8"),
}

PYTHONS_WORDS = re.compile(
    "surrogate[^ ]* not allowed|codec|recursion|utf-8-sig|limit|char [0-9]|Expecting|delimiter|Decimal|None|True"
)


@pytest.mark.parametrize(("body", "message"), BODIES.values(), ids=BODIES)
def test_a_body_that_is_not_a_json_object_is_refused_in_the_engines_words(body: str, message: str) -> None:
    with pytest.raises(InvalidJson, match=r"^expected a JSON object") as refused:
        parse_json(body)
    assert message in str(refused.value)
    assert not PYTHONS_WORDS.search(str(refused.value))
    json.dumps(error_view(refused.value), ensure_ascii=False).encode()


def test_a_whole_surrogate_pair_and_moderate_nesting_are_accepted() -> None:
    assert parse_json(r'{"a": "\ud83d\ude00"}') == {"a": "😀"}
    assert parse_json(r'{"a": "\\ud83d"}') == {"a": r"\ud83d"}
    assert parse_json('{"a":' * 20 + "1" + "}" * 20)


@pytest.mark.parametrize("written", ["50", "50.0", "5e1", "5E+1", "500e-1", "50.000"])
@pytest.mark.parametrize("field", ["slippageBps", "maxPriceImpactBps"])
def test_an_integer_may_be_written_as_a_decimal(field: str, written: str) -> None:
    form = json.dumps({**FULL, field: "?"}).replace('"?"', written)
    assert parse_order(parse_json(form)) == parse({**FULL, field: 50})
    assert (
        parse_quote_request({"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1", field: written}).slippage_bps == 50
    )
    after = parse_json(f'{{"after": {written}}}')["after"]
    assert parse_integer("after", after, 0, 100) == parse_integer("limit", written, 0, 100) == 50


@pytest.mark.parametrize("written", ["50.5", "1e-1", "1e4000", "0e4000", "1e39", "9" * 5000, f"0.{'0' * 500}1"])
def test_a_number_that_is_not_an_integer_in_range_is_refused_as_it_came(written: str) -> None:
    form = parse_json(json.dumps({**FULL, "slippageBps": "?"}).replace('"?"', written))
    with pytest.raises(InvalidOrder) as refused:
        parse_order(form)
    (problem,) = refused.value.problems
    assert re.fullmatch(r"expected an integer from 0 to 10000, was [0-9.E+-]{3,57}…?", problem["message"])
    with pytest.raises(InvalidRequest, match="after: expected an integer from 0 to 100, was [0-9.E+-]+…?$"):
        parse_integer("after", form["slippageBps"], 0, 100)


@pytest.mark.parametrize(
    "field", ["slippageBps", "allowAnySlippage", "maxPriceImpactBps", "clientOrderId", "userId", "quoteId"]
)
def test_null_means_that_an_optional_field_is_absent(field: str) -> None:
    assert parse({**FULL, field: None}) == parse(FULL)


def test_half_a_character_in_a_parameter_is_shown_without_harm() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_integer("limit", "\ud83d", 1, 100)
    assert json.dumps(error_view(refused.value), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "nonsense",
        "0" * 36,
        "{01890a5d-ac96-774b-bcce-b302099a805}",
        "01890a5dac96-774b-bcce-b302-099a8057",
        "01890a5d-ac96-774b-bcce-b302099a80٥٧",
        "0_890a5d-ac96-774b-bcce-b302099a8057",
        None,
        7,
    ],
)
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


KNOWN = "limit, status, cursor, type, tokenPair, from, to, clientOrderId, parentId"


def test_an_unknown_parameter_of_a_page_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_page({"stauts": "failed", "limit": "5", "Cursor": "a"})
    assert refused.value.problems == [
        {"field": name, "message": f"expected one of {KNOWN}, was {name!r}"} for name in ("Cursor", "stauts")
    ]


def test_a_query_has_only_known_parameters_and_each_once() -> None:
    once = {"queryStringParameters": {"orderId": "b"}, "multiValueQueryStringParameters": {"orderId": ["b"]}}
    check_query(once, "orderId")
    check_query({"queryStringParameters": None})
    with pytest.raises(InvalidRequest) as unknown:
        check_query(once)
    assert unknown.value.problems == [{"field": "orderId", "message": "expected no query parameters, was 'orderId'"}]
    twice = once | {"multiValueQueryStringParameters": {"orderId": ["a", "b"]}}
    with pytest.raises(InvalidRequest) as repeated:
        parse_query(twice)
    assert repeated.value.problems == [{"field": "orderId", "message": "expected one value, were 2"}]


def test_an_encoded_cursor_is_decoded() -> None:
    id = uuid4()
    assert parse_page({"cursor": cursors.encode(id)}).selection.beyond == id
