from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass

import pytest

from order_engine.solana.accounts import Account
from order_engine.solana.addresses import ADDRESS_BYTES, SYSTEM, TOKEN, Address, decode, encode
from order_engine.solana.instructions import AccountMeta, Instruction
from order_engine.solana.messages import (
    LOOKUP_TABLE_PROGRAM,
    MAX_TRANSACTION_BYTES,
    LookupTable,
    UnusableLookupTable,
    compact_u16,
    compile_message,
    lookup_table,
    serialize,
    transaction_size,
)
from order_engine.solana.signing import Keypair
from tests.unit.engine.solana.transaction_vectors import Row, compiled, each_row

PAYER, PROGRAM, BLOCKHASH = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32
TABLE = b"\x04" * 32


def key(number: int) -> Address:
    return number.to_bytes(ADDRESS_BYTES)


def calls(*accounts: AccountMeta) -> list[Instruction]:
    return [Instruction(PROGRAM, accounts, b"")]


@each_row("transactions")
def test_a_message_equals_that_of_the_vectors(row: Row) -> None:
    message = compiled(row)
    assert message == b64decode(row["message"])
    assert list(message[1:4]) == row["header"]
    keys = message[4 + len(compact_u16(len(row["account_keys"]))) :]
    assert [encode(keys[n * 32 : n * 32 + 32]) for n in range(len(row["account_keys"]))] == row["account_keys"]


@each_row("transactions")
def test_a_transaction_equals_that_of_the_vectors(row: Row) -> None:
    message = compiled(row)
    signatures = [Keypair(decode(signer["secret_key"], 64)).sign(message) for signer in row["signers"]]
    assert [encode(signature) for signature in signatures] == row["signatures"]
    assert serialize(signatures, message) == b64decode(row["wire"])
    assert transaction_size(message) == row["size"]
    assert (transaction_size(message) <= MAX_TRANSACTION_BYTES) is row["fits"]


@each_row("compact_u16")
def test_a_length_is_written_in_as_few_bytes_as_it_needs(row: Row) -> None:
    assert compact_u16(row["number"]).hex() == row["bytes"]


def test_an_account_has_the_strongest_rights_that_an_instruction_asks_for() -> None:
    weak, strong = AccountMeta(key(9)), AccountMeta(key(9), signer=True, writable=True)
    twice = [*calls(weak), *calls(strong), *calls(weak)]
    assert compile_message(PAYER, twice, BLOCKHASH)[1:4] == bytes([2, 0, 1])


def test_an_account_in_two_tables_is_looked_up_in_the_first() -> None:
    tables = [LookupTable(key(20), (key(9), key(8))), LookupTable(key(21), (key(7), key(8)))]
    message = compile_message(PAYER, calls(AccountMeta(key(8)), AccountMeta(key(7), writable=True)), BLOCKHASH, tables)
    # Writable accounts of all tables are numbered before the others: 2 is key 7, and 3 is key 8.
    assert message.endswith(bytes([1, 1, 2, 3, 2, 0, 2]) + key(20) + bytes([0, 1, 1]) + key(21) + bytes([1, 0, 0]))


def test_signers_and_programs_are_never_looked_up() -> None:
    accounts = calls(AccountMeta(key(8), signer=True))
    table = LookupTable(key(20), (PAYER, PROGRAM, key(8)))
    assert compile_message(PAYER, accounts, BLOCKHASH, [table]) == compile_message(PAYER, accounts, BLOCKHASH)


def test_more_accounts_than_a_byte_can_number_are_refused() -> None:
    accounts = [AccountMeta(key(1000 + number)) for number in range(255)]
    assert compile_message(PAYER, calls(*accounts[:254]), BLOCKHASH)
    with pytest.raises(ValueError, match="expected a message of at most 256 accounts, was 257"):
        compile_message(PAYER, calls(*accounts), BLOCKHASH)


@dataclass
class TableState:
    """An account of the Address Lookup Table program, whose layout starts with the number of its state."""

    number: int = 1
    deactivation_slot: int = 2**64 - 1
    header_bytes: int = 56
    addresses: tuple[Address, ...] = (key(5), key(6))
    owner: Address = LOOKUP_TABLE_PROGRAM
    rest: bytes = b""

    def account(self) -> Account:
        header = self.number.to_bytes(4, "little") + self.deactivation_slot.to_bytes(8, "little")
        data = header.ljust(self.header_bytes, b"\0") + b"".join(self.addresses) + self.rest
        return Account(self.owner, 1, data)


def test_a_lookup_table_is_read() -> None:
    full = tuple(key(number) for number in range(256))
    assert lookup_table(TABLE, TableState().account()) == LookupTable(TABLE, (key(5), key(6)))
    assert lookup_table(TABLE, TableState(addresses=()).account()) == LookupTable(TABLE, ())
    assert lookup_table(TABLE, TableState(addresses=full).account()) == LookupTable(TABLE, full)


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        (TableState(owner=TOKEN), f"to be owned by its program, was {encode(TOKEN)}"),
        (TableState(owner=SYSTEM, addresses=(), header_bytes=0), f"to be owned by its program, was {encode(SYSTEM)}"),
        (TableState(number=0), "to be active, was 00000000ffffffffffffffff"),
        (TableState(deactivation_slot=7), "to be active, was 010000000700000000000000"),
        (TableState(header_bytes=55, addresses=()), "of at most 256 addresses, was 55 bytes"),
        (TableState(rest=b"\0"), "of at most 256 addresses, was 121 bytes"),
        (TableState(addresses=(key(5),) * 257), "of at most 256 addresses, was 8280 bytes"),
    ],
)
def test_an_account_that_is_no_active_lookup_table_is_refused(state: TableState, complaint: str) -> None:
    with pytest.raises(UnusableLookupTable, match=f"expected lookup table {encode(TABLE)} {complaint}"):
        lookup_table(TABLE, state.account())


def test_a_lookup_table_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnusableLookupTable, match=f"expected lookup table {encode(TABLE)}, was no account"):
        lookup_table(TABLE, None)
