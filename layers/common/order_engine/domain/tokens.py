"""The tokens that can be swapped."""

from __future__ import annotations

from typing import NamedTuple


class Token(NamedTuple):
    """An SPL token. One whole token is `10 ** decimals` base units."""

    symbol: str
    decimals: int


TOKENS = {
    token.symbol: token
    for token in (
        Token("SOL", 9),
        Token("wSOL", 9),
        Token("USDC", 6),
        Token("USDT", 6),
        Token("RAY", 6),
        Token("BONK", 5),
        Token("JUP", 6),
        Token("mSOL", 9),
    )
}


def token(symbol: str) -> Token:
    """The token with this symbol. Raises `ValueError`, which lists the known symbols."""
    try:
        return TOKENS[symbol]
    except KeyError:
        raise ValueError(f"expected one of {', '.join(TOKENS)}, was {symbol!r}") from None


def pool_token(symbol: str) -> str:
    """The symbol under which pools trade a token: wrapped SOL, which they list as SOL, stands for native SOL too."""
    return "SOL" if symbol == "wSOL" else symbol
