"""Transactions on LiteSVM: what they do, and what is refused."""

from __future__ import annotations

import base64

import pytest
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import Transaction, VersionedTransaction

from localnet import base58
from localnet.addresses import MEMO
from tests.support.localnet import FEE, SOL, Localnet, RpcFailure, payment, refused, signed, transfer_of, wire

INSUFFICIENT = {"InstructionError": [0, {"Custom": 1}]}


def test_a_payment_moves_lamports_and_costs_a_fee(localnet: Localnet) -> None:
    payer, to = localnet.funded(), Pubkey.new_unique()
    signature = localnet.send(payment(payer, to, SOL, localnet.blockhash()))
    status = localnet.status(signature)
    assert (status["err"], status["confirmationStatus"]) == (None, "confirmed")
    assert localnet.lamports(to) == SOL
    assert localnet.lamports(payer.pubkey()) == 9 * SOL - FEE


def test_the_priority_fee_is_paid(localnet: Localnet) -> None:
    payer = localnet.funded()
    budget = [set_compute_unit_limit(100_001), set_compute_unit_price(1_000)]
    localnet.send(signed(payer, budget, localnet.blockhash()))
    assert localnet.lamports(payer.pubkey()) == 10 * SOL - FEE - 101


def test_a_legacy_transaction_is_taken(localnet: Localnet) -> None:
    payer, to = localnet.funded(), Pubkey.new_unique()
    message = Message([transfer_of(payer, to, SOL)], payer.pubkey())
    legacy = VersionedTransaction.from_legacy(Transaction([payer], message, localnet.blockhash()))
    signature = localnet.send(legacy)
    assert localnet.lamports(to) == SOL
    assert localnet("getTransaction", signature, {"commitment": "confirmed"})["meta"]["err"] is None


def test_a_transaction_is_taken_in_base58(localnet: Localnet) -> None:
    payer, to = localnet.funded(), Pubkey.new_unique()
    transaction = payment(payer, to, SOL, localnet.blockhash())
    localnet("sendTransaction", base58.encode(bytes(transaction)), {"preflightCommitment": "processed"})
    assert localnet.lamports(to) == SOL


def test_a_transaction_that_fails_is_not_sent(localnet: Localnet) -> None:
    payer = localnet.funded()
    failing = payment(payer, Pubkey.new_unique(), 11 * SOL, localnet.blockhash())
    with refused(-32002, "simulation failed: Error processing Instruction 0: custom program error: 0x1") as e:
        localnet.send(failing)
    assert e.value.data["err"] == INSUFFICIENT
    assert e.value.data["logs"][1].startswith("Transfer: insufficient lamports")
    assert e.value.data["unitsConsumed"] == 150
    assert localnet.status(str(failing.signatures[0])) is None
    assert localnet.lamports(payer.pubkey()) == 10 * SOL


def test_without_a_preflight_it_fails_on_chain_and_costs_its_fee(localnet: Localnet) -> None:
    payer = localnet.funded()
    signature = localnet.send(payment(payer, Pubkey.new_unique(), 11 * SOL, localnet.blockhash()), skipPreflight=True)
    assert localnet.status(signature)["err"] == INSUFFICIENT
    assert localnet.lamports(payer.pubkey()) == 10 * SOL - FEE


def test_what_no_block_takes_costs_nothing(localnet: Localnet) -> None:
    payer = Keypair()
    signature = localnet.send(payment(payer, Pubkey.new_unique(), 1, localnet.blockhash()), skipPreflight=True)
    assert localnet.status(signature) is None
    with refused(-32002, "found no record of a prior credit"):
        localnet.send(payment(payer, Pubkey.new_unique(), 1, localnet.blockhash()))


def test_a_transaction_is_carried_out_once(localnet: Localnet) -> None:
    payer, to = localnet.funded(), Pubkey.new_unique()
    transaction = payment(payer, to, SOL, localnet.blockhash())
    signature = localnet.send(transaction)
    with refused(-32002, "This transaction has already been processed") as e:
        localnet.send(transaction)
    assert e.value.data["err"] == "AlreadyProcessed"
    assert localnet.send(transaction, skipPreflight=True) == signature
    assert localnet.lamports(to) == SOL


def test_a_wrong_signature_is_refused(localnet: Localnet) -> None:
    payer, to = localnet.funded(), Pubkey.new_unique()
    good = payment(payer, to, SOL, localnet.blockhash())
    forged = VersionedTransaction.populate(good.message, [Keypair().sign_message(bytes(good))])
    with refused(-32003, "Transaction signature verification failure"):
        localnet.send(forged)
    localnet.send(forged, skipPreflight=True)
    assert localnet.status(str(forged.signatures[0])) is None
    assert localnet.lamports(to) == 0


