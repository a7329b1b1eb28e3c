"""The bins that swaps of a Meteora DLMM pair may drain, with the sums of their fills.

Source: MeteoraAg/dlmm-sdk, commons/src/quote.rs (`quote_exact_in`, `quote_exact_out`). Token a is x, token b is y.
"""

from __future__ import annotations

from bisect import bisect_left
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from order_engine.dex.errors import LiquidityExhausted, Overflow
from order_engine.dex.meteora_dlmm_bins import FEE_PRECISION, Fill, fill_bin
from order_engine.dex.rounding import U64_MAX

if TYPE_CHECKING:
    from order_engine.dex.meteora_dlmm import MeteoraDlmm

UNLIMITED = 1 << 96
"""More than all bins together can take."""

_extending = Lock()


class Totals(NamedTuple):
    """Sums over the fills of drained bins. The fields are those of `Fill`."""

    amount_in: int = 0
    amount_out: int = 0
    fee: int = 0
    protocol_fee: int = 0
    net_in: int = 0
    gross_out: int = 0


class DrainedBin(NamedTuple):
    """A bin that a swap may drain: the sums `before` it, the `fill` that drains it, and `lowest_price`.

    `lowest_price` is the lowest marginal price of this bin and those before it: the price of a bin, and the billionths
    of it that remain after the fee.
    """

    before: Totals
    fill: Fill
    lowest_price: tuple[int, int]


class CumulativeFills:
    """The bins ahead in one direction with the sums of their fills, so that a swap over many bins is one search.

    It is extended as far as a swap needs. `thresholds[i]` is the largest input that ends in `drained_bins[i]`. It does
    not refer to its pool, since the pool refers to it: an unused pool is then freed without garbage collection.
    """

    __slots__ = ("_ahead", "_totals", "a_to_b", "blocked", "drained_bins", "index_reference", "reference", "thresholds")

    def __init__(self, pool: MeteoraDlmm, a_to_b: bool, reference: int, index_reference: int) -> None:
        self.a_to_b = a_to_b
        self.reference = reference
        self.index_reference = index_reference
        self.thresholds: list[int] = []
        self.drained_bins: list[DrainedBin] = []
        self.blocked = False
        self._ahead = iter(list(pool.bins_ahead(a_to_b)))
        self._totals = Totals()

    def find(self, pool: MeteoraDlmm, amount_in: int) -> DrainedBin:
        """The bin in which a swap of `amount_in` ends. Raises `LiquidityExhausted`, `Overflow`."""
        if not self.extend(pool, amount_in):
            if self.blocked:
                raise Overflow(f"expected a bin that a u64 can drain after {self.capacity()} in, was a larger one")
            raise LiquidityExhausted(f"expected at most {self.capacity()} in, was {amount_in}")
        return self.drained_bins[bisect_left(self.thresholds, amount_in)]

    def find_output(self, pool: MeteoraDlmm, amount_out: int) -> DrainedBin:
        """The bin in which a swap that pays `amount_out` ends. Raises `LiquidityExhausted`."""
        while self._totals.amount_out < amount_out:
            if not self.extend(pool, self.capacity() + 1):
                raise LiquidityExhausted(f"expected at most {self._totals.amount_out} out, was {amount_out}")
        end = bisect_left(
            self.drained_bins, amount_out, key=lambda drained: drained.before.amount_out + drained.fill.amount_out
        )
        return self.drained_bins[end]

    def capacity(self) -> int:
        """The largest input that the bins found until now take."""
        return self.thresholds[-1] if self.thresholds else 0

    def extend(self, pool: MeteoraDlmm, amount_in: int) -> bool:
        """Adds bins until a swap of `amount_in` ends in one of them; `False` if all bins together take less."""
        if self.capacity() >= amount_in:
            return True
        with _extending:  # threads share pools
            a_to_b, on_input = self.a_to_b, pool.fee_on_input(self.a_to_b)
            orders, share = pool.takes_orders, pool.protocol_share
            while self.capacity() < amount_in:
                bin = None if self.blocked else next(self._ahead, None)
                if bin is None:
                    return False
                accumulator, rate = pool.fee_rate(bin.id, self.reference, self.index_reference)
                fill = fill_bin(bin, rate, accumulator, UNLIMITED, a_to_b, on_input, orders, share)
                _, _, _, taken, paid, users, protocol, net, gross, market_in, _, _ = fill
                if net > U64_MAX or market_in + (bin.amount_x if a_to_b else bin.amount_y) > U64_MAX:
                    self.blocked = True
                    return False
                kept = FEE_PRECISION - rate
                lowest_price = bin.price, kept
                if self.drained_bins:
                    price, least = previous_lowest = self.drained_bins[-1].lowest_price
                    if price * least < bin.price * kept if a_to_b else least * bin.price < kept * price:
                        lowest_price = previous_lowest
                before = self._totals
                amount_in_before, amount_out, fee, protocol_fee, net_in, gross_out = before
                self._totals = Totals(
                    amount_in_before + taken,
                    amount_out + paid,
                    fee + users,
                    protocol_fee + protocol,
                    net_in + net,
                    gross_out + gross,
                )
                most = ((net + 1) * FEE_PRECISION - 1) // kept if on_input else net
                self.drained_bins.append(DrainedBin(before, fill, lowest_price))
                self.thresholds.append(amount_in_before + most)
            return True
