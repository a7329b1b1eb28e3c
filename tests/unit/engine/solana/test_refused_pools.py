"""Pools that must not be traded in: recorded ones in which a thing was changed, and noise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.dex.errors import DexError
from order_engine.dex.meteora_damm_v2 import MeteoraDammV2
from order_engine.domain.errors import CorruptPool, UnsupportedPool
from order_engine.solana.accounts import Account, Clock
from order_engine.solana.addresses import SYSTEM, TOKEN, TOKEN_2022
from order_engine.solana.programs.program import Program
from tests.support.deployments import MAINNET
from tests.unit.engine.solana.recordings import documents
from tests.unit.engine.solana.samples import Sample

CP, V4, CLMM = "raydium_cp", "raydium_amm_v4", "raydium_clmm"
DLMM, DAMM = "meteora_dlmm", "meteora_damm_v2"
ACCOUNTS = [(CP, "pool"), (CP, "config"), (CP, "vault_a"), (CP, "vault_b")]
ACCOUNTS += [(V4, "pool"), (V4, "vault_a"), (V4, "vault_b"), (DAMM, "pool")]
ACCOUNTS += [(CLMM, "pool"), (CLMM, "config"), (DLMM, "pool")]
"""The accounts without which there is no quote."""

each_account = pytest.mark.parametrize(("name", "role"), ACCOUNTS)


@each_account
def test_an_account_that_does_not_exist_is_corrupt(name: str, role: str) -> None:
    sample = Sample(name)
    accounts = sample.accounts | {sample.addresses[role]: None}
    with pytest.raises(CorruptPool, match="^expected an? .* at [1-9A-Za-z]{32,44}, was no account$"):
        sample.program.decode(sample.address, accounts, sample.clock)


@each_account
def test_an_account_of_another_owner_is_corrupt(name: str, role: str) -> None:
    sample = Sample(name)
    sample.replace(role, sample.account(role)._replace(owner=SYSTEM))
    with pytest.raises(CorruptPool, match="^expected an? .* of program .*, was of 11111111111111111111111111111111$"):
        sample.decode()


@each_account
@pytest.mark.parametrize("change", [-1, 1])
def test_an_account_of_another_size_is_corrupt(name: str, role: str, change: int) -> None:
    sample = Sample(name)
    account = sample.account(role)
    sample.replace(role, account._replace(data=(account.data + b"\0")[: len(account.data) + change]))
    with pytest.raises(CorruptPool, match="^expected an? .* of [0-9]+ bytes, was [0-9]+ bytes$"):
        sample.decode()


@pytest.mark.parametrize(("name", "role"), [(CP, "pool"), (CP, "config"), (CLMM, "config"), (DAMM, "pool")])
def test_an_account_of_another_kind_is_corrupt(name: str, role: str) -> None:
    sample = Sample(name)
    account = sample.account(role)
    sample.replace(role, account._replace(data=bytes(8) + account.data[8:]))
    with pytest.raises(CorruptPool, match="^expected an? .* with discriminator [0-9a-f]{16}, was 0000000000000000$"):
        sample.decode()


@pytest.mark.parametrize(
    ("name", "role", "field", "value", "message"),
    [
        (CP, "pool", "status", 4, "expected a pool that allows swaps, was status 4"),
        (CP, "pool", "status", 255, "expected a pool that allows swaps, was status 255"),
        (CP, "pool", "open_time", 1764000016, "expected a pool that is open at 1764000015, was 1764000016"),
        (CP, "pool", "protocol_fees_token_0", 23_529_000_000_000, "expected a pool with liquidity, was an empty pool"),
        (CP, "vault_b", "state", 2, "expected a token account that can be used, was a frozen one"),
        (V4, "pool", "status", 0, "expected a pool that is open to swaps only, was not initialized"),
        (V4, "pool", "status", 1, "was trading through an order book"),
        (V4, "pool", "status", 2, "was disabled"),
        (V4, "vault_a", "amount", 0, "expected a pool with liquidity, was an empty pool"),
        (CLMM, "pool", "status", 16, "expected a pool that allows swaps, was status 16"),
        (CLMM, "pool", "open_time", 2**62, f"expected a pool that is open at [0-9]+, was {2**62}"),
        (CLMM, "pool", "fee_on", 1, "expected a fee on the input, was fee_on 1"),
        (CLMM, "pool", "dynamic_fee_info", b"\1", "expected a constant fee, was a dynamic fee on top of it"),
        (DLMM, "pool", "status", 1, "expected an enabled pair, was status 1"),
        (DLMM, "pool", "pair_type", 4, "expected pair_type of at most 3, was 4"),
        (DLMM, "pool", "function_type", 3, "expected function_type of at most 2, was 3"),
        (DLMM, "pool", "collect_fee_mode", 2, "expected collect_fee_mode of at most 1, was 2"),
        (DAMM, "pool", "pool_status", 1, "expected an enabled pool, was status 1"),
        (DAMM, "pool", "liquidity", 0, "expected a pool with liquidity, was an empty pool"),
        (DAMM, "pool", "collect_fee_mode", 2, "expected fees apart from the liquidity, was fees that compound"),
    ],
)
def test_a_pool_that_does_not_trade_as_the_quote_maths_has_it_is_unsupported(
    name: str, role: str, field: str, value: int, message: str
) -> None:
    sample = Sample(name)
    sample.write(role, field, value)
    with pytest.raises(UnsupportedPool, match=message):
        sample.decode()


@pytest.mark.parametrize(
    ("name", "role", "field", "value", "message"),
    [
        (CP, "pool", "token_0_program", SYSTEM, "expected a token program, was 11111111111111111111111111111111"),
        (CP, "pool", "fund_fees_token_1", 2**63, "reserve_b: expected an integer from 1 to .*, was '-9223368"),
        (CP, "pool", "creator_fee_on", 3, "creator_fee_on: expected an integer from 0 to 2, was '3'"),
        (CP, "config", "trade_fee_rate", 10**6, "trade_fee_rate: expected an integer from 0 to 999999, was '1000000'"),
        (CP, "vault_a", "mint", TOKEN, "expected a vault of mint So1.*, was of mint Tokenkeg"),
        (CP, "vault_a", "owner", TOKEN, "expected a vault of GpMZ.*, was of Tokenkeg"),
        (CP, "vault_a", "state", 0, "expected an initialized token account, was one of state 0"),
        (V4, "pool", "status", 8, "expected a status from 0 to 7, was 8"),
        (V4, "pool", "swap_fee_denominator", 25, "swap_fee_numerator: expected less than swap_fee_denominator"),
        (V4, "pool", "need_take_pnl_pc", 2**63, "reserve_b: expected an integer from 1 to"),
        (V4, "vault_b", "mint", TOKEN, "expected a vault of mint EPj.*, was of mint Tokenkeg"),
        (V4, "vault_b", "owner", TOKEN, "expected a vault of 5Q5.*, was of Tokenkeg"),
        (CLMM, "pool", "tick_spacing", 0, "expected a tick spacing above 0, was 0"),
        (CLMM, "pool", "tick_spacing", 10, "expected a configuration of spacing 10, was"),
        (CLMM, "pool", "tick_current", 443_636, "expected a tick from -443636 to below 443636, was 443636"),
        (CLMM, "pool", "tick_current", 443_635, "sqrt_price: expected a price within tick 443635, was"),
        (CLMM, "pool", "liquidity", 0, "ticks: expected liquidity that is never negative, was '-"),
        (CLMM, "pool", "token_vault_0", TOKEN, "expected the vault of .*, was Tokenkeg"),
        (CLMM, "pool", "token_mint_1", TOKEN, "expected the vault of Tokenkeg.*, was"),
        (CLMM, "config", "trade_fee_rate", 10**6, "trade_fee_rate: expected an integer from 0 to 999999, was"),
        (CLMM, "config", "fund_fee_rate", 10**6, "fund_fee_rate: expected at most 1000000 with the protocol fee rate"),
        (DLMM, "pool", "bin_step", 401, "bin_step: expected an integer from 1 to 400, was '401'"),
        (DLMM, "pool", "active_id", 443_637, "active_id: expected an integer from -443636 to 443636"),
        (DLMM, "pool", "protocol_share", 10_001, "protocol_share: expected an integer from 0 to 10000"),
        (DLMM, "pool", "last_update_timestamp", b"\xff" * 8, "last_update_timestamp: expected an integer from 0"),
        (DLMM, "pool", "reserve_x", TOKEN, "expected the reserve of .*, was Tokenkeg"),
        (DLMM, "pool", "token_y_mint", TOKEN, "expected the reserve of Tokenkeg.*, was"),
        (DLMM, "pool", "token_mint_y_program_flag", 2, "expected a token program flag of 0 or 1, was 2"),
        (DAMM, "pool", "sqrt_price", 1, "sqrt_price: expected an integer from 4295048016 to"),
        (DAMM, "pool", "base_fee_mode", 5, "base_fee_mode: expected at most 4, was '5'"),
        (DAMM, "pool", "collect_fee_mode", 3, "collect_fee_mode: expected an integer from 0 to 1, was '3'"),
        (DAMM, "pool", "fee_version", 2, "fee_version: expected at most 1, was '2'"),
        (DAMM, "pool", "activation_type", 2, r"expected an activation by slot \(0\) or by time \(1\), was 2"),
        (DAMM, "pool", "token_b_flag", 2, "expected a token flag of 0 or 1, was 2"),
    ],
)
def test_a_pool_in_an_impossible_state_is_corrupt(
    name: str, role: str, field: str, value: int | bytes, message: str
) -> None:
    sample = Sample(name)
    sample.write(role, field, value)
    with pytest.raises(CorruptPool, match=message):
        sample.decode()


@pytest.mark.parametrize(("activation_type", "opens"), [(0, Clock(500, 10**9)), (1, Clock(10**9, 500))])
@pytest.mark.parametrize(("name", "pair_type"), [(DAMM, None), (DLMM, 1), (DLMM, 2)])
def test_a_pool_is_active_from_its_slot_or_its_time_on(
    name: str, pair_type: int | None, activation_type: int, opens: Clock
) -> None:
    sample = Sample(name)
    if pair_type:
        sample.write("pool", "pair_type", pair_type)
    sample.write("pool", "activation_type", activation_type)
    sample.write("pool", "activation_point", 500)
    sample.decode(opens)
    with pytest.raises(UnsupportedPool, match="expected a (pool|pair) that is active at 499, was 500"):
        sample.decode(Clock(*(min(point, 499) if point == 500 else point for point in opens)))


@pytest.mark.parametrize("pair_type", [0, 3])
def test_a_permissionless_pair_is_active_from_its_creation_on(pair_type: int) -> None:
    sample = Sample(DLMM)
    sample.write("pool", "pair_type", pair_type)
    sample.write("pool", "activation_point", 2**62)
    sample.decode()


def scheduled(**changes: int) -> Sample:
    """A DAMM v2 pool whose base fee falls from 50 %, and that has been active for 100 seconds."""
    sample = Sample(DAMM)
    schedule = {"cliff_fee_numerator": 500_000_000, "number_of_period": 10, "period_frequency": 10}
    active = {"activation_type": 1, "activation_point": sample.clock.unix_timestamp - 100}
    for field, value in (schedule | active | changes).items():
        sample.write("pool", field, value)
    return sample


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reduction_factor": 50_000_001}, "reduction_factor: expected a fee of at least 0, was '-10'"),
        ({"base_fee_mode": 1, "reduction_factor": 10_000}, "reduction_factor: expected less than 10000, was '10000'"),
        ({"base_fee_mode": 1, "reduction_factor": 9_999}, "expected a price that Q64.64 can hold"),
        ({"base_fee_mode": 3, "period_frequency": 100 << 32}, "sqrt_price_step_bps: expected more than 0, was '0'"),
        ({"base_fee_mode": 3, "period_frequency": 100 << 32 | 1, "init_sqrt_price": 0}, "init_sqrt_price: expected"),
        (
            {"dynamic_fee_initialized": 1, "dynamic_volatility_accumulator": 2**127, "dynamic_bin_step": 1}
            | {"dynamic_variable_fee_control": 1},
            "volatility_accumulator: expected a fee of at most 18446744073709551615 billionths",
        ),
    ],
)
def test_a_fee_that_no_pool_can_have_is_corrupt(changes: dict[str, int], message: str) -> None:
    sample = scheduled(init_sqrt_price=1)
    for field, value in changes.items():
        sample.write("pool", field, value)
    with pytest.raises(CorruptPool, match=message):
        sample.decode()


def test_a_fee_that_depends_on_the_amount_is_unsupported_while_it_does() -> None:
    sample = scheduled(base_fee_mode=2, period_frequency=100)
    with pytest.raises(UnsupportedPool, match="expected a fee for any amount, was a rate limiter for 0 more"):
        sample.decode()
    sample.decode(sample.clock._replace(unix_timestamp=sample.clock.unix_timestamp + 1))


def test_a_fee_is_capped_by_the_version_of_the_pool() -> None:
    fees = []
    for version in (0, 1):
        state = scheduled(cliff_fee_numerator=800_000_000, fee_version=version).decode().state
        assert isinstance(state, MeteoraDammV2)
        fees.append(state.base_fee_numerator)
    assert fees == [500_000_000, 800_000_000]


def transfer_fee(mint: bytes) -> bytes:
    """A mint of Token-2022 that takes a fee of every transfer: extension 1."""
    return mint.ljust(165, b"\0") + b"\1" + b"\1\0\x6c\0" + bytes(108)


def metadata(mint: bytes) -> bytes:
    """A mint of Token-2022 that says where its name is: extension 18."""
    return mint.ljust(165, b"\0") + b"\1" + b"\x12\0\x40\0" + bytes(64)


@pytest.mark.parametrize(
    ("name", "pool", "flag"),
    [
        (CP, "token_2022", None),
        (CLMM, None, None),
        (DLMM, None, "token_mint_x_program_flag"),
        (DAMM, None, "token_a_flag"),
    ],
)
def test_a_mint_with_an_extension_that_changes_transfers_is_unsupported(
    name: str, pool: str | None, flag: str | None
) -> None:
    sample = Sample(name, pool)
    if flag:
        sample.write("pool", flag, 1)
    mint = sample.account("mint_a")._replace(owner=TOKEN_2022)
    for data in (mint.data, metadata(mint.data)):
        sample.replace("mint_a", mint._replace(data=data))
        assert sample.decode().token_programs == (TOKEN_2022, TOKEN)
    sample.replace("mint_a", mint._replace(data=transfer_fee(mint.data)))
    with pytest.raises(UnsupportedPool, match="was one with TransferFeeConfig"):
        sample.decode()


@given(data=st.data(), name=st.sampled_from(sorted(documents())))
def test_changed_accounts_give_a_pool_or_are_refused_by_name(data: st.DataObject, name: str) -> None:
    sample = Sample(name)
    role = data.draw(st.sampled_from([each for each in sample.addresses if each != "observation"]))
    account = sample.account(role)
    at = data.draw(st.integers(0, len(account.data)))
    noise = data.draw(st.binary(max_size=40))
    size = data.draw(st.sampled_from([len(account.data), at + len(noise)]))
    changed = (account.data[:at] + noise + account.data[at + len(noise) :])[:size]
    owner = data.draw(st.sampled_from([account.owner, TOKEN, TOKEN_2022]))
    sample.replace(role, account._replace(data=changed, owner=owner))
    try:
        pool = sample.decode()
    except (CorruptPool, UnsupportedPool):
        return
    for a_to_b in (True, False):
        try:
            swap = pool.state.quote(10**6, a_to_b, sample.clock.unix_timestamp)
        except DexError:
            continue
        assert swap.amount_out > 0


@given(program=st.sampled_from(sorted(MAINNET.programs.values(), key=lambda each: each.kind)), data=st.data())
def test_noise_gives_a_pool_or_is_refused_by_name(program: Program, data: st.DataObject) -> None:
    size = data.draw(st.sampled_from([0, len(program.discriminator), program.pool_size - 1, program.pool_size]))
    noise = data.draw(st.randoms(use_true_random=False)).randbytes(size)
    noise = (program.discriminator + noise)[:size]
    address = bytes(32)
    try:
        keys = program.companions(address, noise)
        accounts = {key: Account(program.id, 1, noise) for key in (*keys, address)}
        program.decode(address, accounts, Clock(2**62, 2**62))
    except (CorruptPool, UnsupportedPool):
        return
    assert size == program.pool_size
