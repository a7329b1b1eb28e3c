"""Reads the accounts of a pool, and refuses those that do not fit together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from order_engine.dex.errors import CorruptState
from order_engine.dex.pool import Pool
from order_engine.domain.errors import CorruptPool, UnsupportedPool
from order_engine.solana.accounts import Account, Accounts
from order_engine.solana.addresses import TOKEN, TOKEN_2022, Address, encode
from order_engine.solana.layouts import ADDRESS, Layout

MINT_BYTES = 82
"""A mint of either token program; one of Token-2022 that is longer has extensions."""

TOKEN_ACCOUNT = Layout(
    "a token account",
    b"",
    ("mint", ADDRESS),
    ("owner", ADDRESS),
    ("amount", "u64"),
    ("_", 36),
    ("state", "u8"),
    ("_", 56),
)
INITIALIZED, FROZEN = 1, 2
_TOKEN_2022_ACCOUNT = b"\2"
"""What follows the fields in an account of Token-2022 that has extensions."""

AnyPool = TypeVar("AnyPool", bound=Pool)


def fields(layout: Layout, data: bytes) -> dict[str, Any]:
    """The fields of an account of exactly the layout's size. Raises `CorruptPool`."""
    if len(data) != layout.size:
        raise CorruptPool(f"expected {layout.name} of {layout.size} bytes, was {len(data)} bytes")
    return layout.decode(data)


def read(accounts: Accounts, address: Address, owner: Address, layout: Layout) -> dict[str, Any]:
    """The fields of the account at this address, which `owner` owns. Raises `CorruptPool`."""
    return fields(layout, _owned(accounts, address, owner, layout.name).data)


def balance(accounts: Accounts, vault: Address, mint: Address, authority: Address, token_program: Address) -> int:
    """What a vault holds, in base units. Raises `CorruptPool`, and `UnsupportedPool` if the vault is frozen."""
    data = _owned(accounts, vault, token_program, TOKEN_ACCOUNT.name).data
    size = TOKEN_ACCOUNT.size
    extended = token_program == TOKEN_2022 and data[size : size + 1] == _TOKEN_2022_ACCOUNT
    account = TOKEN_ACCOUNT.decode(data) if extended else fields(TOKEN_ACCOUNT, data)
    if account["mint"] != mint:
        raise CorruptPool(f"expected a vault of mint {encode(mint)}, was of mint {encode(account['mint'])}")
    if account["owner"] != authority:
        raise CorruptPool(f"expected a vault of {encode(authority)}, was of {encode(account['owner'])}")
    if account["state"] == FROZEN:
        raise UnsupportedPool(f"expected a vault that pays, was {encode(vault)}, which is frozen")
    if account["state"] != INITIALIZED:
        raise CorruptPool(f"expected a vault in state {INITIALIZED}, was {account['state']}")
    amount: int = account["amount"]
    return amount


def mints_to_read(mints: tuple[Address, Address], token_programs: tuple[Address, Address]) -> list[Address]:
    """The mints that may have extensions. Raises `CorruptPool` for an unknown token program."""
    for program in token_programs:
        if program not in (TOKEN, TOKEN_2022):
            raise CorruptPool(f"expected a token program, was {encode(program)}")
    return [mint for mint, program in zip(mints, token_programs, strict=True) if program == TOKEN_2022]


def refuse_extensions(accounts: Accounts, mints: list[Address]) -> None:
    """Raises `UnsupportedPool` for a mint of Token-2022 with extensions: it may charge, block or scale transfers."""
    for mint in mints:
        size = len(_owned(accounts, mint, TOKEN_2022, "a mint").data)
        if size < MINT_BYTES:
            raise CorruptPool(f"expected a mint of {MINT_BYTES} bytes, was {size} bytes")
        if size > MINT_BYTES:
            raise UnsupportedPool(f"expected a mint without extensions, was {encode(mint)}, of {size} bytes")


def checked(kind: type[AnyPool], state: Mapping[str, int]) -> AnyPool:
    """The pool with this state. Raises `CorruptPool` if no pool of its kind can have it."""
    try:
        return kind.from_json(state)
    except CorruptState as error:
        raise CorruptPool(str(error)) from error


def _owned(accounts: Accounts, address: Address, owner: Address, name: str) -> Account:
    account = accounts.get(address)
    if account is None:
        raise CorruptPool(f"expected {name} at {encode(address)}, was no account")
    if account.owner != owner:
        raise CorruptPool(f"expected {name} of program {encode(owner)}, was of {encode(account.owner)}")
    return account
