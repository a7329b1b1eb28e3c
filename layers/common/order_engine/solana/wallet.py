"""The wallet that pays for the swaps, as the chain knows it."""

from __future__ import annotations

from order_engine.domain.errors import CorruptPool, InsufficientFunds, UnsupportedPool
from order_engine.domain.money import describe
from order_engine.domain.tokens import TOKENS
from order_engine.solana.accounts import Account
from order_engine.solana.addresses import Address, associated_token_account, encode
from order_engine.solana.deployments import Deployment
from order_engine.solana.instructions import SIGNATURE_LAMPORTS
from order_engine.solana.rpc import Rpc
from order_engine.solana.tokens import TOKEN_ACCOUNT_BYTES, token_account


class SolanaWallet:
    """A `Wallet`. Its tokens are in its associated token accounts."""

    def __init__(self, rpc: Rpc, deployment: Deployment, key: Address) -> None:
        self.key = key
        self.address = encode(key)
        self._rpc = rpc
        self._deployment = deployment

    def balances(self) -> dict[str, int]:
        accounts = {symbol: self._account(symbol) for symbol in self._deployment.mints}
        found = self._rpc.accounts(list(accounts.values())).accounts
        return {symbol: _balance(symbol, found[account]) for symbol, account in accounts.items()}

    def check(self, token_in: str, amount_in: int) -> None:
        """SOL must also pay for the account through which it is swapped, which returns its rent."""
        found = self._rpc.accounts([self.key, self._account(token_in)]).accounts
        lamports = SIGNATURE_LAMPORTS
        if token_in == "SOL":
            lamports += amount_in + self._rpc.minimum_balance(TOKEN_ACCOUNT_BYTES)
        else:
            _require(token_in, amount_in, _balance(token_in, found[self._account(token_in)]))
        _require("SOL", lamports, _balance("SOL", found[self.key]))

    def _account(self, symbol: str) -> Address:
        return self.key if symbol == "SOL" else associated_token_account(self.key, self._deployment.mint(symbol))


def _balance(symbol: str, account: Account | None) -> int:
    """What can be spent, in base units."""
    if account is None:
        return 0
    if symbol == "SOL":
        return account.lamports
    try:
        return token_account(account).amount
    except (CorruptPool, UnsupportedPool):
        return 0


def _require(symbol: str, expected: int, was: int) -> None:
    if was < expected:
        token = TOKENS[symbol]
        raise InsufficientFunds(
            f"expected at least {describe(expected, token)} in the wallet, was {describe(was, token)}"
        )
