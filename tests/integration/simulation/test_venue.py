from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from json import dumps

import pytest

from order_engine.dex.pool import Pool
from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.dex.routing import Listing, paths
from order_engine.domain.errors import CorruptPool, StoreUnavailable, VenueUnavailable
from order_engine.ports import PoolList
from order_engine.simulation.chain import SimulatedChain
from order_engine.simulation.faults import STEPS, Faults, clear_faults, set_fault
from order_engine.simulation.market import LATENCIES, SLOT_SECONDS, Market
from order_engine.simulation.pools import VENUES, pool_settings
from order_engine.simulation.schema import create_pools
from order_engine.simulation.traders import PERIOD_SECONDS, Flow
from order_engine.simulation.venue import SimulatedVenue
from order_engine.storage.database import Database
from tests.support.network import closed_port
from tests.support.simulation import AMM, Clock, market_of, pools, signed, store

TOKENS = ("SOL", "USDC")
EVERYTHING = ("SOL", "USDC", "USDT", "RAY", "BONK", "JUP", "mSOL")


@pytest.fixture
def venue(market: Market) -> SimulatedVenue:
    return SimulatedVenue(market)


def ids(venue: SimulatedVenue, *tokens: str) -> set[str]:
    return {listing.id for listing in venue.pools(tokens or TOKENS).listings}


RAYDIUM = {"raydium-amm:SOL-USDC", "raydium-cp:SOL-USDC", "raydium-clmm:SOL-USDC"}
METEORA = {"meteora-dlmm:SOL-USDC", "meteora-damm:SOL-USDC"}


# Pools


def test_all_stored_pools_are_listed_with_their_venues(venue: SimulatedVenue, clock: Clock) -> None:
    found = venue.pools(EVERYTHING)
    expected = {setting.id: setting for setting in pool_settings()}
    assert {setting.venue for setting in expected.values()} == set(VENUES)
    assert {listing.id: listing.pool for listing in found.listings} == {
        id: setting.pool for id, setting in expected.items()
    }
    for listing in found.listings:
        setting = expected[listing.id]
        assert (listing.venue, listing.token_a, listing.token_b) == (setting.venue, setting.token_a, setting.token_b)
        assert listing.slot == int(clock.now / SLOT_SECONDS)
    assert found.unusable == {}


def test_only_pools_of_the_requested_tokens_are_listed(venue: SimulatedVenue) -> None:
    assert ids(venue, "SOL", "USDC") == RAYDIUM | METEORA
    assert ids(venue, "RAY", "SOL", "USDT") == {
        *("raydium-amm:RAY-SOL", "raydium-amm:SOL-USDT", "meteora-dlmm:RAY-SOL", "meteora-dlmm:SOL-USDT")
    }
    assert ids(venue, "RAY", "JUP") == set()
    assert ids(venue, "SOL") == set()


def test_the_market_has_enough_pools_of_each_kind() -> None:
    pairs: dict[frozenset[str], set[str]] = {}
    for setting in pool_settings():
        pairs.setdefault(frozenset((setting.token_a, setting.token_b)), set()).add(setting.pool.kind)
    assert len(pairs) >= 8
    assert {kind for kinds in pairs.values() for kind in kinds} == {
        *("raydium_amm_v4", "raydium_cp", "raydium_clmm", "meteora_dlmm", "meteora_damm_v2")
    }
    assert len(pairs[frozenset(TOKENS)]) == 5
    listings = [Listing(one.id, one.venue, one.token_a, one.token_b, 0, one.pool) for one in pool_settings()]
    for a, b in combinations(EVERYTHING, 2):
        assert any(paths(listings, a, b)), f"expected a way from {a} to {b}"


def test_listing_does_not_change_a_pool(venue: SimulatedVenue, database: Database) -> None:
    before = database.fetch("SELECT * FROM market_pools ORDER BY id")
    venue.pools(EVERYTHING)
    assert database.fetch("SELECT * FROM market_pools ORDER BY id") == before


def test_listed_pools_include_the_flow_that_is_not_stored(database: Database, clock: Clock) -> None:
    venue = SimulatedVenue(market_of(database, clock, Flow(100)))
    stored = pools(database)
    seen = set()
    for _ in range(20):
        clock.now += 2
        seen |= {listing.pool for listing in venue.pools(TOKENS).listings}
    assert len(seen) > 20
    assert pools(database) == stored


