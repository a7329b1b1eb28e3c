from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import inf

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from order_engine.dex.errors import DexError
from order_engine.dex.pool import Pool
from order_engine.dex.raydium_clmm import RaydiumClmm
from order_engine.dex.splitting import Side, Split, best_split
from tests.unit.engine.dex.builders import MAKERS, NOW, Make, amm, cp, damm, dlmm, pools_of_a_pair

MANY = 10**5
"""An amount so large that rounding the fee and the output of each leg costs less than a basis point."""


def sides_of(pools: Sequence[Pool], a_to_b: bool = True) -> list[Side]:
    return [Side(pool, a_to_b) for pool in pools]


def paid(side: Side, amount: int) -> float:
    if not amount:
        return 0
    try:
        return side.output(amount, NOW)
    except DexError:
        return -inf


def brute_force(sides: Sequence[Side], amount: int, steps: int, leg_cost: int = 0) -> float:
    """The highest output of any split into `steps` equal parts, after the cost of each leg but the first."""
    inputs = [amount * step // steps for step in range(steps + 1)]
    outputs = [[paid(side, value) for value in inputs] for side in sides]
    best = -inf
    for legs in range(1, len(sides) + 1):
        for chosen in combinations(range(len(sides)), legs):
            most = outputs[chosen[0]]
            for index in chosen[1:]:
                last = index == chosen[-1]
                most = [
                    max(most[rest] + outputs[index][step - rest] for rest in range(step + 1))
                    if not last or step == steps
                    else -inf
                    for step in range(steps + 1)
                ]
            best = max(best, most[steps] - leg_cost * (legs - 1))
    return best


def check(sides: Sequence[Side], amount: int, split: Split) -> None:
    """The whole amount is used, and the output is what the pools pay for their parts."""
    assert sum(split.amounts) == amount
    assert min(split.amounts) >= 0
    outputs = [side.output(part, NOW) for side, part in zip(sides, split.amounts, strict=True) if part]
    assert sum(outputs) == split.amount_out
    assert split.legs == len(outputs)
    assert 0 not in outputs or split.amount_out == 0


# Against brute force


@given(pools_of_a_pair(), st.booleans(), st.integers(1, 2_000))
def test_no_other_split_pays_a_basis_point_more(pools: list[Pool], a_to_b: bool, share: int) -> None:
    """GIVEN up to four pools and an order of 0.1 % to 200 % of the first pool's reserve."""
    sides = sides_of(pools, a_to_b)
    amount = max(pools[0].depth(not a_to_b) * share // 1_000, MANY)
    best = brute_force(sides, amount, 60)
    split = best_split(sides, amount, NOW, 0)
    assume(best > MANY)
    assert split is not None
    check(sides, amount, split)
    assert split.amount_out >= best * (1 - 1e-4)


@settings(max_examples=40)
@given(pools_of_a_pair(10**4, 10**7, (2, 2)), st.booleans(), st.integers(1_000, 6_000))
@example([dlmm(19_735, 2_160, 2), amm(72_406, 7_912, 0)], False, 1_000)
def test_no_other_split_of_a_small_amount_pays_a_basis_point_more(pools: list[Pool], a_to_b: bool, amount: int) -> None:
    """GIVEN an amount so small that every split can be tried."""
    sides = sides_of(pools, a_to_b)
    best = max(paid(sides[0], part) + paid(sides[1], amount - part) for part in range(amount + 1))
    assume(best > 10**3)
    split = best_split(sides, amount, NOW, 0)
    assert split is not None
    check(sides, amount, split)
    # More than a basis point of a small amount. Every leg's output is rounded too.
    rounding = sum(rounded_units(side, part) for side, part in zip(sides, split.amounts, strict=True))
    assert split.amount_out >= best * (1 - 1e-4) - rounding * best / amount - 2


def rounded_units(side: Side, amount: int) -> int:
    """The most units of input that rounding takes: one for the fee; in CLMM one for the net input of each range too."""
    if isinstance(side.pool, RaydiumClmm) and amount:
        return 2 * len(list(side.pool.steps(amount, side.a_to_b, exact_in=True)))
    return 1


@given(pools_of_a_pair(10**8), st.booleans(), st.integers(1, 1_000), st.integers(1, 500))
def test_no_other_split_pays_a_basis_point_more_after_the_cost_of_its_legs(
    pools: list[Pool], a_to_b: bool, share: int, cost_share: int
) -> None:
    sides = sides_of(pools, a_to_b)
    amount = max(pools[0].depth(not a_to_b) * share // 1_000, MANY)
    alone = max(paid(side, amount) for side in sides)
    assume(alone > MANY)
    cost = int(alone) * cost_share // 10_000 + 1
    split = best_split(sides, amount, NOW, cost)
    assert split is not None
    check(sides, amount, split)
    assert split.net(cost) >= brute_force(sides, amount, 40, cost) * (1 - 1e-4)
    assert split.net(cost) > alone if split.legs > 1 else split.amount_out == alone


# Cases calculated by hand


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_two_equal_pools_get_equal_amounts(make: Make) -> None:
    pool = make(10**12, 10**12)
    split = best_split(sides_of([pool, pool]), 10**11, NOW, 0)
    assert split is not None
    assert split.amount_out > pool.output(10**11, True, NOW)
    # Within one bin all splits pay the same.
    if pool.kind != "meteora_dlmm":
        assert abs(split.amounts[0] - split.amounts[1]) <= 10**11 // 1_000


def test_a_pool_twice_as_deep_gets_twice_as_much() -> None:
    split = best_split(sides_of([amm(10**12, 10**12, 0), amm(2 * 10**12, 2 * 10**12, 0)]), 3 * 10**10, NOW, 0)
    assert split is not None
    assert abs(split.amounts[0] - 10**10) <= 10**6
    assert abs(split.amount_out - 3 * 10**10 * 10**12 // (10**12 + 10**10)) <= 2


def test_a_pool_is_not_used_if_another_pays_more_even_for_its_last_unit() -> None:
    split = best_split(sides_of([amm(10**12, 10**12), cp(10**12, 9 * 10**11)]), 10**9, NOW, 0)
    assert split is not None
    assert split.amounts == (10**9, 0)


@pytest.mark.parametrize("dearer", [0, 1])
def test_a_leg_is_added_only_if_it_pays_more_than_it_costs(dearer: int) -> None:
    sides = sides_of([amm(10**12, 10**12), amm(10**12, 10**12)])
    free = best_split(sides, 10**10, NOW, 0)
    assert free is not None
    gain = free.amount_out - sides[0].output(10**10, NOW)
    assert gain > 0
    split = best_split(sides, 10**10, NOW, gain - 1 + dearer)
    assert split is not None
    assert split.legs == 2 - dearer


def test_pools_that_pay_less_than_a_leg_costs_are_not_used() -> None:
    """GIVEN four pools, two of them too shallow for the cost of a leg."""
    deep, shallow = amm(10**13, 10**13), amm(10**10, 10**10)
    split = best_split(sides_of([deep, shallow, deep, shallow]), 10**12, NOW, 10**9)
    assert split is not None
    assert [amount > 0 for amount in split.amounts] == [True, False, True, False]


# Limits


def test_an_amount_that_only_all_pools_together_can_take_is_split() -> None:
    sides = sides_of([dlmm(10**9, 10**9), dlmm(10**9, 10**9, step=5)])
    most = [side.pool.max_input(True, NOW) for side in sides]
    split = best_split(sides, sum(most), NOW, 10**6)
    assert split is not None
    assert split.amounts == tuple(most)
    assert best_split(sides, sum(most) + 1, NOW, 10**6) is None


@given(pools_of_a_pair(10**6, 10**12), st.booleans(), st.integers(0, 3))
def test_any_amount_that_the_pools_can_take_is_split(pools: list[Pool], a_to_b: bool, missing: int) -> None:
    sides = sides_of(pools, a_to_b)
    most = min(sum(side.pool.max_input(a_to_b, NOW) for side in sides), 2**64 - 1)
    assume(most > missing)
    split = best_split(sides, most - missing, NOW, 0)
    assert split is not None
    check(sides, most - missing, split)


def test_the_search_ends_at_a_price_below_its_resolution() -> None:
    """GIVEN an amount after which one more unit buys less than 2^-90 units."""
    sides = sides_of([amm(10**6, 10**3), amm(10**6, 10**3)])
    split = best_split(sides, 2**64 - 1, NOW, 0)
    assert split is not None
    check(sides, 2**64 - 1, split)
    assert split.amount_out == 2 * 999


def test_without_pools_there_is_no_split() -> None:
    assert best_split([], 1, NOW, 0) is None


@given(pools_of_a_pair(1, 10**4), st.booleans(), st.integers(1, 10**5), st.integers(0, 3))
@example([amm(10**6, 10**5, 25), amm(1, 10, 0), amm(1, 10, 0)], True, 28, 0)
def test_every_leg_pays_something(pools: list[Pool], a_to_b: bool, amount: int, cost: int) -> None:
    sides = sides_of(pools, a_to_b)
    split = best_split(sides, amount, NOW, cost)
    if split is not None:
        check(sides, amount, split)


def test_an_amount_that_no_pool_pays_for_is_a_split_that_pays_nothing() -> None:
    split = best_split(sides_of([amm(10**9, 10), damm(10**9, 10)]), 5, NOW, 0)
    assert split is not None
    assert (sum(split.amounts), split.amount_out) == (5, 0)


def test_a_small_amount_is_not_split_between_pools_of_different_prices() -> None:
    """GIVEN prices a basis point apart, THEN the amount that moves the price by less goes to one pool."""
    sides = sides_of([amm(10**15, 10**15), amm(10**15, 10**15 + 10**11)])
    small, large = (best_split(sides, amount, NOW, 0) for amount in (10**9, 10**13))
    assert small == Split((0, 10**9), sides[1].output(10**9, NOW))
    assert large is not None
    assert large.legs == 2
