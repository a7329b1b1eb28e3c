"""Finding pools on chain, and checking them before they are registered."""

from __future__ import annotations

from struct import pack

import pytest

from order_engine.domain.errors import CorruptPool, UnsupportedPool, VenueUnavailable
from order_engine.domain.pools import RegisteredPool, Source
from order_engine.ports import SearchRefused
from order_engine.solana.addresses import ADDRESS_BYTES, TOKEN, TOKEN_2022, encode
from order_engine.solana.pool_source import SolanaPools
from tests.support.deployments import MAINNET, program
from tests.unit.engine.solana.ledger import KINDS, Ledger, companions_of, ledger_of
from tests.unit.engine.solana.samples import Sample

SOL, USDC = map(MAINNET.mint, ("SOL", "USDC"))
kinds = pytest.mark.parametrize("kind", KINDS)


def registered(sample: Sample, source: Source) -> RegisteredPool:
    companions, program = tuple(map(encode, companions_of(sample))), sample.program
    return RegisteredPool(encode(sample.address), program.kind, program.venue, "SOL", "USDC", companions, source)


def copies(ledger: Ledger, *reserves: tuple[int, int]) -> list[str]:
    """Pools of CP-Swap for SOL and USDC with these reserves, in place of the recorded one. Returns their addresses."""
    sample = Sample("raydium_cp")
    ledger.found[sample.address] = None
    found = []
    for number, amounts in enumerate(reserves, start=1):
        pool = Sample("raydium_cp")
        for role, field, amount in zip(
            ("vault_a", "vault_b"), ("token_0_vault", "token_1_vault"), amounts, strict=True
        ):
            vault = bytes([number, 1, *bytes(ADDRESS_BYTES - 3), len(role) + ord(role[-1])])
            account = pool.account(role)
            ledger.found[vault] = account._replace(data=account.data[:64] + pack("<Q", amount) + account.data[72:])
            pool.write("pool", field, vault)
        for name in ("protocol", "fund"):
            for token in range(2):
                pool.write("pool", f"{name}_fees_token_{token}", 0)
        key = bytes([number, 2, *bytes(ADDRESS_BYTES - 2)])
        ledger.found[key] = pool.account("pool")
        found.append(encode(key))
    return found


# Searching


@kinds
def test_the_pools_of_a_pair_are_found_in_every_program(kind: str) -> None:
    samples = [Sample(kind) for kind in KINDS]
    ledger = ledger_of(*samples)
    (sample,) = [each for each in samples if each.program.kind == kind]
    for tokens in (("SOL", "USDC"), ("USDC", "SOL")):
        found = SolanaPools(ledger, MAINNET).search(kind, tokens, 3)
        assert found == ([registered(sample, Source.DISCOVERED)], {})
    assert SolanaPools(ledger, MAINNET).search(kind, ("JUP", "SOL"), 3) == ([], {})


@kinds
def test_both_orders_of_the_mints_are_searched_unless_the_program_sorts_them(kind: str) -> None:
    ledger = ledger_of(Sample(kind))
    SolanaPools(ledger, MAINNET).search(kind, ("USDC", "SOL"), 3)
    searched = program(kind)
    at_a, at_b = searched.mint_offsets
    orders = [(SOL, USDC)] if kind in ("raydium_cp", "raydium_clmm") else [(SOL, USDC), (USDC, SOL)]
    assert ledger.searches == [
        (searched.id, searched.pool_size, {at_a: mint_a, at_b: mint_b}) for mint_a, mint_b in orders
    ]


def test_a_pool_of_mints_without_symbols_is_found_and_added_by_hand() -> None:
    sample = Sample("raydium_cp", "token_2022")
    mint_a, mint_b = map(MAINNET.symbol, sample.decode().mints)
    source = SolanaPools(ledger_of(sample), MAINNET)
    for tokens in ((mint_a, mint_b), (mint_b, mint_a)):
        ((found,), unusable) = source.search("raydium_cp", tokens, 3)
        assert (found.address, found.token_a, found.token_b, unusable) == (encode(sample.address), mint_a, mint_b, {})
    assert source.check(encode(sample.address)) == found._replace(source=Source.BY_HAND)


def test_a_pool_of_a_mint_that_is_none_any_more_is_refused() -> None:
    sample = Sample("raydium_cp", "token_2022")
    closed = next(mint for mint in sample.decode().mints if mint not in MAINNET.symbols)
    ledger = ledger_of(sample)
    source = SolanaPools(ledger, MAINNET)
    ledger.found[closed] = None
    with pytest.raises(CorruptPool):
        source.check(encode(sample.address))


def test_a_search_reads_what_it_finds_by_one_call_and_checks_each_by_another() -> None:
    ledger = ledger_of(Sample("raydium_cp"))
    copies(ledger, *[(10**12, 10**12)] * 5)
    SolanaPools(ledger, MAINNET).search("raydium_cp", ("SOL", "USDC"), 3)
    assert len(ledger.calls) == 1 + 3


def test_the_deepest_pools_are_kept() -> None:
    """GIVEN pools with much of one token and little of the other, whose price is nobody's."""
    ledger = ledger_of(Sample("raydium_cp"))
    small, strange, large, medium = copies(ledger, (10**9, 10**9), (10**17, 2), (10**12, 10**12), (10**10, 10**11))
    found = SolanaPools(ledger, MAINNET).search("raydium_cp", ("SOL", "USDC"), 3)
    assert [pool.address for pool in found.usable] == [large, medium, small]
    assert strange not in found.unusable


