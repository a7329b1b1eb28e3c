"""Routes that must fit in a transaction, which passes on nothing from one hop to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from order_engine.dex.errors import DexError
from order_engine.dex.pool import Pool
from order_engine.dex.routing import DoesNotFit, Hop, Listing, NoPath, Route, TooLarge, TooSmall
from order_engine.dex.swaps import BPS
from tests.unit.engine.dex.builders import NOW, amm, cp, damm, dlmm, pools_of_a_pair, routes
from tests.unit.engine.dex.strategies import POOLS

DEEP = 10**13
RESERVE = 25


@dataclass
class Room:
    """Transactions with room for `size`. Each swap takes that of its pool, or 1."""

    size: int
    of_pool: Mapping[str, int] = field(default_factory=dict)
    hop_reserve_bps: int = 0
    asked: int = 0

    def fits(self, hops: Sequence[Hop]) -> bool:
        self.asked += 1
        assert all(leg.swap.amount_out for hop in hops for leg in hop.legs)
        return self.taken(hops) <= self.size

    def taken(self, hops: Sequence[Hop]) -> int:
        return sum(self.of_pool.get(leg.listing.id, 1) for hop in hops for leg in hop.legs)


def listed(pools: Sequence[Pool], pair: str = "SOL-USDC") -> list[Listing]:
    token_a, token_b = pair.split("-")
    return [Listing(f"{pair}{number}", "raydium", token_a, token_b, 1, pool) for number, pool in enumerate(pools)]


def best(listings: list[Listing], amount: int, room: Room, pair: str = "SOL-USDC", cost: int = 0) -> Route:
    token_in, token_out = pair.split("-")
    return routes(listings, token_in, token_out, amount, NOW, cost, room)[0]


# The size of a transaction


@given(st.data(), pools_of_a_pair(count=(2, 6)), pools_of_a_pair(count=(1, 3)), st.integers(1, 10**9))
def test_every_route_fits(data: st.DataObject, ins: list[Pool], outs: list[Pool], amount: int) -> None:
    listings = [*listed(ins, "RAY-SOL"), *listed(ins, "RAY-USDC"), *listed(outs, "SOL-USDC")]
    sizes = {listing.id: data.draw(st.integers(1, 5)) for listing in listings}
    room = Room(data.draw(st.integers(0, 8)), sizes, RESERVE)
    try:
        found = routes(listings, "RAY", "USDC", amount, NOW, data.draw(st.integers(0, 100)), room)
    except DexError:
        assume(False)
    for route in found:
        assert room.taken(route.hops) <= room.size


@given(pools_of_a_pair(10**8), st.integers(1, 3), st.integers(1, 1_000), st.integers(0, 100))
def test_no_other_pools_that_fit_pay_a_basis_point_more(pools: list[Pool], legs: int, share: int, cost: int) -> None:
    """GIVEN up to four pools, WHEN a transaction has room for fewer of them."""
    listings, amount = listed(pools), max(pools[0].depth(False) * share // 1_000, 10**5)
    most = 0
    for chosen in combinations(listings, min(legs, len(listings))):
        try:
            route = routes(chosen, "SOL", "USDC", amount, NOW, cost)[0]
        except DexError:
            continue
        most = max(most, route.amount_out - route.cost)
    assume(most > 10**5)
    found = best(listings, amount, Room(legs), cost=cost)
    assert len(found.legs) <= legs
    assert found.amount_out - found.cost >= most * (1 - 1e-4)


def test_a_split_leaves_out_what_does_not_fit() -> None:
    pools = listed([amm(DEEP, DEEP), amm(DEEP, DEEP), amm(DEEP // 10, DEEP // 10)])
    names = [best(pools, DEEP // 10, Room(size)).name for size in (1, 2, 3)]
    assert names == ["SOL-USDC0", "SOL-USDC0+SOL-USDC1", "SOL-USDC0+SOL-USDC1+SOL-USDC2"]


def test_a_pool_that_does_not_fit_beside_the_best_gives_way_to_a_smaller_swap() -> None:
    """GIVEN two deep pools whose swaps are too large for one transaction, and a shallow one with a small swap."""
    pools = listed([amm(DEEP, DEEP), amm(DEEP, DEEP), amm(DEEP // 2, DEEP // 2)])
    assert best(pools, DEEP // 10, Room(3, {"SOL-USDC0": 2, "SOL-USDC1": 2})).name == "SOL-USDC0+SOL-USDC2"


def test_two_hops_use_other_pools_where_the_best_do_not_fit() -> None:
    pools = [*listed([amm(DEEP, DEEP), amm(DEEP, DEEP // 2)], "RAY-SOL"), *listed([amm(DEEP, DEEP)], "SOL-USDC")]
    assert best(pools, 10**6, Room(3, {"RAY-SOL0": 3}), "RAY-USDC").name == "RAY-SOL1 > SOL-USDC0"


def test_the_first_hop_leaves_room_for_the_second() -> None:
    pools = [*listed([amm(DEEP, DEEP), amm(DEEP, DEEP)], "RAY-SOL"), *listed([amm(DEEP, DEEP)], "SOL-USDC")]
    assert len(best(pools, DEEP // 10, Room(3), "RAY-USDC").hops[0].legs) == 2
    assert len(best(pools, DEEP // 10, Room(2), "RAY-USDC").hops[0].legs) == 1


def test_without_a_route_that_fits_the_error_says_so() -> None:
    """GIVEN a route of two hops where a transaction has room for one."""
    pools = [*listed([amm(DEEP, DEEP)], "RAY-SOL"), *listed([dlmm(DEEP, DEEP)], "SOL-USDC")]
    for amount in (10**3, 10**9, 2**64 - 1):
        with pytest.raises(DoesNotFit, match="expected a route that fits in a transaction, was none"):
            routes(pools, "RAY", "USDC", amount, NOW, limits=Room(1))
    with pytest.raises(NoPath):
        routes(pools, "RAY", "JUP", 1, NOW, limits=Room(1))


def test_the_largest_amount_is_what_one_transaction_takes() -> None:
    pools = listed([dlmm(10**9, 10**9), dlmm(10**9, 10**9, 5)])
    most = [listing.pool.max_input(True, NOW) for listing in pools]
    with pytest.raises(TooLarge) as caught:
        routes(pools, "SOL", "USDC", sum(most), NOW, limits=Room(1))
    assert caught.value.largest == max(most)
    assert best(pools, max(most), Room(1)).amount_out == caught.value.amount_out
    assert best(pools, sum(most), Room(2)).amount_in == sum(most)


@pytest.mark.parametrize("cost", [0, 850])
def test_the_search_among_many_pools_stays_short(cost: int) -> None:
    """GIVEN 15 equal pools, and an amount for which each leg pays about as much as it costs."""
    pools = listed([amm(10**13, 10**13)] * 15)
    room = Room(2)
    assert len(best(pools, 3 * 10**8, room, cost=cost).legs) <= 2
    assert room.asked < 50


# Exact amounts from one hop to the next


@given(pools_of_a_pair(10**8, 10**12, (1, 3)), pools_of_a_pair(10**8, 10**12, (1, 3)), st.integers(1, 10**9))
def test_the_second_hop_takes_exactly_what_the_first_buys(ins: list[Pool], outs: list[Pool], amount: int) -> None:
    listings = [*listed(ins, "RAY-SOL"), *listed(outs, "SOL-USDC")]
    try:
        found = best(listings, amount, Room(6, hop_reserve_bps=RESERVE), "RAY-USDC")
    except DexError:
        assume(False)
    first, second = found.hops
    assert first.amount_in <= amount * (BPS - RESERVE) // BPS + len(first.legs)
    assert second.amount_in == first.amount_out
    for leg in first.legs:
        assert leg.swap == leg.listing.pool.quote_exact_out(leg.swap.amount_out, True, NOW)
    for leg in second.legs:
        assert leg.swap == leg.listing.pool.quote(leg.swap.amount_in, True, NOW)


@settings(max_examples=60)
@given(st.sampled_from(sorted(POOLS)), st.data(), st.integers(1, 10**12))
def test_a_first_hop_of_any_kind_costs_at_most_the_input(kind: str, data: st.DataObject, amount: int) -> None:
    listings = [*listed([data.draw(POOLS[kind])], "RAY-SOL"), *listed([amm(10**18, 10**18)], "SOL-USDC")]
    try:
        found = best(listings, amount, Room(2, hop_reserve_bps=RESERVE), "RAY-USDC")
    except DexError:
        assume(False)
    assert 0 < found.amount_in <= amount


def test_a_route_of_one_hop_spends_everything() -> None:
    found = best(listed([amm(DEEP, DEEP), cp(DEEP, DEEP)]), 10**11, Room(2, hop_reserve_bps=RESERVE))
    assert found.amount_in == sum(leg.swap.amount_in for leg in found.legs) == 10**11


def test_what_two_hops_leave_counts_against_them() -> None:
    """GIVEN two hops without fees that pay 0.2 % more than one pool, THEN they win only without a reserve."""
    hops = [*listed([amm(DEEP, DEEP, 0)], "RAY-SOL"), *listed([amm(DEEP, DEEP * 1_002 // 1_000, 0)], "SOL-USDC")]
    pools = [*hops, *listed([damm(DEEP, DEEP, 0)], "RAY-USDC")]
    assert len(best(pools, 10**6, Room(2), "RAY-USDC").hops) == 2
    assert len(best(pools, 10**6, Room(2, hop_reserve_bps=RESERVE), "RAY-USDC").hops) == 1


def test_an_amount_that_the_reserve_consumes_is_too_small() -> None:
    pools = [*listed([amm(DEEP, DEEP, 0)], "RAY-SOL"), *listed([amm(DEEP, DEEP, 0)], "SOL-USDC")]
    with pytest.raises(TooSmall) as caught:
        routes(pools, "RAY", "USDC", 1, NOW, limits=Room(2, hop_reserve_bps=9_000))
    assert best(pools, caught.value.smallest, Room(2, hop_reserve_bps=9_000), "RAY-USDC").amount_out == 1
