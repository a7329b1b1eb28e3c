"""Version 0 messages, and the transactions that carry them.

The format: https://solana.com/docs/core/transactions#versioned-transactions
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from order_engine.solana.accounts import Account
from order_engine.solana.addresses import ADDRESS_BYTES, SIGNATURE_BYTES, Address, address, encode
from order_engine.solana.instructions import Instruction

MAX_TRANSACTION_BYTES = 1232
"""The largest transaction: a packet of IPv6's minimum MTU, without its headers."""
MAX_TRANSACTION_ACCOUNTS = 64
"""How many accounts a transaction may name, those in lookup tables included."""

_VERSION_0 = 0x80
_HEADER_BYTES = 4
"""The version, and how many accounts sign or are only read."""
_INDEXES = 256
"""Instructions and lookups refer to an account by one byte."""

LOOKUP_TABLE_PROGRAM = address("AddressLookupTab1e1111111111111111111111111")
_ACTIVE_TABLE = (1).to_bytes(4, "little") + b"\xff" * 8
"""How a table's account begins: the state's number, and the slot of the deactivation, which has not happened."""
_TABLE_HEADER_BYTES = 56


class LookupTable(NamedTuple):
    """An address lookup table: a message refers to its addresses by one byte each."""

    address: Address
    addresses: tuple[Address, ...]


class UnusableLookupTable(ValueError):
    """The account is no address lookup table, or its table is no longer active."""


def lookup_table(address: Address, account: Account | None) -> LookupTable:
    """The table in an account. Raises `UnusableLookupTable`."""
    name = f"lookup table {encode(address)}"
    if account is None:
        raise UnusableLookupTable(f"expected {name}, was no account")
    if account.owner != LOOKUP_TABLE_PROGRAM:
        raise UnusableLookupTable(f"expected {name} to be owned by its program, was {encode(account.owner)}")
    header, body = account.data[:_TABLE_HEADER_BYTES], account.data[_TABLE_HEADER_BYTES:]
    if not header.startswith(_ACTIVE_TABLE):
        raise UnusableLookupTable(f"expected {name} to be active, was {header[: len(_ACTIVE_TABLE)].hex()}")
    if len(header) < _TABLE_HEADER_BYTES or len(body) % ADDRESS_BYTES or len(body) > _INDEXES * ADDRESS_BYTES:
        raise UnusableLookupTable(f"expected {name} of at most {_INDEXES} addresses, was {len(account.data)} bytes")
    addresses = (body[start : start + ADDRESS_BYTES] for start in range(0, len(body), ADDRESS_BYTES))
    return LookupTable(address, tuple(addresses))


def compile_message(
    payer: Address, instructions: Sequence[Instruction], blockhash: bytes, tables: Sequence[LookupTable] = ()
) -> bytes:
    """The message that the signers sign. `payer` pays the fee and is the first signer.

    Accounts are the payer, signers that are writable, other signers, others that are writable, others; within each
    group in the order of their bytes. An account has the strongest rights that any instruction asks for. Accounts that
    neither sign nor are programs are looked up in the first table that has them. Raises `ValueError` for more accounts
    than one byte can number.
    """
    signers, writable, programs, named = {payer}, {payer}, set[Address](), {payer}
    for instruction in instructions:
        programs.add(instruction.program)
        for key, is_signer, is_writable in instruction.accounts:
            named.add(key)
            if is_signer:
                signers.add(key)
            if is_writable:
                writable.add(key)
    named |= programs

    lookups, static = [], named
    for table in tables:
        found = (static - signers - programs).intersection(table.addresses)
        if found:
            static = static - found
            lookups.append((table, sorted(found & writable), sorted(found - writable)))

    keys = sorted(static - {payer}, key=lambda key: (key not in signers, key not in writable, key))
    keys.insert(0, payer)
    header = [len(signers), len(signers - writable), len(static - signers - writable)]
    loaded = [key for _, written, _ in lookups for key in written] + [key for _, _, read in lookups for key in read]
    index = {key: number for number, key in enumerate(keys + loaded)}
    if len(index) > _INDEXES:
        raise ValueError(f"expected a message of at most {_INDEXES} accounts, was {len(index)}")

    parts = [bytes([_VERSION_0, *header]), compact_u16(len(keys)), *keys, blockhash, compact_u16(len(instructions))]
    for program, accounts, data in instructions:
        indexes = bytes([index[meta.address] for meta in accounts])
        parts += [bytes([index[program]]), compact_u16(len(indexes)), indexes, compact_u16(len(data)), data]
    parts.append(compact_u16(len(lookups)))
    for table, written, read in lookups:
        parts.append(table.address)
        for looked_up in (written, read):
            indexes = bytes([table.addresses.index(key) for key in looked_up])
            parts += [compact_u16(len(indexes)), indexes]
    return b"".join(parts)


def serialize(signatures: Sequence[bytes], message: bytes) -> bytes:
    """The transaction as it is sent: the signatures in the order of the message's signers, and the message."""
    return b"".join([compact_u16(len(signatures)), *signatures, message])


def transaction_size(message: bytes) -> int:
    """The bytes of a message's transaction, before it is signed."""
    signatures = message[1]
    return len(compact_u16(signatures)) + signatures * SIGNATURE_BYTES + len(message)


def payer(message: bytes) -> Address:
    """The first signer of a compiled message, who pays the fee."""
    _, at = _read_u16(message, _HEADER_BYTES)
    return message[at : at + ADDRESS_BYTES]


def called_programs(message: bytes) -> list[Address]:
    """The programs that the instructions of a compiled message call, in their order."""
    count, at = _read_u16(message, _HEADER_BYTES)
    keys = [message[at + ADDRESS_BYTES * index :][:ADDRESS_BYTES] for index in range(count)]
    count, at = _read_u16(message, at + ADDRESS_BYTES * (len(keys) + 1))  # The blockhash comes first.
    programs = []
    for _ in range(count):
        programs.append(keys[message[at]])
        accounts, at = _read_u16(message, at + 1)
        size, at = _read_u16(message, at + accounts)
        at += size
    return programs


def _read_u16(raw: bytes, at: int) -> tuple[int, int]:
    """The length that `compact_u16` has written there, and where it ends."""
    number = shift = 0
    while True:
        number |= (raw[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if raw[at - 1] < 0x80:
            return number, at


def compact_u16(number: int) -> bytes:
    """A length in one to three bytes, of seven bits each, the lowest first."""
    if number < 0x80:
        return bytes([number])
    if number < 0x4000:
        return bytes([number & 0x7F | 0x80, number >> 7])
    return bytes([number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80, number >> 14])
