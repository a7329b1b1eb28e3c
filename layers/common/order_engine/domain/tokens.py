"""The tokens that can be swapped: those with a symbol, and any other one by the address of its mint."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, Protocol

from order_engine.domain.errors import RiskyMint

SPL_TOKEN = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
"""The address of the first token program, which has made the mints of all tokens with a symbol."""

_ADDRESS = re.compile("[1-9A-HJ-NP-Za-km-z]{32,44}")


class Token(NamedTuple):
    """An SPL token. One whole token is `10 ** decimals` base units.

    A token without a symbol goes by the address of its mint. `program` is the address of its token program.
    """

    symbol: str
    decimals: int
    program: str = SPL_TOKEN


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


class Mint(NamedTuple):
    """A token, and what its mint can do to those who hold it. `extensions` are the names of Token-2022's."""

    token: Token
    has_freeze_authority: bool = False
    extensions: tuple[str, ...] = ()

    def check(self, *, allow_freeze_authority: bool, allow_extensions: bool) -> None:
        """Raises `RiskyMint` for what is not allowed."""
        risks = []
        if self.has_freeze_authority and not allow_freeze_authority:
            risks.append("a freeze authority (allowFreezeAuthority accepts it)")
        if self.extensions and not allow_extensions:
            risks.append(f"the extensions {', '.join(self.extensions)} (allowExtensions accepts them)")
        if risks:
            raise RiskyMint(
                f"expected {self.token.symbol} to be a mint that nobody can freeze and without extensions,"
                f" was one with {' and '.join(risks)}"
            )


class TokenSource(Protocol):
    """Where the process finds tokens without a symbol, by the addresses of their mints."""

    def stored(self, mint: str) -> Token | None:
        """A token that an order or a quote has named before, on this market or on another one."""

    def listed(self, mint: str) -> Token:
        """The token of this mint on this market, by its symbol if it has one.

        Raises `ValueError` for an address that is not a mint there, and `VenueUnavailable`.
        """


class _NoMints(TokenSource):
    def stored(self, mint: str) -> Token | None:
        return None

    def listed(self, mint: str) -> Token:
        raise _unknown(mint)


def no_mints() -> TokenSource:
    """For processes that know tokens with a symbol only."""
    return _NoMints()


_learned: dict[str, Token] = {}
_source: Callable[[], TokenSource] = no_mints


def connect(source: Callable[[], TokenSource] = no_mints) -> None:
    """Finds tokens without a symbol in `source` from now on. It is called when there is one to find."""
    global _source
    _source = source
    _learned.clear()


def learn(token: Token) -> None:
    """Keeps a token for this process: the decimals of a mint never change."""
    _learned[token.symbol] = token


def token(name: str) -> Token:
    """The token with this symbol, or one of this mint that is known. Raises `ValueError`, which lists the symbols."""
    found = TOKENS.get(name) or _learned.get(name)
    if found is None and is_address(name):
        found = _source().stored(name)
        if found is not None:
            learn(found)
    if found is None:
        raise _unknown(name)
    return found


def tradable_token(name: str) -> Token:
    """The token with this symbol, or that of this mint on the market.

    Raises `ValueError`, saying what was expected, and `VenueUnavailable`.
    """
    if name in TOKENS or not is_address(name):
        return token(name)
    found = _source().listed(name)
    # The market's own mint counts, whatever its address is elsewhere.
    learn(found)
    return found


def is_address(name: str) -> bool:
    """Whether a token's name looks like the address of a mint: no symbol is as long."""
    return _ADDRESS.fullmatch(name) is not None


def pool_token(symbol: str) -> str:
    """The symbol under which pools trade a token: wrapped SOL, which they list as SOL, stands for native SOL too."""
    return "SOL" if symbol == "wSOL" else symbol


def _unknown(name: str) -> ValueError:
    return ValueError(f"expected one of {', '.join(TOKENS)}, was {name!r}")