def test_an_unusable_pool_gives_way_to_the_next() -> None:
    """GIVEN a deep pool with a vault that belongs to somebody else, and one with nothing in it."""
    ledger = ledger_of(Sample("raydium_cp"))
    deep, empty, shallow = copies(ledger, (10**12, 10**12), (0, 0), (10**9, 10**9))
    vault = next(key for key in ledger.found if key[:2] == bytes([1, 1]))
    account = ledger.found[vault]
    assert account is not None
    ledger.found[vault] = account._replace(data=account.data[:32] + bytes(ADDRESS_BYTES) + account.data[64:])
    found = SolanaPools(ledger, MAINNET).search("raydium_cp", ("SOL", "USDC"), 1)
    assert [pool.address for pool in found.usable] == [shallow]
    assert {id: type(error) for id, error in found.unusable.items()} == {deep: CorruptPool, empty: UnsupportedPool}


def test_a_program_that_no_node_lists_is_refused() -> None:
    ledger = ledger_of(Sample("raydium_cp"))
    ledger.refuses_searches = True
    with pytest.raises(SearchRefused, match="getProgramAccounts is not available"):
        SolanaPools(ledger, MAINNET).search("raydium_cp", ("SOL", "USDC"), 3)


# Checking


@kinds
def test_a_pool_is_checked_before_it_is_registered(kind: str) -> None:
    sample = Sample(kind)
    ledger = ledger_of(sample)
    assert SolanaPools(ledger, MAINNET).check(encode(sample.address)) == registered(sample, Source.BY_HAND)


def refused(sample: Sample, error: type[CorruptPool | UnsupportedPool]) -> str:
    with pytest.raises(error) as caught:
        SolanaPools(ledger_of(sample), MAINNET).check(encode(sample.address))
    return str(caught.value)


@kinds
@pytest.mark.parametrize("role", ["vault_a", "vault_b"])
def test_a_vault_of_another_owner_is_refused(kind: str, role: str) -> None:
    sample = Sample(kind)
    sample.write(role, "owner", bytes(ADDRESS_BYTES))
    assert refused(sample, CorruptPool).startswith("expected a vault of ")


@kinds
@pytest.mark.parametrize("role", ["vault_a", "vault_b"])
def test_a_vault_of_another_mint_is_refused(kind: str, role: str) -> None:
    sample = Sample(kind)
    sample.write(role, "mint", bytes(ADDRESS_BYTES))
    assert refused(sample, CorruptPool).startswith("expected a vault of mint ")


@kinds
def test_a_missing_vault_is_refused(kind: str) -> None:
    sample = Sample(kind)
    sample.replace("vault_b", None)
    assert refused(sample, CorruptPool).startswith("expected a vault at ")


@kinds
def test_a_mint_with_other_decimals_is_refused(kind: str) -> None:
    sample = Sample(kind)
    account = sample.account("mint_b")
    sample.replace("mint_b", account._replace(data=account.data[:44] + b"\x08" + account.data[45:]))
    expected = f"expected the mint of USDC to have 6 decimals and program {encode(TOKEN)}"
    assert refused(sample, CorruptPool) == f"{expected}, was 8 decimals and program {encode(TOKEN)}"


@kinds
def test_a_mint_of_another_token_program_is_refused(kind: str) -> None:
    """GIVEN a mint of Token-2022 where pool or vault are SPL Token's."""
    sample = Sample(kind)
    sample.replace("mint_b", sample.account("mint_b")._replace(owner=TOKEN_2022))
    assert encode(TOKEN_2022) in refused(sample, CorruptPool)


@kinds
def test_a_mint_with_a_transfer_fee_is_refused_by_name(kind: str) -> None:
    sample = Sample(kind)
    mint = sample.account("mint_b")
    # The mint's type, and an extension of 108 bytes with number 1.
    data = mint.data + bytes(165 - len(mint.data)) + b"\x01" + pack("<HH", 1, 108) + bytes(108)
    sample.replace("mint_b", mint._replace(owner=TOKEN_2022, data=data))
    assert refused(sample, UnsupportedPool).endswith("was one with TransferFeeConfig")


def test_what_is_no_pool_is_refused() -> None:
    sample = Sample("raydium_cp")
    source = SolanaPools(ledger_of(sample), MAINNET)
    with pytest.raises(ValueError, match="expected base58, was 'pool'"):
        source.check("pool")
    with pytest.raises(CorruptPool, match="expected a pool, was no account"):
        source.check(encode(bytes(ADDRESS_BYTES)))
    with pytest.raises(UnsupportedPool, match="was an account of program Token"):
        source.check(encode(sample.addresses["vault_a"]))


def test_without_a_node_nothing_is_known() -> None:
    sample = Sample("meteora_dlmm")
    ledger = ledger_of(sample)

    def fail(number: int) -> None:
        if number == 2:
            raise VenueUnavailable("no node answers")

    ledger.before = fail
    with pytest.raises(VenueUnavailable, match="no node answers"):
        SolanaPools(ledger, MAINNET).check(encode(sample.address))
