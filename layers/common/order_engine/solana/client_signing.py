"""What a client sends back of a transaction that it was to sign."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from dataclasses import replace

from order_engine.domain.transactions import Transaction
from order_engine.solana.addresses import SIGNATURE_BYTES, address, encode
from order_engine.solana.messages import compact_u16
from order_engine.solana.signing import is_signature

_ONE_SIGNATURE = compact_u16(1)
_UNSIGNED = bytes(SIGNATURE_BYTES)


def message_of(transaction: Transaction) -> bytes:
    """The message of a transaction with one signature."""
    if transaction.wire is None:
        raise ValueError(f"expected transaction {transaction.signature} with its bytes")
    return b64decode(transaction.wire)[len(_ONE_SIGNATURE) + SIGNATURE_BYTES :]


def signed(unsigned: Transaction, wallet: str, wire: str) -> Transaction:
    """As `Signing.signed`."""
    try:
        raw = b64decode(wire, validate=True)
    except (Error, ValueError) as error:
        raise ValueError(f"expected a transaction in base64, was {wire[:40]!r}: {error}") from None
    expected = message_of(unsigned)
    start = len(_ONE_SIGNATURE) + SIGNATURE_BYTES
    if not raw.startswith(_ONE_SIGNATURE):
        raise ValueError(f"expected a transaction with one signature, was one with {raw[0] if raw else 0}")
    signature, message = raw[len(_ONE_SIGNATURE) : start], raw[start:]
    if len(raw) != start + len(expected):
        raise ValueError(f"expected {start + len(expected)} bytes, those of the quoted transaction, was {len(raw)}")
    if message != expected:
        at = next(index for index, (one, other) in enumerate(zip(expected, message, strict=True)) if one != other)
        raise ValueError(
            f"expected the message of the quoted transaction, was another one from byte {start + at} on:"
            f" expected {expected[at]:#04x}, was {message[at]:#04x}"
        )
    if signature == _UNSIGNED:
        raise ValueError(f"expected the signature of wallet {wallet}, was none: 64 zero bytes")
    if not is_signature(address(wallet), signature, message):
        raise ValueError(f"expected the signature of wallet {wallet}, was {encode(signature)}, which is not")
    return replace(unsigned, signature=encode(signature), wire=wire)