# What is known of a pool


def listed(venue: SimulatedVenue) -> dict[str, Pool]:
    return {listing.id: listing.pool for listing in venue.pools(TOKENS).listings}


def test_a_state_is_decoded_once(
    venue: SimulatedVenue, market: Market, database: Database, connect: Callable[[], Database]
) -> None:
    """WHEN another process swaps in a pool, THEN that pool alone is decoded again, once."""
    before = listed(venue)
    sender = market_of(connect(), Clock())
    SimulatedChain(sender).submit(signed(market))
    after, later = listed(venue), listed(venue)
    assert {id for id in before if after[id] is not before[id]} == {AMM}
    assert after[AMM] == pools(database)[AMM] != before[AMM]
    assert all(later[id] is after[id] for id in after)


def test_who_has_swapped_in_a_pool_knows_its_state(venue: SimulatedVenue, market: Market, database: Database) -> None:
    """THEN the next reader in this process decodes nothing, and reads what a stranger reads."""
    listed(venue)
    transaction = signed(market)
    SimulatedChain(market).submit(transaction)
    sent = market.stored_pools.known
    after = listed(venue)
    assert market.stored_pools.known == sent
    assert after == listed(SimulatedVenue(replace(market))) == listed(venue)
    assert after[AMM] == pools(database)[AMM]


def test_other_traders_move_a_pool_once_in_a_period(database: Database, clock: Clock) -> None:
    venue = SimulatedVenue(market_of(database, clock, Flow(100)))
    first, again = listed(venue), listed(venue)
    assert all(again[id] is first[id] for id in first)
    clock.now += PERIOD_SECONDS
    assert listed(venue).keys() == first.keys()
    assert listed(venue) != first


def test_a_pool_that_is_replaced_is_read_whatever_its_version(venue: SimulatedVenue, database: Database) -> None:
    known = listed(venue)
    other = RaydiumAmmV4(7, 7, 25, 10_000)
    database.execute(
        "UPDATE market_pools SET state = %(state)s WHERE id = %(id)s", {"id": AMM, "state": dumps(other.to_json())}
    )
    assert listed(venue) == known | {AMM: other}
    database.execute("DELETE FROM market_pools WHERE id = %(id)s", {"id": AMM})
    assert listed(venue).keys() == known.keys() - {AMM}
    create_pools(database)
    assert listed(venue) == known


# Corrupt pools


@pytest.mark.parametrize(
    ("pool", "change", "problem"),
    [
        (
            "raydium-amm:SOL-USDC",
            "jsonb_set(state::jsonb, '{reserve_a}', '\"0\"')",
            "reserve_a: expected an integer from 1 to 18446744073709551615, was '0'",
        ),
        (
            "raydium-cp:SOL-USDC",
            "jsonb_set(state::jsonb, '{trade_fee_rate}', '\"1000000\"')",
            "trade_fee_rate: expected an integer from 0 to 999999, was '1000000'",
        ),
        ("raydium-cp:SOL-USDC", "state::jsonb - 'reserve_b'", "reserve_b: expected a value, was 'nothing'"),
        ("raydium-amm:SOL-USDC", "'[]'::jsonb", "state: expected an object, was '[]'"),
        (
            "raydium-clmm:SOL-USDC",
            "jsonb_set(state::jsonb, '{tick}', '\"0\"')",
            "sqrt_price: expected a price within tick 0",
        ),
        (
            "meteora-dlmm:SOL-USDC",
            "jsonb_set(state::jsonb, '{bins,3,amount_y}', '\"-1\"')",
            "bins[3].amount_y: expected an integer from 0 to 18446744073709551615, was '-1'",
        ),
        (
            "meteora-damm:SOL-USDC",
            "jsonb_set(state::jsonb, '{liquidity}', 'null')",
            "liquidity: expected an integer from 1",
        ),
    ],
)
def test_a_corrupt_pool_is_left_out_and_reported_with_its_field(
    venue: SimulatedVenue, database: Database, pool: str, change: str, problem: str
) -> None:
    others = ids(venue) - {pool}
    assert others
    database.execute(f"UPDATE market_pools SET state = ({change})::json WHERE id = %(id)s", {"id": pool})
    found = venue.pools(TOKENS)
    assert {listing.id for listing in found.listings} == others
    (error,) = found.unusable.values()
    assert list(found.unusable) == [pool]
    assert type(error) is CorruptPool
    assert str(error).startswith(f"pool {pool}: {problem}")


