"""Accounts as the market begins with them: free of rent, and in the layouts of their programs."""

from __future__ import annotations

from solders.account import Account
from solders.pubkey import Pubkey
from solders.token.state import Mint, TokenAccount, TokenAccountState

from localnet.addresses import TOKEN, WRAPPED_SOL

_ACCOUNT_OVERHEAD = 128
_LAMPORTS_PER_BYTE = 6960
"""For the two years of rent after which an account is free of it."""


def owned(program: Pubkey, data: bytes, lamports: int = 0) -> Account:
    """An account of a program, with its rent and these lamports."""
    return Account((_ACCOUNT_OVERHEAD + len(data)) * _LAMPORTS_PER_BYTE + lamports, data, program)


def mint_account(
    authority: Pubkey | None, supply: int, decimals: int, freeze_authority: Pubkey | None = None
) -> Account:
    return owned(TOKEN, bytes(Mint(authority, supply, decimals, True, freeze_authority)))


def token_account(mint: Pubkey, owner: Pubkey, amount: int) -> Account:
    """`amount` base units. Those of wrapped SOL are also lamports of the account, besides its rent."""

    def data(rent: int | None) -> bytes:
        return bytes(TokenAccount(mint, owner, amount, None, TokenAccountState.Initialized, rent, 0))

    account = owned(TOKEN, data(None))
    return owned(TOKEN, data(account.lamports), amount) if mint == WRAPPED_SOL else account
