"""Token accounts and mints, as the token programs lay them out."""

from __future__ import annotations

from typing import NamedTuple

from solders.account import Account
from solders.pubkey import Pubkey

from localnet.addresses import ASSOCIATED_TOKEN, TOKEN, TOKEN_2022, TOKEN_PROGRAMS

TOKEN_ACCOUNT_BYTES = 165
MINT_BYTES = 82
# Accounts of Token-2022 with extensions say at this offset what they are.
_KIND_OFFSET = 165
_MINT_KIND, _ACCOUNT_KIND = 1, 2

DELEGATE = slice(72, 108)
"""In a token account: whether there is a delegate, and which."""
DELEGATED_AMOUNT = slice(121, 129)
DECIMALS = slice(44, 45)
"""In a mint."""


class TokenAccount(NamedTuple):
    """A token account; amounts are in base units."""

    mint: Pubkey
    owner: Pubkey
    amount: int
    delegate: Pubkey | None
    delegated_amount: int
    state: str
    """`initialized` or `frozen`."""
    rent_exempt_reserve: int | None
    """In lamports, of an account of wrapped SOL."""
    close_authority: Pubkey | None


def token_account(account: Account | None) -> TokenAccount | None:
    """`None` unless it is an initialized account of a token program."""
    if account is None or account.owner not in TOKEN_PROGRAMS or not _is(account, TOKEN_ACCOUNT_BYTES, _ACCOUNT_KIND):
        return None
    data = account.data
    state = data[108]
    if not state:
        return None
    return TokenAccount(
        mint=Pubkey(data[:32]),
        owner=Pubkey(data[32:64]),
        amount=_u64(data, 64),
        delegate=Pubkey(data[76:108]) if data[72] else None,
        delegated_amount=_u64(data, 121),
        state="frozen" if state == 2 else "initialized",
        rent_exempt_reserve=_u64(data, 113) if data[109] else None,
        close_authority=Pubkey(data[133:165]) if data[129] else None,
    )


class Mint(NamedTuple):
    """A token: its supply in base units. A whole token has `10 ** decimals` base units."""

    supply: int
    decimals: int
    authority: Pubkey | None
    freeze_authority: Pubkey | None


def mint(account: Account | None) -> Mint | None:
    """`None` unless it is an initialized mint of a token program."""
    if account is None or account.owner not in TOKEN_PROGRAMS or not _is(account, MINT_BYTES, _MINT_KIND):
        return None
    data = account.data
    if not data[45]:
        return None
    return Mint(
        supply=_u64(data, 36),
        decimals=data[44],
        authority=Pubkey(data[4:36]) if data[0] else None,
        freeze_authority=Pubkey(data[50:82]) if data[46] else None,
    )


def associated_token_account(owner: Pubkey, mint: Pubkey, program: Pubkey = TOKEN) -> Pubkey:
    """Where an owner holds a token unless it says otherwise."""
    return Pubkey.find_program_address([bytes(owner), bytes(program), bytes(mint)], ASSOCIATED_TOKEN)[0]


def _is(account: Account, size: int, kind: int) -> bool:
    if len(account.data) == size:
        return True
    return account.owner == TOKEN_2022 and len(account.data) > _KIND_OFFSET and account.data[_KIND_OFFSET] == kind


def _u64(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 8], "little")