def test_a_pool_of_an_unknown_kind_is_left_out_and_reported(venue: SimulatedVenue, database: Database) -> None:
    database.execute("UPDATE market_pools SET kind = 'orca_whirlpool' WHERE id = 'raydium-cp:SOL-USDC'")
    found = venue.pools(TOKENS)
    assert {listing.id for listing in found.listings} == (RAYDIUM | METEORA) - {"raydium-cp:SOL-USDC"}
    assert "raydium-cp:SOL-USDC: kind: expected one of raydium_cp, " in str(found.unusable["raydium-cp:SOL-USDC"])


def test_a_repaired_pool_is_listed_again(venue: SimulatedVenue, database: Database) -> None:
    pool = pools(database)["raydium-cp:SOL-USDC"]
    database.execute("UPDATE market_pools SET state = '{}' WHERE id = 'raydium-cp:SOL-USDC'")
    assert ids(venue) == (RAYDIUM | METEORA) - {"raydium-cp:SOL-USDC"}
    store(database, "raydium-cp:SOL-USDC", pool)
    assert venue.pools(TOKENS).unusable == {}


# Faults


def failed(venue: SimulatedVenue, *tokens: str) -> dict[str, str]:
    """Returns what each venue that is left out says. None that is left out lists a pool."""
    found = venue.pools(tokens or TOKENS)
    assert not {listing.venue for listing in found.listings} & found.unusable.keys()
    assert all(type(error) is VenueUnavailable for error in found.unusable.values())
    return {name: str(error) for name, error in found.unusable.items()}


@pytest.mark.parametrize(
    ("kind", "message"),
    [("fail", "raydium refused to quote"), ("timeout", "raydium did not answer to quote within 0.5 s")],
)
def test_a_venue_fault_strikes_as_often_as_it_was_set(
    venue: SimulatedVenue, database: Database, kind: str, message: str
) -> None:
    set_fault(database, "raydium", "quote", kind, times=2)
    for _ in range(2):
        found = venue.pools(TOKENS)
        assert {listing.id for listing in found.listings} == METEORA
        assert {name: str(error) for name, error in found.unusable.items()} == {"raydium": message}
    assert ids(venue) == RAYDIUM | METEORA
    assert database.fetch("SELECT * FROM market_faults") == []


def test_a_venue_fault_strikes_even_without_a_pool(venue: SimulatedVenue, database: Database) -> None:
    set_fault(database, "raydium", "quote", "fail", times=1)
    assert failed(venue, "JUP", "mSOL") == {"raydium": "raydium refused to quote"}
    assert venue.pools(["JUP", "mSOL"]) == PoolList([], {})


def test_venues_that_hang_are_waited_for_at_once_until_the_deadline(
    venue: SimulatedVenue, database: Database, clock: Clock
) -> None:
    for name in reversed(VENUES):
        set_fault(database, name, "quote", "timeout", times=1)
    answers = failed(venue)
    assert answers == {name: f"{name} did not answer to quote within 0.5 s" for name in VENUES}
    assert tuple(answers) == VENUES
    assert clock.slept == [0.5]


def test_a_slow_venue_that_hangs_is_given_up_at_the_deadline(database: Database, clock: Clock) -> None:
    """GIVEN a market on which every answer takes a while, THEN that while is part of the deadline."""
    set_fault(database, "meteora", "quote", "timeout", times=1)
    venue = SimulatedVenue(market_of(database, clock, latency=LATENCIES["realistic"]))
    assert failed(venue) == {"meteora": "meteora did not answer to quote within 5 s"}
    assert sum(clock.slept) == pytest.approx(5)


def test_the_pools_of_a_venue_are_of_the_slot_in_which_they_were_read(database: Database, clock: Clock) -> None:
    """WHEN the other venue hangs."""
    read_in = int(clock.now / SLOT_SECONDS)

    def sleep(seconds: float) -> None:
        clock.now += seconds

    set_fault(database, "meteora", "quote", "timeout", times=1)
    faults = Faults(database, 5, sleep)
    found = SimulatedVenue(replace(market_of(database, clock), faults=faults)).pools(TOKENS)
    assert {listing.slot for listing in found.listings} == {read_in}
    assert int(clock.now / SLOT_SECONDS) > read_in


