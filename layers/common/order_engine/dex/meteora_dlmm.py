"""Meteora DLMM: liquidity in bins of one price each, a base fee and a variable fee, limit orders.

Source: MeteoraAg/dlmm-sdk, commons/src/quote.rs (`quote_exact_in`, `quote_exact_out`) and
commons/src/extensions/lb_pair.rs (fees, volatility). Token a is x, token b is y.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from typing import Any, ClassVar, NamedTuple, Self

from order_engine.dex.errors import CorruptState, Overflow, ZeroOutput
from order_engine.dex.meteora_dlmm_bins import (
    FEE_PRECISION,
    Bin,
    Fill,
    after_fill,
    fill_bin,
    fill_bin_exact_out,
    price_of_bin,
)
from order_engine.dex.meteora_dlmm_fills import UNLIMITED, CumulativeFills, DrainedBin, Totals
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


class Volatility(NamedTuple):
    """`VariableParameters`: the state of the variable fee.

    `last_update_timestamp` is when the active bin last changed, in Unix seconds.
    """

    accumulator: int
    reference: int
    index_reference: int
    last_update_timestamp: int


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

    @property
    def takes_orders(self) -> bool:
        """Whether its bins may hold limit orders: `LbPair::is_support_limit_order`."""
        return self.function_type != LIQUIDITY_MINING

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
        return fill_bin(bin, rate, accumulator, left, a_to_b, on_input, self.takes_orders, self.protocol_share)

    def bins_ahead(self, a_to_b: bool) -> Iterator[Bin]:
        """The bins with output, from the active one on: downwards if x is the input, upwards if y is."""
        orders = self.takes_orders
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
        return self._swap(cumulative, before, last, amount_in)

    def output(self, amount_in: int, a_to_b: bool, now: int) -> int:
        """`quote(...).amount_out`, or 0 instead of `ZeroOutput`."""
        _, before, last = self._last_fill(amount_in, a_to_b, now)
        return before.amount_out + last.amount_out

    def quote_exact_out(self, amount_out: int, a_to_b: bool, now: int) -> Swap:
        """The swap that pays exactly `amount_out`. Raises `LiquidityExhausted`, `Overflow`, `ValueError`."""
        check_amount(amount_out)
        cumulative = self._cumulative_fills(a_to_b, now)
        before, drained, _ = cumulative.find_output(self, amount_out)
        left = amount_out - before.amount_out
        last = fill_bin_exact_out(
            drained, left, a_to_b, self.fee_on_input(a_to_b), self.takes_orders, self.protocol_share
        )
        amount_in = before.amount_in + last.amount_in
        if amount_in > U64_MAX:
            raise Overflow(f"expected at most {U64_MAX} in, was {amount_in}")
        return self._swap(cumulative, before, last, amount_in)

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

        A bin has one price, so all of it is drained or none. The program rounds in every bin: the last bin is one that
        pays at least `price` as it is rounded. Returns 0 if no bin does.
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
        while end and (last := drained_bins[end - 1].fill).amount_out * denominator < numerator * last.amount_in:
            end -= 1
        if not end:
            return 0
        before, fill, _ = drained_bins[end - 1]
        return min(before.amount_in + fill.amount_in, U64_MAX)

    def max_input(self, a_to_b: bool, now: int) -> int:
        """The input that drains every bin ahead, at most a u64."""
        cumulative = self._cumulative_fills(a_to_b, now)
        cumulative.extend(self, UNLIMITED)
        return min(cumulative.capacity(), U64_MAX)

    def depth(self, a_to_b: bool) -> int:
        """The base units of the output token in the bins ahead, limit orders included."""
        cumulative = self._cumulative_fills(a_to_b, self.volatility.last_update_timestamp)
        cumulative.extend(self, UNLIMITED)
        return sum(each.fill.gross_out for each in cumulative.drained_bins)

    def to_json(self) -> dict[str, object]:
        state: dict[str, object] = {name: str(getattr(self, name)) for name in _STATIC}
        state |= {name: str(value) for name, value in zip(_VOLATILITY, self.volatility, strict=True)}
        state["bins"] = [_bin_to_json(bin) for bin in self.bins]
        return state

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The pair with this state; its bins may be in any order. Raises `CorruptState`."""
        state = State(value, (*PARAMETERS, "bins"))
        pair = cls._from_state(state)
        bins = _plain_bins(state, pair.bin_step, pair.active_id)
        if bins is None:
            orders = pair.function_type != LIQUIDITY_MINING
            fields = state.objects("bins", _BIN, _ORDERS)
            bins = sorted(_bin_from_json(bin, pair.bin_step, pair.active_id, orders) for bin in fields)
        for bin, following in pairwise(bins):
            if bin.id == following.id:
                raise CorruptState("bins", "each id once", bin.id)
        if not bins or not bins[0].id <= pair.active_id <= bins[-1].id:
            raise CorruptState("active_id", "an id within those of the bins", pair.active_id)
        return replace(pair, bins=tuple(bins))

    @classmethod
    def with_bins(cls, value: object, bins: Sequence[Bin]) -> Self:
        """The pair with these parameters, and the bins around its active one in order of id.

        Bins beyond them may hold liquidity: the pair takes no swap there. Raises `CorruptState`.
        """
        return replace(cls._from_state(State(value, PARAMETERS)), bins=tuple(bins))

    @classmethod
    def _from_state(cls, state: State) -> Self:
        """The pair without its bins."""
        parameters: dict[str, Any] = {name: state.integer(name, *bounds) for name, bounds in _STATIC.items()}
        volatility = Volatility(*[state.integer(name, *bounds) for name, bounds in _VOLATILITY.items()])
        return cls(**parameters, volatility=volatility, bins=())

    def _swap(self, cumulative: CumulativeFills, before: Totals, last: Fill, amount_in: int) -> Swap:
        """The swap that fills the bins `before` and ends with the fill `last`."""
        amount_out = before.amount_out + last.amount_out
        if not amount_out:
            raise ZeroOutput(f"expected an input that buys at least one base unit, was {amount_in}")
        if amount_out > U64_MAX:
            raise Overflow(f"expected at most {U64_MAX} out, was {amount_out}")
        fees = Fees(before.fee + last.fee, before.protocol_fee + last.protocol_fee, 0, 0)
        net_in, gross_out = before.net_in + last.net_in, before.gross_out + last.gross_out
        price, a_to_b = cumulative.drained_bins[0].fill.bin.price, cumulative.a_to_b
        fair, paid = (net_in * price, gross_out << 64) if a_to_b else (net_in << 64, gross_out * price)
        on_input = self.fee_on_input(a_to_b)
        return Swap(amount_in, amount_out, fees, on_input, (fair - paid, fair), on_input)

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


