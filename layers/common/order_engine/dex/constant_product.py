"""The constant-product pool, x · y = k, in exact integers."""

from __future__ import annotations

from dataclasses import dataclass, replace

BPS = 10_000


@dataclass(frozen=True, slots=True)
class Pool:
    """Reserves in base units of each side; the fee in basis points is taken from what goes in."""

    reserve_in: int
    reserve_out: int
    fee_bps: int


@dataclass(frozen=True, slots=True)
class Swap:
    """What a swap would do: amounts and `fee` in base units, the fee in the token that goes in."""

    amount_in: int
    amount_out: int
    fee: int
    price_impact_bps: int


def swap(pool: Pool, amount_in: int) -> Swap:
    """`out = floor(y · a / (x + a))` for the input `a` left after the fee, which is rounded up.

    That is Uniswap v2 Core's equation 11, solved for the output. The price impact compares the price paid with the
    pool's own before the swap, both without the fee.
    """
    fee = -(-amount_in * pool.fee_bps // BPS)
    net = amount_in - fee
    amount_out = pool.reserve_out * net // (pool.reserve_in + net)
    impact = BPS * net // (pool.reserve_in + net)
    return Swap(amount_in, amount_out, fee, impact)


def apply(pool: Pool, swap: Swap) -> Pool:
    """The pool after the swap. The fee stays in it."""
    return replace(pool, reserve_in=pool.reserve_in + swap.amount_in, reserve_out=pool.reserve_out - swap.amount_out)


def drifted(pool: Pool, bps: int) -> Pool:
    """The pool after other traders have moved what it pays by `bps` basis points (negative: it pays less)."""
    return replace(pool, reserve_out=pool.reserve_out * (BPS + bps) // BPS)


def min_out(quoted_out: int, slippage_bps: int) -> int:
    """The least that a swap may pay: `floor(quotedOut · (10000 − slippageBps) / 10000)`."""
    return quoted_out * (BPS - slippage_bps) // BPS
