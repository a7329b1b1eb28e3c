"""Names in Solana's form: random bytes in base58."""

from __future__ import annotations

import secrets

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def random_base58(size: int) -> str:
    """A text that no other call returns: `size` random bytes, of which the first is not 0, in base58."""
    value, digits = secrets.randbits(8 * size) | 1 << 8 * size - 8, ""
    while value:
        value, digit = divmod(value, 58)
        digits = _ALPHABET[digit] + digits
    return digits
