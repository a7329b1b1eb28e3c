"""Invalid orders are refused with what was expected and what came, on both transports, and store nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.client import ORDER, Answer, Client, Json, client
from tests.support.market import Market
from tests.support.stack import Stack

MISSING = object()
POSITIVE = 'expected a positive decimal number like "1.5"'
OVER_U64 = "expected at most 18446744073.709551615 SOL"
PERCENT = "expected an integer from 0 to 10000"
TOKENS = "expected one of SOL, wSOL, USDC, USDT, RAY, BONK, JUP, mSOL"
TEXT = "expected a string"
WITHOUT_NUL = "expected text without NUL characters"


def form(**changes: Any) -> str:
    """Returns a changed valid order as JSON, with NaN and infinities as in JavaScript."""
    return json.dumps({name: value for name, value in {**ORDER, **changes}.items() if value is not MISSING})


def raw(field: str, number: str) -> str:
    """Returns a valid order with a number as it is written."""
    return form(**{field: "?"}).replace('"?"', number)


def short(**changes: Any) -> str:
    order = {"type": "market", "tokenPair": "SOL-USDC", "amount": "0.01", **changes}
    return json.dumps({name: value for name, value in order.items() if value is not MISSING})


BAD_ORDERS: dict[str, tuple[str, str, str, str]] = {
    # name: form, field, expected, was
    "a negative amount": (form(amountIn="-1"), "amountIn", POSITIVE, "was '-1'"),
    "a negative number": (form(amountIn=-1), "amountIn", POSITIVE, "was '-1'"),
    "a negative fraction": (form(amountIn=-0.5), "amountIn", POSITIVE, "was '-0.5'"),
    "zero": (form(amountIn="0"), "amountIn", "expected an amount above zero", "was '0'"),
    "zero as a number": (form(amountIn=0), "amountIn", "expected an amount above zero", "was '0'"),
    "zero with decimals": (form(amountIn="0.000"), "amountIn", "expected an amount above zero", "was '0.000'"),
    "NaN as text": (form(amountIn="NaN"), "amountIn", POSITIVE, "was 'NaN'"),
    "infinity as text": (form(amountIn="Infinity"), "amountIn", POSITIVE, "was 'Infinity'"),
    "minus infinity as text": (form(amountIn="-inf"), "amountIn", POSITIVE, "was '-inf'"),
    "a word": (form(amountIn="much"), "amountIn", POSITIVE, "was 'much'"),
    "empty text": (form(amountIn=""), "amountIn", POSITIVE, "was ''"),
    "text around the amount": (form(amountIn=" 1"), "amountIn", POSITIVE, "was ' 1'"),
    "a line break after it": (form(amountIn="1\n"), "amountIn", POSITIVE, "was '1"),
    "a plus sign": (form(amountIn="+1"), "amountIn", POSITIVE, "was '+1'"),
    "scientific notation": (form(amountIn="1e3"), "amountIn", POSITIVE, "was '1e3'"),
    "thousands separators": (form(amountIn="1,000"), "amountIn", POSITIVE, "was '1,000'"),
    "underscores": (form(amountIn="1_000"), "amountIn", POSITIVE, "was '1_000'"),
    "hexadecimal": (form(amountIn="0x10"), "amountIn", POSITIVE, "was '0x10'"),
    "another script's digits": (form(amountIn="١"), "amountIn", POSITIVE, "was '١'"),
    "no integral part": (form(amountIn=".5"), "amountIn", POSITIVE, "was '.5'"),
    "no decimals after the point": (form(amountIn="5."), "amountIn", POSITIVE, "was '5.'"),
    "null": (form(amountIn=None), "amountIn", POSITIVE, "was null"),
    "true": (form(amountIn=True), "amountIn", POSITIVE, "was true"),
    "a list": (form(amountIn=["1"]), "amountIn", POSITIVE, 'was ["1"]'),
    "an object": (form(amountIn={"sol": 1}), "amountIn", POSITIVE, 'was {"sol": 1}'),
    "no amount": (form(amountIn=MISSING), "amountIn", "expected a value", "was missing"),
    "more decimals than the token has": (
        form(amountIn="0.0000000001"),
        "amountIn",
        "expected at most 9 decimals for SOL",
        "was '0.0000000001'",
    ),
    "more decimals than the other token has": (
        form(tokenIn="USDC", tokenOut="SOL", amountIn="0.0000001"),
        "amountIn",
        "expected at most 6 decimals for USDC",
        "was '0.0000001'",
    ),
    "one base unit beyond u64": (form(amountIn="18446744073.709551616"), "amountIn", OVER_U64, "was '1844"),
    "far beyond u64": (form(amountIn="9" * 300), "amountIn", OVER_U64, "was '999"),
    "a number far beyond u64": (form(amountIn=10**40), "amountIn", OVER_U64, "was '1000"),
    "a number beyond all measure": (raw("amountIn", "1e400"), "amountIn", POSITIVE, "was '1E+400'"),
    "a number of too many digits": (raw("amountIn", "9" * 5_000), "amountIn", OVER_U64, "was '999"),
    "a number next to nothing": (raw("amountIn", "1e-400"), "amountIn", POSITIVE, "was '1E-400'"),
    "the same token in and out": (
        form(tokenOut="SOL"),
        "tokenOut",
        "expected another token than tokenIn",
        "was 'SOL' too",
    ),
    "an unknown token in": (form(tokenIn="DOGE"), "tokenIn", TOKENS, "was 'DOGE'"),
    "an unknown token out": (form(tokenOut="DOGE"), "tokenOut", TOKENS, "was 'DOGE'"),
    "a token in lower case": (form(tokenIn="sol"), "tokenIn", TOKENS, "was 'sol'"),
    "an empty token": (form(tokenOut=""), "tokenOut", TOKENS, "was ''"),
    "a token that is no text": (form(tokenIn=7), "tokenIn", TEXT, "was 7"),
    "no token": (form(tokenOut=MISSING), "tokenOut", "expected a value", "was missing"),
    "a pair without a dash": (short(tokenPair="SOLUSDC"), "tokenPair", 'expected a pair like "SOL-USDC"', '"SOLUSDC"'),
    "a pair of three": (short(tokenPair="SOL-USDC-RAY"), "tokenPair", 'expected a pair like "SOL-USDC"', "-RAY"),
    "an empty pair": (short(tokenPair=""), "tokenPair", 'expected a pair like "SOL-USDC"', 'was ""'),
    "a pair that is no text": (short(tokenPair=["SOL", "USDC"]), "tokenPair", "expected a pair like", "was ["),
    "half a pair": (short(tokenPair="SOL-"), "tokenPair", TOKENS, "was ''"),
    "a pair with an unknown token": (short(tokenPair="SOL-DOGE"), "tokenPair", TOKENS, "was 'DOGE'"),
    "a pair of one token twice": (short(tokenPair="SOL-SOL"), "tokenPair", "expected another token", "was 'SOL' too"),
    "a bad amount in the short form": (short(amount="-1"), "amount", POSITIVE, "was '-1'"),
    "no amount in the short form": (short(amount=MISSING), "amountIn", "expected a value", "was missing"),
    "both forms of the amount": (form(amount="1"), "amount", "expected either amount or amountIn", "were both"),
    "both forms of the pair": (form(tokenPair="SOL-USDC"), "tokenPair", "expected either tokenPair or", "were both"),
    "slippage below 0": (form(slippageBps=-1), "slippageBps", PERCENT, "was -1"),
    "slippage above 10000": (form(slippageBps=10_001), "slippageBps", PERCENT, "was 10001"),
    "slippage as text": (form(slippageBps="50"), "slippageBps", PERCENT, 'was "50"'),
    "slippage as a fraction": (form(slippageBps=0.5), "slippageBps", PERCENT, "was "),
    "slippage as a truth": (form(slippageBps=True), "slippageBps", PERCENT, "was true"),
    "slippage as a large fraction": (raw("slippageBps", "1e3000"), "slippageBps", PERCENT, "was 1E+3000"),
    "slippage of too many digits": (raw("slippageBps", "9" * 5_000), "slippageBps", PERCENT, "was 9999"),
    "a type that there is not": (form(type="buy"), "type", "expected one of market, limit, stop", 'was "buy"'),
    "no type": (form(type=MISSING), "type", "expected a value", "was missing"),
    "an unknown field": (form(tokenin="SOL"), "tokenin", "expected no such field", 'was "SOL"'),
    "a field of the engine's own": (form(status="confirmed"), "status", "expected no such field", 'was "confirmed"'),
    "a field by its inner name": (form(token_in="RAY"), "token_in", "expected no such field", 'was "RAY"'),
    "an empty clientOrderId": (form(clientOrderId=""), "clientOrderId", "expected at least 1 character", 'was ""'),
    "a long clientOrderId": (form(clientOrderId="x" * 256), "clientOrderId", "expected at most 255 char", 'was "xxx'),
    "a clientOrderId that is no text": (form(clientOrderId=7), "clientOrderId", TEXT, "was 7"),
    "a clientOrderId with NUL": (form(clientOrderId="a\0b"), "clientOrderId", WITHOUT_NUL, r'was "a\u0000b"'),
    "an empty userId": (form(userId=""), "userId", "expected at least 1 character", 'was ""'),
    "a long userId": (form(userId="x" * 129), "userId", "expected at most 128 characters", 'was "xxx'),
    "a userId with NUL": (form(userId="\0"), "userId", WITHOUT_NUL, r'was "\u0000"'),
}


async def over_rest(at: Client, text: str) -> Json:
    answer = await post(at, text)
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/json"
    error: Json = answer.body["error"]
    return error


async def over_the_socket(at: Client, text: str) -> Json:
    async with at.connected() as socket:
        await socket.send_text('{"action": "execute", ' + text.removeprefix("{"))
        error: Json = (await socket.receive())["error"]
        # The socket is still open.
        assert await socket.drained() == []
    return error


async def post(at: Client, text: str | bytes, content_type: str = "application/json") -> Answer:
    return await at.request("POST", "/api/orders/execute", data=text, headers={"Content-Type": content_type})


@pytest.mark.parametrize("submit", [over_rest, over_the_socket])
@pytest.mark.parametrize(("text", "field", "expected", "was"), BAD_ORDERS.values(), ids=BAD_ORDERS)
async def test_an_invalid_order_is_refused_with_the_field(
    stack: Stack, market: Market, submit: Any, text: str, field: str, expected: str, was: str
) -> None:
    before = market.orders()

    async with client(stack) as at:
        error = await submit(at, text)

    assert error["code"] == "InvalidOrder"
    assert [detail["field"] for detail in error["details"]] == [field]
    (detail,) = error["details"]
    assert expected in detail["message"]
    assert was in detail["message"]
    assert error["message"] == f"{field}: {detail['message']}"
    assert market.orders() == before


NOT_JSON: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "expected a JSON object"),
    "half an object": ('{"type": "market"', "expected a JSON object"),
    "two objects": ("{}{}", "expected a JSON object"),
    "a form": ("type=market&amount=1", "expected a JSON object"),
    "single quotes": ("{'type': 'market'}", "expected a JSON object"),
    "NaN": (form(amountIn=float("nan")), "NaN is not a JSON number"),
    "infinity": (form(amountIn=float("inf")), "Infinity is not a JSON number"),
    "minus infinity": (form(amountIn=float("-inf")), "-Infinity is not a JSON number"),
    "a key that stands twice": ('{"type": "market", "type": "limit"}', "one object has the same key twice"),
    "a list": (f"[{form()}]", "expected a JSON object, was [{"),
    "text": ('"market"', 'expected a JSON object, was "market"'),
    "null": ("null", "expected a JSON object, was null"),
    "a byte order mark": ("\ufeff" + form(), "expected a JSON object, was one after a byte order mark"),
    "an exponent beyond all measure": (raw("amountIn", f"1e{10**30}"), "was one with a number of too many digits"),
    "nesting that could be read": (form(userId=json.loads("[" * 500 + "]" * 500)), "nested at most 20 levels deep"),
    "deep nesting": ('{"a":' * 6_000, "expected a JSON object"),
    "half a character": (form(clientOrderId="\ud83d"), "half of a surrogate pair"),
    "half a character for a name": (form(**{"\ud83d": 1}), "half of a surrogate pair"),
    "no UTF-8": (b'{"type": "\xff"}', "expected a JSON object"),
}


@pytest.mark.parametrize(("body", "expected"), NOT_JSON.values(), ids=NOT_JSON)
async def test_a_body_that_is_not_a_json_object_is_refused(
    stack: Stack, market: Market, body: str | bytes, expected: str
) -> None:
    before = market.orders()

    async with client(stack) as at:
        answer = await post(at, body)

    assert answer.status == 400
    assert answer.body["error"]["code"] == "InvalidJson"
    assert expected in answer.body["error"]["message"]
    assert market.orders() == before


async def test_every_problem_of_an_order_is_named_at_once(stack: Stack) -> None:
    async with client(stack) as at:
        error = await over_rest(at, form(tokenIn="DOGE", tokenOut="CAT", amountIn=None))

    assert [detail["field"] for detail in error["details"]] == ["tokenIn", "tokenOut", "amountIn"]


async def test_a_body_over_32_kib_is_refused(stack: Stack, market: Market) -> None:
    before = market.orders()

    async with client(stack) as at:
        largest = await post(at, form().ljust(32 * 1024))
        larger = await post(at, form().ljust(32 * 1024 + 1))
        in_bytes = await post(at, form(clientOrderId="é" * 17_000).replace("\\u00e9", "é"))
        await at.ended(largest.body["orderId"])

    assert [larger.status, in_bytes.status] == [413, 413]
    assert larger.body["error"] == {
        "code": "PayloadTooLarge",
        "message": "expected at most 32768 bytes, was 32769",
        "details": [],
    }
    assert market.orders() == before + 1


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
async def test_another_content_type_is_refused(stack: Stack, market: Market, content_type: str) -> None:
    before = market.orders()

    async with client(stack) as at:
        answer = await post(at, form(), content_type)

    assert answer.status == 415
    assert answer.body["error"]["code"] == "UnsupportedMediaType"
    assert answer.body["error"]["message"].startswith("expected Content-Type: application/json, was ")
    assert market.orders() == before


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
async def test_json_may_be_declared_in_any_way_that_http_allows(stack: Stack, content_type: str) -> None:
    async with client(stack) as at:
        answer = await post(at, form(), content_type)
        await at.ended(answer.body["orderId"])

    assert answer.status == 202


@pytest.mark.parametrize("order_id", ["1", "not-a-uuid", "01890a5dac96774bbcceb302099a8057", "x" * 36, "%00", "a%2Fb"])
async def test_an_id_that_is_not_a_uuid_is_refused(stack: Stack, order_id: str) -> None:
    async with client(stack) as at:
        answer = await at.request("GET", f"/api/orders/{order_id}")

    assert answer.status == 400
    assert answer.body["error"]["code"] == "InvalidRequest"
    (detail,) = answer.body["error"]["details"]
    assert detail["field"] == "orderId"
    assert detail["message"].startswith("expected a UUID like 01890a5d-ac96-774b-bcce-b302099a8057, was ")


async def test_an_unknown_id_is_not_found(stack: Stack) -> None:
    async with client(stack) as at:
        answer = await at.request("GET", "/api/orders/01890a5d-ac96-774b-bcce-b302099a8057")

    assert answer.status == 404
    assert answer.body["error"]["code"] == "OrderNotFound"
    assert "01890a5d-ac96-774b-bcce-b302099a8057" in answer.body["error"]["message"]
