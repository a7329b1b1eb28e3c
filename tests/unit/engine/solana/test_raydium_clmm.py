from __future__ import annotations

from struct import pack

import pytest

from order_engine.dex.raydium_clmm import RaydiumClmm, Tick
from order_engine.domain.errors import CorruptPool, UnsupportedPool
from order_engine.solana.addresses import SYSTEM, TOKEN, TOKEN_2022
from order_engine.solana.programs.program import Trader
from tests.unit.engine.solana.array_samples import ClmmSample

TRADER = Trader(SYSTEM, SYSTEM, SYSTEM)
LIMIT_ORDERS = pytest.mark.parametrize("offset", [124, 132])
"""Where a tick has the amounts of its limit orders: those untouched, and those that are filled in part."""


def sample_with(tick: bytes, place: int) -> ClmmSample:
    """A pool whose price is at tick 30, with this record of a tick at a place of array 0."""
    sample = ClmmSample(0, {0})
    array = sample.accounts[sample.array(0)]
    assert array is not None
    at = 44 + 168 * place
    sample.accounts[sample.array(0)] = array._replace(data=array.data[:at] + tick + array.data[at + 168 :])
    return sample


def test_a_tick_is_initialized_where_positions_begin_or_end() -> None:
    """GIVEN a tick where as much liquidity begins as ends, and one with nothing but its id."""
    sample = sample_with(pack("<iqqQQ132x", 40, 0, 0, 0, 1), 40)
    state = sample.decode().state
    assert isinstance(state, RaydiumClmm)
    assert state.ticks == (Tick(5, 10**7), Tick(40, 0), Tick(55, -(10**7)))
    state_without = sample_with(pack("<i164x", 40), 40).decode().state
    assert isinstance(state_without, RaydiumClmm)
    assert state_without.ticks == (Tick(5, 10**7), Tick(55, -(10**7)))


def test_a_net_liquidity_of_more_than_half_an_integer_is_read() -> None:
    sample = sample_with(pack("<iqqQQ132x", 20, 0, -1, 0, 1), 20)
    state = sample.decode().state
    assert isinstance(state, RaydiumClmm)
    assert Tick(20, -(2**64)) in state.ticks


def test_a_tick_at_another_place_is_corrupt() -> None:
    with pytest.raises(CorruptPool, match="expected tick 41, was 40"):
        sample_with(pack("<iqqQQ132x", 40, 0, 0, 1, 0), 41).decode()


@LIMIT_ORDERS
def test_a_tick_with_limit_orders_makes_the_pool_unsupported(offset: int) -> None:
    tick = bytearray(pack("<i164x", 40))
    tick[offset] = 7
    with pytest.raises(UnsupportedPool, match="expected ticks without limit orders, was tick 40 with 7"):
        sample_with(bytes(tick), 40).decode()


@pytest.mark.parametrize("owners", [(TOKEN, TOKEN), (TOKEN, TOKEN_2022), (TOKEN_2022, TOKEN)])
def test_the_mints_tell_the_token_programs(owners: tuple[bytes, bytes]) -> None:
    sample = ClmmSample(0, {0})
    for role, owner in zip(("mint_a", "mint_b"), owners, strict=True):
        sample.replace(role, sample.account(role)._replace(owner=owner))
    assert sample.decode().token_programs == owners


def test_a_pool_without_its_mints_is_corrupt() -> None:
    sample = ClmmSample(0, {0})
    sample.replace("mint_b", None)
    with pytest.raises(CorruptPool, match="^expected a mint, was no account$"):
        sample.decode()


def test_arrays_beyond_all_prices_do_not_count() -> None:
    """GIVEN a spacing so large that arrays -1 and 0 hold all ticks."""
    sample = ClmmSample(0, {-500, 500})
    for role in ("pool", "config"):
        sample.write(role, "tick_spacing", 2**16 - 1)
    config, *mints, _, _, _ = sample.companions()
    roles = "config", "mint_a", "mint_b"
    assert [config, *mints] == [sample.addresses[role] for role in roles]
    with pytest.raises(UnsupportedPool, match="expected liquidity in the arrays around the price, was none"):
        sample.decode()


def test_a_swap_for_an_exact_output_passes_what_its_most_input_reaches() -> None:
    """GIVEN an output that array 0 pays, and a limit to the input that reaches array 4."""
    sample = ClmmSample(0, range(6))
    pool = sample.with_arrays(range(6))
    swap = pool.swap_exact_out(TRADER, False, 10, pool.state.max_input(False, 0) * 7 // 10)
    assert swap.data[8:] == pack("<QQ16x?", 10, pool.state.max_input(False, 0) * 7 // 10, False)
    arrays = [meta.address for meta in swap.accounts[14:]]
    assert arrays == [sample.array(number) for number in range(5)]
