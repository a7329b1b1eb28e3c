"""Wallets that pay for swaps, as the chain knows them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from order_engine.domain.errors import CorruptPool, InsufficientFunds, UnsupportedPool
from order_engine.domain.money import describe
from order_engine.domain.tokens import Token, learn, token
from order_engine.solana.accounts import Account
from order_engine.solana.addresses import (
    TOKEN,
    TOKEN_2022,
    Address,
    address,
    associated_token_account,
    decode,
    encode,
    is_on_curve,
)
from order_engine.solana.deployments import Deployment
from order_engine.solana.instructions import SIGNATURE_LAMPORTS
from order_engine.solana.nodes import RpcError
from order_engine.solana.rpc import MAX_ACCOUNTS, Rpc
from order_engine.solana.tokens import TOKEN_ACCOUNT_BYTES, any_mint, token_account


class SolanaWallet:
    """A `Wallet`. Its tokens are in its associated token accounts."""

    def __init__(self, rpc: Rpc, deployment: Deployment, key: Address) -> None:
        self.key = key
        self.address = encode(key)
        self._rpc = rpc
        self._deployment = deployment

    @classmethod
    def at(cls, address: str, rpc: Rpc, deployment: Deployment) -> SolanaWallet:
        """The wallet at an address. Raises `ValueError` for text that is not the address of one."""
        key = decode(address)
        if not is_on_curve(key):
            raise ValueError(f"expected the address of a wallet, was {address}, which can have no key")
        return cls(rpc, deployment, key)

    def balances(self) -> dict[str, int]:
        accounts = {symbol: self._account(symbol) for symbol in self._deployment.mints}
        found = self._rpc.accounts(list(accounts.values())).accounts
        known = {symbol: _balance(symbol, found[account]) for symbol, account in accounts.items()}
        return known | self._without_symbol()

    def check(self, token_in: str, amount_in: int) -> None:
        """SOL must also pay for the account through which it is swapped, which returns its rent."""
        found = self._rpc.accounts([self.key, self._account(token_in)]).accounts
        lamports = SIGNATURE_LAMPORTS
        if token_in == "SOL":
            lamports += amount_in + self._rpc.minimum_balance(TOKEN_ACCOUNT_BYTES)
        else:
            _require(token_in, amount_in, _balance(token_in, found[self._account(token_in)]))
        _require("SOL", lamports, _balance("SOL", found[self.key]))

    def _without_symbol(self) -> dict[str, int]:
        """What the wallet holds of tokens without a symbol, by their mints; nothing where no node lists accounts."""
        held: dict[Address, int] = {}
        for program in (TOKEN, TOKEN_2022):
            try:
                listed = self._rpc.token_accounts(self.key, program).accounts
            except RpcError:
                continue
            for key, account in listed.items():
                with suppress(CorruptPool, UnsupportedPool):
                    found = token_account(account)
                    own = associated_token_account(self.key, found.mint, program)
                    if found.amount and key == own and found.mint not in self._deployment.symbols:
                        held[found.mint] = found.amount
        self._learn([*held])
        return {encode(mint): amount for mint, amount in held.items()}

    def _learn(self, mints: Sequence[Address]) -> None:
        """Reads the decimals of tokens without a symbol."""
        for start in range(0, len(mints), MAX_ACCOUNTS):
            for key, account in self._rpc.accounts(mints[start : start + MAX_ACCOUNTS]).accounts.items():
                found = any_mint(account)
                learn(Token(encode(key), found.decimals, encode(found.program)))

    def associated(self, symbol: str) -> Address:
        """The wallet's account for a token, which for SOL is the one for wrapped SOL."""
        return associated_token_account(self.key, self._deployment.mint(symbol), address(token(symbol).program))

    def _account(self, symbol: str) -> Address:
        return self.key if symbol == "SOL" else self.associated(symbol)


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
        of = token(symbol)
        raise InsufficientFunds(f"expected at least {describe(expected, of)} in the wallet, was {describe(was, of)}")
