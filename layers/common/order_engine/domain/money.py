"""Amounts. An amount is an integer number of base units; a decimal string only at the API's edge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_DOWN, Context, Decimal
from fractions import Fraction

from order_engine.domain.tokens import Token

U64_MAX = 2**64 - 1
"""The largest amount that an SPL token account can hold, in base units."""

BPS = 10_000
"""Basis points in one."""

_PRICES = Context(prec=12, rounding=ROUND_DOWN)

_PLAIN_DECIMAL = re.compile(r"(\d+)(?:\.(\d+))?")


def parse_amount(value: str | int | Decimal, token: Token) -> int:
    """Base units of a decimal amount: `parse_amount("1.5", SOL)` is 1 500 000 000. Never rounds.

    Raises `ValueError`, saying what was expected, unless the amount is a positive, finite decimal that the token's
    decimals can express and a u64 can hold.
    """
    # Writes out a JSON number such as 1E+2, but not one that would fill the memory.
    plain = isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 40
    text = format(value, "f") if plain else str(value)
    match = _PLAIN_DECIMAL.fullmatch(text)
    if match is None or not text.isascii():
        raise ValueError(f'expected a positive decimal number like "1.5", was {text[:40]!r}')
    whole, fraction = match[1], (match[2] or "").rstrip("0")
    if len(fraction) > token.decimals:
        raise ValueError(f"expected at most {token.decimals} decimals for {token.symbol}, was {text[:40]!r}")
    if len(whole.lstrip("0")) > 20:
        raise ValueError(f"expected at most {describe(U64_MAX, token)}, was {text[:40]!r}")
    units = int(whole + fraction.ljust(token.decimals, "0"))
    if units == 0:
        raise ValueError(f"expected an amount above zero, was {text[:40]!r}")
    if units > U64_MAX:
        raise ValueError(f"expected at most {describe(U64_MAX, token)}, was {text[:40]!r}")
    return units


def parse_price(value: str | int | Decimal) -> Decimal:
    """A price: a positive, finite decimal of at most 40 digits before and after the point. Never rounds.

    Raises `ValueError`, saying what was expected.
    """
    plain = isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 40
    text = format(value, "f") if plain else str(value)
    match = _PLAIN_DECIMAL.fullmatch(text)
    if match is None or not text.isascii() or max(len(match[1]), len(match[2] or "")) > 40:
        raise ValueError(f'expected a positive decimal number like "180.5", was {text[:40]!r}')
    if not (price := Decimal(text)):
        raise ValueError(f"expected a price above zero, was {text[:40]!r}")
    return Decimal(format(price, "f").rstrip("0").rstrip(".")) if "." in text else price


def at_price(amount_in: int, price: Decimal, token_in: Token, token_out: Token) -> Fraction:
    """What an amount is worth, in base units of `token_out` and not rounded.

    `price` is in whole `token_out` for one whole `token_in`.
    """
    return amount_in * Fraction(price) * Fraction(10) ** (token_out.decimals - token_in.decimals)


def format_amount(units: int, token: Token) -> str:
    """The decimal amount, exact and without trailing zeros: `format_amount(1_500_000_000, SOL)` is `"1.5"`."""
    whole, fraction = divmod(abs(units), 10**token.decimals)
    return f"{'-' if units < 0 else ''}{whole}.{fraction:0{token.decimals}d}".rstrip("0").rstrip(".")


def describe(units: int, token: Token) -> str:
    """The decimal amount with its token, as messages show it: `describe(1_500_000_000, SOL)` is `"1.5 SOL"`."""
    return f"{format_amount(units, token)} {token.symbol}"


def format_price(amount_in: int, token_in: Token, amount_out: int, token_out: Token) -> str:
    """Whole `token_out` paid for one whole `token_in`, rounded down to 12 significant digits.

    A ratio has no token's scale: a BONK costs 0.0000199469123456 USDC, though USDC has 6 decimals.
    """
    whole_in, whole_out = amount_in * 10**token_out.decimals, amount_out * 10**token_in.decimals
    return format(_PRICES.divide(Decimal(whole_out), Decimal(whole_in)).normalize(_PRICES), "f")


def shares_bps(amounts: Sequence[int]) -> list[int]:
    """The share of each amount in their sum, which is positive, in basis points that add up to `BPS`.

    The largest remainders are rounded up.
    """
    total = sum(amounts)
    shares = [amount * BPS // total for amount in amounts]
    by_remainder = sorted(range(len(amounts)), key=lambda index: -(amounts[index] * BPS % total))
    for index in by_remainder[: BPS - sum(shares)]:
        shares[index] += 1
    return shares
