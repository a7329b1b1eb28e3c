"""Finding pools and registering them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from order_engine.domain.errors import EngineError, StoreUnavailable, UnsupportedPool, VenueUnavailable
from order_engine.domain.pools import RegisteredPool, Source
from order_engine.ports import FoundPools, SearchRefused
from order_engine.services.discovery import POOLS_PER_PAIR, Discovery
from tests.support.pool_registry import Registry

TOKENS = ("JUP", "RAY", "SOL", "USDC")
PAIRS = 6


def pool(address: str, program: str = "raydium_cp", tokens: str = "SOL-USDC") -> RegisteredPool:
    token_a, token_b = tokens.split("-")
    return RegisteredPool(address, program, "raydium", token_a, token_b, (), Source.DISCOVERED)


@dataclass
class Pools:
    """A `PoolSource` that finds these pools. `refusals` are raised for a program or a pair."""

    pools: list[RegisteredPool] = field(default_factory=list)
    unusable: dict[str, EngineError] = field(default_factory=dict)
    refusals: dict[str, Exception] = field(default_factory=dict)
    searches: list[tuple[str, tuple[str, str], int]] = field(default_factory=list)
    programs: Sequence[str] = ("raydium_cp", "meteora_dlmm")
    tokens: Sequence[str] = TOKENS
    before: Callable[[], None] = lambda: None

    def search(self, program: str, tokens: tuple[str, str], limit: int) -> FoundPools:
        self.searches.append((program, tokens, limit))
        self.before()
        for what in (program, "-".join(tokens)):
            if what in self.refusals:
                raise self.refusals[what]
        found = [one for one in self.pools if one.program == program and {one.token_a, one.token_b} == {*tokens}]
        return FoundPools(found, self.unusable if (program, tokens) == ("raydium_cp", ("SOL", "USDC")) else {})

    def check(self, address: str) -> RegisteredPool:
        raise NotImplementedError


@pytest.fixture
def source() -> Pools:
    return Pools([pool("1"), pool("2", "meteora_dlmm"), pool("3", tokens="JUP-SOL")])


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def discovery(source: Pools, registry: Registry) -> Discovery:
    return Discovery(source=source, registry=registry)


def test_every_pair_of_tokens_is_searched_in_every_program(discovery: Discovery, source: Pools) -> None:
    assert discovery.run(60).complete
    assert {limit for _, _, limit in source.searches} == {POOLS_PER_PAIR}
    searched = {(program, frozenset(tokens)) for program, tokens, _ in source.searches}
    assert len(searched) == len(source.searches) == 2 * PAIRS
    assert {symbol for _, tokens in searched for symbol in tokens} == {*TOKENS}


def test_what_is_found_is_registered(discovery: Discovery, source: Pools, registry: Registry) -> None:
    report = discovery.run(60)
    assert {*registry.all()} == {*source.pools}
    assert (report.found, report.disabled, report.unusable, report.failed) == (3, [], {}, {})


def test_a_pool_that_is_no_longer_found_is_disabled(discovery: Discovery, source: Pools, registry: Registry) -> None:
    discovery.run(60)
    gone = source.pools.pop(0)
    source.unusable = {gone.address: UnsupportedPool("expected a pool that allows swaps, was status 4")}
    report = discovery.run(60)
    assert report.disabled == ["1"]
    assert report.unusable == {"1": "expected a pool that allows swaps, was status 4"}
    assert registry.pools["1"] == gone._replace(enabled=False)
    # Only once.
    assert discovery.run(60).disabled == []
    source.pools.append(gone)
    discovery.run(60)
    assert registry.pools["1"] == gone


def test_a_pool_that_could_not_be_read_this_time_stays(discovery: Discovery, source: Pools, registry: Registry) -> None:
    discovery.run(60)
    source.pools.pop(0)
    source.unusable = {"1": VenueUnavailable("expected a pool that needs the same accounts, was one that moves")}
    assert discovery.run(60).disabled == []
    assert registry.pools["1"].enabled


def test_pools_known_by_hand_stay_as_they_are(discovery: Discovery, source: Pools, registry: Registry) -> None:
    """GIVEN a pool that was removed, and one that no search finds."""
    removed = pool("1")._replace(source=Source.BY_HAND, enabled=False)
    added = pool("9")._replace(source=Source.BY_HAND)
    registry.pools = {each.address: each for each in (removed, added)}
    discovery.run(60)
    assert registry.pools["1"] == removed
    assert registry.pools["9"] == added


def test_a_search_without_an_answer_changes_nothing_and_is_reported(
    discovery: Discovery, source: Pools, registry: Registry
) -> None:
    discovery.run(60)
    source.pools.clear()
    source.refusals["SOL-USDC"] = VenueUnavailable("no node answers")
    report = discovery.run(60)
    assert report.failed == {f"{program} SOL-USDC": "no node answers" for program in source.programs}
    assert not report.complete
    assert {address for address, known in registry.pools.items() if known.enabled} == {"1", "2"}


def test_a_program_that_no_node_lists_is_asked_for_once(
    discovery: Discovery, source: Pools, registry: Registry
) -> None:
    source.refusals["raydium_cp"] = SearchRefused("getProgramAccounts is not available (-32010)")
    report = discovery.run(60)
    assert report.failed == {
        "raydium_cp": "expected a node that lists a program's pools, was a refusal:"
        " getProgramAccounts is not available (-32010)"
    }
    assert not report.complete
    assert [program for program, _, _ in source.searches].count("raydium_cp") == 1
    assert list(registry.pools) == ["2"]


def test_a_run_ends_in_time_and_the_next_one_searches_elsewhere(source: Pools, registry: Registry) -> None:
    """GIVEN searches of a second each, WHEN there are three seconds for them."""
    clock = [0.0]

    def wait() -> None:
        clock[0] += 1

    source.before = wait
    discovery = Discovery(source=source, registry=registry, now=lambda: clock[0])
    assert not discovery.run(3).complete
    first = source.searches[:]
    assert len(first) == 3
    for _ in range(20):
        discovery.run(3)
    assert {*source.searches} > {*first}


def test_without_the_registry_nothing_is_searched(source: Pools) -> None:
    class Down(Registry):
        def all(self) -> list[RegisteredPool]:
            raise StoreUnavailable("Postgres does not answer")

    with pytest.raises(StoreUnavailable):
        Discovery(source=source, registry=Down()).run(60)
    assert source.searches == []


MINT = "7vfCXTUXx5WJV5JADk17DUJ4ksgau7utNKj4b963voxs"


def of_mint(address: str, partner: str, program: str = "raydium_cp") -> RegisteredPool:
    return pool(address, program, f"{MINT}-{partner}")


@pytest.mark.parametrize(
    ("paid_with", "partners"), [("SOL", {"SOL", "USDC"}), ("wSOL", {"SOL", "USDC"}), ("JUP", {"JUP", "SOL", "USDC"})]
)
def test_the_pools_of_one_token_are_searched_with_what_pays_and_the_clusters_hubs(
    discovery: Discovery, source: Pools, paid_with: str, partners: set[str]
) -> None:
    assert discovery.find(MINT, paid_with, 60).complete
    searched = {(program, tokens) for program, tokens, _ in source.searches}
    assert len(searched) == len(source.searches)
    assert searched == {(program, (MINT, partner)) for program in source.programs for partner in partners}


def test_what_is_known_is_not_written_again(discovery: Discovery, source: Pools, registry: Registry) -> None:
    """A search that finds nothing new, every few seconds, costs no transaction."""
    source.pools = [of_mint("5", "SOL")]
    for _ in range(3):
        assert discovery.find(MINT, "SOL", 60).found == 1
    assert registry.written == 1
    moved = source.pools[0]._replace(companions=("array",))
    source.pools = [moved]
    discovery.find(MINT, "SOL", 60)
    assert (registry.written, registry.all()) == (2, [moved])


def test_a_token_is_not_searched_with_itself(discovery: Discovery, source: Pools) -> None:
    discovery.find("USDC", "SOL", 60)
    assert {tokens for _, tokens, _ in source.searches} == {("USDC", "SOL")}


def test_only_pools_of_the_token_are_registered_and_disabled(
    discovery: Discovery, source: Pools, registry: Registry
) -> None:
    discovery.run(60)
    others = registry.all()
    source.pools = [of_mint("5", "SOL"), of_mint("6", "USDC", "meteora_dlmm")]
    assert discovery.find(MINT, "SOL", 60).found == 2
    assert {*registry.all()} == {*others, *source.pools}
    del source.pools[0]
    assert discovery.find(MINT, "SOL", 60).disabled == ["5"]
    assert {address for address, known in registry.pools.items() if not known.enabled} == {"5"}
    discovery.run(60)
    assert registry.pools["6"].enabled


def test_a_program_that_no_node_lists_is_not_asked_for_again(discovery: Discovery, source: Pools) -> None:
    """Unlike one whose nodes did not answer."""
    source.refusals |= {
        "raydium_cp": SearchRefused("getProgramAccounts is not available (-32010)"),
        "meteora_dlmm": VenueUnavailable("no node answers"),
    }
    assert {*discovery.find(MINT, "SOL", 60).failed} > {"raydium_cp"}
    source.searches.clear()
    report = discovery.find(MINT, "SOL", 60)
    assert {*report.failed} == {f"meteora_dlmm {MINT}-SOL", f"meteora_dlmm {MINT}-USDC"}
    assert {program for program, _, _ in source.searches} == {"meteora_dlmm"}
    assert "raydium_cp" in discovery.run(60).failed
