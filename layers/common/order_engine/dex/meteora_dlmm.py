"""Meteora DLMM: liquidity in bins of one price each, a base fee and a variable fee, limit orders.

Source: MeteoraAg/dlmm-sdk, commons/src/quote.rs (`quote_exact_in`) and commons/src/extensions/lb_pair.rs (fees,
volatility). Token a is x, token b is y.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from threading import Lock
from typing import Any, ClassVar, NamedTuple, Self

from order_engine.dex.errors import CorruptState, LiquidityExhausted, Overflow, ZeroOutput
from order_engine.dex.meteora_dlmm_bins import FEE_PRECISION, Bin, Fill, after_fill, fill_bin, price_of_bin
from order_engine.dex.rounding import Q64, U64_MAX, check_amount
from order_engine.dex.state import State
from order_engine.dex.swaps import BPS, Fees, Swap

MAX_FEE_RATE = 100_000_000
"""10 %. Fee rates are billionths."""

MIN_BIN_ID, MAX_BIN_ID = -443_636, 443_636
MAX_BIN_STEP = 400

UNDETERMINED, LIQUIDITY_MINING, LIMIT_ORDER = range(3)
"""`FunctionType`. An undetermined pair takes limit orders unless it has rewards; no pair here has rewards."""

INPUT_ONLY, ONLY_Y = range(2)
"""`CollectFeeMode`: the fee is taken from the input, or always from y."""

U16_MAX, U32_MAX = 2**16 - 1, 2**32 - 1
_UNLIMITED = 1 << 96  # more than all bins together can take
_extending = Lock()


class Volatility(NamedTuple):
    """`VariableParameters`: the state of the variable fee.

    `last_update_timestamp` is when the active bin last changed, in Unix seconds.
    """

    accumulator: int
    reference: int
    index_reference: int
    last_update_timestamp: int


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

    def capacity(self) -> int:
        """The largest input that the bins found until now take."""
        return self.thresholds[-1] if self.thresholds else 0

    def extend(self, pool: MeteoraDlmm, amount_in: int) -> bool:
        """Adds bins until a swap of `amount_in` ends in one of them; `False` if all bins together take less."""
        if self.capacity() >= amount_in:
            return True
        with _extending:  # threads share pools
            a_to_b, on_input = self.a_to_b, pool.fee_on_input(self.a_to_b)
            orders, share = pool.function_type != LIQUIDITY_MINING, pool.protocol_share
            while self.capacity() < amount_in:
                bin = None if self.blocked else next(self._ahead, None)
                if bin is None:
                    return False
                accumulator, rate = pool.fee_rate(bin.id, self.reference, self.index_reference)
                fill = fill_bin(bin, rate, accumulator, _UNLIMITED, a_to_b, on_input, orders, share)
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


@dataclass(frozen=True, slots=True)
class MeteoraDlmm:
    """A pair: its `StaticParameters`, its volatility, and the bins with liquidity or limit orders in order of id.

    `bin_step`, `reduction_factor` and `protocol_share` are in basis points, periods in seconds. `base_factor` and
    `variable_fee_control` are in the program's units; `fee_rate` applies them.
    """

    kind: ClassVar[str] = "meteora_dlmm"

    active_id: int
    bin_step: int
    base_factor: int
    base_fee_power_factor: int
    filter_period: int
    decay_period: int
    reduction_factor: int
    variable_fee_control: int
    max_volatility_accumulator: int
    protocol_share: int
    function_type: int
    collect_fee_mode: int
    volatility: Volatility
    bins: tuple[Bin, ...]
    _fills: dict[tuple[bool, int, int], CumulativeFills] = field(
        default_factory=dict, init=False, repr=False, compare=False, hash=False
    )

    def fee_on_input(self, a_to_b: bool) -> bool:
        """Whether the fee is taken from the input: `LbPair::fee_on_input`."""
        return self.collect_fee_mode == INPUT_ONLY or not a_to_b

    def fee_rate(self, bin_id: int, reference: int, index_reference: int) -> tuple[int, int]:
        """The volatility accumulator in a bin, and the fee rate there in billionths, at most 10 %.

        `update_volatility_accumulator`, `get_base_fee`, `compute_variable_fee` (rounded up), `get_total_fee`.
        """
        accumulator = reference + abs(index_reference - bin_id) * BPS
        if accumulator > self.max_volatility_accumulator:
            accumulator = self.max_volatility_accumulator
        rate = self.base_factor * self.bin_step * 10 * 10**self.base_fee_power_factor
        if self.variable_fee_control:
            square = (accumulator * self.bin_step) ** 2
            rate += (self.variable_fee_control * square + 99_999_999_999) // 100_000_000_000
        return accumulator, rate if rate < MAX_FEE_RATE else MAX_FEE_RATE

    def references(self, now: int) -> tuple[int, int]:
        """The volatility reference and the id of the reference bin at `now`: `update_references`."""
        accumulator, reference, index_reference, updated = self.volatility
        elapsed = now - updated
        if elapsed < self.filter_period:
            return reference, index_reference
        if elapsed < self.decay_period:
            return accumulator * self.reduction_factor // BPS, self.active_id
        return 0, self.active_id

    def fill(self, bin: Bin, rate: int, accumulator: int, left: int, a_to_b: bool) -> Fill:
        """The swap of at most `left` in this bin."""
        on_input = self.fee_on_input(a_to_b)
        orders = self.function_type != LIQUIDITY_MINING
        return fill_bin(bin, rate, accumulator, left, a_to_b, on_input, orders, self.protocol_share)

    def bins_ahead(self, a_to_b: bool) -> Iterator[Bin]:
        """The bins with output, from the active one on: downwards if x is the input, upwards if y is."""
        orders = self.function_type != LIQUIDITY_MINING
        bins = self.bins
        start = bisect_left(bins, (self.active_id + a_to_b,))
        for bin in reversed(bins[:start]) if a_to_b else islice(bins, start, None):
            _, _, amount_x, amount_y, ask_side, waiting, processed = bin
            if (amount_y if a_to_b else amount_x) or (orders and ask_side is not a_to_b and (waiting or processed)):
                yield bin

    def quote(self, amount_in: int, a_to_b: bool, now: int) -> Swap:
        """The swap of exactly `amount_in`.

        Raises `ZeroOutput`, `LiquidityExhausted`, `Overflow`, and `ValueError` for a bad amount.
        """
        cumulative, before, last = self._last_fill(amount_in, a_to_b, now)
        amount_out = before.amount_out + last.amount_out
        if not amount_out:
            raise ZeroOutput(f"expected an input that buys at least one base unit, was {amount_in}")
        if amount_out > U64_MAX:
            raise Overflow(f"expected at most {U64_MAX} out, was {amount_out}")
        fees = Fees(before.fee + last.fee, before.protocol_fee + last.protocol_fee, 0, 0)
        net_in, gross_out = before.net_in + last.net_in, before.gross_out + last.gross_out
        price = cumulative.drained_bins[0].fill.bin.price
        fair, paid = (net_in * price, gross_out << 64) if a_to_b else (net_in << 64, gross_out * price)
        on_input = self.fee_on_input(a_to_b)
        return Swap(amount_in, amount_out, fees, on_input, (fair - paid, fair), on_input)

    def output(self, amount_in: int, a_to_b: bool, now: int) -> int:
        """`quote(...).amount_out`, or 0 instead of `ZeroOutput`."""
        _, before, last = self._last_fill(amount_in, a_to_b, now)
        return before.amount_out + last.amount_out

    def fills(self, amount_in: int, a_to_b: bool, now: int) -> list[Fill]:
        """The swap, bin by bin."""
        cumulative, before, last = self._last_fill(amount_in, a_to_b, now)
        drained = [each.fill for each in cumulative.drained_bins if each.before.amount_in < before.amount_in]
        return [*drained, last]

    def swap(self, amount_in: int, a_to_b: bool, now: int) -> tuple[Swap, Self]:
        """Also the pair after it: the bins, the active one, the volatility, its time."""
        swap = self.quote(amount_in, a_to_b, now)
        fills = self.fills(amount_in, a_to_b, now)
        changed = {fill.bin.id: after_fill(fill, a_to_b) for fill in fills}
        last = fills[-1]
        # The program writes the time only where the active bin changes.
        updated = now if last.bin.id != self.active_id else self.volatility.last_update_timestamp
        return swap, replace(
            self,
            active_id=last.bin.id,
            volatility=Volatility(last.accumulator, *self.references(now), updated),
            bins=tuple([changed.get(bin.id, bin) for bin in self.bins]),
        )

    def spot_price(self, a_to_b: bool) -> tuple[int, int]:
        """The price of the first bin ahead with output, or else of the active bin: out per in, without fee."""
        bin = next(self.bins_ahead(a_to_b), None)
        price = bin.price if bin else price_of_bin(self.active_id, self.bin_step)
        return (price, Q64) if a_to_b else (Q64, price)

    def input_until(self, price: tuple[int, int], a_to_b: bool, now: int) -> int:
        """The input that drains the bins ahead until the first whose price, fee deducted, is below `price`.

        A bin has one price, so all of it is drained or none. Returns 0 if the first bin's price is below `price`.
        """
        numerator, denominator = price
        cumulative = self._cumulative_fills(a_to_b, now)
        drained_bins = cumulative.drained_bins

        def below(drained_bin: DrainedBin) -> bool:
            price, kept = drained_bin.lowest_price
            if a_to_b:
                return price * kept * denominator < numerator * FEE_PRECISION << 64
            return (kept << 64) * denominator < numerator * price * FEE_PRECISION

        while not (drained_bins and below(drained_bins[-1])):
            if not cumulative.extend(self, cumulative.capacity() + 1):
                break
        end = bisect_left(drained_bins, True, key=below)
        if not end:
            return 0
        before, fill, _ = drained_bins[end - 1]
        return min(before.amount_in + fill.amount_in, U64_MAX)

    def max_input(self, a_to_b: bool, now: int) -> int:
        """The input that drains every bin ahead, at most a u64."""
        cumulative = self._cumulative_fills(a_to_b, now)
        cumulative.extend(self, _UNLIMITED)
        return min(cumulative.capacity(), U64_MAX)

    def depth(self, a_to_b: bool) -> int:
        """The base units of the output token in the bins ahead, limit orders included."""
        cumulative = self._cumulative_fills(a_to_b, self.volatility.last_update_timestamp)
        cumulative.extend(self, _UNLIMITED)
        return sum(each.fill.gross_out for each in cumulative.drained_bins)

    def to_json(self) -> dict[str, object]:
        state: dict[str, object] = {name: str(getattr(self, name)) for name in _PARAMETERS}
        state |= {name: str(value) for name, value in zip(_VOLATILITY, self.volatility, strict=True)}
        state["bins"] = [_bin_to_json(bin) for bin in self.bins]
        return state

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The pair with this state; its bins may be in any order. Raises `CorruptState`."""
        state = State(value, (*_PARAMETERS, *_VOLATILITY, "bins"))
        step = state.integer("bin_step", 1, MAX_BIN_STEP)
        parameters: dict[str, Any] = {name: state.integer(name, *bounds) for name, bounds in _PARAMETERS.items()}
        volatility = Volatility(*[state.integer(name, *bounds) for name, bounds in _VOLATILITY.items()])
        active_id: int = parameters["active_id"]
        fields = state.objects("bins", ("id", "amount_x", "amount_y"), _ORDERS)
        orders = parameters["function_type"] != LIQUIDITY_MINING
        bins = sorted(_bin_from_json(bin, step, active_id, orders) for bin in fields)
        for bin, following in pairwise(bins):
            if bin.id == following.id:
                raise CorruptState("bins", "each id once", bin.id)
        if not bins or not bins[0].id <= active_id <= bins[-1].id:
            raise CorruptState("active_id", "an id within those of the bins", active_id)
        return cls(**parameters, volatility=volatility, bins=tuple(bins))

    def _cumulative_fills(self, a_to_b: bool, now: int) -> CumulativeFills:
        key = (a_to_b, *self.references(now))
        cumulative = self._fills.get(key)
        if cumulative is None:
            cumulative = self._fills.setdefault(key, CumulativeFills(self, *key))
        return cumulative

    def _last_fill(self, amount_in: int, a_to_b: bool, now: int) -> tuple[CumulativeFills, Totals, Fill]:
        check_amount(amount_in)
        cumulative = self._cumulative_fills(a_to_b, now)
        before, fill, _ = cumulative.find(self, amount_in)
        left = amount_in - before.amount_in
        return cumulative, before, self.fill(fill.bin, fill.fee_rate, fill.accumulator, left, a_to_b)


