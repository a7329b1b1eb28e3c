"""Faults by command: what a client sees of each, and that it ends."""

from __future__ import annotations

from typing import Any

import pytest
from solders.pubkey import Pubkey

from localnet.faults import KINDS
from tests.support.localnet import SOL, Localnet, payment, refused


def test_a_dropped_transaction_never_lands_until_it_is_sent_again(slotted: Localnet) -> None:
    payer, to = slotted.funded(), Pubkey.new_unique()
    slotted("localnet_fault", "drop", {"times": 1})
    transaction = payment(payer, to, SOL, slotted.blockhash())
    signature = slotted.send(transaction)
    slotted.slots(40)
    assert slotted.status(signature) is None
    assert slotted.send(transaction) == signature
    assert slotted.lamports(to) == SOL


def test_a_delayed_transaction_lands_later(slotted: Localnet) -> None:
    payer, to = slotted.funded(), Pubkey.new_unique()
    slotted("localnet_fault", "delay", {"times": 1, "slots": 3})
    slotted.send(payment(payer, to, SOL, slotted.blockhash()))
    paid = []
    for _ in range(4):
        paid.append(slotted.lamports(to))
        slotted.slots()
    assert paid == [0, 0, 0, SOL]


def test_a_transaction_that_is_delayed_beyond_its_blockhash_never_lands(slotted: Localnet) -> None:
    payer, to = slotted.funded(), Pubkey.new_unique()
    slotted("localnet_fault", "delay", {"times": 1, "slots": 151})
    signature = slotted.send(payment(payer, to, SOL, slotted.blockhash()))
    slotted.slots(160)
    assert (slotted.status(signature), slotted.lamports(to)) == (None, 0)


def test_a_delayed_transaction_that_was_sent_again_lands_once(slotted: Localnet) -> None:
    payer, to = slotted.funded(), Pubkey.new_unique()
    slotted("localnet_fault", "delay", {"times": 1, "slots": 2})
    transaction = payment(payer, to, SOL, slotted.blockhash())
    slotted.send(transaction)
    slotted.send(transaction)
    slotted.slots(5)
    assert slotted.lamports(to) == SOL


def test_a_lagging_node_answers_from_slots_ago(slotted: Localnet) -> None:
    payer, to = slotted.funded(), Pubkey.new_unique()
    slotted.slots(40)
    signature = slotted.send(payment(payer, to, SOL, slotted.blockhash()))
    slotted.slots(4)
    now = slotted("getSlot", {"commitment": "confirmed"})
    latest = slotted.blockhash("processed")
    slotted("localnet_fault", "lag", {"slots": 10})

    assert slotted("getSlot", {"commitment": "confirmed"}) == now - 10
    assert slotted("getBlockHeight", {"commitment": "finalized"}) == 44 - 32 - 10 + 1
    assert slotted.lamports(to) == 0
    assert slotted.status(signature) is None
    assert slotted.transaction(signature) is None
    assert not slotted.value("isBlockhashValid", str(latest), {"commitment": "processed"})
    with refused(-32002, "Blockhash not found"):
        slotted.send(payment(payer, to, 2 * SOL, latest))
    with refused(-32016, "Minimum context slot has not been reached"):
        slotted("getBalance", str(to), {"commitment": "confirmed", "minContextSlot": now})

    slotted("localnet_clear")
    assert (slotted.lamports(to), slotted("getSlot", {"commitment": "confirmed"})) == (SOL, now)


def test_a_node_that_lags_far_behind_says_so(slotted: Localnet) -> None:
    payer = slotted.funded()
    slotted.slots(200)
    transaction = payment(payer, Pubkey.new_unique(), SOL, slotted.blockhash("finalized"))
    slotted("localnet_fault", "lag", {"slots": 129})
    with refused(-32005, "Node is behind by 129 slots") as failure:
        slotted("getHealth")
    assert failure.value.data == {"numSlotsBehind": 129}
    with refused(-32005, "Node is behind by 129 slots"):
        slotted.send(transaction)


def test_all_blockhashes_expire(slotted: Localnet) -> None:
    payer = slotted.funded()
    latest = slotted.value("getLatestBlockhash", {"commitment": "processed"})
    transaction = payment(payer, Pubkey.new_unique(), SOL, slotted.blockhash())
    assert slotted("localnet_fault", "expire") == []
    assert slotted("getBlockHeight", {"commitment": "processed"}) > latest["lastValidBlockHeight"]
    with refused(-32002, "Blockhash not found"):
        slotted.send(transaction)


def test_forks_come_by_chance_as_slots_pass(slotted: Localnet) -> None:
    slotted("localnet_fault", "fork", {"times": 1_000, "percent": 50})
    before = slotted("getSlot", {"commitment": "processed"}), slotted("getBlockHeight", {"commitment": "processed"})
    slotted.slots(100)
    slots = slotted("getSlot", {"commitment": "processed"}) - before[0]
    heights = slotted("getBlockHeight", {"commitment": "processed"}) - before[1]
    assert slots > 110
    assert 20 < heights < 100


def test_a_fork_strikes_at_once_and_then_in_the_next_slots(slotted: Localnet) -> None:
    slotted.slots(5)
    assert slotted("localnet_fault", "fork", {"times": 2}) == [
        {"kind": "fork", "times": 1, "percent": 100, "slots": 10, "deep": False}
    ]
    slotted.slots()
    assert slotted("localnet_faults") == []


def test_faults_are_listed_and_cleared(localnet: Localnet) -> None:
    localnet("localnet_fault", "503", {"percent": 30})
    localnet("localnet_fault", "delay", {"times": 5, "slots": 2})
    assert [(each["kind"], each["times"], each["percent"], each["slots"]) for each in localnet("localnet_faults")] == [
        ("503", None, 30, 10),
        ("delay", 5, 100, 2),
    ]
    assert localnet("localnet_clear") == localnet("localnet_faults") == []


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (["earthquake"], f"expected one of {', '.join(KINDS)}, was 'earthquake'"),
        (["drop", {"times": 0}], "expected times from 1 to 1000000, was 0"),
        (["drop", {"percent": 101}], "expected percent from 1 to 100, was 101"),
        (["lag", {"slots": 257}], "expected slots from 1 to 256, was 257"),
        (["drop", {"often": True}], "option 'often' is not supported"),
        ([], "missing a kind"),
    ],
)
def test_other_faults_are_refused(localnet: Localnet, params: list[Any], message: str) -> None:
    with refused(-32602, message):
        localnet("localnet_fault", *params)
    assert localnet("localnet_faults") == []
