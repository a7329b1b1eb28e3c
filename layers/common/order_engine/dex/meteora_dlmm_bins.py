"""The bins of a Meteora DLMM pair: their prices, and a swap within one bin.

Source: MeteoraAg/dlmm-sdk, commons/src/math/{price_math,u64x64_math}.rs and commons/src/quote.rs
(`swap_exact_in_quote_at_bin`, `swap_exact_out_quote_at_bin` and what they call). Prices are Q64.64, y per x. Token a is
x, token b is y.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from order_engine.dex.errors import Overflow
from order_engine.dex.rounding import Q64, U128_MAX
from order_engine.dex.swaps import BPS

FEE_PRECISION = 1_000_000_000
"""Fee rates are billionths."""

LIMIT_ORDER_FEE_SHARE = 5_000
"""The basis points of a limit order's fee that its owner keeps."""


@lru_cache(maxsize=1 << 16)
def price_of_bin(bin_id: int, bin_step: int) -> int:
    """`(1 + bin_step / 10000) ^ bin_id` in Q64.64: `get_price_from_id`. Raises `Overflow` if Q64.64 can't hold it."""
    return power(Q64 + (bin_step << 64) // BPS, bin_id)


def power(base: int, exponent: int) -> int:
    """`base ^ exponent` in Q64.64, with the products in the order of `pow` in u64x64_math.rs, each rounded down.

    A base above one is inverted first, so that the squares stay below one. Raises `Overflow` where `pow` returns None.
    """
    if exponent == 0:
        return Q64
    if abs(exponent) >= 0x80000:
        raise Overflow(f"expected an exponent within 19 bits, was {exponent}")
    invert = exponent < 0
    if base >= Q64:
        base = U128_MAX // base
        invert = not invert
    result = Q64
    bits = abs(exponent)
    while bits:
        if bits & 1:
            result = result * base >> 64
        base = base * base >> 64
        bits >>= 1
    if not result:
        raise Overflow(f"expected a price that Q64.64 can hold, was the power {exponent}")
    return U128_MAX // result if invert else result


class Bin(NamedTuple):
    """The base units of each token in one bin, without fees.

    Its limit orders sell x if `limit_order_ask_side`, else y. A swap first takes `processed_order_remaining_amount`,
    the rest of the batch that is being filled, then `open_order_amount`, the orders after it.
    """

    id: int
    price: int
    amount_x: int
    amount_y: int
    limit_order_ask_side: bool = False
    open_order_amount: int = 0
    processed_order_remaining_amount: int = 0


class Fill(NamedTuple):
    """The part of a swap that takes place in one bin, in base units.

    The trader pays `amount_in` and receives `amount_out`. `net_in` is the input after a fee on the input, `gross_out`
    the output before a fee on the output. `fee` goes to the liquidity providers and the owners of limit orders.
    `market_in` and `market_out` are the providers' part of `net_in` and `gross_out`; limit orders fill the rest.
    """

    bin: Bin
    fee_rate: int
    accumulator: int
    amount_in: int
    amount_out: int
    fee: int
    protocol_fee: int
    net_in: int
    gross_out: int
    market_in: int
    market_out: int
    processed_out: int


def fill_layer(amount: int, liquidity: int, price: int, a_to_b: bool) -> tuple[int, int]:
    """The part of `amount` that a layer of `liquidity` takes, and its output: `calculate_exact_in_fill_amount`."""
    if not liquidity:
        return 0, 0
    needed = layer_input(liquidity, price, a_to_b)
    if amount >= needed:
        return needed, liquidity
    return amount, amount * price >> 64 if a_to_b else (amount << 64) // price


def layer_input(amount_out: int, price: int, a_to_b: bool) -> int:
    """The input that buys `amount_out` of a layer, rounded up: `Bin::get_amount_in`."""
    return -((-amount_out << 64) // price) if a_to_b else -(-amount_out * price >> 64)


def split_fee(fee: int, protocol_share: int, market_in: int, total_in: int) -> tuple[int, int]:
    """The users' and the protocol's parts of the trading fee: `split_fee`.

    Half of the fee on limit orders goes to the protocol. If the fee consumes the whole input, as for an input of one
    base unit, neither receives it: it stays in the vault.
    """
    if not total_in:
        return 0, 0
    market_fee = fee if market_in == total_in else -(-fee * market_in // total_in)
    protocol = market_fee * protocol_share // BPS
    order_fee = fee - market_fee
    if order_fee:
        protocol += order_fee - order_fee * LIMIT_ORDER_FEE_SHARE // BPS
    return fee - protocol, protocol


def fill_bin(
    bin: Bin,
    fee_rate: int,
    accumulator: int,
    left: int,
    a_to_b: bool,
    fee_on_input: bool,
    limit_orders: bool,
    protocol_share: int,
) -> Fill:
    """The swap of at most `left` in this bin: `swap_exact_in_quote_at_bin`.

    The liquidity providers fill it first, then limit orders. A drained bin charges its fee on the input that it took,
    any other bin on all of `left`.
    """
    net = left
    fee = 0
    if fee_on_input:
        fee = -(-left * fee_rate // FEE_PRECISION)
        net -= fee
    market_in, market_out = fill_layer(net, bin.amount_y if a_to_b else bin.amount_x, bin.price, a_to_b)
    taken, gross_out = market_in, market_out
    processed_out = 0
    if limit_orders and taken < net and bin.limit_order_ask_side is not a_to_b:
        more, processed_out = fill_layer(net - taken, bin.processed_order_remaining_amount, bin.price, a_to_b)
        taken += more
        more, open_out = fill_layer(net - taken, bin.open_order_amount, bin.price, a_to_b)
        taken += more
        gross_out += processed_out + open_out
    amount_in = left
    if taken < net:
        amount_in = taken
        if fee_on_input:
            fee = _fee_on(taken, fee_rate)
            amount_in += fee
    amount_out = gross_out
    if not fee_on_input:
        fee = -(-gross_out * fee_rate // FEE_PRECISION)
        amount_out -= fee
    users, protocol = split_fee(fee, protocol_share, market_in, taken)
    return Fill(
        bin,
        fee_rate,
        accumulator,
        amount_in,
        amount_out,
        users,
        protocol,
        taken,
        gross_out,
        market_in,
        market_out,
        processed_out,
    )


def fill_bin_exact_out(
    drained: Fill, amount_out: int, a_to_b: bool, fee_on_input: bool, limit_orders: bool, protocol_share: int
) -> Fill:
    """The swap that pays exactly `amount_out`, at most all that the fill `drained` pays: `swap_exact_out_quote_at_bin`.

    The input, rounded up, may be worth more than `amount_out`. The pair keeps the difference.
    """
    bin, rate, accumulator = drained[:3]
    gross_out = amount_out if fee_on_input else amount_out + _fee_on(amount_out, rate)
    if gross_out >= drained.gross_out:
        return drained
    net, left = 0, gross_out
    for liquidity in (
        bin.amount_y if a_to_b else bin.amount_x,
        bin.processed_order_remaining_amount,
        bin.open_order_amount,
    ):
        net += layer_input(min(left, liquidity), bin.price, a_to_b)
        left -= min(left, liquidity)
    amount_in = net + _fee_on(net, rate) if fee_on_input else net
    fill = fill_bin(bin, rate, accumulator, amount_in, a_to_b, fee_on_input, limit_orders, protocol_share)
    return fill._replace(amount_out=amount_out)


def _fee_on(amount: int, fee_rate: int) -> int:
    """The fee that is added to an amount: `compute_fee`."""
    return -(-amount * fee_rate // (FEE_PRECISION - fee_rate))


def after_fill(fill: Fill, a_to_b: bool) -> Bin:
    """The bin after the fill: it holds the providers' part, but neither fees nor the proceeds of limit orders.

    The program's source does not show how open orders begin to be filled. Here they become the batch that is being
    filled, as the names of the fields say.
    """
    bin = fill.bin
    open_out = fill.gross_out - fill.market_out - fill.processed_out
    opened = bin.open_order_amount if open_out else 0
    gain, loss = fill.market_in, fill.market_out
    return bin._replace(
        amount_x=bin.amount_x + gain if a_to_b else bin.amount_x - loss,
        amount_y=bin.amount_y - loss if a_to_b else bin.amount_y + gain,
        open_order_amount=bin.open_order_amount - opened,
        processed_order_remaining_amount=bin.processed_order_remaining_amount
        - fill.processed_out
        + (opened - open_out),
    )
