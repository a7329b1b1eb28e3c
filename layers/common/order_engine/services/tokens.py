"""Finds tokens without a symbol: on chain the first time, and then among those that were found before."""

from __future__ import annotations

from order_engine.domain.errors import NotAMint
from order_engine.domain.tokens import Token, TokenSource
from order_engine.ports import Mints, TokenStore


class Tokens(TokenSource):
    """What the chain says of a mint is stored, so that all functions read the same amounts in its token."""

    def __init__(self, store: TokenStore, mints: Mints) -> None:
        self._store = store
        self._mints = mints
        self._listed: dict[str, Token] = {}

    def stored(self, mint: str) -> Token | None:
        return self._store.get(mint, here=False)

    def listed(self, mint: str) -> Token:
        known = self._listed.get(mint)
        if known is None:
            self._listed[mint] = known = self._store.get(mint, here=True) or self._found(mint)
        return known

    def _found(self, mint: str) -> Token:
        try:
            token = self._mints.facts(mint).token
        except NotAMint as error:
            raise ValueError(str(error)) from None
        if token.symbol == mint:
            self._store.add(token)
        return token
