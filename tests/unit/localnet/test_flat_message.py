"""A message without lookup tables keeps the accounts, their rights, and its instructions."""

from __future__ import annotations

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import AccountMeta, CompiledInstruction, Instruction
from solders.message import MessageV0
from solders.pubkey import Pubkey

from localnet.flat_message import FlatMessage
from localnet.runtime import Inner, Run
from localnet.transactions import Keys, keys_from

PAYER, SIGNER, WRITTEN, READ, LOADED_WRITTEN, LOADED_READ, PROGRAM = (Pubkey.new_unique() for _ in range(7))
RIGHTS = {
    PAYER: (True, True),
    SIGNER: (True, False),
    WRITTEN: (False, True),
    READ: (False, False),
    LOADED_WRITTEN: (False, True),
    LOADED_READ: (False, False),
    PROGRAM: (False, False),
}
"""Whether each account signs, and may be written."""


def message_and_keys() -> tuple[MessageV0, Keys]:
    metas = [AccountMeta(key, *rights) for key, rights in RIGHTS.items() if key not in (PAYER, PROGRAM)]
    table = AddressLookupTableAccount(Pubkey.new_unique(), [LOADED_READ, LOADED_WRITTEN])
    message = MessageV0.try_compile(PAYER, [Instruction(PROGRAM, b"data", metas)], [table], Hash.new_unique())
    return message, keys_from(message, [LOADED_WRITTEN], [LOADED_READ])


def test_accounts_keep_their_rights() -> None:
    message, keys = message_and_keys()
    flat = FlatMessage(message, keys).holding(message.instructions)
    assert flat.address_table_lookups == []
    assert flat.recent_blockhash == message.recent_blockhash
    found = {key: (flat.is_signer(index), flat.is_maybe_writable(index)) for index, key in enumerate(flat.account_keys)}
    assert found == RIGHTS
    assert flat.account_keys[0] == PAYER


def test_instructions_name_the_same_accounts() -> None:
    message, keys = message_and_keys()
    (before,), (after,) = message.instructions, FlatMessage(message, keys).holding(message.instructions).instructions
    flat = FlatMessage(message, keys).holding(message.instructions)
    assert after.data == before.data
    assert flat.account_keys[after.program_id_index] == PROGRAM
    assert [flat.account_keys[index] for index in after.accounts] == list(keys.of(before))


def test_what_it_came_to_is_told_of_the_first_message() -> None:
    message, keys = message_and_keys()
    flat = FlatMessage(message, keys)
    (moved,) = flat.holding(message.instructions).instructions
    place = flat.holding(message.instructions).account_keys.index(LOADED_WRITTEN)
    run = Run({"InsufficientFundsForRent": {"account_index": place}}, [], [[Inner(moved, 2)]], 0, 0, {}, None)
    restored = flat.restored(run)
    assert restored.inner == [[Inner(message.instructions[0], 2)]]
    assert restored.error == {"InsufficientFundsForRent": {"account_index": keys.all.index(LOADED_WRITTEN)}}
    assert flat.restored(run._replace(error={"InstructionError": [0, "InvalidArgument"]})).error == {
        "InstructionError": [0, "InvalidArgument"]
    }


def test_a_message_without_lookup_tables_stays_as_it_is() -> None:
    metas = [AccountMeta(key, *RIGHTS[key]) for key in (SIGNER, WRITTEN, READ)]
    message = MessageV0.try_compile(PAYER, [Instruction(PROGRAM, b"", metas)], [], Hash.new_unique())
    assert FlatMessage(message, keys_from(message, [], [])).holding(message.instructions) == message


def test_other_instructions_can_be_held() -> None:
    message, keys = message_and_keys()
    index = {key: place for place, key in enumerate(keys.all)}
    other = CompiledInstruction(index[LOADED_READ], b"", bytes([index[LOADED_WRITTEN]]))
    flat = FlatMessage(message, keys).holding([other, other])
    assert [flat.account_keys[each.program_id_index] for each in flat.instructions] == [LOADED_READ] * 2
