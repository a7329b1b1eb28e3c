from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from order_engine.dex.errors import DexError
from order_engine.dex.pool import Pool
from order_engine.dex.rounding import U64_MAX
from order_engine.dex.routing import (
    Listing,
    NoPath,
    Route,
    TooLarge,
    TooSmall,
    paths,
    reason,
)
from order_engine.dex.worth import worth, worth_at_most
from tests.unit.engine.dex.builders import MAKERS, NOW, amm, cp, damm, dlmm, pools_of_a_pair, routes

DEEP = 10**13


def listing(id: str, pool: Pool, pair: str = "SOL-USDC", venue: str = "raydium", slot: int = 1) -> Listing:
    token_a, token_b = pair.split("-")
    return Listing(id, venue, token_a, token_b, slot, pool)


def listed(pools: Sequence[Pool], pair: str = "SOL-USDC") -> list[Listing]:
    return [listing(f"{pair}{number}", pool, pair) for number, pool in enumerate(pools)]


def best(listings: list[Listing], amount: int, token_in: str = "SOL", token_out: str = "USDC", cost: int = 0) -> Route:
    return routes(listings, token_in, token_out, amount, NOW, cost)[0]


def names(found: list[Route]) -> list[str]:
    return [route.name for route in found]


def check(route: Route, token_in: str, token_out: str, amount: int) -> None:
    """Every hop takes the whole output of the previous one, and every leg equals its pool's quote."""
    token = token_in
    for hop in route.hops:
        assert (hop.token_in, hop.amount_in) == (token, amount)
        for leg in hop.legs:
            a_to_b = leg.listing.token_a == hop.token_in
            assert leg.listing.trades(hop.token_in, hop.token_out)
            assert leg.swap == leg.listing.pool.quote(leg.swap.amount_in, a_to_b, NOW)
        token, amount = hop.token_out, hop.amount_out
    assert (token, amount) == (token_out, route.amount_out)


