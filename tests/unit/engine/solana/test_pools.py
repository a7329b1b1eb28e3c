"""Reading pools from a node."""

from __future__ import annotations

import pytest

from order_engine.domain.errors import CorruptPool, UnsupportedPool, VenueUnavailable
from order_engine.solana.accounts import Account
from order_engine.solana.addresses import ADDRESS_BYTES, CLOCK, TOKEN, Address, encode
from order_engine.solana.pools import PoolReader, Reading
from tests.support.deployments import MAINNET
from tests.unit.engine.solana.ledger import KINDS, Ledger, companions_of, ledger_of
from tests.unit.engine.solana.samples import Sample


@pytest.fixture
def samples() -> list[Sample]:
    return [Sample(kind) for kind in KINDS]


@pytest.fixture
def dlmm() -> Sample:
    return Sample("meteora_dlmm")


def read(ledger: Ledger, *samples: Sample) -> Reading:
    return PoolReader(ledger, MAINNET).read({sample.address: companions_of(sample) for sample in samples})


def test_one_call_reads_pools_of_all_programs(samples: list[Sample]) -> None:
    ledger = ledger_of(*samples)
    reading = read(ledger, *samples)
    assert reading.unusable == {}
    for sample in samples:
        found = reading.pools[encode(sample.address)]
        assert (found.slot, found.program, found.tokens) == (101, sample.program, ("SOL", "USDC"))
        assert found.pool == sample.decode(samples[0].clock)
        assert found.companions == companions_of(sample)
    ((addresses, min_slot),) = ledger.calls
    assert min_slot == 0
    assert {*addresses} == {CLOCK, *(key for each in samples for key in (each.address, *companions_of(each)))}


def test_without_pools_nothing_is_asked() -> None:
    ledger = Ledger()
    assert PoolReader(ledger, MAINNET).read({}) == Reading({}, {})
    assert ledger.calls == []


def test_a_pool_that_has_moved_is_read_again_with_what_it_needs_now(samples: list[Sample], dlmm: Sample) -> None:
    """GIVEN a pair whose last quote needed other bin arrays."""
    ledger = ledger_of(*samples)
    known = {sample.address: companions_of(sample) for sample in samples}
    known[dlmm.address] = known[dlmm.address][:1]
    reading = PoolReader(ledger, MAINNET).read(known)
    assert reading.unusable == {}
    assert len(reading.pools) == len(samples)
    assert reading.pools[encode(dlmm.address)].pool == dlmm.decode(samples[0].clock)
    _, (addresses, min_slot) = ledger.calls
    assert min_slot == 101
    assert {*addresses} == {CLOCK, dlmm.address, *companions_of(dlmm)}


def test_a_pool_that_needs_fewer_accounts_is_not_read_again(dlmm: Sample) -> None:
    ledger = ledger_of(dlmm)
    reading = PoolReader(ledger, MAINNET).read({dlmm.address: [*companions_of(dlmm), dlmm.addresses["oracle"]]})
    assert reading.pools[encode(dlmm.address)].companions == companions_of(dlmm)
    assert len(ledger.calls) == 1


