"""The bytes of transactions, their accounts, and their budget."""

from __future__ import annotations

import struct

import pytest
from solders.account import Account
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.compute_budget import request_heap_frame, set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.transaction import Transaction, VersionedTransaction

from localnet.addresses import MEMO
from localnet.transactions import budget_of, decode, keys_of
from tests.support.localnet import signed, transfer_of

TABLE = Pubkey.new_unique()
PAYER = Keypair()


def message(*instructions: Instruction, tables: tuple[AddressLookupTableAccount, ...] = ()) -> MessageV0:
    return MessageV0.try_compile(PAYER.pubkey(), instructions, tables, Hash.default())


def test_a_transaction_is_named_by_its_first_signature() -> None:
    transaction = signed(PAYER, [transfer_of(PAYER, MEMO, 1)], Hash.default())
    decoded = decode(bytes(transaction))
    assert (decoded.signature, decoded.version, decoded.is_signed()) == (transaction.signatures[0], 0, True)


def test_a_legacy_transaction_is_one() -> None:
    legacy = Transaction([PAYER], Message([transfer_of(PAYER, MEMO, 1)], PAYER.pubkey()), Hash.default())
    assert decode(bytes(legacy)).version == "legacy"


def test_a_signature_of_another_key_shows() -> None:
    signature = Keypair().sign_message(b"something else")
    forged = VersionedTransaction.populate(message(transfer_of(PAYER, MEMO, 1)), [signature])
    assert not decode(bytes(forged)).is_signed()


@pytest.mark.parametrize("wire", [b"", b"\0" * 40, b"\1" + bytes(64) + b"\xff" * 20], ids=["empty", "zeros", "noise"])
def test_other_bytes_are_refused(wire: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        decode(wire)


def test_an_instruction_beyond_the_accounts_is_refused() -> None:
    wire = bytearray(bytes(signed(PAYER, [Instruction(MEMO, b"", [])], Hash.default())))
    assert wire[-4:] == bytes([1, 0, 0, 0])  # the program's index, no accounts, no data, no tables
    wire[-4] = 9
    with pytest.raises(ValueError, match="out of bounds"):
        decode(bytes(wire))


def test_accounts_are_writable_and_signers_as_the_message_says() -> None:
    signer, written, read = Keypair().pubkey(), Pubkey.new_unique(), Pubkey.new_unique()
    metas = [AccountMeta(signer, True, False), AccountMeta(written, False, True), AccountMeta(read, False, False)]
    keys = keys_of(message(Instruction(MEMO, b"", metas)), lambda _: None)
    assert keys is not None
    flags = {key: (keys.is_signer(index), keys.is_writable(index)) for index, key in enumerate(keys.all)}
    assert flags == {
        PAYER.pubkey(): (True, True),
        signer: (True, False),
        written: (False, True),
        read: (False, False),
        MEMO: (False, False),
    }


def test_accounts_of_a_lookup_table_come_last_the_writable_ones_first() -> None:
    read, written = Pubkey.new_unique(), Pubkey.new_unique()
    instruction = Instruction(MEMO, b"", [AccountMeta(read, False, False), AccountMeta(written, False, True)])
    looked_up = message(instruction, tables=(AddressLookupTableAccount(TABLE, [read, MEMO, written]),))
    table = Account(1, bytes(56) + bytes(read) + bytes(MEMO) + bytes(written), Pubkey.default())
    keys = keys_of(looked_up, lambda _: table)
    assert keys is not None
    assert keys.all == (PAYER.pubkey(), MEMO, written, read)
    assert (keys.writable, keys.readonly) == ((written,), (read,))
    assert [keys.is_writable(index) for index in range(4)] == [True, False, True, False]
    assert keys.of(looked_up.instructions[0]) == (read, written)


@pytest.mark.parametrize("data", [None, bytes(56), bytes(80)], ids=["missing", "empty", "cut"])
def test_a_lookup_table_without_the_address_has_no_accounts(data: bytes | None) -> None:
    written = Pubkey.new_unique()
    instruction = Instruction(MEMO, b"", [AccountMeta(written, False, True)])
    looked_up = message(instruction, tables=(AddressLookupTableAccount(TABLE, [written]),))
    account = data and Account(1, data, Pubkey.default())
    assert keys_of(looked_up, lambda _: account or None) is None


MEMO_INSTRUCTION = Instruction(MEMO, b"hello", [])


@pytest.mark.parametrize(
    ("instructions", "units", "fee"),
    [
        ([], 0, 5_000),
        ([MEMO_INSTRUCTION], 200_000, 5_000),
        ([transfer_of(PAYER, MEMO, 1), MEMO_INSTRUCTION], 203_000, 5_000),
        ([set_compute_unit_limit(7_777)], 7_777, 5_000),
        ([set_compute_unit_limit(2_000_000)], 1_400_000, 5_000),
        ([set_compute_unit_price(1), MEMO_INSTRUCTION], 203_000, 5_001),
        ([set_compute_unit_limit(100_001), set_compute_unit_price(1_000)], 100_001, 5_101),
        ([MEMO_INSTRUCTION] * 10, 1_400_000, 5_000),
    ],
)
def test_the_budget_is_what_instructions_ask_for_or_the_default(
    instructions: list[Instruction], units: int, fee: int
) -> None:
    budget = budget_of(message(*instructions))
    assert (budget.units, budget.fee(1)) == (units, fee)


def test_the_heap_can_be_larger() -> None:
    assert budget_of(message(request_heap_frame(65_536))).heap_bytes == 65_536


def test_a_compute_budget_instruction_that_is_cut_counts_for_nothing() -> None:
    program = set_compute_unit_limit(1).program_id
    empty = Instruction(program, b"", [])
    assert budget_of(message(empty, Instruction(program, struct.pack("<BI", 9, 5), []))).units == 6_000
