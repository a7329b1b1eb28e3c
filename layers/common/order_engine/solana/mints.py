"""The mints on a cluster of Solana."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from order_engine.domain.errors import CorruptPool, NotAMint
from order_engine.domain.tokens import TOKENS, Mint, Token
from order_engine.solana.accounts import Account
from order_engine.solana.addresses import Address, decode, encode
from order_engine.solana.deployments import Deployment
from order_engine.solana.pools import AccountReader
from order_engine.solana.rpc import MAX_ACCOUNTS
from order_engine.solana.tokens import any_mint


class SolanaMints:
    """A `Mints` and a `MintReader`."""

    def __init__(self, rpc: AccountReader, deployment: Deployment) -> None:
        self._rpc = rpc
        self._deployment = deployment
        self.addresses = {symbol: encode(mint) for symbol, mint in deployment.mints.items()}

    def facts(self, mint: str) -> Mint:
        """The mint of a token with a symbol has that symbol, SOL for wrapped SOL."""
        try:
            key = decode(mint)
        except ValueError as error:
            raise NotAMint(f"expected the address of a mint: {error}") from None
        try:
            return self._mint(key, self._rpc.accounts([key]).accounts[key])
        except CorruptPool as error:
            raise NotAMint(f"{mint}: {error}") from None

    def read(self, mints: Sequence[str]) -> dict[str, Mint]:
        found: dict[str, Mint] = {}
        for start in range(0, len(mints), MAX_ACCOUNTS):
            keys = [*map(decode, mints[start : start + MAX_ACCOUNTS])]
            for key, account in self._rpc.accounts(keys).accounts.items():
                with suppress(CorruptPool):
                    found[encode(key)] = self._mint(key, account)
        return found

    def _mint(self, key: Address, account: Account | None) -> Mint:
        """Raises `CorruptPool` for an account that is not a mint."""
        found = any_mint(account)
        symbol = self._deployment.symbol(key)
        token = TOKENS.get(symbol) or Token(symbol, found.decimals, encode(found.program))
        return Mint(token, found.has_freeze_authority, found.extensions)
