"""The token programs' accounts, as the DEXs' programs read them."""

from __future__ import annotations

from typing import NamedTuple

from solders.account import Account
from solders.pubkey import Pubkey

from localnet.addresses import TOKEN_PROGRAMS
from localnet.programs.records import Layout, Record

TOKEN_ACCOUNT = Layout(
    165,
    mint=(0, "key"),
    owner=(32, "key"),
    amount=(64, "u64"),
    state=(108, "u8"),
    is_native=(109, "u32"),
    native_reserve=(113, "u64"),
)


class TokenAccount(NamedTuple):
    """A token account's mint, and its amount in base units."""

    mint: Pubkey
    amount: int


def token_account(account: Account | None) -> TokenAccount | None:
    """`None` unless it is an initialized account of a token program."""
    if account is None or account.owner not in TOKEN_PROGRAMS or len(account.data) < TOKEN_ACCOUNT.size:
        return None
    record = Record.of(TOKEN_ACCOUNT, account.data)
    return TokenAccount(record.key("mint"), record["amount"]) if record["state"] else None
