"""What a swap does, whatever the pool."""

from __future__ import annotations

from typing import NamedTuple

from order_engine.dex.rounding import ceil_div

BPS = 10_000


class Fees(NamedTuple):
    """What a swap costs, in base units, by who receives it.

    `trade` stays for the liquidity providers: the trading fee less what `protocol` and `fund` take of it. `creator`
    is what the pool's creator takes. All are in the token that `Swap.fee_on_input` names, but for a creator fee with
    `Swap.creator_fee_on_input` of its own: Raydium CP-Swap may take that one from the other token.
    """

    trade: int
    protocol: int
    fund: int
    creator: int

    @property
    def total(self) -> int:
        """The sum; of one token only where `fee_on_input` and `creator_fee_on_input` agree."""
        return self.trade + self.protocol + self.fund + self.creator


class Swap(NamedTuple):
    """An exact swap, in base units.

    `amount_in` is everything that the trader pays, fees included; `amount_out` everything that they receive, fees
    deducted. `price_impact` is an exact fraction (numerator, denominator), not reduced: 1 less the execution price
    without fees over the spot price before the swap, like with like, in base units both.
    """

    amount_in: int
    amount_out: int
    fees: Fees
    fee_on_input: bool
    price_impact: tuple[int, int]
    creator_fee_on_input: bool = True

    @property
    def price_impact_bps(self) -> int:
        """Rounded up, so that an impact is never shown smaller than it is."""
        numerator, denominator = self.price_impact
        return ceil_div(numerator * BPS, denominator)

    @property
    def fee_in(self) -> int:
        """The fees that are taken from what the trader pays, in its base units."""
        fees = self.fees
        shared = fees.trade + fees.protocol + fees.fund
        return shared * self.fee_on_input + fees.creator * self.creator_fee_on_input

    @property
    def fee_out(self) -> int:
        """The fees that are taken from what the pool pays, in its base units."""
        return self.fees.total - self.fee_in


def min_out(quoted_out: int, slippage_bps: int) -> int:
    """The least that a swap may pay: `⌊quotedOut · (10000 − slippageBps) / 10000⌋`, never rounded up."""
    return quoted_out * (BPS - slippage_bps) // BPS
