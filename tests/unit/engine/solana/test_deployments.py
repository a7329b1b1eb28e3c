"""What each cluster has. The recorded pools are on mainnet; here they are on devnet too, in the same process."""

from __future__ import annotations

import pytest

from order_engine.domain.errors import ChainRefused, NoRoute, SlippageExceeded, UnsupportedPool
from order_engine.domain.tokens import TOKENS
from order_engine.solana.addresses import WRAPPED_SOL, Address, derived, encode
from order_engine.solana.deployments import Deployment
from order_engine.solana.failures import failure
from order_engine.solana.instructions import Instruction
from order_engine.solana.pool_source import SolanaPools
from order_engine.solana.pools import PoolReader, Reading
from order_engine.solana.programs.program import Trader
from order_engine.solana.programs.raydium_clmm import TICK_ARRAY
from tests.support.deployments import DEVNET, LOCALNET, MAINNET, TESTNET, program
from tests.unit.engine.solana.ledger import KINDS, Ledger, ledger_of
from tests.unit.engine.solana.samples import Sample

TRADER = Trader(bytes([7] * 32), bytes([8] * 32), bytes([9] * 32))
RAYDIUM = ("raydium_cp", "raydium_amm_v4", "raydium_clmm")
AUTHORITY_SEEDS = {"raydium_cp": b"vault_and_lp_mint_auth_seed", "raydium_amm_v4": b"amm authority"}

kinds = pytest.mark.parametrize("kind", KINDS)


def addresses_on_devnet(sample: Sample) -> dict[Address, Address]:
    """Where devnet has what a recorded pool names, by where mainnet has it. All else is at the same address."""
    pool, here, there = sample.decode(), sample.program, program(sample.program.kind, DEVNET)
    found = {here.id: there.id, MAINNET.mint("USDC"): DEVNET.mint("USDC")}
    if here.kind in AUTHORITY_SEEDS:
        found[pool.authority] = derived(there.id, AUTHORITY_SEEDS[here.kind])
    seeds = {"raydium_clmm": [b"pool_vault", pool.address], "meteora_dlmm": [pool.address]}.get(here.kind)
    if seeds:
        found |= {
            vault: derived(there.id, *seeds, found.get(mint, mint))
            for mint, vault in zip(pool.mints, pool.vaults, strict=True)
        }
    if here.kind == "raydium_clmm":
        extension = b"pool_tick_array_bitmap_extension"
        found[derived(here.id, extension, pool.address)] = derived(there.id, extension, pool.address)
        for key, account in sample.accounts.items():
            if account and account.data.startswith(TICK_ARRAY.discriminator):
                start = TICK_ARRAY.decode(account.data)["start_tick_index"].to_bytes(4, signed=True)
                found[key] = derived(there.id, b"tick_array", pool.address, start)
    return found


def ledger_on_devnet(sample: Sample) -> Ledger:
    """The accounts of a recorded pool, as they would be on devnet."""
    addresses, ledger = addresses_on_devnet(sample), ledger_of(sample)
    for key, account in sample.accounts.items():
        if account is None:
            continue
        data = account.data
        for old, new in addresses.items():
            data = data.replace(old, new)
        moved = account._replace(owner=addresses.get(account.owner, account.owner), data=data)
        del ledger.found[key]
        ledger.found[addresses.get(key, key)] = moved
    return ledger


def read(ledger: Ledger, sample: Sample, deployment: Deployment) -> Reading:
    return PoolReader(ledger, deployment).read({sample.address: []})


@kinds
def test_a_pool_on_devnet_is_read_and_swapped_in_by_devnets_addresses(kind: str) -> None:
    sample = Sample(kind)
    on_mainnet = sample.decode()
    reading = read(ledger_on_devnet(sample), sample, DEVNET)
    assert reading.unusable == {}
    found = reading.pools[encode(sample.address)]
    assert (found.tokens, found.pool.state) == (("SOL", "USDC"), on_mainnet.state)
    addresses = addresses_on_devnet(sample)

    def moved(instruction: Instruction) -> Instruction:
        metas = [meta._replace(address=addresses.get(meta.address, meta.address)) for meta in instruction.accounts]
        return Instruction(addresses[instruction.program], tuple(metas), instruction.data)

    for a_to_b in (True, False):
        assert found.pool.swap(TRADER, a_to_b, 10**6, 1) == moved(on_mainnet.swap(TRADER, a_to_b, 10**6, 1))
        built = found.pool.swap_exact_out(TRADER, a_to_b, 10**6, 10**7)
        assert built == moved(on_mainnet.swap_exact_out(TRADER, a_to_b, 10**6, 10**7))


