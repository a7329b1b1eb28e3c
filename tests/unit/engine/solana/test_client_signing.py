"""Which bytes count as a transaction that a client has signed: those of its quote, with its wallet's signature."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from solders.keypair import Keypair
from solders.transaction import VersionedTransaction

from order_engine.domain.transactions import Transaction
from order_engine.solana.addresses import MEMO, SIGNATURE_BYTES
from order_engine.solana.client_signing import message_of, signed
from order_engine.solana.instructions import memo, transfer
from order_engine.solana.messages import called_programs, compile_message, payer, serialize

KEYPAIR, OTHER = Keypair(), Keypair()
WALLET = str(KEYPAIR.pubkey())
KEY = bytes(KEYPAIR.pubkey())


def unsigned(note: str = "order") -> Transaction:
    """What a quote for `WALLET` has."""
    message = compile_message(KEY, [transfer(KEY, bytes(OTHER.pubkey()), 1), memo(note)], bytes(range(32)))
    wire = b64encode(serialize([bytes(SIGNATURE_BYTES)], message)).decode()
    return Transaction("", "venue", "SOL", "USDC", 1, 1, (), 300, wire=wire)


def raw(transaction: Transaction) -> bytes:
    assert transaction.wire is not None
    return b64decode(transaction.wire)


def signed_by(keypair: Keypair, transaction: Transaction) -> bytes:
    message = message_of(transaction)
    return serialize([bytes(keypair.sign_message(message))], message)


def text(transaction: bytes) -> str:
    return b64encode(transaction).decode()


def test_a_signed_transaction_is_the_quoted_one_with_its_signature() -> None:
    quoted = unsigned()
    wire = text(signed_by(KEYPAIR, quoted))
    found = signed(quoted, WALLET, wire)
    parsed = VersionedTransaction.from_bytes(b64decode(wire))
    assert parsed.verify_with_results() == [True]
    assert (found.signature, found.wire) == (str(parsed.signatures[0]), wire)
    assert (found.min_out, found.last_valid_height) == (quoted.min_out, quoted.last_valid_height)


def test_a_message_says_who_pays_and_what_is_called() -> None:
    message = message_of(unsigned())
    assert payer(message) == KEY
    assert called_programs(message) == [bytes(32), MEMO]


@pytest.mark.parametrize("bit", [1, 0x80])
def test_no_byte_may_differ(bit: int) -> None:
    """Neither of the count of signatures, nor of the signature, nor of any part of the message."""
    quoted = unsigned()
    right = signed_by(KEYPAIR, quoted)
    for at in range(len(right)):
        wrong = bytearray(right)
        wrong[at] ^= bit
        with pytest.raises(ValueError, match="^expected .*, was .*"):
            signed(quoted, WALLET, text(bytes(wrong)))


def test_the_first_byte_that_differs_is_named() -> None:
    quoted = unsigned()
    wrong = bytearray(signed_by(KEYPAIR, quoted))
    wrong[100] ^= 1
    reason = f"from byte 100 on: expected {wrong[100] ^ 1:#04x}, was {wrong[100]:#04x}"
    with pytest.raises(ValueError, match=reason):
        signed(quoted, WALLET, text(bytes(wrong)))


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (signed_by(OTHER, unsigned()), f"expected the signature of wallet {WALLET}, was .*, which is not"),
        (raw(unsigned()), f"expected the signature of wallet {WALLET}, was none: 64 zero bytes"),
        (signed_by(KEYPAIR, unsigned("other")), "expected the message of the quoted transaction, was another one"),
        (signed_by(KEYPAIR, unsigned("longer one")), "expected 2.. bytes, those of the quoted transaction, was 2.."),
        (signed_by(KEYPAIR, unsigned()) + b"\0", "expected 2.. bytes, those of the quoted transaction, was 2.."),
        (signed_by(KEYPAIR, unsigned())[:-1], "expected 2.. bytes, those of the quoted transaction, was 2.."),
        (
            serialize([bytes(KEYPAIR.sign_message(message_of(unsigned())))] * 2, message_of(unsigned())),
            "expected a transaction with one signature, was one with 2",
        ),
        (serialize([], message_of(unsigned())), "expected a transaction with one signature, was one with 0"),
        (b"", "expected a transaction with one signature, was one with 0"),
    ],
    ids=["another wallet", "nobody", "another quote", "longer", "a byte more", "a byte less", "two", "none", "empty"],
)
def test_anything_else_is_refused(sent: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        signed(unsigned(), WALLET, text(sent))


@pytest.mark.parametrize("sent", ["no base64!", "AQ==\n", "é", "AQ", "A" * 5])
def test_what_is_not_base64_is_refused(sent: str) -> None:
    with pytest.raises(ValueError, match="expected a transaction in base64, was "):
        signed(unsigned(), WALLET, sent)
