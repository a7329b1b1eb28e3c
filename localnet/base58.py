"""Base58 of bytes of any length."""

from __future__ import annotations

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = {digit: value for value, digit in enumerate(_ALPHABET)}


def encode(raw: bytes) -> str:
    """Every leading zero byte is a leading `1`."""
    value, digits = int.from_bytes(raw), []
    while value:
        value, digit = divmod(value, 58)
        digits.append(_ALPHABET[digit])
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + "".join(reversed(digits))


def decode(text: str) -> bytes:
    """Raises `ValueError`."""
    value = 0
    for digit in text:
        if digit not in _DIGITS:
            raise ValueError(f"invalid base58 character {digit!r}")
        value = value * 58 + _DIGITS[digit]
    return bytes(len(text) - len(text.lstrip("1"))) + value.to_bytes((value.bit_length() + 7) // 8)
