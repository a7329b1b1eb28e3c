"""The transactions of orders, in pools whose instructions can be read."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.domain.errors import ChainRefused, QuoteExpired
from order_engine.domain.quotes import Quote
from order_engine.solana.addresses import (
    ASSOCIATED_TOKEN,
    COMPUTE_BUDGET,
    MEMO,
    SYSTEM,
    TOKEN,
    WRAPPED_SOL,
    Address,
    associated_token_account,
)
from order_engine.solana.messages import MAX_TRANSACTION_BYTES, LookupTable, transaction_size
from order_engine.solana.transactions import Draft, draft
from tests.support.deployments import MAINNET
from tests.support.solana_pools import Call, FakePool, planned, quote

WALLET = bytes([9] * 32)
ORDER = UUID("01a1fa72-0b07-7468-9d18-a3aa29f91511")
RENT = 2_039_280
BLOCKHASH = bytes([7] * 32)

SOL_USDC, SOL_USDC_2 = FakePool("one"), FakePool("two")
USDC_BONK = FakePool("hop", ("USDC", "BONK"))
POOLS = {pool.id: pool for pool in (SOL_USDC, SOL_USDC_2, USDC_BONK)}


def account(symbol: str) -> Address:
    return associated_token_account(WALLET, MAINNET.mint(symbol))


def drafted(wanted: Quote, min_out: int = 1, pools: Sequence[FakePool] = tuple(POOLS.values())) -> Draft:
    known = {pool.id: pool for pool in pools}
    return draft(wanted, min_out, ORDER, wallet=WALLET, deployment=MAINNET, pools=known, rent=RENT)


def calls(found: Draft) -> list[Call]:
    """What the swaps ask for."""
    return [
        SOL_USDC.read(step.instruction)
        for step in found.steps
        if step.instruction.program not in {SYSTEM, TOKEN, ASSOCIATED_TOKEN, MEMO, COMPUTE_BUDGET}
    ]


def programs(found: Draft) -> list[Address]:
    return [step.instruction.program for step in found.steps]


def named(found: Draft) -> set[Address]:
    return {meta.address for step in found.steps for meta in step.instruction.accounts}


class TestNativeSol:
    def test_sol_in_goes_through_an_account_of_its_own(self) -> None:
        found = drafted(quote("SOL", "USDC", 1_000, [planned(SOL_USDC, "SOL", 1_000, 90)]))
        create, initialize, associated, swap, close, _ = (step.instruction for step in found.steps)
        own = initialize.accounts[0].address
        assert create.accounts[1].address == own
        assert (RENT + 1_000).to_bytes(8, "little") in create.data
        assert initialize.data == b"\x12" + WALLET
        assert associated.accounts[1].address == account("USDC")
        assert [meta.address for meta in swap.accounts[2:4]] == [own, account("USDC")]
        assert [meta.address for meta in close.accounts] == [own, WALLET, WALLET]
        assert account("wSOL") not in named(found)

    def test_sol_out_goes_through_an_account_of_its_own(self) -> None:
        found = drafted(quote("USDC", "SOL", 90, [planned(SOL_USDC, "USDC", 90, 1_000)]))
        create, initialize, swap, close, _ = (step.instruction for step in found.steps)
        own = initialize.accounts[0].address
        assert RENT.to_bytes(8, "little") in create.data
        assert [meta.address for meta in swap.accounts[2:4]] == [account("USDC"), own]
        assert [meta.address for meta in close.accounts] == [own, WALLET, WALLET]
        assert account("wSOL") not in named(found)

    @pytest.mark.parametrize(("token_in", "token_out"), [("wSOL", "USDC"), ("USDC", "wSOL")])
    def test_wrapped_sol_is_neither_wrapped_nor_unwrapped(self, token_in: str, token_out: str) -> None:
        listed = "SOL" if token_in == "wSOL" else token_in
        found = drafted(quote(token_in, token_out, 1_000, [planned(SOL_USDC, listed, 1_000, 90)]))
        assert programs(found)[0] == ASSOCIATED_TOKEN
        assert not {SYSTEM, TOKEN} & {*programs(found)}
        assert [meta.address for meta in found.steps[1].instruction.accounts[2:4]] == [
            account(token_in),
            account(token_out),
        ]
        assert found.steps[0].instruction.accounts[1].address == account(token_out)

    def test_sol_between_two_hops_is_wrapped_sol(self) -> None:
        bonk_sol = FakePool("bonk", ("BONK", "SOL"))
        swaps = [planned(bonk_sol, "BONK", 1_000, 70), planned(SOL_USDC, "SOL", 70, 9)]
        found = drafted(quote("BONK", "USDC", 1_000, swaps), pools=[bonk_sol, SOL_USDC])
        created = [step.instruction.accounts[1].address for step in found.steps[:2]]
        assert programs(found)[:2] == [ASSOCIATED_TOKEN] * 2
        assert created == [account("wSOL"), account("USDC")]

    def test_another_quote_of_the_order_uses_another_account(self) -> None:
        swaps = [planned(SOL_USDC, "SOL", 1_000, 90)]
        accounts = {
            drafted(quote("SOL", "USDC", 1_000, swaps, expires_at)).steps[1].instruction.accounts[0].address
            for expires_at in (1.0, 2.0, 2.5, 1.0)
        }
        assert len(accounts) == 3


class TestAmounts:
    def test_one_swap_pays_the_whole_minimum(self) -> None:
        found = drafted(quote("SOL", "USDC", 1_000, [planned(SOL_USDC, "SOL", 1_000, 90)]), min_out=89)
        assert calls(found) == [Call(is_exact_out=False, a_to_b=True, exact=1_000, limit=89)]

    def test_the_direction_follows_from_the_mints(self) -> None:
        found = drafted(quote("USDC", "SOL", 90, [planned(SOL_USDC, "USDC", 90, 1_000)]))
        assert [call.a_to_b for call in calls(found)] == [False]

    def test_each_swap_of_a_split_pays_its_part_rounded_up(self) -> None:
        swaps = [planned(SOL_USDC, "SOL", 700, 60), planned(SOL_USDC_2, "SOL", 300, 31)]
        found = drafted(quote("SOL", "USDC", 1_000, swaps), min_out=90)
        assert calls(found) == [Call(False, True, 700, 60), Call(False, True, 300, 31)]

    def test_no_swap_may_pay_nothing(self) -> None:
        swaps = [planned(SOL_USDC, "SOL", 999, 10**6), planned(SOL_USDC_2, "SOL", 1, 1)]
        assert [call.limit for call in calls(drafted(quote("SOL", "USDC", 1_000, swaps), min_out=0))] == [1, 1]

    def test_the_first_of_two_hops_buys_what_the_second_swaps(self) -> None:
        swaps = [
            planned(SOL_USDC, "SOL", 600, 60),
            planned(SOL_USDC_2, "SOL", 390, 40),
            planned(USDC_BONK, "USDC", 100, 5_000),
        ]
        found = drafted(quote("SOL", "BONK", 1_000, swaps), min_out=4_950)
        assert calls(found) == [
            Call(is_exact_out=True, a_to_b=True, exact=60, limit=606),
            Call(is_exact_out=True, a_to_b=True, exact=40, limit=393),
            Call(is_exact_out=False, a_to_b=True, exact=100, limit=4_950),
        ]

    @given(
        outputs=st.lists(st.integers(1, 2**62), min_size=1, max_size=4),
        inputs=st.lists(st.integers(1, 2**60), min_size=4, max_size=4),
        bps=st.integers(0, 10_000),
    )
    def test_the_parts_make_up_the_whole(self, outputs: list[int], inputs: list[int], bps: int) -> None:
        pools = [FakePool(str(number)) for number in range(len(outputs))]
        legs = list(zip(pools, inputs, outputs, strict=False))
        amount_in = sum(amount for _, amount, _ in legs)
        min_out = sum(outputs) * bps // 10_000
        one = drafted(
            quote("SOL", "USDC", amount_in, [planned(*(pool, "SOL"), *amounts) for pool, *amounts in legs]),
            min_out,
            pools,
        )
        assert sum(call.exact for call in calls(one)) == amount_in
        assert min_out <= sum(call.limit for call in calls(one)) <= min_out + len(legs)
        last = planned(USDC_BONK, "USDC", sum(outputs), 9)
        first = [planned(*(pool, "SOL"), *amounts) for pool, *amounts in legs]
        two = drafted(quote("SOL", "BONK", amount_in + 7, [*first, last]), 9, [*pools, USDC_BONK])
        assert sum(call.limit for call in calls(two)[:-1]) <= amount_in + 7
        assert all(call.limit >= leg[1] for call, leg in zip(calls(two), legs, strict=False))


def test_the_order_is_noted_and_every_instruction_is_described() -> None:
    swaps = [planned(SOL_USDC, "SOL", 600, 60), planned(USDC_BONK, "USDC", 60, 5_000)]
    found = drafted(quote("SOL", "BONK", 1_500_000_000, swaps)).with_budget(80_000, 25)
    note = found.steps[-1].instruction.data.decode()
    assert note.startswith(f"{ORDER} ")
    assert [step.description for step in found.steps] == [
        "limit the transaction to 80000 compute units",
        "pay 25 micro-lamports for each of them",
        "create the wSOL account with 1.5 SOL",
        "initialize the wSOL account",
        "create the USDC account unless it exists",
        "create the BONK account unless it exists",
        f"buy 0.00006 USDC with wSOL in {SOL_USDC.id}",
        f"swap USDC for BONK in {USDC_BONK.id}",
        "close the wSOL account",
        f"note {note}",
    ]


def test_what_is_written_to_competes_with_others() -> None:
    found = drafted(quote("USDC", "wSOL", 90, [planned(SOL_USDC, "USDC", 90, 1_000)]))
    writable = {SOL_USDC.address, *SOL_USDC.vaults, account("USDC"), account("wSOL"), WALLET}
    assert writable < {*found.writable}
    assert WRAPPED_SOL not in found.writable


def test_a_pool_that_is_gone_asks_for_another_quote() -> None:
    with pytest.raises(QuoteExpired, match=f"pool {SOL_USDC.id} can no longer be traded in"):
        drafted(quote("SOL", "USDC", 1_000, [planned(SOL_USDC, "SOL", 1_000, 90)]), pools=[])


def test_a_pool_of_other_tokens_is_refused() -> None:
    impostor = FakePool("one", ("USDT", "USDC"))
    with pytest.raises(ChainRefused, match=f"expected pool {impostor.id} to trade SOL for USDC, was Es9vM"):
        drafted(quote("SOL", "USDC", 1_000, [planned(SOL_USDC, "SOL", 1_000, 90)]), pools=[impostor])


MANY = [FakePool(str(number), extra_accounts=8) for number in range(4)]
LARGE = quote("SOL", "USDC", 4_000, [planned(pool, "SOL", 1_000, 90) for pool in MANY])


def looked_up(found: Draft) -> Draft:
    """The transaction with what it writes to in a lookup table."""
    return found._replace(tables=[LookupTable(bytes([5] * 32), tuple({*found.writable} - {WALLET}))])


def test_too_many_bytes_are_refused_by_name() -> None:
    with pytest.raises(ChainRefused, match=r"expected a transaction of at most 1232 bytes, was 1\d\d\d"):
        drafted(LARGE, pools=MANY).with_budget(1, 1).message(BLOCKHASH)


def test_a_lookup_table_makes_room() -> None:
    message = looked_up(drafted(LARGE, pools=MANY).with_budget(1, 1)).message(BLOCKHASH)
    assert transaction_size(message) < MAX_TRANSACTION_BYTES


def test_too_many_accounts_are_refused_by_name() -> None:
    pools = [FakePool(str(number), extra_accounts=20) for number in range(4)]
    found = drafted(quote("SOL", "USDC", 4_000, [planned(pool, "SOL", 1_000, 90) for pool in pools]), pools=pools)
    with pytest.raises(ChainRefused, match="expected a transaction of at most 64 accounts, was 9"):
        looked_up(found).message(BLOCKHASH)
