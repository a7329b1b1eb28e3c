"""Slots and blocks: how long a blockhash lives, how certain a block is, and what a fork takes away."""

from __future__ import annotations

from pathlib import Path

import pytest
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from localnet.addresses import LOOKUP_TABLES, SYSTEM
from tests.support.localnet import FEE, SOL, Localnet, payment, refused, signed, transfer_of


def heights(localnet: Localnet) -> list[int]:
    """The newest block heights, from the least certain to the most."""
    return [localnet("getBlockHeight", {"commitment": each}) for each in ("processed", "confirmed", "finalized")]


def certainty(localnet: Localnet, signature: str) -> str | None:
    status = localnet.status(signature)
    return status and str(status["confirmationStatus"])


def test_a_block_is_confirmed_after_two_slots_and_final_after_32(slotted: Localnet) -> None:
    payer, to = slotted.funded(), Pubkey.new_unique()
    signature = slotted.send(payment(payer, to, SOL, slotted.blockhash()))
    seen = [certainty(slotted, signature)]
    for _ in range(33):
        slotted.slots()
        seen.append(certainty(slotted, signature))
    assert seen == ["processed"] * 2 + ["confirmed"] * 30 + ["finalized"] * 2


def test_confirmations_are_counted_until_a_block_is_final(slotted: Localnet) -> None:
    signature = slotted.send(payment(slotted.funded(), Pubkey.new_unique(), SOL, slotted.blockhash()))
    slotted.slots(31)
    assert slotted.status(signature)["confirmations"] == 31
    slotted.slots(1)
    assert slotted.status(signature)["confirmations"] is None


