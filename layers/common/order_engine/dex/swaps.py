"""Swaps and their fees, the same for every kind of pool."""

from __future__ import annotations

from typing import NamedTuple

from order_engine.dex.rounding import ceil_div

BPS = 10_000


class Fees(NamedTuple):
    """The fees of a swap by recipient, in base units.

    `trade` goes to the liquidity providers: the trading fee less `protocol` and `fund`. `creator` goes to the pool's
    creator. `Swap.fee_on_input` says whether the fees are taken from the input or the output. Raydium CP-Swap may take
    the creator fee from the other token, as `Swap.creator_fee_on_input` says.
    """

    trade: int
    protocol: int
    fund: int
    creator: int

    @property
    def total(self) -> int:
        """The sum of all fees. They are in one token only if `fee_on_input` and `creator_fee_on_input` agree."""
        return self.trade + self.protocol + self.fund + self.creator


class Swap(NamedTuple):
    """The exact result of a swap, in base units.

    The trader pays `amount_in`, fees included, and receives `amount_out`, fees deducted. `price_impact` is an exact
    fraction (numerator, denominator), not reduced: `1 − execution price / spot price`, both without fees, where the
    spot price is that before the swap.
    """

    amount_in: int
    amount_out: int
    fees: Fees
    fee_on_input: bool
    price_impact: tuple[int, int]
    creator_fee_on_input: bool = True

    @property
    def price_impact_bps(self) -> int:
        """The price impact in basis points, rounded up: it is never understated."""
        numerator, denominator = self.price_impact
        return ceil_div(numerator * BPS, denominator)

    @property
    def fee_in(self) -> int:
        """The fees that are taken from the input, in base units of the input token."""
        fees = self.fees
        shared = fees.trade + fees.protocol + fees.fund
        return shared * self.fee_on_input + fees.creator * self.creator_fee_on_input

    @property
    def fee_out(self) -> int:
        """The fees that are taken from the output, in base units of the output token."""
        return self.fees.total - self.fee_in


def min_out(quoted_out: int, slippage_bps: int) -> int:
    """The smallest output that a swap may pay: `⌊quotedOut · (10000 − slippageBps) / 10000⌋`."""
    return quoted_out * (BPS - slippage_bps) // BPS
