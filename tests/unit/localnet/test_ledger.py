"""What the ledger keeps, forgets, and finds again."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature

from localnet.ledger import Block, Landed, Ledger, LedgerError

ALICE, BOB = Pubkey.new_unique(), Pubkey.new_unique()


def landed(slot: int, position: int = 0, error: Any = None) -> Landed:
    return Landed(Signature.new_unique(), slot, position, 1_700_000_000 + slot, b"wire", error, {"fee": 5000})


def block(slot: int) -> Block:
    return Block(slot, slot - 100, Hash.new_unique(), 1_700_000_000 + slot)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(None)


def test_what_is_committed_is_there_after_a_kill(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    kept, lost, first = landed(1), landed(2), block(101)
    ledger.add_block(first, 0)
    ledger.put_accounts({ALICE: Account(5, b"data", BOB)})
    ledger.set_fact("genesis", b"hash")
    ledger.add_transaction(kept, [ALICE])
    ledger.commit()
    ledger.put_accounts({ALICE: None})
    ledger.add_transaction(lost, [ALICE])
    ledger.close()

    again = Ledger(tmp_path)
    assert again.blocks(9) == [first]
    assert dict(again.accounts()) == {ALICE: Account(5, b"data", BOB)}
    assert again.fact("genesis") == b"hash"
    assert again.transaction(kept.signature) == kept
    assert again.transaction(lost.signature) is None


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    first = Ledger(tmp_path)
    first.commit()
    with pytest.raises(LedgerError, match="another localnet runs on it"):
        Ledger(tmp_path)


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot use"):
        Ledger(tmp_path / "file")


def test_another_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="expected version 1, was 99"):
        Ledger(tmp_path)


def test_old_blocks_are_forgotten(ledger: Ledger) -> None:
    blocks = [block(slot) for slot in range(101, 106)]
    for each in blocks:
        ledger.add_block(each, each.slot - 2)
    assert ledger.blocks(9) == blocks[2:]
    assert ledger.blocks(2) == blocks[3:]


def test_dropped_blocks_take_their_transactions_along(ledger: Ledger) -> None:
    kept, dropped = landed(101), landed(102)
    for each in (kept, dropped):
        ledger.add_block(block(each.slot), 0)
        ledger.add_transaction(each, [ALICE])
    assert ledger.drop_blocks(101) == 1
    assert ledger.status(kept.signature) == (101, None)
    assert ledger.status(dropped.signature) is None
    assert [mention.signature for mention in ledger.mentions(ALICE, 999, None, None, 9)] == [kept.signature]
    assert [each.slot for each in ledger.blocks(9)] == [101]


def test_accounts_are_replaced_and_removed(ledger: Ledger) -> None:
    ledger.put_accounts({ALICE: Account(1, b"", BOB), BOB: Account(2, b"", BOB)})
    ledger.put_accounts({ALICE: Account(3, b"x", BOB), BOB: None})
    assert dict(ledger.accounts()) == {ALICE: Account(3, b"x", BOB)}


def test_mentions_are_newest_first_and_between_two_transactions(ledger: Ledger) -> None:
    each = [landed(101), landed(101, 1, {"InstructionError": [0, {"Custom": 1}]}), landed(102), landed(103)]
    for transaction in each:
        ledger.add_transaction(transaction, [ALICE, ALICE, BOB])

    def found(last: int = 999, before: int | None = None, until: int | None = None, limit: int = 9) -> list[int]:
        signatures = [transaction.signature for transaction in each]
        mentions = ledger.mentions(
            ALICE,
            last,
            None if before is None else signatures[before],
            None if until is None else signatures[until],
            limit,
        )
        return [signatures.index(mention.signature) for mention in mentions]

    assert found() == [3, 2, 1, 0]
    assert found(last=102) == [2, 1, 0]
    assert found(before=2) == [1, 0]
    assert found(until=0) == [3, 2, 1]
    assert found(before=3, until=0, limit=1) == [2]
    assert ledger.mentions(ALICE, 999, None, None, 9)[2].error == {"InstructionError": [0, {"Custom": 1}]}
    assert ledger.count() == 4


def test_old_transactions_of_an_address_are_forgotten_with_all_their_mentions(ledger: Ledger) -> None:
    old, others, new = landed(101), landed(101, 1), landed(103)
    ledger.add_transaction(old, [ALICE, BOB])
    ledger.add_transaction(others, [BOB])
    ledger.add_transaction(new, [ALICE])
    ledger.forget(ALICE, 103)
    assert ledger.transaction(old.signature) is None
    assert ledger.transaction(others.signature) == others
    assert ledger.transaction(new.signature) == new
    assert [mention.signature for mention in ledger.mentions(BOB, 999, None, None, 9)] == [others.signature]
    assert ledger.count() == 2


def test_the_newest_transactions_come_first(ledger: Ledger) -> None:
    each = [landed(101), landed(101, 1), landed(103)]
    for transaction in each:
        ledger.add_transaction(transaction, [])
    assert [mention.signature for mention in ledger.newest(2)] == [each[2].signature, each[1].signature]