def test_accounts_are_read_as_they_were_in_the_block_asked_for(slotted: Localnet) -> None:
    payer, to = slotted.funded(), Pubkey.new_unique()
    for _ in range(40):
        slotted.send(payment(payer, to, SOL // 10, slotted.blockhash()))
        slotted.slots(1)
    paid = [slotted.lamports(to, each) * 10 // SOL for each in ("processed", "confirmed", "finalized")]
    assert paid == [40, 39, 9]


def test_in_the_instant_mode_a_block_comes_with_every_transaction(localnet: Localnet) -> None:
    payer, to = localnet.funded(), Pubkey.new_unique()
    before = heights(localnet)
    signature = localnet.send(payment(payer, to, SOL, localnet.blockhash()))
    after = heights(localnet)
    assert after[:2] == [before[0] + 1, before[0] + 1]
    assert certainty(localnet, signature) == "confirmed"
    localnet.slots(32)
    assert certainty(localnet, signature) == "finalized"


def test_slots_are_far_ahead_of_heights(slotted: Localnet) -> None:
    assert slotted("getSlot") > 1_000_000 + slotted("getBlockHeight")


@pytest.mark.parametrize(("slots", "is_taken"), [(149, True), (150, True), (151, False)])
def test_a_blockhash_lives_for_150_blocks(slotted: Localnet, slots: int, is_taken: bool) -> None:
    payer, to = slotted.funded(), Pubkey.new_unique()
    latest = slotted.value("getLatestBlockhash", {"commitment": "processed"})
    assert latest["lastValidBlockHeight"] == heights(slotted)[0] + 150
    slotted.slots(slots)
    valid = slotted.value("isBlockhashValid", latest["blockhash"], {"commitment": "processed"})
    assert (valid, heights(slotted)[0] <= latest["lastValidBlockHeight"]) == (is_taken, is_taken)
    transaction = payment(payer, to, SOL, Hash.from_string(latest["blockhash"]))
    if is_taken:
        slotted.send(transaction)
    else:
        with refused(-32002, "Blockhash not found") as failure:
            slotted.send(transaction)
        assert failure.value.data["err"] == "BlockhashNotFound"
        slotted.send(transaction, skipPreflight=True)
    assert slotted.lamports(to) == (SOL if is_taken else 0)


def test_a_preflight_knows_the_blockhashes_of_its_commitment(slotted: Localnet) -> None:
    payer = slotted.funded()
    slotted.slots(40)
    transaction = payment(payer, Pubkey.new_unique(), SOL, slotted.blockhash("processed"))
    with refused(-32002, "Blockhash not found"):
        slotted.send(transaction, preflightCommitment="finalized")
    slotted.send(payment(payer, Pubkey.new_unique(), SOL, slotted.blockhash("finalized")))


def test_a_preflight_sees_the_state_of_its_commitment(slotted: Localnet) -> None:
    slotted.slots(40)
    payer, to = slotted.funded(), Pubkey.new_unique()
    transaction = payment(payer, to, SOL, slotted.blockhash("finalized"))
    with refused(-32002, "no record of a prior credit"):
        slotted.send(transaction, preflightCommitment="finalized")
    assert slotted.lamports(payer.pubkey()) == 10 * SOL
    slotted.send(transaction, preflightCommitment="processed")
    assert slotted.lamports(to) == SOL


def test_a_slot_that_is_not_reached_is_told(slotted: Localnet) -> None:
    slot = slotted("getSlot", {"commitment": "processed"})
    slotted.value("getBalance", str(SYSTEM), {"commitment": "processed", "minContextSlot": slot})
    with refused(-32016, "Minimum context slot has not been reached") as failure:
        slotted("getBalance", str(SYSTEM), {"commitment": "confirmed", "minContextSlot": slot})
    assert failure.value.data == {"contextSlot": slotted("getSlot", {"commitment": "confirmed"})}


@pytest.mark.parametrize("slots", [0, 1])
def test_a_fork_takes_what_is_not_confirmed(slotted: Localnet, slots: int) -> None:
    payer, to = slotted.funded(), Pubkey.new_unique()
    slotted.slots(5)
    before = slotted.lamports(payer.pubkey()), heights(slotted)[1:]
    transaction = payment(payer, to, SOL, slotted.blockhash())
    signature = slotted.send(transaction)
    slotted.slots(slots)
    slot = slotted("getSlot", {"commitment": "processed"})
    slotted("localnet_fault", "fork")
    assert slotted.status(signature) is None
    assert slotted.transaction(signature) is None
    assert slotted("getSignaturesForAddress", str(to), {"commitment": "confirmed"}) == []
    assert (slotted.lamports(payer.pubkey()), slotted.lamports(to)) == (before[0], 0)
    assert slotted("getSlot", {"commitment": "processed"}) == slot + 1
    assert heights(slotted)[1] >= before[1][0]


def test_a_transaction_that_was_forked_away_lands_again(slotted: Localnet) -> None:
    payer, to = slotted.funded(), Pubkey.new_unique()
    slotted.slots(5)
    transaction = payment(payer, to, SOL, slotted.blockhash("confirmed"))
    signature = slotted.send(transaction)
    slotted("localnet_fault", "fork")
    assert slotted.send(transaction) == signature
    slotted.slots(2)
    assert certainty(slotted, signature) == "confirmed"
    assert (slotted.lamports(to), slotted.lamports(payer.pubkey())) == (SOL, 9 * SOL - FEE)


def test_a_blockhash_of_a_dropped_block_is_gone(slotted: Localnet) -> None:
    payer, to = slotted.funded(), Pubkey.new_unique()
    slotted.slots(5)
    transaction = payment(payer, to, SOL, slotted.blockhash("processed"))
    slotted.send(transaction)
    slotted("localnet_fault", "fork")
    with refused(-32002, "Blockhash not found"):
        slotted.send(transaction)


def test_a_confirmed_transaction_survives_a_fork_but_not_a_deep_one(slotted: Localnet) -> None:
    payer, to = slotted.funded(), Pubkey.new_unique()
    slotted.slots(40)
    signature = slotted.send(payment(payer, to, SOL, slotted.blockhash("finalized")))
    slotted.slots(3)
    slotted("localnet_fault", "fork")
    assert (certainty(slotted, signature), slotted.lamports(to)) == ("confirmed", SOL)
    final = heights(slotted)[2]
    slotted("localnet_fault", "fork", {"deep": True})
    assert (certainty(slotted, signature), slotted.lamports(to)) == (None, 0)
    assert heights(slotted) == [final + 1, final, final]


def test_what_is_final_stays(slotted: Localnet) -> None:
    payer, to = slotted.funded(), Pubkey.new_unique()
    signature = slotted.send(payment(payer, to, SOL, slotted.blockhash()))
    slotted.slots(32)
    slotted("localnet_fault", "fork", {"deep": True})
    assert (certainty(slotted, signature), slotted.lamports(to)) == ("finalized", SOL)


def test_a_killed_localnet_goes_on_where_it_was_confirmed(tmp_path: Path) -> None:
    localnet = Localnet(tmp_path, instant=False)
    payer, to = localnet.funded(), Pubkey.new_unique()
    known = localnet.blockhash()
    confirmed = localnet.send(payment(payer, to, SOL, known))
    localnet.slots(2)
    assert certainty(localnet, confirmed) == "confirmed"
    lost = localnet.send(payment(payer, to, 2 * SOL, known))
    genesis, height = localnet("getGenesisHash"), heights(localnet)[0]

    again = localnet.restarted()
    assert again("getGenesisHash") == genesis
    assert certainty(again, confirmed) == "finalized"
    assert certainty(again, lost) is None
    assert again.lamports(to) == SOL
    assert heights(again)[0] > height
    assert again.transaction(confirmed)["slot"] < again("getSlot")
    with refused(-32002, "already been processed"):
        again.send(payment(payer, to, SOL, known))
    again.send(payment(payer, to, 2 * SOL, known))
    assert again.lamports(to) == 3 * SOL
    again.kill()


def test_a_height_never_comes_back_after_a_kill(tmp_path: Path) -> None:
    """Who has read that a blockhash is dead may count on it: empty blocks are not all on the disk."""
    localnet = Localnet(tmp_path, instant=False)
    payer = localnet.funded()
    early = localnet.value("getLatestBlockhash", {"commitment": "processed"})
    localnet.slots(150 + 24)
    assert heights(localnet)[0] > early["lastValidBlockHeight"]
    again = localnet.restarted()
    assert heights(again)[0] > early["lastValidBlockHeight"]
    with refused(-32002, "Blockhash not found"):
        again.send(payment(payer, Pubkey.new_unique(), SOL, Hash.from_string(early["blockhash"])))
    again.kill()


def test_a_blockhash_outlives_two_kills(tmp_path: Path) -> None:
    localnet = Localnet(tmp_path, instant=False)
    payer, to = localnet.funded(), Pubkey.new_unique()
    known = localnet.blockhash()
    localnet.slots()
    again = localnet.restarted().restarted()
    again.send(payment(payer, to, SOL, known))
    assert again.lamports(to) == SOL
    again.kill()


def test_a_deep_fork_is_on_the_disk(tmp_path: Path) -> None:
    localnet = Localnet(tmp_path, instant=False)
    payer, to = localnet.funded(), Pubkey.new_unique()
    localnet.slots(40)
    signature = localnet.send(payment(payer, to, SOL, localnet.blockhash()))
    localnet.slots(5)
    localnet("localnet_fault", "fork", {"deep": True})
    again = localnet.restarted()
    assert (certainty(again, signature), again.lamports(to)) == (None, 0)
    assert again.lamports(payer.pubkey()) == 10 * SOL
    again.kill()


def test_a_lookup_table_is_made_and_used(localnet: Localnet) -> None:
    payer = localnet.funded()
    recipients = [Pubkey.new_unique() for _ in range(3)]
    slot = localnet("getSlot", {"commitment": "finalized"})
    table, bump = Pubkey.find_program_address([bytes(payer.pubkey()), slot.to_bytes(8, "little")], LOOKUP_TABLES)
    metas = [AccountMeta(table, False, True), AccountMeta(payer.pubkey(), True, False), *paid_by(payer)]
    create = Instruction(LOOKUP_TABLES, bytes(4) + slot.to_bytes(8, "little") + bytes([bump]), metas)
    addresses = len(recipients).to_bytes(8, "little") + b"".join(map(bytes, recipients))
    extend = Instruction(LOOKUP_TABLES, (2).to_bytes(4, "little") + addresses, metas)
    localnet.send(signed(payer, [create, extend], localnet.blockhash()))
    localnet.slots()  # a table serves from the next slot on

    tables = [AddressLookupTableAccount(table, recipients)]
    payments = [transfer_of(payer, recipient, SOL) for recipient in recipients]
    signature = localnet.send(signed(payer, payments, localnet.blockhash(), tables=tables))
    assert [localnet.lamports(recipient) for recipient in recipients] == [SOL] * 3
    told = localnet.transaction(signature)
    assert told["meta"]["loadedAddresses"] == {"writable": [str(each) for each in recipients], "readonly": []}
    assert told["meta"]["postBalances"][-3:] == [SOL] * 3
    assert told["transaction"]["message"]["addressTableLookups"][0]["accountKey"] == str(table)
    assert localnet("getSignaturesForAddress", str(recipients[1]), {"commitment": "confirmed"})


def test_a_lookup_table_that_does_not_exist_is_refused(localnet: Localnet) -> None:
    payer, to = localnet.funded(), Pubkey.new_unique()
    tables = [AddressLookupTableAccount(Pubkey.new_unique(), [to])]
    transaction = signed(payer, [transfer_of(payer, to, SOL)], localnet.blockhash(), tables=tables)
    with refused(-32002, "loads an address table account that doesn't exist"):
        localnet.send(transaction)


def paid_by(payer: Keypair) -> list[AccountMeta]:
    return [AccountMeta(payer.pubkey(), True, True), AccountMeta(SYSTEM, False, False)]
