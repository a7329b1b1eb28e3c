"""Integers as the programs have them, and division that rounds away from the trader."""

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
    """Raises `ValueError` for what no instruction can carry: less than one base unit or more than a u64."""
    if not 1 <= amount <= U64_MAX:
        raise ValueError(f"expected an amount from 1 to {U64_MAX} base units, was {amount}")
