"""Strategies for any valid pool of each kind, from a few base units to almost a u64."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from order_engine.dex.meteora_damm_v2 import MeteoraDammV2
from order_engine.dex.meteora_dlmm import MeteoraDlmm
from order_engine.dex.pool import Pool
from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.dex.raydium_clmm import RaydiumClmm
from order_engine.dex.raydium_clmm_math import sqrt_price_at_tick
from order_engine.dex.raydium_cp import RaydiumCp

NOW = 1_760_000_000


def sizes(bits: int) -> st.SearchStrategy[int]:
    """Positive integers of up to `bits` bits; every length is equally likely."""
    lengths = st.integers(0, bits - 1)
    return st.tuples(lengths, st.integers(0, (1 << bits) - 1)).map(lambda pair: 1 << pair[0] | pair[1] % (1 << pair[0]))


@st.composite
def raydium_cp(draw: st.DrawFn) -> RaydiumCp:
    protocol = draw(st.integers(0, 1_000_000))
    return RaydiumCp.from_json(
        {
            "reserve_a": draw(sizes(62)),
            "reserve_b": draw(sizes(62)),
            "trade_fee_rate": draw(st.integers(0, 100_000)),
            "protocol_fee_rate": protocol,
            "fund_fee_rate": draw(st.integers(0, 1_000_000 - protocol)),
            "creator_fee_rate": draw(st.integers(0, 50_000)),
            "creator_fee_on": draw(st.integers(0, 2)),
        }
    )


@st.composite
def raydium_amm_v4(draw: st.DrawFn) -> RaydiumAmmV4:
    reserves = {"reserve_a": draw(sizes(62)), "reserve_b": draw(sizes(62))}
    return RaydiumAmmV4.from_json(
        reserves | {"swap_fee_numerator": draw(st.integers(0, 1_000)), "swap_fee_denominator": 10_000}
    )


@st.composite
def meteora_damm_v2(draw: st.DrawFn) -> MeteoraDammV2:
    price = draw(st.integers(2**44, 2**84))
    liquidity = min(price << 62, (2**62 << 128) // price)  # makes one of the reserves 2^62
    return MeteoraDammV2.from_json(
        {
            "sqrt_price": price,
            "liquidity": max(1, liquidity >> draw(st.integers(0, 55))),
            "base_fee_numerator": draw(st.integers(0, 100_000_000) | st.just(990_000_000)),
            "protocol_fee_percent": draw(st.integers(0, 50)),
            "collect_fee_mode": draw(st.integers(0, 1)),
            "sqrt_min_price": draw(st.integers(price // 4, price - 1)),
            "sqrt_max_price": draw(st.integers(price + 1, price * 4)),
        }
    )


@st.composite
def raydium_clmm(draw: st.DrawFn) -> RaydiumClmm:
    nets: dict[int, int] = {}
    for _ in range(draw(st.integers(1, 4))):
        low, high = sorted(draw(st.lists(st.integers(-3_000, 3_000), min_size=2, max_size=2, unique=True)))
        liquidity = draw(sizes(60))
        nets[low] = nets.get(low, 0) + liquidity
        nets[high] = nets.get(high, 0) - liquidity
    tick = draw(st.integers(min(nets), max(nets) - 1))
    protocol = draw(st.integers(0, 1_000_000))
    return RaydiumClmm.from_json(
        {
            "sqrt_price": draw(st.integers(sqrt_price_at_tick(tick), sqrt_price_at_tick(tick + 1) - 1)),
            "tick": tick,
            "liquidity": sum(net for id, net in nets.items() if id <= tick),
            "trade_fee_rate": draw(st.integers(0, 100_000)),
            "protocol_fee_rate": protocol,
            "fund_fee_rate": draw(st.integers(0, 1_000_000 - protocol)),
            "ticks": [{"id": id, "liquidity_net": net} for id, net in nets.items()],
        }
    )


@st.composite
def meteora_dlmm(draw: st.DrawFn) -> MeteoraDlmm:
    """The filter period is at least one second: two swaps at the same time then count as one price movement."""
    active = draw(st.integers(-2_000, 2_000))
    ids = draw(st.sets(st.integers(active - 15, active + 15), max_size=7)) | {active}
    return MeteoraDlmm.from_json(
        {
            "active_id": active,
            "bin_step": draw(st.sampled_from((1, 10, 25, 80))),
            "base_factor": draw(st.integers(0, 20_000)),
            "base_fee_power_factor": draw(st.integers(0, 1)),
            "filter_period": draw(st.integers(1, 60)),
            "decay_period": 600,
            "reduction_factor": 5_000,
            "variable_fee_control": draw(st.integers(0, 500_000)),
            "max_volatility_accumulator": 350_000,
            "protocol_share": draw(st.integers(0, 2_500)),
            "function_type": draw(st.integers(0, 2)),
            "collect_fee_mode": draw(st.integers(0, 1)),
            "volatility_accumulator": draw(st.integers(0, 350_000)),
            "volatility_reference": draw(st.integers(0, 350_000)),
            "index_reference": active + draw(st.integers(-20, 20)),
            "last_update_timestamp": NOW - draw(st.integers(0, 700)),
            "bins": [draw(bins(id, active)) for id in ids],
        }
    )


@st.composite
def bins(draw: st.DrawFn, id: int, active: int) -> dict[str, Any]:
    amount = st.just(0) | sizes(50)
    found: dict[str, Any] = {
        "id": id,
        "amount_x": draw(amount) if id >= active else 0,
        "amount_y": draw(amount) if id <= active else 0,
    }
    if draw(st.booleans()):
        found["limit_order_ask_side"] = id > active or (id == active and draw(st.booleans()))
        found["open_order_amount"] = draw(amount)
        found["processed_order_remaining_amount"] = draw(amount)
    return found


POOLS: dict[str, st.SearchStrategy[Pool]] = {
    "raydium_cp": raydium_cp(),
    "raydium_amm_v4": raydium_amm_v4(),
    "raydium_clmm": raydium_clmm(),
    "meteora_dlmm": meteora_dlmm(),
    "meteora_damm_v2": meteora_damm_v2(),
}