def test_a_pool_that_moves_twice_is_left_out(samples: list[Sample], dlmm: Sample) -> None:
    """GIVEN a pair whose active bin leaves the arrays that were read, between the first and the second call."""
    ledger = ledger_of(*samples)

    def move(number: int) -> None:
        if number == 2:
            dlmm.write("pool", "active_id", 1_200)
            dlmm.write("pool", "bin_array_bitmap", (1 << 512 + 1_200 // 70).to_bytes(128, "little"))
            ledger.found |= dlmm.accounts

    ledger.before = move
    known = {sample.address: companions_of(sample) for sample in samples} | {dlmm.address: []}
    reading = PoolReader(ledger, MAINNET).read(known)
    assert len(ledger.calls) == 2
    (error,) = reading.unusable.values()
    assert isinstance(error, VenueUnavailable)
    assert str(error) == "expected a pool that needs the same accounts twice in a row, was one that moves"
    assert len(reading.pools) == len(samples) - 1


def test_a_second_call_without_an_answer_costs_only_the_pools_that_have_moved(samples: list[Sample]) -> None:
    ledger = ledger_of(*samples)

    def fail(number: int) -> None:
        if number == 2:
            raise VenueUnavailable("no node answers")

    ledger.before = fail
    known = {sample.address: companions_of(sample) for sample in samples} | {samples[0].address: []}
    reading = PoolReader(ledger, MAINNET).read(known)
    assert [str(error) for error in reading.unusable.values()] == ["no node answers"]
    assert list(reading.unusable) == [encode(samples[0].address)]
    assert len(reading.pools) == len(samples) - 1


def test_pools_that_need_too_many_accounts_for_a_call_are_read_by_several() -> None:
    """GIVEN 60 pools with three companions each, two of them shared by all."""
    shared = [number.to_bytes(ADDRESS_BYTES) for number in (1, 2)]
    known = {
        (1_000 + number).to_bytes(ADDRESS_BYTES): [*shared, (2_000 + number).to_bytes(ADDRESS_BYTES)]
        for number in range(60)
    }
    ledger = ledger_of(Sample("raydium_cp"))
    reading = PoolReader(ledger, MAINNET).read(known)
    assert len(reading.unusable) == 60
    assert [min_slot for _, min_slot in ledger.calls] == [0, 101]
    for pool, companions in known.items():
        assert any({CLOCK, pool, *companions} <= {*addresses} for addresses, _ in ledger.calls)


def test_accounts_without_a_clock_are_no_answer(dlmm: Sample) -> None:
    ledger = ledger_of(dlmm)
    for clock in (None, Account(TOKEN, 1, bytes(39))):
        ledger.found[CLOCK] = clock
        with pytest.raises(VenueUnavailable, match="expected the chain's clock, was none"):
            read(ledger, dlmm)


# Pools that can't be used


def refusal(ledger: Ledger, key: Address) -> str:
    """Why a pool can't be used, while another one can."""
    other = Sample("raydium_cp", "bonk_usdc")
    ledger.found |= other.accounts
    reading = PoolReader(ledger, MAINNET).read({key: [], other.address: companions_of(other)})
    assert list(reading.pools) == [encode(other.address)]
    error = reading.unusable[encode(key)]
    assert isinstance(error, CorruptPool | UnsupportedPool)
    return f"{error.code}: {error}"


def test_an_address_without_an_account_is_no_pool() -> None:
    ledger = ledger_of(Sample("raydium_cp"))
    assert refusal(ledger, bytes(ADDRESS_BYTES)) == "CorruptPool: expected a pool, was no account"


def test_an_account_of_another_program_is_no_pool(dlmm: Sample) -> None:
    assert refusal(ledger_of(dlmm), dlmm.addresses["vault_a"]) == (
        "UnsupportedPool: expected a pool of Raydium CP-Swap, Raydium AMM v4, Raydium CLMM, Meteora DLMM,"
        f" Meteora DAMM v2 on Mainnet, was an account of program {encode(TOKEN)}"
    )


def test_another_account_of_a_program_is_no_pool(dlmm: Sample) -> None:
    assert refusal(ledger_of(dlmm), dlmm.addresses["bin_array_-26"]).startswith("CorruptPool: expected a DLMM pair")


def test_a_token_without_a_symbol_goes_by_its_mint() -> None:
    sample = Sample("raydium_cp", "token_2022")
    reading = PoolReader(ledger_of(sample), MAINNET).read({sample.address: companions_of(sample)})
    mint_a, mint_b = sample.decode().mints
    assert mint_a not in MAINNET.symbols
    assert reading.pools[encode(sample.address)].tokens == (encode(mint_a), MAINNET.symbol(mint_b))


def test_a_pool_that_does_not_trade_is_refused() -> None:
    disabled = Sample("raydium_cp", "swap_disabled")
    assert refusal(ledger_of(disabled), disabled.address).startswith(
        "UnsupportedPool: expected a pool that allows swaps"
    )
