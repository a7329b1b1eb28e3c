from __future__ import annotations

import pytest

from order_engine.solana.addresses import TOKEN
from order_engine.solana.instructions import MAX_SEED_BYTES, address_with_seed, create_account_with_seed

WALLET = b"\x01" * 32


@pytest.mark.parametrize("seed", ["", "s" * MAX_SEED_BYTES, "é" * (MAX_SEED_BYTES // 2)])
def test_an_account_is_created_at_the_address_of_its_seed(seed: str) -> None:
    creation = create_account_with_seed(WALLET, WALLET, seed, 1, 165, TOKEN)
    payer, created = creation.accounts
    assert payer == (WALLET, True, True)
    assert created == (address_with_seed(WALLET, seed, TOKEN), False, True)


@pytest.mark.parametrize("seed", ["s" * (MAX_SEED_BYTES + 1), "é" * MAX_SEED_BYTES])
def test_a_seed_that_the_runtime_refuses_has_no_address(seed: str) -> None:
    with pytest.raises(ValueError, match="expected a seed of at most 32 bytes"):
        address_with_seed(WALLET, seed, TOKEN)


def test_accounts_of_other_seeds_bases_and_programs_are_others() -> None:
    found = {
        address_with_seed(base, seed, owner)
        for base in (WALLET, TOKEN)
        for seed in ("a", "b")
        for owner in (TOKEN, WALLET)
    }
    assert len(found) == 8