# The best route


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("pair", ["SOL-USDC", "USDC-SOL"])
def test_the_pool_that_pays_most_wins_for_every_kind(kind: str, pair: str) -> None:
    """GIVEN one pool of each kind, WHEN one of them has a better price."""
    better = (DEEP, DEEP * 103 // 100) if pair == "SOL-USDC" else (DEEP, DEEP * 97 // 100)
    pools = {name: make(*better) if name == kind else make(DEEP, DEEP) for name, make in MAKERS.items()}
    token_in, token_out = pair.split("-")
    found = routes([listing(name, pool) for name, pool in pools.items()], token_in, token_out, 10**6, NOW)
    assert found[0].name == kind
    assert set(names(found)) == set(MAKERS)
    assert found[0].amount_out == pools[kind].output(10**6, token_in == "SOL", NOW)


@given(pools_of_a_pair(), st.booleans(), st.integers(1, 1_000), st.integers(0, 1_000))
def test_no_single_pool_pays_more_than_the_best_route(pools: list[Pool], a_to_b: bool, share: int, cost: int) -> None:
    amount = max(pools[0].depth(not a_to_b) * share // 1_000, 1)
    token_in, token_out = ("USDC", "USDT") if a_to_b else ("USDT", "USDC")
    alone = {}
    for one in listed(pools, "USDC-USDT"):
        try:
            alone[one.id] = one.pool.quote(amount, a_to_b, NOW).amount_out
        except DexError:
            continue
    assume(alone)
    found = routes(listed(pools, "USDC-USDT"), token_in, token_out, amount, NOW, cost)
    for route in found:
        check(route, token_in, token_out, amount)
    assert {route.name: route.amount_out for route in found if len(route.legs) == 1} == alone
    net = [route.amount_out - route.cost for route in found]
    assert net == sorted(net, reverse=True)
    assert len(names(found)) == len(set(names(found)))


@given(pools_of_a_pair(10**6, 10**12, (3, 3)), st.permutations(range(3)), st.integers(1, 10**9))
def test_the_order_of_the_listings_does_not_change_the_winner(pools: list[Pool], order: list[int], amount: int) -> None:
    listings = listed(pools)
    try:
        found = routes(listings, "SOL", "USDC", amount, NOW)
    except DexError:
        assume(False)
    again = routes([listings[number] for number in order], "SOL", "USDC", amount, NOW)
    alone, alone_again = ([one.name for one in way if len(one.legs) == 1] for way in (found, again))
    assert alone == alone_again
    assert abs(found[0].amount_out - again[0].amount_out) <= found[0].amount_out * Fraction(1, 10**4) + 3


def test_a_tie_goes_to_the_deeper_pool_then_to_the_first_name() -> None:
    shallow, deep = (listing(name, amm(10**9 * by, 10**9 * by, 0)) for name, by in (("a", 1), ("b", 5)))
    assert names(routes([shallow, deep], "SOL", "USDC", 10, NOW))[0] == "b"
    twin = listing("0", shallow.pool)
    for order in permutations((shallow, twin)):
        found = routes(list(order), "SOL", "USDC", 10, NOW)
        assert names([route for route in found if len(route.legs) == 1]) == ["0", "a"]


def test_a_split_wins_if_it_pays_more_and_single_pools_are_compared() -> None:
    pools = [listing("a", amm(DEEP, DEEP)), listing("b", cp(DEEP, DEEP)), listing("c", damm(DEEP, DEEP))]
    found = routes(pools, "SOL", "USDC", DEEP // 10, NOW)
    assert found[0].name == "a+b+c"
    assert set(names(found[1:])) == {"a", "b", "c"}
    assert found[0].venues == ["raydium"]
    assert [leg.listing.id for leg in found[0].legs] == ["a", "b", "c"]


def test_the_cost_of_a_leg_is_converted_to_the_output_token() -> None:
    """GIVEN 5000 lamports a leg and 170 USDC for a SOL, THEN a leg costs 0.00085 USDC, rounded up."""
    pools = listed([amm(10**12, 17 * 10**10), amm(10**12, 17 * 10**10)])
    split = best(pools, 10**10, cost=5_000)
    assert (len(split.legs), split.cost) == (2, 850)
    assert best(pools, 10**10, cost=5_001).cost == 851
    back = best(pools, 10**9, "USDC", "SOL", cost=5_000)
    assert (len(back.legs), back.cost) == (2, 5_000)
    assert len(best(pools, 10**6, cost=5_000).legs) == 1


# Two hops


def test_a_pair_without_a_pool_is_routed_over_a_hub() -> None:
    pools = [listing("a", amm(DEEP, DEEP), "BONK-SOL"), listing("b", dlmm(DEEP, DEEP), "JUP-SOL", "meteora")]
    (found,) = routes(pools, "BONK", "JUP", 10**6, NOW)
    check(found, "BONK", "JUP", 10**6)
    assert (found.name, found.venues) == ("a > b", ["meteora", "raydium"])
    assert [(hop.token_in, hop.token_out) for hop in found.hops] == [("BONK", "SOL"), ("SOL", "JUP")]
    assert found.amount_out == pools[1].pool.output(pools[0].pool.output(10**6, True, NOW), False, NOW)


def test_two_hops_win_if_they_pay_more_than_one() -> None:
    over = [listing("x", amm(DEEP, DEEP, 1), "RAY-SOL"), listing("y", amm(DEEP, DEEP, 1), "SOL-USDC")]
    shallow, deep = listing("d", amm(10**8, 10**8, 1), "RAY-USDC"), listing("d", amm(DEEP, DEEP, 1), "RAY-USDC")
    assert names(routes([*over, shallow], "RAY", "USDC", 10**7, NOW)) == ["x > y", "d"]
    assert best([*over, deep], 10**7, "RAY", "USDC").name == "d"


def test_both_hops_are_split_if_that_pays_more() -> None:
    pools = [
        *listed([amm(DEEP, DEEP), cp(DEEP, DEEP)], "RAY-SOL"),
        *listed([amm(DEEP, DEEP), damm(DEEP, DEEP)], "SOL-JUP"),
    ]
    found = best(pools, DEEP // 10, "RAY", "JUP")
    check(found, "RAY", "JUP", DEEP // 10)
    assert [len(hop.legs) for hop in found.hops] == [2, 2]
    assert found.name == "RAY-SOL0+RAY-SOL1 > SOL-JUP0+SOL-JUP1"


@pytest.mark.parametrize(
    ("hub", "allowed"), [("SOL", True), ("USDC", True), ("USDT", True), ("mSOL", False), ("RAY", False)]
)
def test_only_hubs_are_in_the_middle_of_a_route(hub: str, allowed: bool) -> None:
    pools = [listing("a", amm(DEEP, DEEP), f"BONK-{hub}"), listing("b", amm(DEEP, DEEP), f"{hub}-JUP")]
    assert list(paths(pools, "BONK", "JUP")) == ([("BONK", hub, "JUP")] if allowed else [])


def test_all_hubs_are_compared_and_the_best_wins() -> None:
    pools = [
        *(listing(f"in-{hub}", amm(DEEP, DEEP), f"BONK-{hub}") for hub in ("SOL", "USDC", "USDT")),
        *(
            listing(f"out-{hub}", amm(DEEP, DEEP * by), f"{hub}-JUP")
            for hub, by in (("SOL", 1), ("USDC", 3), ("USDT", 2))
        ),
    ]
    assert list(paths(pools, "BONK", "JUP")) == [("BONK", hub, "JUP") for hub in ("SOL", "USDC", "USDT")]
    assert best(pools, 10**6, "BONK", "JUP").name == "in-USDC > out-USDC"


def test_a_token_is_not_a_hub_for_itself() -> None:
    pools = [listing("a", amm(DEEP, DEEP), "SOL-USDC"), listing("b", amm(DEEP, DEEP), "USDC-USDT")]
    assert list(paths(pools, "SOL", "USDC")) == [("SOL", "USDC")]
    assert list(paths(pools, "SOL", "USDT")) == [("SOL", "USDC", "USDT")]


@given(pools_of_a_pair(10**8, 10**12, (1, 2)), pools_of_a_pair(10**8, 10**12, (1, 2)), st.integers(1, 10**8))
def test_two_hops_pay_at_least_as_much_as_any_two_pools(ins: list[Pool], outs: list[Pool], amount: int) -> None:
    """GIVEN pools of the second hop that can take any output of the first."""
    pools = [*listed(ins, "RAY-SOL"), *listed(outs, "SOL-JUP")]
    assume(sum(pool.max_input(True, NOW) for pool in outs) > sum(pool.depth(True) for pool in ins))
    most = 0
    for first in ins:
        for second in outs:
            try:
                most = max(most, second.output(first.output(amount, True, NOW), True, NOW))
            except (DexError, ValueError):
                continue
    assume(most > 10**5)
    found = best(pools, amount, "RAY", "JUP")
    check(found, "RAY", "JUP", amount)
    assert found.amount_out >= most * (1 - 1e-4)


def test_a_hop_that_pays_more_than_a_u64_is_not_a_route() -> None:
    """GIVEN two pools that together pay more than an instruction can carry into the next hop."""
    rich = [amm(10**3, U64_MAX, 0), amm(10**3, U64_MAX, 0)]
    pools = [*listed(rich, "RAY-SOL"), listing("out", amm(10**3, 10**9), "SOL-JUP")]
    with pytest.raises(TooLarge):
        routes(pools, "RAY", "JUP", 10**9, NOW)


# No route


def test_tokens_without_common_pools_have_no_path() -> None:
    pools = [listing("a", amm(DEEP, DEEP), "BONK-SOL"), listing("b", amm(DEEP, DEEP), "USDC-JUP")]
    for token_in, token_out in (("BONK", "JUP"), ("BONK", "USDC"), ("RAY", "SOL")):
        with pytest.raises(NoPath, match=f"no pools between {token_in} and {token_out}"):
            routes(pools, token_in, token_out, 1, NOW)


@given(pools_of_a_pair(10**9, 10**13, (1, 3)), st.sampled_from(["straight", "over a hub"]))
def test_too_small_names_the_smallest_amount_that_pays_something(pools: list[Pool], way: str) -> None:
    listings = (
        listed(pools) if way == "straight" else [*listed(pools, "RAY-SOL"), listing("out", amm(DEEP, DEEP), "SOL-USDC")]
    )
    token_in = "SOL" if way == "straight" else "RAY"
    try:
        routes(listings, token_in, "USDC", 1, NOW)
    except TooSmall as error:
        smallest = error.smallest
    else:
        assume(False)
    assert smallest > 1
    assert best(listings, smallest, token_in).amount_out > 0
    for less in (smallest - 1, (smallest + 1) // 2):
        with pytest.raises(TooSmall) as caught:
            routes(listings, token_in, "USDC", less, NOW)
        assert caught.value.smallest == smallest


@settings(max_examples=50)
@given(pools_of_a_pair(10**9, 10**12, (1, 3)), st.sampled_from(["straight", "over a hub"]))
@example([dlmm(10**9, 10**9)], "straight")
@example([dlmm(10**9, 10**9), dlmm(10**10, 10**10, 5)], "over a hub")
def test_too_large_names_the_largest_amount_that_is_taken(pools: list[Pool], way: str) -> None:
    listings = (
        listed(pools)
        if way == "straight"
        else [*listed(pools, "RAY-SOL"), listing("out", damm(DEEP, DEEP), "SOL-USDC")]
    )
    token_in = "SOL" if way == "straight" else "RAY"
    try:
        routes(listings, token_in, "USDC", U64_MAX, NOW)
    except TooLarge as error:
        largest, paid = error.largest, error.amount_out
    else:
        assume(False)
    assert 0 < largest < U64_MAX
    found = best(listings, largest, token_in)
    check(found, token_in, "USDC", largest)
    assert found.amount_out == paid
    with pytest.raises(TooLarge) as caught:
        routes(listings, token_in, "USDC", largest + 1, NOW)
    assert (caught.value.largest, caught.value.amount_out) == (largest, paid)


def test_an_empty_pool_takes_nothing() -> None:
    full = dlmm(10**9, 10**9)
    empty = type(full).from_json(
        {**full.to_json(), "bins": [{"id": str(full.active_id), "amount_x": "5", "amount_y": "0"}]}
    )
    with pytest.raises(TooLarge) as caught:
        routes([listing("a", empty)], "SOL", "USDC", 10, NOW)
    assert (caught.value.largest, caught.value.amount_out) == (0, 0)


# Price impact and reason


def impact(route: Route) -> int:
    """The definition: the mean over a hop's pools, weighted by input; `1 − ∏(1 − impact)` over hops."""
    left = Fraction(1)
    for hop in route.hops:
        moved = sum((Fraction(*leg.swap.price_impact) * leg.swap.amount_in for leg in hop.legs), Fraction(0))
        left *= 1 - moved / hop.amount_in
    return -int((left - 1) * 10_000 // 1)


def test_the_price_impact_of_one_pool_is_that_of_its_swap() -> None:
    found = best([listing("a", amm(10**9, 10**9))], 10**7)
    assert found.price_impact_bps == found.legs[0].swap.price_impact_bps == 99


def test_the_price_impacts_of_two_hops_multiply() -> None:
    pools = [listing("a", amm(10**9, 10**9, 0), "RAY-SOL"), listing("b", amm(10**9, 10**9, 0), "SOL-USDC")]
    found = best(pools, 10**9, "RAY", "USDC")
    # The first hop pays half of the spot value, the second two thirds of its own.
    assert [leg.swap.amount_out for leg in found.legs] == [5 * 10**8, 10**9 // 3]
    assert found.price_impact_bps == 6_667


@given(pools_of_a_pair(10**9), pools_of_a_pair(10**9, 10**13, (1, 2)), st.integers(10**4, 10**9))
def test_the_price_impact_of_a_route_follows_its_definition(ins: list[Pool], outs: list[Pool], amount: int) -> None:
    try:
        found = routes([*listed(ins, "RAY-SOL"), *listed(outs, "SOL-USDC")], "RAY", "USDC", amount, NOW)
    except DexError:
        assume(False)
    for route in found:
        assert route.price_impact_bps == impact(route)
        assert 0 <= route.price_impact_bps <= 10_000


def test_a_single_route_is_the_only_one() -> None:
    assert reason(routes([listing("a", amm(DEEP, DEEP))], "SOL", "USDC", 10**6, NOW)) == "a is the only route"


def test_a_tie_is_explained_by_depth() -> None:
    pools = [listing("a", amm(10**9, 10**9, 0)), listing("b", amm(DEEP, DEEP, 0))]
    assert reason(routes(pools, "SOL", "USDC", 10, NOW)) == "b pays as much as a and has the deeper pool"


def test_a_better_price_is_explained_in_per_cent() -> None:
    pools = [listing("a", amm(10**15, 10**15, 0)), listing("b", amm(10**15, 10**15, 30))]
    assert reason(routes(pools, "SOL", "USDC", 10**6, NOW)) == "a pays 0.3009 % more than b"


def test_the_reason_counts_the_cost_of_legs() -> None:
    pools = [listing("a", amm(10**12, 10**12, 0)), listing("b", amm(10**12, 10**12, 0))]
    free, dear = (routes(pools, "SOL", "USDC", 10**10, NOW, cost) for cost in (0, 40_000_000))
    assert reason(free) == "a+b pays 0.4975 % more than a"
    assert reason(dear) == "a+b pays 0.0935 % more than a"


@given(pools_of_a_pair(), pools_of_a_pair(), st.integers(1, U64_MAX))
def test_an_amount_is_worth_no_more_than_at_the_best_prices(first: list[Pool], second: list[Pool], amount: int) -> None:
    pools = [*listed(first, "RAY-SOL"), *listed(second, "SOL-USDC")]
    for token in ("RAY", "SOL"):
        value, most = (of(pools, amount, token, "USDC") for of in (worth, worth_at_most))
        assert value is not None
        assert most is not None
        assert value <= most
    assert worth(pools, amount, "USDC", "USDC") == worth_at_most(pools, amount, "USDC", "USDC") == amount
    assert worth(pools, amount, "BONK", "USDC") is worth_at_most(pools, amount, "BONK", "USDC") is None