def test_a_venue_that_fails_while_another_hangs(venue: SimulatedVenue, database: Database, clock: Clock) -> None:
    set_fault(database, "raydium", "quote", "fail", times=1)
    set_fault(database, "meteora", "quote", "timeout", times=1)
    assert failed(venue).keys() == set(VENUES)
    assert clock.slept == [0.5]
    assert failed(venue) == {}


def test_a_fault_affects_only_its_venue_and_step(venue: SimulatedVenue, database: Database) -> None:
    for step in STEPS:
        set_fault(database, "meteora", step, "fail")
        if step != "quote":
            set_fault(database, "raydium", step, "fail")
    assert ids(venue) == RAYDIUM


def test_a_fault_without_a_count_lasts_until_it_is_cleared(venue: SimulatedVenue, database: Database) -> None:
    set_fault(database, "raydium", "quote", "fail")
    for _ in range(5):
        assert failed(venue).keys() == {"raydium"}
    clear_faults(database)
    assert failed(venue) == {}


def test_a_new_fault_replaces_the_old_one(venue: SimulatedVenue, database: Database) -> None:
    set_fault(database, "raydium", "quote", "fail", times=9, percent=1)
    set_fault(database, "raydium", "quote", "timeout", times=1)
    assert failed(venue) == {"raydium": "raydium did not answer to quote within 0.5 s"}
    assert failed(venue) == {}


def failures(database: Database, clock: Clock, tries: int) -> int:
    """Counts how often a venue refuses, with a fixed random seed."""
    faults = Faults(database, 0.5, clock.sleep, random.Random(7))
    venue = SimulatedVenue(replace(market_of(database, clock), faults=faults))
    return sum(bool(failed(venue)) for _ in range(tries))


def test_a_fault_with_a_percentage_strikes_about_as_often(database: Database, clock: Clock) -> None:
    set_fault(database, "raydium", "quote", "fail", percent=30)
    found = failures(database, clock, 400)
    assert 90 <= found <= 150
    assert failures(database, clock, 400) == found


def test_a_fault_that_does_not_strike_is_not_used_up(database: Database, clock: Clock) -> None:
    set_fault(database, "raydium", "quote", "fail", times=3, percent=20)
    assert failures(database, clock, 200) == 3
    assert database.fetch("SELECT * FROM market_faults") == []


@pytest.mark.parametrize(
    ("venue", "step", "kind", "times", "percent", "message"),
    [
        ("orca", "quote", "fail", None, 100, "expected one of raydium, meteora, was 'orca'"),
        ("raydium", "sign", "fail", None, 100, "expected one of quote, build, submit, confirm, was 'sign'"),
        ("raydium", "quote", "explode", None, 100, "expected one of fail, timeout, was 'explode'"),
        ("raydium", "quote", "slip", None, 100, "expected one of fail, timeout, was 'slip'"),
        ("raydium", "confirm", "drop", None, 100, "expected one of fail, timeout, was 'drop'"),
        ("raydium", "quote", "fail", 0, 100, "expected at least 1 time, was 0"),
        ("raydium", "quote", "fail", 1, 0, "expected from 1 to 100 percent, was 0"),
        ("raydium", "quote", "fail", 1, 101, "expected from 1 to 100 percent, was 101"),
    ],
)
def test_a_fault_that_does_not_exist_is_refused(
    database: Database, venue: str, step: str, kind: str, times: int | None, percent: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        set_fault(database, venue, step, kind, times, percent)
    assert database.fetch("SELECT * FROM market_faults") == []


# Time


def test_the_instant_market_never_waits(venue: SimulatedVenue, clock: Clock) -> None:
    venue.pools(TOKENS)
    assert clock.slept == []


def test_the_realistic_market_takes_its_time(database: Database, clock: Clock) -> None:
    SimulatedVenue(market_of(database, clock, latency=LATENCIES["realistic"])).pools(TOKENS)
    (slept,) = clock.slept
    assert 2 <= slept <= 3


def test_without_postgres_a_venue_is_unavailable(clock: Clock) -> None:
    with closed_port() as port:
        venue = SimulatedVenue(market_of(Database(f"host=127.0.0.1 port={port} user=postgres"), clock))
        with pytest.raises(StoreUnavailable):
            venue.pools(TOKENS)
