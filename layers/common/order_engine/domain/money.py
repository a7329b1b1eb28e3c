"""Tokens and amounts. An amount is an integer number of base units; a decimal string only at the API's edge."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

U64_MAX = 2**64 - 1
"""The largest amount that an SPL token account can hold, in base units."""

BPS = 10_000
"""Basis points in one."""

_PLAIN_DECIMAL = re.compile(r"(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class Token:
    """An SPL token. One whole token is `10 ** decimals` base units; `mint` is its address on mainnet."""

    symbol: str
    decimals: int
    mint: str


WRAPPED_SOL = "So11111111111111111111111111111111111111112"
"""The mint under which SOL is traded. Native SOL has none of its own: it is wrapped on the way in."""

TOKENS = {
    token.symbol: token
    for token in (
        Token("SOL", 9, WRAPPED_SOL),
        Token("wSOL", 9, WRAPPED_SOL),
        Token("USDC", 6, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"),
        Token("USDT", 6, "Es9vMFrzaCErmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"),
        Token("RAY", 6, "4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R"),
        Token("BONK", 5, "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"),
        Token("JUP", 6, "JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN"),
        Token("mSOL", 9, "mSoLzYCxHdYgdzU16g5QSh3i5K3z3KZK7ytfqcJm7So"),
    )
}


def token(symbol: str) -> Token:
    """The token of that symbol. Raises `ValueError` naming the known ones."""
    try:
        return TOKENS[symbol]
    except KeyError:
        raise ValueError(f"expected one of {', '.join(TOKENS)}, was {symbol!r}") from None


def pool_token(symbol: str) -> str:
    """The symbol under which pools trade a token: wrapped SOL is listed as SOL."""
    return "SOL" if TOKENS[symbol].mint == WRAPPED_SOL else symbol


def parse_amount(value: str | int | Decimal, token: Token) -> int:
    """Base units of a human amount: `parse_amount("1.5", SOL)` is 1 500 000 000.

    Raises `ValueError`, saying what was expected, for anything but a positive, finite decimal that the token's
    decimals can express and a u64 can hold. Nothing is ever rounded.
    """
    # A JSON number such as 1E+2 is written out, but not one that would fill the memory.
    plain = isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 40
    text = format(value, "f") if plain else str(value)
    match = _PLAIN_DECIMAL.fullmatch(text)
    if match is None or not text.isascii():
        raise ValueError(f'expected a positive decimal number like "1.5", was {text[:40]!r}')
    whole, fraction = match[1], (match[2] or "").rstrip("0")
    if len(fraction) > token.decimals:
        raise ValueError(f"expected at most {token.decimals} decimals for {token.symbol}, was {text[:40]!r}")
    if len(whole.lstrip("0")) > 20:
        raise ValueError(f"expected at most {format_amount(U64_MAX, token)} {token.symbol}, was {text[:40]!r}")
    units = int(whole + fraction.ljust(token.decimals, "0"))
    if units == 0:
        raise ValueError(f"expected an amount above zero, was {text[:40]!r}")
    if units > U64_MAX:
        raise ValueError(f"expected at most {format_amount(U64_MAX, token)} {token.symbol}, was {text[:40]!r}")
    return units


def format_amount(units: int, token: Token) -> str:
    """The human amount, exact and without trailing zeros: `format_amount(1_500_000_000, SOL)` is `"1.5"`."""
    return _format(units, token.decimals)


def amounts(name: str, units: int, token: Token) -> dict[str, str]:
    """An amount as people write it, and in base units: `{"amountIn": "1.5", "amountInBaseUnits": "1500000000"}`."""
    return {name: format_amount(units, token), f"{name}BaseUnits": str(units)}


def format_price(amount_in: int, token_in: Token, amount_out: int, token_out: Token) -> str:
    """Whole `token_out` paid for one whole `token_in`, rounded down to `token_out`'s decimals."""
    return _format(amount_out * 10**token_in.decimals // amount_in, token_out.decimals)


def _format(units: int, decimals: int) -> str:
    whole, fraction = divmod(units, 10**decimals)
    return f"{whole}.{fraction:0{decimals}d}".rstrip("0").rstrip(".")
