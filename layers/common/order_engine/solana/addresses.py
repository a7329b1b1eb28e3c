"""Addresses: base58 text, derived addresses, and the programs that every transaction uses."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

Address: TypeAlias = bytes
"""A public key, or the address that a program derives: 32 bytes."""

ADDRESS_BYTES = 32
SIGNATURE_BYTES = 64

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = {digit: value for value, digit in enumerate(_ALPHABET)}

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P


@lru_cache(maxsize=4096)
def encode(raw: bytes) -> str:
    """The base58 text of bytes. Every leading zero byte is a leading `1`."""
    value, digits = int.from_bytes(raw), []
    while value:
        value, digit = divmod(value, 58)
        digits.append(_ALPHABET[digit])
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + "".join(reversed(digits))


def decode(text: str, size: int = ADDRESS_BYTES) -> bytes:
    """The `size` bytes of a base58 text. Raises `ValueError`."""
    if len(text) > size * 11 // 8:  # no text of this many bytes is longer, and a long one takes long
        raise ValueError(f"expected base58 of {size} bytes, was {text[:100]!r}, of {len(text)} characters")
    value = 0
    for digit in text:
        if digit not in _DIGITS:
            raise ValueError(f"expected base58, was {text[:100]!r}")
        value = value * 58 + _DIGITS[digit]
    raw = bytes(len(text) - len(text.lstrip("1"))) + value.to_bytes((value.bit_length() + 7) // 8)
    if len(raw) != size:
        raise ValueError(f"expected base58 of {size} bytes, was {text[:100]!r}, of {len(raw)} bytes")
    return raw


@lru_cache(maxsize=4096)
def address(text: str) -> Address:
    """As `decode` for an address."""
    return decode(text)


SYSTEM = bytes(ADDRESS_BYTES)
TOKEN = address("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022 = address("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
ASSOCIATED_TOKEN = address("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
MEMO = address("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")
COMPUTE_BUDGET = address("ComputeBudget111111111111111111111111111111")
CLOCK = address("SysvarC1ock11111111111111111111111111111111")
WRAPPED_SOL = address("So11111111111111111111111111111111111111112")


def is_on_curve(raw: bytes) -> bool:
    """Whether the bytes are a point of Ed25519, so that they can have a private key. Derived addresses are not."""
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    square = y * y % _P
    numerator, denominator = (square - 1) % _P, (_D * square + 1) % _P
    # x² = numerator / denominator has a root if and only if numerator · denominator is a square.
    return numerator == 0 or _is_square(numerator * denominator % _P)


def _is_square(value: int) -> bool:
    """Whether `value`, which is not 0, has a root modulo p: its Jacobi symbol, five times as fast as Euler's `pow`."""
    symbol, modulus = 1, _P
    while value:
        twos = (value & -value).bit_length() - 1
        value >>= twos
        if twos & 1 and modulus & 7 in (3, 5):
            symbol = -symbol
        if value & modulus & 2:
            symbol = -symbol
        value, modulus = modulus % value, value
    return symbol == 1


def create_program_address(seeds: Sequence[bytes], program: Address) -> Address | None:
    """The address of these seeds, bump included; `None` if it is on the curve."""
    digest = hashlib.sha256(b"".join(seeds) + program + b"ProgramDerivedAddress").digest()
    return None if is_on_curve(digest) else digest


@lru_cache(maxsize=4096)
def derived(program: Address, *seeds: bytes) -> Address:
    """The address that a program derives from seeds, with the highest bump that is not on the curve."""
    for bump in range(255, -1, -1):
        if found := create_program_address([*seeds, bytes([bump])], program):
            return found
    raise ValueError(f"no address of program {encode(program)} for these seeds")


def associated_token_account(owner: Address, mint: Address, token_program: Address = TOKEN) -> Address:
    """The account in which an owner holds a token unless it says otherwise."""
    return derived(ASSOCIATED_TOKEN, owner, token_program, mint)
