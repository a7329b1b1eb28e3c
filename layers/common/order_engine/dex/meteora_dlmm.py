"""Meteora DLMM: liquidity in bins of one price each, base and variable fee, limit orders.

Source: MeteoraAg/dlmm-sdk, commons/src/quote.rs (`quote_exact_in`) and commons/src/extensions/lb_pair.rs (fees,
volatility). Token x is a, y is b.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from threading import Lock
from typing import Any, ClassVar, NamedTuple, Self

from order_engine.dex.errors import CorruptState, LiquidityExhausted, Overflow, ZeroOutput
from order_engine.dex.meteora_dlmm_bins import FEE, Bin, Fill, after_fill, fill_bin, price_of_bin
from order_engine.dex.rounding import Q64, U64_MAX, check_amount
from order_engine.dex.state import State
from order_engine.dex.swaps import BPS, Fees, Swap

MAX_FEE_RATE = 100_000_000
"""10 %, in billionths."""

MIN_BIN_ID, MAX_BIN_ID = -443_636, 443_636
MAX_BIN_STEP = 400

UNDETERMINED, LIQUIDITY_MINING, LIMIT_ORDER = range(3)
"""`FunctionType`. A pair that is undetermined takes limit orders too unless it has rewards, which no state here has."""

INPUT_ONLY, ONLY_Y = range(2)
"""`CollectFeeMode`."""

U16_MAX, U32_MAX = 2**16 - 1, 2**32 - 1
_EVERYTHING = 1 << 96  # more than all bins together take
_growing = Lock()


class Volatility(NamedTuple):
    """`VariableParameters`: what the variable fee remembers. `last_update_timestamp` in unix seconds."""

    accumulator: int
    reference: int
    index_reference: int
    last_update_timestamp: int


class Totals(NamedTuple):
    """Sums over the bins that a swap drains before its last, as `Fill` has them."""

    amount_in: int = 0
    amount_out: int = 0
    fee: int = 0
    protocol_fee: int = 0
    net_in: int = 0
    gross_out: int = 0


class Rung(NamedTuple):
    """A bin ahead: what comes `before` it, what draining it does, and `worst`, the least marginal price so far.

    `worst` is that of a bin, fee deducted: the bin's price and what its fee leaves of `FEE`.
    """

    before: Totals
    drained: Fill
    worst: tuple[int, int]


class Ladder:
    """The bins ahead in one direction, drained one after the other: sums that make a swap over many of them a search.

    Grows as far as it is asked to. `thresholds[i]` is the largest input that ends in the bin of `rungs[i]`. It does not
    refer to its pool, which refers to it: a pool that is no longer needed is freed at once.
    """

    __slots__ = ("_ahead", "_totals", "a_to_b", "blocked", "index_reference", "reference", "rungs", "thresholds")

    def __init__(self, pool: MeteoraDlmm, a_to_b: bool, reference: int, index_reference: int) -> None:
        self.a_to_b = a_to_b
        self.reference = reference
        self.index_reference = index_reference
        self.thresholds: list[int] = []
        self.rungs: list[Rung] = []
        self.blocked = False
        self._ahead = iter(list(pool.bins_ahead(a_to_b)))
        self._totals = Totals()

    def reach(self, pool: MeteoraDlmm, amount_in: int) -> Rung:
        """The rung in which that input ends. Raises `LiquidityExhausted`, `Overflow`."""
        if not self.grow(pool, amount_in):
            if self.blocked:
                raise Overflow(f"expected a bin that a u64 can drain, was one after {self.top()} in")
            raise LiquidityExhausted(f"expected at most {self.top()} in, was {amount_in}")
        return self.rungs[bisect_left(self.thresholds, amount_in)]

    def top(self) -> int:
        """The largest input that the rungs so far take."""
        return self.thresholds[-1] if self.thresholds else 0

    def grow(self, pool: MeteoraDlmm, amount_in: int) -> bool:
        """Adds bins that hold anything until `amount_in` ends in one; False if it ends in none."""
        if self.top() >= amount_in:
            return True
        with _growing:  # threads may share a pool
            a_to_b, on_input = self.a_to_b, pool.fee_on_input(self.a_to_b)
            orders, share = pool.function_type != LIQUIDITY_MINING, pool.protocol_share
            while self.top() < amount_in:
                bin = None if self.blocked else next(self._ahead, None)
                if bin is None:
                    return False
                accumulator, rate = pool.fee_rate(bin.id, self.reference, self.index_reference)
                drained = fill_bin(bin, rate, accumulator, _EVERYTHING, a_to_b, on_input, orders, share)
                _, _, _, taken, paid, users, protocol, net, gross, market_in, _, _ = drained
                if net > U64_MAX or market_in + (bin.amount_x if a_to_b else bin.amount_y) > U64_MAX:
                    self.blocked = True
                    return False
                kept = FEE - rate
                worst = bin.price, kept
                if self.rungs:
                    price, least = before_worst = self.rungs[-1].worst
                    if price * least < bin.price * kept if a_to_b else least * bin.price < kept * price:
                        worst = before_worst
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
                most = ((net + 1) * FEE - 1) // kept if on_input else net
                self.rungs.append(Rung(before, drained, worst))
                self.thresholds.append(amount_in_before + most)
            return True


@dataclass(frozen=True, slots=True)
class MeteoraDlmm:
    """`StaticParameters` and `Volatility` of the pair, and the `bins` that hold anything, by id.

    `bin_step`, `reduction_factor` and `protocol_share` in basis points, periods in seconds; the fee's own units are
    those of `fee_rate`.
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
    _ladders: dict[tuple[bool, int, int], Ladder] = field(
        default_factory=dict, init=False, repr=False, compare=False, hash=False
    )

    def fee_on_input(self, a_to_b: bool) -> bool:
        """`LbPair::fee_on_input`."""
        return self.collect_fee_mode == INPUT_ONLY or not a_to_b

    def fee_rate(self, bin_id: int, reference: int, index_reference: int) -> tuple[int, int]:
        """The volatility accumulator in that bin and the fee there in billionths, at most 10 %.

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
        """`update_references`: the volatility reference and the bin that distances count from, at `now`."""
        accumulator, reference, index_reference, updated = self.volatility
        elapsed = now - updated
        if elapsed < self.filter_period:
            return reference, index_reference
        if elapsed < self.decay_period:
            return accumulator * self.reduction_factor // BPS, self.active_id
        return 0, self.active_id

    def fill(self, bin: Bin, rate: int, accumulator: int, left: int, a_to_b: bool) -> Fill:
        """What `left` does in that bin."""
        on_input = self.fee_on_input(a_to_b)
        orders = self.function_type != LIQUIDITY_MINING
        return fill_bin(bin, rate, accumulator, left, a_to_b, on_input, orders, self.protocol_share)

    def bins_ahead(self, a_to_b: bool) -> Iterator[Bin]:
        """The bins that pay anything, from the active one on: down where x comes in, up where y does."""
        orders = self.function_type != LIQUIDITY_MINING
        bins = self.bins
        start = bisect_left(bins, (self.active_id + a_to_b,))
        for bin in reversed(bins[:start]) if a_to_b else islice(bins, start, None):
            _, _, amount_x, amount_y, ask_side, waiting, processed = bin
            if (amount_y if a_to_b else amount_x) or (orders and ask_side is not a_to_b and (waiting or processed)):
                yield bin

    def quote(self, amount_in: int, a_to_b: bool, now: int) -> Swap:
        """Exact in. Raises `ZeroOutput`, `LiquidityExhausted`, `Overflow`, `ValueError` for a bad amount."""
        ladder, before, last = self._last_fill(amount_in, a_to_b, now)
        amount_out = before.amount_out + last.amount_out
        if not amount_out:
            raise ZeroOutput(f"expected an input worth a base unit, was {amount_in}")
        if amount_out > U64_MAX:
            raise Overflow(f"expected at most {U64_MAX} out, was {amount_out}")
        fees = Fees(before.fee + last.fee, before.protocol_fee + last.protocol_fee, 0, 0)
        net_in, gross_out = before.net_in + last.net_in, before.gross_out + last.gross_out
        price = ladder.rungs[0].drained.bin.price
        fair, paid = (net_in * price, gross_out << 64) if a_to_b else (net_in << 64, gross_out * price)
        on_input = self.fee_on_input(a_to_b)
        return Swap(amount_in, amount_out, fees, on_input, (fair - paid, fair), on_input)

    def output(self, amount_in: int, a_to_b: bool, now: int) -> int:
        """`quote(...).amount_out`, or 0."""
        _, before, last = self._last_fill(amount_in, a_to_b, now)
        return before.amount_out + last.amount_out

    def fills(self, amount_in: int, a_to_b: bool, now: int) -> list[Fill]:
        """What the swap does bin by bin."""
        ladder, before, last = self._last_fill(amount_in, a_to_b, now)
        drained = [rung.drained for rung in ladder.rungs if rung.before.amount_in < before.amount_in]
        return [*drained, last]

    def swap(self, amount_in: int, a_to_b: bool, now: int) -> tuple[Swap, Self]:
        """Also the pair after it: the bins, the active one, the volatility, its time."""
        swap = self.quote(amount_in, a_to_b, now)
        fills = self.fills(amount_in, a_to_b, now)
        changed = {fill.bin.id: after_fill(fill, a_to_b) for fill in fills}
        last = fills[-1]
        return swap, replace(
            self,
            active_id=last.bin.id,
            volatility=Volatility(last.accumulator, *self.references(now), now),
            bins=tuple([changed.get(bin.id, bin) for bin in self.bins]),
        )

    def spot_price(self, a_to_b: bool) -> tuple[int, int]:
        """Of the first bin ahead that pays anything, else of the active one; base units out per in, without fee."""
        bin = next(self.bins_ahead(a_to_b), None)
        price = bin.price if bin else price_of_bin(self.active_id, self.bin_step)
        return (price, Q64) if a_to_b else (Q64, price)

    def input_until(self, price: tuple[int, int], a_to_b: bool, now: int) -> int:
        """The input that drains the bins ahead up to the first whose price, fee deducted, is below `price`.

        A bin has one price, so it is taken whole or not at all. 0 if the first is below already.
        """
        numerator, denominator = price
        ladder = self._ladder(a_to_b, now)
        rungs = ladder.rungs

        def below(rung: Rung) -> bool:
            price, kept = rung.worst
            if a_to_b:
                return price * kept * denominator < numerator * FEE << 64
            return (kept << 64) * denominator < numerator * price * FEE

        while not (rungs and below(rungs[-1])):
            if not ladder.grow(self, ladder.top() + 1):
                break
        end = bisect_left(rungs, True, key=below)
        if not end:
            return 0
        before, drained, _ = rungs[end - 1]
        return min(before.amount_in + drained.amount_in, U64_MAX)

    def max_input(self, a_to_b: bool, now: int) -> int:
        """What drains every bin ahead, or what a u64 can hold."""
        ladder = self._ladder(a_to_b, now)
        ladder.grow(self, _EVERYTHING)
        return min(ladder.top(), U64_MAX)

    def depth(self, a_to_b: bool) -> int:
        """The sum of the bins ahead, limit orders included."""
        ladder = self._ladder(a_to_b, self.volatility.last_update_timestamp)
        ladder.grow(self, _EVERYTHING)
        return sum(rung.drained.gross_out for rung in ladder.rungs)

    def to_json(self) -> dict[str, object]:
        state: dict[str, object] = {name: str(getattr(self, name)) for name in _PARAMETERS}
        state |= {name: str(value) for name, value in zip(_VOLATILITY, self.volatility, strict=True)}
        state["bins"] = [_bin_to_json(bin) for bin in self.bins]
        return state

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Bins in any order. Raises `CorruptState`."""
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

    def _ladder(self, a_to_b: bool, now: int) -> Ladder:
        key = (a_to_b, *self.references(now))
        ladder = self._ladders.get(key)
        if ladder is None:
            ladder = self._ladders.setdefault(key, Ladder(self, *key))
        return ladder

    def _last_fill(self, amount_in: int, a_to_b: bool, now: int) -> tuple[Ladder, Totals, Fill]:
        check_amount(amount_in)
        ladder = self._ladder(a_to_b, now)
        before, drained, _ = ladder.reach(self, amount_in)
        left = amount_in - before.amount_in
        return ladder, before, self.fill(drained.bin, drained.fee_rate, drained.accumulator, left, a_to_b)


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
        raise CorruptState(state.path("id"), f"a bin whose price Q64.64 can hold at step {bin_step}", bin_id) from None
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
