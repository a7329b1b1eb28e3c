"""Instructions, and those of the programs that every transaction uses."""

from __future__ import annotations

from typing import NamedTuple

from order_engine.solana.addresses import Address


class AccountMeta(NamedTuple):
    """An account of an instruction, and what the instruction may do with it."""

    address: Address
    signer: bool = False
    writable: bool = False


class Instruction(NamedTuple):
    """A call of a program."""

    program: Address
    accounts: tuple[AccountMeta, ...]
    data: bytes