def test_more_than_1232_bytes_are_refused(localnet: Localnet) -> None:
    payer = localnet.funded()

    def noted(size: int) -> VersionedTransaction:
        return signed(payer, [Instruction(MEMO, b"x" * size, [])], localnet.blockhash())

    room = 1232 - len(bytes(noted(200))) + 200
    assert len(bytes(noted(room))) == 1232
    assert localnet.status(localnet.send(noted(room)))["err"] is None
    with refused(-32602, r"too large: 1233 bytes \(max: 1232 bytes\)"):
        localnet.send(noted(room + 1))


@pytest.mark.parametrize(
    ("text", "encoding", "message"),
    [
        ("%%%", "base64", "invalid base64 encoding"),
        ("0OIl", "base58", "invalid base58 encoding"),
        (base64.b64encode(b"nothing").decode(), "base64", "failed to deserialize"),
    ],
)
def test_what_is_no_transaction_is_refused(localnet: Localnet, text: str, encoding: str, message: str) -> None:
    with refused(-32602, message):
        localnet("sendTransaction", text, {"encoding": encoding})


def test_a_simulation_changes_nothing(localnet: Localnet) -> None:
    payer, to = localnet.funded(), Pubkey.new_unique()
    simulated = localnet.value(
        "simulateTransaction",
        wire(payment(payer, to, SOL, Hash.default())),
        {
            "encoding": "base64",
            "replaceRecentBlockhash": True,
            "commitment": "processed",
            "accounts": {"addresses": [str(to), str(payer.pubkey()), str(MEMO)], "encoding": "base64"},
        },
    )
    assert (simulated["err"], simulated["unitsConsumed"], simulated["fee"]) == (None, 150, FEE)
    assert simulated["logs"] == [f"Program {Pubkey.default()} invoke [1]", f"Program {Pubkey.default()} success"]
    assert [account["lamports"] for account in simulated["accounts"][:2]] == [SOL, 9 * SOL - FEE]
    assert simulated["accounts"][2]["executable"]
    assert simulated["replacementBlockhash"]["blockhash"] == str(localnet.blockhash())
    assert (localnet.lamports(to), localnet.lamports(payer.pubkey())) == (0, 10 * SOL)


def test_a_simulation_says_what_a_block_would_say(localnet: Localnet) -> None:
    payer = localnet.funded()
    options = {"encoding": "base64", "commitment": "processed"}
    unknown = wire(payment(payer, Pubkey.new_unique(), SOL, Hash.default()))
    assert localnet.value("simulateTransaction", unknown, options)["err"] == "BlockhashNotFound"
    with refused(-32602, "sigVerify may not be used with replaceRecentBlockhash"):
        localnet("simulateTransaction", unknown, {**options, "sigVerify": True, "replaceRecentBlockhash": True})
    unsigned = wire(
        VersionedTransaction.populate(
            payment(payer, Pubkey.new_unique(), SOL, localnet.blockhash()).message, [Keypair().sign_message(b"")]
        )
    )
    assert localnet.value("simulateTransaction", unsigned, options)["err"] is None
    with refused(-32003, "signature verification failure"):
        localnet("simulateTransaction", unsigned, {**options, "sigVerify": True})


def test_accounts_of_a_failed_simulation_are_none(localnet: Localnet) -> None:
    payer = localnet.funded()
    failing = wire(payment(payer, Pubkey.new_unique(), 11 * SOL, localnet.blockhash()))
    accounts = {"addresses": [str(payer.pubkey())], "encoding": "base64"}
    options = {"encoding": "base64", "commitment": "processed", "accounts": accounts}
    simulated = localnet.value("simulateTransaction", failing, options)
    assert (simulated["err"], simulated["accounts"]) == (INSUFFICIENT, [None])


def test_a_signer_that_is_missing_fails_the_instruction(localnet: Localnet) -> None:
    payer, other = localnet.funded(), localnet.funded()
    theft = transfer_of(other, payer.pubkey(), SOL)
    unsigned = Instruction(
        theft.program_id, theft.data, [AccountMeta(meta.pubkey, False, meta.is_writable) for meta in theft.accounts]
    )
    with refused(-32002, "missing required signature for instruction"):
        localnet.send(signed(payer, [unsigned], localnet.blockhash()))


def test_other_failures_are_told_by_code(localnet: Localnet) -> None:
    with pytest.raises(RpcFailure) as failure:
        localnet("getBlocks", 1, 2)
    assert failure.value.code == -32601
