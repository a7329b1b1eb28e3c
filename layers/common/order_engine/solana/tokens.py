"""SPL Token and Token-2022: token accounts and mints as they are stored, and the instructions around a swap.

Layouts and numbers: https://github.com/solana-program/token and https://github.com/solana-program/token-2022
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from order_engine.domain.errors import CorruptPool, UnsupportedPool
from order_engine.solana.accounts import Account
from order_engine.solana.addresses import (
    ASSOCIATED_TOKEN,
    SYSTEM,
    TOKEN,
    TOKEN_2022,
    Address,
    associated_token_account,
    encode,
)
from order_engine.solana.instructions import AccountMeta, Instruction

TOKEN_ACCOUNT_BYTES = 165
_MINT_BYTES = 82
_MULTISIG_BYTES = 355
"""No account with extensions has this size, which is a multisig's."""

# Fields that nothing here reads are left out, but the tags of optional ones, 0 or 1, tell an account from noise.
_TOKEN_ACCOUNT = struct.Struct("<32s32sQI32xBI8x8xI32x")
_MINT = struct.Struct("<I32x8xBBI32x")

_UNINITIALIZED, _INITIALIZED, _FROZEN = range(3)
_MINT_TYPE, _ACCOUNT_TYPE = 1, 2

_EXTENSIONS = (
    "Uninitialized", "TransferFeeConfig", "TransferFeeAmount", "MintCloseAuthority", "ConfidentialTransferMint",
    "ConfidentialTransferAccount", "DefaultAccountState", "ImmutableOwner", "MemoTransfer", "NonTransferable",
    "InterestBearingConfig", "CpiGuard", "PermanentDelegate", "NonTransferableAccount", "TransferHook",
    "TransferHookAccount", "ConfidentialTransferFeeConfig", "ConfidentialTransferFeeAmount", "MetadataPointer",
    "TokenMetadata", "GroupPointer", "TokenGroup", "GroupMemberPointer", "TokenGroupMember", "ConfidentialMintBurn",
    "ScaledUiAmount", "Pausable", "PausableAccount", "PermissionedBurn",
)  # fmt: skip
_HARMLESS = {"ImmutableOwner", "MetadataPointer", "TokenMetadata"}
"""The extensions that change no transfer: names and pictures, and an owner who can't give the account away."""


class TokenAccount(NamedTuple):
    """A token account that can be debited and credited. `amount` is in base units."""

    mint: Address
    owner: Address
    amount: int


class Mint(NamedTuple):
    """A mint. `extensions` are the names of those that it has, harmless or not."""

    program: Address
    decimals: int
    has_freeze_authority: bool
    extensions: tuple[str, ...]


def token_account(account: Account | None) -> TokenAccount:
    """The token account in an account.

    Raises `CorruptPool` for anything else; `UnsupportedPool` for one that is frozen or has an extension that changes
    transfers.
    """
    data, extensions = _data(account, "token account", TOKEN_ACCOUNT_BYTES, _ACCOUNT_TYPE)
    _refuse_harmful(extensions, "token account")
    mint, owner, amount, delegate, state, native, close_authority = _TOKEN_ACCOUNT.unpack_from(data)
    if state not in (_INITIALIZED, _FROZEN) or max(delegate, native, close_authority) > 1:
        raise CorruptPool(f"expected an initialized token account, was one of state {state}")
    if state == _FROZEN:
        raise UnsupportedPool("expected a token account that can be used, was a frozen one")
    return TokenAccount(mint, owner, amount)


def mint(account: Account | None) -> Mint:
    """The mint in an account, of a token whose transfers move exactly the amount that they name.

    Raises `CorruptPool` for anything else; `UnsupportedPool` for one with an extension that changes transfers.
    """
    found = any_mint(account)
    _refuse_harmful(found.extensions, "mint")
    return found


def any_mint(account: Account | None) -> Mint:
    """The mint in an account, whatever its extensions do. Raises `CorruptPool` for anything else."""
    data, extensions = _data(account, "mint", _MINT_BYTES, _MINT_TYPE)
    assert account is not None
    mint_authority, decimals, initialized, freeze_authority = _MINT.unpack_from(data)
    if initialized != 1 or max(mint_authority, freeze_authority) > 1:
        raise CorruptPool(f"expected an initialized mint, was {data[:_MINT_BYTES].hex()}")
    return Mint(account.owner, decimals, freeze_authority == 1, extensions)


def _data(account: Account | None, kind: str, size: int, account_type: int) -> tuple[bytes, tuple[str, ...]]:
    """The data of an account of a token program, whose size is as it must be, and the names of its extensions."""
    if account is None:
        raise CorruptPool(f"expected a {kind}, was no account")
    owner, data = account.owner, account.data
    if owner not in (TOKEN, TOKEN_2022):
        raise CorruptPool(f"expected a {kind}, owned by a token program, was owned by {encode(owner)}")
    if len(data) == size:
        return data, ()
    # What has extensions is as long as a token account, then says what it is.
    extended = owner == TOKEN_2022 and len(data) > TOKEN_ACCOUNT_BYTES and len(data) != _MULTISIG_BYTES
    if not extended or data[TOKEN_ACCOUNT_BYTES] != account_type or any(data[size:TOKEN_ACCOUNT_BYTES]):
        raise CorruptPool(f"expected a {kind} of {size} bytes, was {len(data)} bytes")
    return data, tuple(_extensions(data[TOKEN_ACCOUNT_BYTES + 1 :], kind))


def _refuse_harmful(extensions: tuple[str, ...], kind: str) -> None:
    for name in extensions:
        if name not in _HARMLESS:
            raise UnsupportedPool(f"expected a {kind} without extensions that change transfers, was one with {name}")


def _extensions(records: bytes, kind: str) -> Iterator[str]:
    """The names of extensions. Each is stored as its number, its length and its value, up to number 0."""
    at = 0
    while number := int.from_bytes(records[at : at + 2], "little"):
        yield _EXTENSIONS[number] if number < len(_EXTENSIONS) else f"extension {number}"
        at += 4 + int.from_bytes(records[at + 2 : at + 4], "little")
    if at > len(records):
        raise CorruptPool(f"expected a {kind} whose extensions fit into {len(records)} bytes, were {at} bytes")


def create_associated(payer: Address, owner: Address, mint: Address, token_program: Address = TOKEN) -> Instruction:
    """Creates an owner's associated token account unless it exists. `payer` pays its rent."""
    accounts = (
        AccountMeta(payer, signer=True, writable=True),
        AccountMeta(associated_token_account(owner, mint, token_program), writable=True),
        AccountMeta(owner),
        AccountMeta(mint),
        AccountMeta(SYSTEM),
        AccountMeta(token_program),
    )
    return Instruction(ASSOCIATED_TOKEN, accounts, b"\x01")


def initialize_account3(account: Address, mint: Address, owner: Address, token_program: Address = TOKEN) -> Instruction:
    """Makes a new account of `TOKEN_ACCOUNT_BYTES` a token account.

    Lamports beyond the rent become its amount where the mint is wrapped SOL's.
    """
    return Instruction(token_program, (AccountMeta(account, writable=True), AccountMeta(mint)), b"\x12" + owner)


def close_account(account: Address, destination: Address, owner: Address) -> Instruction:
    """Closes a token account of SPL Token's and moves its lamports, wrapped ones included, to `destination`."""
    accounts = (
        AccountMeta(account, writable=True),
        AccountMeta(destination, writable=True),
        AccountMeta(owner, signer=True),
    )
    return Instruction(TOKEN, accounts, b"\x09")