_PARAMETERS = {
    "active_id": (MIN_BIN_ID, MAX_BIN_ID),
    "bin_step": (1, MAX_BIN_STEP),
    "base_factor": (0, U16_MAX),
    "base_fee_power_factor": (0, 9),
    "filter_period": (0, U16_MAX),
    "decay_period": (0, U16_MAX),
    "reduction_factor": (0, BPS),
    "variable_fee_control": (0, U32_MAX),
    "max_volatility_accumulator": (0, U32_MAX),
    "protocol_share": (0, BPS),
    "function_type": (UNDETERMINED, LIMIT_ORDER),
    "collect_fee_mode": (INPUT_ONLY, ONLY_Y),
}
_VOLATILITY = {
    "volatility_accumulator": (0, U32_MAX),
    "volatility_reference": (0, U32_MAX),
    "index_reference": (MIN_BIN_ID, MAX_BIN_ID),
    "last_update_timestamp": (0, 2**63 - 1),
}
_ORDERS = ("limit_order_ask_side", "open_order_amount", "processed_order_remaining_amount")


def _bin_to_json(bin: Bin) -> dict[str, object]:
    state: dict[str, object] = {"id": str(bin.id), "amount_x": str(bin.amount_x), "amount_y": str(bin.amount_y)}
    if any(bin[4:]):
        state["limit_order_ask_side"] = bin.limit_order_ask_side
        state["open_order_amount"] = str(bin.open_order_amount)
        state["processed_order_remaining_amount"] = str(bin.processed_order_remaining_amount)
    return state


def _bin_from_json(state: State, bin_step: int, active_id: int, takes_orders: bool) -> Bin:
    bin_id = state.integer("id", MIN_BIN_ID, MAX_BIN_ID)
    try:
        price = price_of_bin(bin_id, bin_step)
    except Overflow:
        raise CorruptState(state.path("id"), f"a bin whose price fits Q64.64 at bin step {bin_step}", bin_id) from None
    bin = Bin(
        bin_id,
        price,
        state.integer("amount_x", 0, U64_MAX),
        state.integer("amount_y", 0, U64_MAX),
        state.flag("limit_order_ask_side", False),
        state.integer("open_order_amount", 0, U64_MAX, 0),
        state.integer("processed_order_remaining_amount", 0, U64_MAX, 0),
    )
    orders = takes_orders and (bin.open_order_amount or bin.processed_order_remaining_amount)
    if bin_id < active_id and (bin.amount_x or (orders and bin.limit_order_ask_side)):
        raise CorruptState(state.path("amount_x"), "no x below the active bin", bin.amount_x or orders)
    if bin_id > active_id and (bin.amount_y or (orders and not bin.limit_order_ask_side)):
        raise CorruptState(state.path("amount_y"), "no y above the active bin", bin.amount_y or orders)
    return bin
