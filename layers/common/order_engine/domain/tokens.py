"""The tokens that can be swapped."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Token:
    """An SPL token. One whole token is `10 ** decimals` base units; `mint` is its address on mainnet."""

    symbol: str
    decimals: int
    mint: str


WRAPPED_SOL = "So11111111111111111111111111111111111111112"
"""The mint of wrapped SOL. Pools trade wrapped SOL only: a swap wraps native SOL on the way in."""

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
    """The token with this symbol. Raises `ValueError`, which lists the known symbols."""
    try:
        return TOKENS[symbol]
    except KeyError:
        raise ValueError(f"expected one of {', '.join(TOKENS)}, was {symbol!r}") from None


def pool_token(symbol: str) -> str:
    """The symbol under which pools trade a token: they list wrapped SOL as SOL."""
    return "SOL" if TOKENS[symbol].mint == WRAPPED_SOL else symbol
