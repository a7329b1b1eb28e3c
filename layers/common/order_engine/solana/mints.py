"""The mints on a cluster of Solana."""

from __future__ import annotations

from order_engine.domain.errors import CorruptPool, NotAMint
from order_engine.domain.tokens import TOKENS, Mint, Token
from order_engine.solana.addresses import decode, encode
from order_engine.solana.deployments import Deployment
from order_engine.solana.pools import AccountReader
from order_engine.solana.tokens import any_mint


class SolanaMints:
    """A `Mints`."""

    def __init__(self, rpc: AccountReader, deployment: Deployment) -> None:
        self._rpc = rpc
        self._deployment = deployment

    def facts(self, mint: str) -> Mint:
        """The mint of a token with a symbol has that symbol, SOL for wrapped SOL."""
        try:
            key = decode(mint)
        except ValueError as error:
            raise NotAMint(f"expected the address of a mint: {error}") from None
        try:
            found = any_mint(self._rpc.accounts([key]).accounts[key])
        except CorruptPool as error:
            raise NotAMint(f"{mint}: {error}") from None
        symbol = self._deployment.symbol(key)
        token = TOKENS.get(symbol) or Token(symbol, found.decimals, encode(found.program))
        return Mint(token, found.has_freeze_authority, found.extensions)
