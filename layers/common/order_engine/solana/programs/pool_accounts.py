"""Reads the accounts of a pool, and refuses those that do not fit together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

from order_engine.dex.errors import DexError
from order_engine.domain.errors import CorruptPool, UnsupportedPool
from order_engine.solana.accounts import Account, Accounts
from order_engine.solana.addresses import TOKEN, TOKEN_2022, Address, encode
from order_engine.solana.layouts import Layout
from order_engine.solana.tokens import mint, token_account

Arguments = ParamSpec("Arguments")
Built = TypeVar("Built")


def fields(layout: Layout, data: bytes) -> dict[str, Any]:
    """The fields of an account of exactly the layout's size. Raises `CorruptPool`."""
    if len(data) != layout.size:
        raise CorruptPool(f"expected {layout.name} of {layout.size} bytes, was {len(data)} bytes")
    return layout.decode(data)


def read(accounts: Accounts, address: Address, owner: Address, layout: Layout) -> dict[str, Any]:
    """The fields of the account at this address, which `owner` owns. Raises `CorruptPool`."""
    return fields(layout, _owned(accounts, address, owner, layout.name).data)


def balance(accounts: Accounts, vault: Address, vault_mint: Address, authority: Address, token_program: Address) -> int:
    """What a vault holds, in base units.

    Raises `CorruptPool`, and `UnsupportedPool` for a vault that is frozen or that an extension keeps from paying.
    """
    held = token_account(_owned(accounts, vault, token_program, "a vault"))
    if held.mint != vault_mint:
        raise CorruptPool(f"expected a vault of mint {encode(vault_mint)}, was of mint {encode(held.mint)}")
    if held.owner != authority:
        raise CorruptPool(f"expected a vault of {encode(authority)}, was of {encode(held.owner)}")
    return held.amount


def extensible(mints: tuple[Address, Address], token_programs: tuple[Address, Address]) -> list[Address]:
    """The mints that can have extensions: those of Token-2022. Raises `CorruptPool` for another token program."""
    for program in token_programs:
        if program not in (TOKEN, TOKEN_2022):
            raise CorruptPool(f"expected a token program, was {encode(program)}")
    return [address for address, program in zip(mints, token_programs, strict=True) if program == TOKEN_2022]


def refuse_extensions(accounts: Accounts, mints: Iterable[Address]) -> None:
    """Raises `UnsupportedPool` for a mint of Token-2022 with an extension that changes transfers; `CorruptPool`."""
    for address in mints:
        mint(_owned(accounts, address, TOKEN_2022, "a mint"))


def refuse_empty(*amounts: int) -> None:
    """Raises `UnsupportedPool` unless there is some of everything that the pool trades with."""
    if not all(amounts):
        raise UnsupportedPool("expected a pool with liquidity, was an empty pool")


def checked(build: Callable[Arguments, Built], *arguments: Arguments.args, **named: Arguments.kwargs) -> Built:
    """What the quote maths builds from the pool's fields. Raises `CorruptPool` if no pool can have such fields."""
    try:
        return build(*arguments, **named)
    except DexError as error:
        raise CorruptPool(str(error)) from error


def _owned(accounts: Accounts, address: Address, owner: Address, name: str) -> Account:
    account = accounts.get(address)
    if account is None:
        raise CorruptPool(f"expected {name} at {encode(address)}, was no account")
    if account.owner != owner:
        raise CorruptPool(f"expected {name} of program {encode(owner)}, was of {encode(account.owner)}")
    return account
