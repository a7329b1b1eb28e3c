"""The integer bounds of Solana's programs, and division that rounds up."""

from __future__ import annotations

U64_MAX = 2**64 - 1
"""The most base units that an SPL token account can hold."""

U128_MAX = 2**128 - 1

Q64 = 1 << 64
"""One in Q64.64 fixed point."""


def ceil_div(numerator: int, denominator: int) -> int:
    """`⌈numerator / denominator⌉` for a positive denominator."""
    return -(-numerator // denominator)


def check_amount(amount: int) -> None:
    """Raises `ValueError` unless the amount is at least one base unit and fits a u64, as in an instruction."""
    if not 1 <= amount <= U64_MAX:
        raise ValueError(f"expected an amount from 1 to {U64_MAX} base units, was {amount}")
