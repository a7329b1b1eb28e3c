"""Instructions, and those of the programs that every transaction uses."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from order_engine.solana.addresses import COMPUTE_BUDGET, MEMO, SYSTEM, Address

MAX_SEED_BYTES = 32

SIGNATURE_LAMPORTS = 5_000
"""The base fee of a transaction, for each of its signatures."""


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


def compute_unit_limit(units: int) -> Instruction:
    """Limits the compute units of the whole transaction."""
    return Instruction(COMPUTE_BUDGET, (), b"\x02" + units.to_bytes(4, "little"))


def compute_unit_price(micro_lamports: int) -> Instruction:
    """Sets the priority fee, in millionths of a lamport for each unit of the limit."""
    return Instruction(COMPUTE_BUDGET, (), b"\x03" + micro_lamports.to_bytes(8, "little"))


def transfer(source: Address, destination: Address, lamports: int) -> Instruction:
    """Moves lamports out of a wallet."""
    accounts = (AccountMeta(source, signer=True, writable=True), AccountMeta(destination, writable=True))
    return Instruction(SYSTEM, accounts, _system(2) + lamports.to_bytes(8, "little"))


def create_account_with_seed(
    payer: Address, base: Address, seed: str, lamports: int, space: int, owner: Address
) -> Instruction:
    """Creates the account at `address_with_seed`, with `space` bytes, owned by a program. `base` signs."""
    created = AccountMeta(address_with_seed(base, seed, owner), writable=True)
    accounts = [AccountMeta(payer, signer=True, writable=True), created]
    if base != payer:
        accounts.append(AccountMeta(base, signer=True))
    raw = seed.encode()
    numbers = [len(raw).to_bytes(8, "little"), raw, lamports.to_bytes(8, "little"), space.to_bytes(8, "little")]
    return Instruction(SYSTEM, tuple(accounts), b"".join([_system(3), base, *numbers, owner]))


def address_with_seed(base: Address, seed: str, owner: Address) -> Address:
    """The address of an account whose creation `base` signs, so that it needs no key of its own."""
    raw = seed.encode()
    if len(raw) > MAX_SEED_BYTES:
        raise ValueError(f"expected a seed of at most {MAX_SEED_BYTES} bytes, was {seed!r}")
    return sha256(base + raw + owner).digest()


def memo(text: str) -> Instruction:
    """Writes a text into the transaction's log."""
    return Instruction(MEMO, (), text.encode())


def _system(number: int) -> bytes:
    return number.to_bytes(4, "little")
