from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.api.views import amounts
from order_engine.domain.money import BPS, U64_MAX, format_amount, format_price, parse_amount, shares_bps
from order_engine.domain.tokens import TOKENS, Token, pool_token, token

SOL, USDC, BONK = TOKENS["SOL"], TOKENS["USDC"], TOKENS["BONK"]
tokens = st.sampled_from(list(TOKENS.values()))


@pytest.mark.parametrize(
    ("value", "of", "units"),
    [
        ("1.5", SOL, 1_500_000_000),
        ("0.000000001", SOL, 1),
        ("1", USDC, 1_000_000),
        ("007.50", USDC, 7_500_000),
        (10, SOL, 10_000_000_000),
        (Decimal("0.1"), USDC, 100_000),
        (Decimal("1E+2"), USDC, 100_000_000),
        ("1.500000000000000", USDC, 1_500_000),
        ("18446744073709.551615", USDC, U64_MAX),
    ],
)
def test_an_amount_is_parsed_to_base_units(value: str | int | Decimal, of: Token, units: int) -> None:
    assert parse_amount(value, of) == units


@pytest.mark.parametrize(
    ("value", "of", "message"),
    [
        ("-1", SOL, "expected a positive decimal number"),
        (-1, SOL, "expected a positive decimal number"),
        ("0", SOL, "expected an amount above zero, was '0'"),
        ("0.000", SOL, "expected an amount above zero"),
        ("NaN", SOL, "expected a positive decimal number"),
        ("Infinity", SOL, "expected a positive decimal number"),
        (Decimal("NaN"), SOL, "expected a positive decimal number"),
        (Decimal("1E+999999"), SOL, "expected a positive decimal number"),
        ("1e5", SOL, "expected a positive decimal number"),
        ("1.", SOL, "expected a positive decimal number"),
        (".5", SOL, "expected a positive decimal number"),
        ("", SOL, "was ''"),
        (" 1", SOL, "expected a positive decimal number"),
        ("1_000", SOL, "expected a positive decimal number"),
        ("١", SOL, "expected a positive decimal number"),
        ("abc", SOL, "was 'abc'"),
        ("0.0000001", USDC, "expected at most 6 decimals for USDC, was '0.0000001'"),
        ("0.000001", BONK, "expected at most 5 decimals for BONK"),
        ("18446744073709.551616", USDC, "expected at most 18446744073709.551615 USDC"),
        ("9" * 500, USDC, "expected at most 18446744073709.551615 USDC"),
    ],
)
def test_a_bad_amount_says_what_was_expected(value: str | int | Decimal, of: Token, message: str) -> None:
    with pytest.raises(ValueError, match=r"^expected") as error:
        parse_amount(value, of)
    assert message in str(error.value)
    assert len(str(error.value)) < 150


@given(st.integers(1, U64_MAX), tokens)
def test_a_formatted_amount_is_parsed_to_the_same_base_units(units: int, of: Token) -> None:
    assert parse_amount(format_amount(units, of), of) == units


@given(st.integers(1, U64_MAX), st.integers(0, U64_MAX), tokens, tokens)
def test_a_price_is_exact_to_twelve_significant_digits(amount_in: int, amount_out: int, a: Token, b: Token) -> None:
    exact = Fraction(amount_out * 10**a.decimals, amount_in * 10**b.decimals)
    shown = format_price(amount_in, a, amount_out, b)
    assert exact * (1 - Fraction(1, 10**11)) <= Fraction(shown) <= exact
    assert re.fullmatch(r"[0-9]+(\.[0-9]*[1-9])?", shown)


@pytest.mark.parametrize(
    ("amount_in", "a", "amount_out", "b", "price"),
    [
        (1_500_000_000, SOL, 255_000_000, USDC, "170"),
        (100_000_000_000, BONK, 19_946_912, USDC, "0.000019946912"),
        (7, BONK, 1, USDC, "0.0142857142857"),
        (U64_MAX, SOL, 1, USDC, "0.0000000000000000542101086242"),
        (3, USDC, U64_MAX, BONK, "61489146912300000000"),
        (1, SOL, 0, USDC, "0"),
    ],
)
def test_a_price_keeps_its_digits_whatever_the_tokens_decimals(
    amount_in: int, a: Token, amount_out: int, b: Token, price: str
) -> None:
    assert format_price(amount_in, a, amount_out, b) == price


@given(st.integers(0, U64_MAX), tokens)
def test_an_amount_is_shown_as_a_decimal_and_in_base_units(units: int, of: Token) -> None:
    shown = amounts("minOut", units, of.symbol)
    assert shown == {"minOut": format_amount(units, of), "minOutBaseUnits": str(units)}
    assert Decimal(shown["minOut"]).scaleb(of.decimals) == units


@pytest.mark.parametrize("symbol", TOKENS)
def test_only_sol_is_traded_under_another_name(symbol: str) -> None:
    """Wrapped SOL has SOL's pools."""
    assert pool_token(symbol) == ("SOL" if symbol == "wSOL" else symbol)


def test_an_unknown_token_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="expected one of SOL, wSOL, USDC, USDT, RAY, BONK, JUP, mSOL, was 'ETH'"):
        token("ETH")


def test_decimals_equal_those_of_the_mints() -> None:
    expected = {"SOL": 9, "wSOL": 9, "USDC": 6, "USDT": 6, "RAY": 6, "BONK": 5, "JUP": 6, "mSOL": 9}
    assert {symbol: of.decimals for symbol, of in TOKENS.items()} == expected


@given(st.lists(st.integers(0, U64_MAX), min_size=1, max_size=8).filter(any))
def test_shares_add_up_and_are_rounded_by_less_than_one(amounts: list[int]) -> None:
    shares = shares_bps(amounts)
    assert sum(shares) == BPS
    assert all(
        abs(share - Fraction(amount * BPS, sum(amounts))) < 1 for share, amount in zip(shares, amounts, strict=True)
    )


def test_the_largest_remainders_are_rounded_up() -> None:
    assert shares_bps([1, 1, 1]) == [3_334, 3_333, 3_333]
    assert shares_bps([2, 5, 6]) == [1_539, 3_846, 4_615]