_STATIC = {
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
PARAMETERS = (*_STATIC, *_VOLATILITY)
"""The names of a pair's parameters in its state."""

_BIN = {"id": (MIN_BIN_ID, MAX_BIN_ID), "amount_x": (0, U64_MAX), "amount_y": (0, U64_MAX)}
_ORDERS = ("limit_order_ask_side", "open_order_amount", "processed_order_remaining_amount")


def _bin_to_json(bin: Bin) -> dict[str, object]:
    state: dict[str, object] = {"id": str(bin.id), "amount_x": str(bin.amount_x), "amount_y": str(bin.amount_y)}
    if any(bin[4:]):
        state["limit_order_ask_side"] = bin.limit_order_ask_side
        state["open_order_amount"] = str(bin.open_order_amount)
        state["processed_order_remaining_amount"] = str(bin.processed_order_remaining_amount)
    return state


def _plain_bins(state: State, bin_step: int, active_id: int) -> list[Bin] | None:
    """The bins in order, if none has limit orders; `None` also where one of them is wrong."""
    rows = state.integers("bins", _BIN)
    if rows is None:
        return None
    try:
        bins = sorted(Bin(id, price_of_bin(id, bin_step), amount_x, amount_y) for id, amount_x, amount_y in rows)
    except Overflow:
        return None
    misplaced = any(bin.amount_x if bin.id < active_id else bin.id > active_id and bin.amount_y for bin in bins)
    return None if misplaced else bins


def _bin_from_json(state: State, bin_step: int, active_id: int, takes_orders: bool) -> Bin:
    bin_id = state.integer("id", *_BIN["id"])
    try:
        price = price_of_bin(bin_id, bin_step)
    except Overflow:
        raise CorruptState(state.path("id"), f"a bin whose price fits Q64.64 at bin step {bin_step}", bin_id) from None
    amount_x, amount_y = (state.integer(name, *_BIN[name]) for name in ("amount_x", "amount_y"))
    bin = Bin(bin_id, price, amount_x, amount_y)
    if state.has_any(_ORDERS):
        bin = bin._replace(
            limit_order_ask_side=state.flag("limit_order_ask_side", False),
            open_order_amount=state.integer("open_order_amount", 0, U64_MAX, 0),
            processed_order_remaining_amount=state.integer("processed_order_remaining_amount", 0, U64_MAX, 0),
        )
    orders = takes_orders and (bin.open_order_amount or bin.processed_order_remaining_amount)
    if bin_id < active_id and (bin.amount_x or (orders and bin.limit_order_ask_side)):
        raise CorruptState(state.path("amount_x"), "no x below the active bin", bin.amount_x or orders)
    if bin_id > active_id and (bin.amount_y or (orders and not bin.limit_order_ask_side)):
        raise CorruptState(state.path("amount_y"), "no y above the active bin", bin.amount_y or orders)
    return bin
