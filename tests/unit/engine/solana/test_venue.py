"""The DEXs on Solana as one venue."""

from __future__ import annotations

import pytest

from order_engine.dex.routing import Listing
from order_engine.domain.errors import StoreUnavailable, VenueUnavailable
from order_engine.domain.pools import RegisteredPool, Source
from order_engine.solana.addresses import encode
from order_engine.solana.pools import PoolReader
from order_engine.solana.venue import SolanaVenue
from tests.support.deployments import MAINNET
from tests.support.pool_registry import Registry
from tests.unit.engine.solana.ledger import KINDS, Ledger, companions_of, ledger_of
from tests.unit.engine.solana.samples import Sample

TOKENS = ["SOL", "USDC", "USDT"]


def registered(sample: Sample) -> RegisteredPool:
    companions = tuple(map(encode, companions_of(sample)))
    program = sample.program
    id = encode(sample.address)
    return RegisteredPool(id, program.kind, program.venue, "SOL", "USDC", companions, Source.DISCOVERED)


@pytest.fixture
def samples() -> list[Sample]:
    return [Sample(kind) for kind in KINDS]


@pytest.fixture
def registry(samples: list[Sample]) -> Registry:
    return Registry({pool.address: pool for pool in map(registered, samples)})


@pytest.fixture
def ledger(samples: list[Sample]) -> Ledger:
    return ledger_of(*samples)


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def venue(registry: Registry, ledger: Ledger, warnings: list[str]) -> SolanaVenue:
    return SolanaVenue(registry, PoolReader(ledger, MAINNET), warnings.append)


def test_a_quote_reads_the_pools_of_all_dexs_by_one_call(
    venue: SolanaVenue, ledger: Ledger, samples: list[Sample]
) -> None:
    listings, unusable, now = venue.pools(TOKENS)
    assert unusable == {}
    assert now == samples[0].clock.unix_timestamp
    assert [listing._replace(label=None) for listing in listings] == [
        Listing(encode(sample.address), sample.program.venue, "SOL", "USDC", 101, sample.decode().state)
        for sample in samples
    ]
    assert {listing.venue for listing in listings} == {"raydium", "meteora"}
    assert len(ledger.calls) == 1


def test_a_pool_is_named_by_its_kind_its_pair_and_the_beginning_of_its_address(
    venue: SolanaVenue, samples: list[Sample]
) -> None:
    names = [listing.name for listing in venue.pools(TOKENS).listings]
    assert names == [
        f"{kind}:SOL-USDC:{encode(sample.address)[:4]}"
        for kind, sample in zip(
            ["raydium-cp", "raydium-amm-v4", "raydium-clmm", "meteora-dlmm", "meteora-damm-v2"], samples, strict=True
        )
    ]


def test_a_token_without_a_symbol_is_named_by_the_beginning_of_its_mint(warnings: list[str]) -> None:
    sample = Sample("raydium_cp", "token_2022")
    mint_a, mint_b = map(MAINNET.symbol, sample.decode().mints)
    pool = registered(sample)._replace(token_a=mint_a, token_b=mint_b)
    venue = SolanaVenue(Registry({pool.address: pool}), PoolReader(ledger_of(sample), MAINNET), warnings.append)
    (listing,) = venue.pools([mint_a, mint_b]).listings
    assert (listing.token_a, listing.token_b) == (mint_a, mint_b)
    assert listing.name == f"raydium-cp:{mint_a[:4]}-{mint_b[:4]}:{encode(sample.address)[:4]}"


def test_the_pools_that_were_listed_are_kept_until_the_next_quote(
    venue: SolanaVenue, registry: Registry, samples: list[Sample]
) -> None:
    venue.pools(TOKENS)
    first = encode(samples[0].address)
    for sample in samples:
        assert venue.last(encode(sample.address)) == sample.decode(samples[0].clock)
    registry.disable([first])
    venue.pools(TOKENS)
    with pytest.raises(KeyError):
        venue.last(first)


def test_only_enabled_pools_of_the_tokens_are_listed(venue: SolanaVenue, registry: Registry, ledger: Ledger) -> None:
    assert venue.pools(["SOL", "JUP"]) == ([], {}, None)
    assert ledger.calls == []
    registry.disable([next(iter(registry.pools))])
    assert len(venue.pools(TOKENS).listings) == len(KINDS) - 1


def test_an_unusable_pool_is_named_and_the_others_are_listed(
    venue: SolanaVenue, ledger: Ledger, samples: list[Sample]
) -> None:
    ledger.found[samples[2].address] = None
    listings, unusable, _ = venue.pools(TOKENS)
    assert len(listings) == len(samples) - 1
    assert {id: str(error) for id, error in unusable.items()} == {
        encode(samples[2].address): "expected a pool, was no account"
    }


def test_what_a_pool_needs_now_is_known_to_the_next_quote(
    venue: SolanaVenue, ledger: Ledger, registry: Registry, samples: list[Sample]
) -> None:
    """GIVEN a registered pool, with nothing known but its address."""
    id = encode(samples[3].address)
    full = registry.pools[id]
    registry.pools[id] = full._replace(companions=())
    for calls in (2, 3, 4):
        assert len(venue.pools(TOKENS).listings) == len(samples)
        assert len(ledger.calls) == calls
    assert registry.pools[id] == full
    assert registry.stored == 1


def test_a_quote_does_without_storing_what_a_pool_needs(
    venue: SolanaVenue, registry: Registry, samples: list[Sample], warnings: list[str]
) -> None:
    id = encode(samples[3].address)
    registry.pools[id] = registry.pools[id]._replace(companions=())
    registry.refusal = StoreUnavailable("Postgres does not answer")
    assert len(venue.pools(TOKENS).listings) == len(samples)
    assert warnings == [f"the companions of pool {id} are not stored: Postgres does not answer"]


def test_a_venue_without_an_answer_is_unavailable(venue: SolanaVenue, ledger: Ledger) -> None:
    def fail(number: int) -> None:
        raise VenueUnavailable("no node answers")

    ledger.before = fail
    with pytest.raises(VenueUnavailable, match="no node answers"):
        venue.pools(TOKENS)
