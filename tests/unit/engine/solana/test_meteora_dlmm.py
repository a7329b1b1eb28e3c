from __future__ import annotations

from struct import pack

import pytest

from order_engine.dex.meteora_dlmm import MeteoraDlmm
from order_engine.dex.meteora_dlmm_bins import Bin, price_of_bin
from order_engine.domain.errors import CorruptPool
from order_engine.solana.addresses import SYSTEM, TOKEN
from order_engine.solana.instructions import AccountMeta
from order_engine.solana.programs.program import Trader
from tests.unit.engine.solana.array_samples import DlmmSample

TRADER = Trader(SYSTEM, SYSTEM, SYSTEM)


def sample_with(bin: bytes, place: int = 40) -> DlmmSample:
    """A pair whose price is in bin 35 of array 0, with this record of a bin at a place of that array."""
    sample = DlmmSample(0, {0})
    array = sample.accounts[sample.array(0)]
    assert array is not None
    at = 56 + 144 * place
    sample.accounts[sample.array(0)] = array._replace(data=array.data[:at] + bin + array.data[at + 144 :])
    return sample


def state_of(sample: DlmmSample) -> MeteoraDlmm:
    state = sample.decode().state
    assert isinstance(state, MeteoraDlmm)
    return state


def test_a_bin_is_read_with_its_limit_orders() -> None:
    bin = pack("<QQQQ80xQ8xQ4xB3x", 11, 12, 13, 14, 15, 16, 1)
    assert Bin(40, 13 | 14 << 64, 11, 12, True, 15, 16) in state_of(sample_with(bin)).bins


def test_a_bin_whose_price_is_not_stored_has_the_price_of_its_id() -> None:
    bin = pack("<QQ128x", 11, 0)
    assert Bin(40, price_of_bin(40, 1), 11, 0) in state_of(sample_with(bin)).bins


def test_an_empty_bin_is_left_out() -> None:
    price = price_of_bin(40, 1).to_bytes(16, "little")
    bins = state_of(sample_with(bytes(16) + price + bytes(112))).bins
    assert [bin.id for bin in bins] == [*range(40), *range(41, 70)]


def test_a_bin_whose_price_fits_no_integer_is_corrupt() -> None:
    sample = DlmmSample(400, {400})
    sample.write("pool", "bin_step", 400)
    array = sample.accounts[sample.array(400)]
    assert array is not None
    sample.accounts[sample.array(400)] = array._replace(data=array.data[:56] + pack("<QQ128x", 1, 0) * 70)
    with pytest.raises(CorruptPool, match="expected a price that Q64.64 can hold, was the power 28000"):
        sample.decode()


@pytest.mark.parametrize(
    ("function_type", "reward", "takes_orders"),
    [(0, None, True), (0, "reward_0_mint", False), (0, "reward_1_mint", False), (1, None, False), (2, None, True)],
)
def test_a_pair_takes_limit_orders_by_its_function_or_its_rewards(
    function_type: int, reward: str | None, takes_orders: bool
) -> None:
    sample = sample_with(pack("<QQ96xQ8xQ4xB3x", 0, 0, 10**6, 0, 1))
    sample.write("pool", "function_type", function_type)
    if reward:
        sample.write("pool", reward, TOKEN)
    assert (state_of(sample).depth(False) > 10**6) is takes_orders


def test_a_swap_passes_the_bitmap_extension_only_where_there_is_one() -> None:
    sample = DlmmSample(0, {0})
    assert sample.decode().swap(TRADER, True, 10, 1).accounts[1] == AccountMeta(sample.program.id)
    sample.extend()
    assert sample.decode().swap(TRADER, True, 10, 1).accounts[1] == AccountMeta(sample.extension, writable=True)


def test_a_swap_for_an_exact_output_passes_what_its_most_input_reaches() -> None:
    """GIVEN an output that array 0 pays, and a limit to the input that reaches array 4."""
    sample = DlmmSample(0, range(6))
    pool = sample.with_arrays(range(6))
    swap = pool.swap_exact_out(TRADER, False, 10, pool.state.max_input(False, 0) * 7 // 10)
    arrays = [meta.address for meta in swap.accounts[16:]]
    assert arrays == [sample.array(index) for index in range(5)]
