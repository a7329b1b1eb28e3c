"""Which arrays of bins or ticks a quote reads, what it promises of them, and which of them a swap passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.dex.errors import LiquidityExhausted
from order_engine.dex.meteora_dlmm import MeteoraDlmm
from order_engine.dex.pool import Pool
from order_engine.dex.raydium_clmm import RaydiumClmm
from order_engine.domain.errors import CorruptPool, UnsupportedPool
from order_engine.domain.markets import MAINNET
from order_engine.solana.accounts import Account
from order_engine.solana.addresses import SYSTEM, TOKEN
from order_engine.solana.deployments import deployment
from order_engine.solana.programs.arrays import MAX_PARSED, Parsed
from tests.unit.engine.solana.array_samples import ArraySample, ClmmSample, DlmmSample

Make = Callable[[int, Iterable[int]], ArraySample]

both = pytest.mark.parametrize("make", [DlmmSample, ClmmSample])
numbers = st.sets(st.integers(-8, 8), min_size=1)


def read(sample: ArraySample) -> set[int]:
    """The existing arrays that a quote reads."""
    companions = sample.companions()
    assert len({*companions}) == len(companions)
    return {number for number in sample.numbers if sample.array(number) in companions}


def reached(state: Pool, a_to_b: bool, amount: int, now: int) -> int:
    """The array in which a swap ends, or at whose tick it aims last."""
    if isinstance(state, MeteoraDlmm):
        return state.fills(amount, a_to_b, now)[-1].bin.id // 70
    assert isinstance(state, RaydiumClmm)
    *_, (ahead, _) = state.steps(amount, a_to_b, exact_in=True)
    return ahead.tick // 60


# What a quote reads


@both
@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        ({-9, -4, -2, -1, 0, 3, 5, 8}, {-2, -1, 0, 3, 5}),
        ({-9, -4, -2, -1, 3, 5, 8, 9}, {-4, -2, -1, 3, 5, 8}),
        ({*range(-500, 500)}, {-2, -1, 0, 1, 2}),
        ({0}, {0}),
        ({1, 2, 3, 4}, {1, 2, 3}),
    ],
)
def test_a_quote_reads_three_existing_arrays_in_each_direction(
    make: Make, existing: set[int], expected: set[int]
) -> None:
    assert read(make(0, existing)) == expected


@both
@pytest.mark.parametrize(
    ("at", "existing", "is_read"),
    [
        (0, {-3, -2, -1, 0, 1, 2}, False),
        (0, {-2, -1, 0, 1, 2}, False),
        (0, {-1, 0, 1, 2}, True),
        (0, {-2, -1, 0, 1}, True),
        (511, {509, 510, 511, 512}, True),
        (-512, {-513, -512, -511, -510}, True),
        (600, {1, 2, 3, 600}, True),
    ],
)
def test_a_quote_reads_the_bitmap_extension_where_the_own_bitmap_names_too_few(
    make: Make, at: int, existing: set[int], is_read: bool
) -> None:
    sample = make(at, existing)
    assert (sample.extension in sample.companions()) is is_read


@both
@pytest.mark.parametrize(
    ("at", "existing", "expected"),
    [
        (511, {509, 510, 511, 512, 513, 514}, {509, 510, 511, 512, 513}),
        (-512, {-515, -514, -513, -512}, {-514, -513, -512}),
        (600, {596, 597, 599, 600, 602, 603}, {599, 600, 602}),
        (-1024, {-1026, -1025, -1024, -1023, -1021}, {-1026, -1025, -1024, -1023}),
    ],
)
def test_a_quote_reads_the_neighbours_that_only_the_extension_knows(
    make: Make, at: int, existing: set[int], expected: set[int]
) -> None:
    sample = make(at, existing)
    sample.extend()
    assert read(sample) == expected
    pool = sample.decode()
    for a_to_b, ahead in ((True, sorted(expected, reverse=True)), (False, sorted(expected))):
        last = [number for number in ahead if number <= at or not a_to_b][-1]
        most = pool.state.max_input(a_to_b, sample.clock.unix_timestamp)
        assert reached(pool.state, a_to_b, most, sample.clock.unix_timestamp) == last
        # A swap passes existing arrays that were not read too.
        beyond = [number for number in sample.numbers if (number <= at if a_to_b else number >= at)]
        assert sample.passed(pool, a_to_b, 1) == sorted(beyond, reverse=a_to_b)[:3]


def test_a_quote_reads_the_ends_of_a_position_over_the_whole_range_of_prices() -> None:
    sample = ClmmSample(0, {-7394, 0, 7393})
    sample.extend()
    assert read(sample) == {-7394, 0, 7393}
    state = sample.decode().state
    assert isinstance(state, RaydiumClmm)
    assert {tick.id // 60 for tick in state.ticks} == {-7394, 0, 7393}


# What the state promises


@both
@given(numbers, st.integers(-9, 9), numbers, st.fractions(0, 2), st.booleans())
def test_a_pool_pays_from_the_arrays_that_were_read_or_not_at_all(
    make: Make, existing: set[int], at: int, known: set[int], share: float, a_to_b: bool
) -> None:
    sample = make(at, existing)
    now = sample.clock.unix_timestamp
    whole = sample.with_arrays(existing)
    try:
        part = sample.with_arrays(known)
    except UnsupportedPool:
        return
    most = part.state.max_input(a_to_b, now)
    assert most <= whole.state.max_input(a_to_b, now)
    amount = 1 + int(most * share)
    if amount > most:
        with pytest.raises(LiquidityExhausted):
            part.state.output(amount, a_to_b, now)
        return
    assert part.state.output(amount, a_to_b, now) == whole.state.output(amount, a_to_b, now)
    last = reached(whole.state, a_to_b, amount, now)
    ahead = [number for number in sample.numbers if (number <= at if a_to_b else number >= at)]
    ahead = sorted(ahead, reverse=a_to_b)
    until = ahead[: ahead.index(last) + 1]
    assert {*until} <= known
    assert sample.passed(part, a_to_b, amount) == (until if len(until) > 3 else ahead[:3])


@both
def test_no_array_beyond_one_that_was_not_read_counts(make: Make) -> None:
    sample = make(0, {-2, -1, 0, 1, 2})
    assert sample.with_arrays({-2, 0, 1, 2}).state == sample.with_arrays({0, 1, 2}).state


@both
def test_an_array_that_no_bitmap_names_does_not_count(make: Make) -> None:
    sample, other = make(0, {0}), make(0, {-1, 0, 1})
    assert sample.address == other.address
    sample.accounts |= {other.array(number): other.accounts[other.array(number)] for number in (-1, 1)}
    assert sample.decode().state == make(0, {0}).decode().state


@both
def test_a_swap_of_more_than_the_known_arrays_hold_passes_three(make: Make) -> None:
    pool = make(0, range(-9, 10)).decode()
    sample = make(0, range(-9, 10))
    assert sample.passed(pool, True, 2**64 - 1) == [0, -1, -2]
    assert sample.passed(pool, False, 2**64 - 1) == [0, 1, 2]


# What is refused


@both
def test_a_pool_without_known_liquidity_is_unsupported(make: Make) -> None:
    sample = make(0, {-1, 0, 1})
    with pytest.raises(UnsupportedPool, match="expected liquidity in the arrays around the price, was none"):
        sample.with_arrays({-1, 1})


@both
def test_an_array_of_another_owner_is_corrupt(make: Make) -> None:
    sample = make(0, {0})
    array = sample.accounts[sample.array(0)]
    assert array is not None
    sample.accounts[sample.array(0)] = array._replace(owner=TOKEN)
    with pytest.raises(CorruptPool, match="expected a (DLMM bin|CLMM tick) array of program .*, was of Tokenkeg"):
        sample.decode()


@both
def test_an_array_of_another_size_is_corrupt(make: Make) -> None:
    sample = make(0, {0})
    array = sample.accounts[sample.array(0)]
    assert array is not None
    sample.accounts[sample.array(0)] = array._replace(data=array.data + bytes(1))
    with pytest.raises(CorruptPool, match="expected a (DLMM bin|CLMM tick) array of 10[0-9]{3} bytes, was"):
        sample.decode()


@both
def test_an_array_that_is_another_one_is_corrupt(make: Make) -> None:
    sample = make(0, {0, 1})
    sample.accounts[sample.array(0)] = sample.accounts[sample.array(1)]
    with pytest.raises(CorruptPool, match="expected (bin|the tick) array"):
        sample.decode()


@both
def test_a_bitmap_extension_of_another_pool_is_corrupt(make: Make) -> None:
    sample = make(0, {0})
    sample.extend()
    extension = sample.accounts[sample.extension]
    assert extension is not None
    sample.accounts[sample.extension] = extension._replace(data=extension.data[:8] + TOKEN + extension.data[40:])
    with pytest.raises(CorruptPool, match="expected the bitmap extension of .*, was that of Tokenkeg"):
        sample.decode()


# What is parsed again


@both
def test_an_array_that_has_changed_is_parsed_again(make: Make) -> None:
    sample = make(0, range(-2, 3))
    before, emptied = sample.decode(), sample.array(1)
    array = sample.accounts[emptied]
    assert array is not None
    sample.accounts[emptied] = array._replace(data=array.data[:56] + bytes(len(array.data) - 56))
    after = sample.decode()
    anew = deployment.__wrapped__(MAINNET).programs[sample.program.id]
    assert anew is not sample.program
    assert after.state == anew.decode(sample.address, sample.accounts, sample.clock).state != before.state


def test_an_array_is_parsed_once_for_each_version_of_its_account() -> None:
    parsed, calls = Parsed[int](), count()
    accounts = Account(TOKEN, 1, b"a"), Account(TOKEN, 1, b"b"), Account(SYSTEM, 1, b"b"), Account(TOKEN, 1, b"a")
    held = [parsed.of(key, account._replace(), partial(next, calls)) for account in accounts for key in (1, 2, 1, 2)]
    assert held == [0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7]


def test_an_array_that_is_refused_is_parsed_again() -> None:
    parsed = Parsed[int]()
    account = Account(TOKEN, 1, b"")
    with pytest.raises(ZeroDivisionError):
        parsed.of(1, account, lambda: 1 // 0)
    assert parsed.of(1, account, lambda: 5) == 5


def test_few_arrays_are_kept() -> None:
    parsed, calls, account = Parsed[int](), count(), Account(TOKEN, 1, b"")
    for key in range(MAX_PARSED + 1):
        assert parsed.of(key, account, partial(next, calls)) == key
    assert parsed.of(0, account, partial(next, calls)) == MAX_PARSED + 1