@pytest.mark.parametrize("kind", RAYDIUM)
def test_a_pool_of_another_cluster_is_refused_by_its_program(kind: str) -> None:
    sample = Sample(kind)
    for ledger, deployment in ((ledger_of(sample), DEVNET), (ledger_on_devnet(sample), MAINNET)):
        reading = read(ledger, sample, deployment)
        assert reading.pools == {}
        (error,) = reading.unusable.values()
        assert isinstance(error, UnsupportedPool)
        assert f"{deployment.market}, was an account of program" in str(error)
    assert read(ledger_of(sample), sample, MAINNET).unusable == {}


@pytest.mark.parametrize("kind", sorted({*KINDS} - {*RAYDIUM}))
def test_a_mint_has_the_symbol_of_another_clusters_mint_nowhere_else(kind: str) -> None:
    """Where a program has one id on all clusters, GIVEN a pool of mainnet's USDC on devnet, THEN it trades no USDC."""
    sample = Sample(kind)
    for ledger, deployment, other in (
        (ledger_of(sample), DEVNET, MAINNET),
        (ledger_on_devnet(sample), MAINNET, DEVNET),
    ):
        (found,) = read(ledger, sample, deployment).pools.values()
        assert {*found.tokens} == {"SOL", encode(other.mint("USDC"))}


def test_a_search_asks_for_the_clusters_programs_and_mints() -> None:
    ledger = Ledger()
    source = SolanaPools(ledger, DEVNET)
    assert (source.tokens, {*source.programs}) == (["SOL", "USDC"], {*KINDS})
    source.search("raydium_clmm", ("SOL", "USDC"), 3)
    searched = program("raydium_clmm", DEVNET)
    at_a, at_b = searched.mint_offsets
    mints = {at_a: WRAPPED_SOL, at_b: DEVNET.mint("USDC")}
    assert ledger.searches == [(searched.id, searched.pool_size, mints)]


def test_an_error_is_read_by_the_clusters_programs() -> None:
    error = {"InstructionError": [0, {"Custom": 6005}]}
    for deployment, other in ((MAINNET, DEVNET), (DEVNET, MAINNET)):
        called = [program("raydium_cp", deployment).id]
        assert type(failure(error, [], called, deployment.programs)) is SlippageExceeded
        assert type(failure(error, [], called, other.programs)) is ChainRefused


def test_a_token_that_a_cluster_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(NoRoute, match="^RAY has no mint on Devnet$"):
        DEVNET.mint("RAY")
    assert MAINNET.mints.keys() == TOKENS.keys()
    assert DEVNET.mints.keys() == {"SOL", "wSOL", "USDC"}


def test_a_localnet_has_what_mainnet_has() -> None:
    assert LOCALNET.mints == MAINNET.mints
    assert {id: program.kind for id, program in LOCALNET.programs.items()} == {
        id: program.kind for id, program in MAINNET.programs.items()
    }


def test_testnet_has_wrapped_sol_alone() -> None:
    source = SolanaPools(Ledger(), TESTNET)
    assert (source.tokens, source.programs) == (["SOL"], [])


@pytest.mark.parametrize("deployment", [MAINNET, DEVNET], ids=lambda deployment: deployment.market)
def test_no_two_tokens_share_a_mint_but_sol_and_wrapped_sol(deployment: Deployment) -> None:
    mints = [mint for symbol, mint in deployment.mints.items() if symbol != "wSOL"]
    assert len({*mints}) == len(mints)
    assert deployment.mint("wSOL") == deployment.mint("SOL") == WRAPPED_SOL


def test_the_authority_of_cp_swaps_vaults_is_the_published_one() -> None:
    """`CREATE_CPMM_POOL_AUTH` in raydium-io/raydium-sdk-V2, src/common/programId.ts."""
    sample = Sample("raydium_cp")
    authorities = [
        encode(read(ledger, sample, deployment).pools[encode(sample.address)].pool.authority)
        for ledger, deployment in ((ledger_of(sample), MAINNET), (ledger_on_devnet(sample), DEVNET))
    ]
    assert authorities == [
        "GpMZbSM2GgvTKHJirzeGfMFoaZ8UR2X7F4v8vHTvxFbL",
        "CXniRufdq5xL8t8jZAPxsPZDpuudwuJSPWnbcD5Y5Nxq",
    ]
