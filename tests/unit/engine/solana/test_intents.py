"""Builds the swaps in tests/vectors/solana from what they were meant to do.

The instructions are in the order that `meta` gives. The pools are those of the other files, before their first swap: no
transaction moves a price so far that a swap passes other arrays than at first.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from order_engine.solana.addresses import TOKEN, WRAPPED_SOL, Address, address, associated_token_account
from order_engine.solana.instructions import (
    AccountMeta,
    Instruction,
    compute_unit_limit,
    compute_unit_price,
    memo,
    transfer,
)
from order_engine.solana.programs.program import ProgramPool, Trader
from order_engine.solana.tokens import close_account, create_associated
from tests.unit.engine.solana.recordings import (
    Recording,
    accounts_of,
    address_of,
    clock_of,
    documents,
    needed,
    recordings,
)
from tests.unit.engine.solana.transaction_vectors import TRANSACTIONS, Row, instruction

INTENTS = [row for row in TRANSACTIONS if "intent" in row]


@cache
def recorded() -> dict[Address, Recording]:
    return {address_of(each.pool): each for name in documents() for each in recordings(name)}


def pool(leg: Row) -> ProgramPool:
    found = address(leg["address"])
    if found not in recorded():
        pytest.skip(f"the pool {leg['pool']} of {leg['program']} is in none of the files")
    program, before = recorded()[found].program, recorded()[found].pool
    return program.decode(found, needed(program, found, accounts_of(before)), clock_of(before))


def swap(leg: Row, pool: ProgramPool, wallet: Address) -> Instruction:
    held = [associated_token_account(wallet, *token) for token in zip(pool.mints, pool.token_programs, strict=True)]
    source, destination = held if leg["a_to_b"] else reversed(held)
    trader = Trader(wallet, source, destination)
    if leg.get("instruction") == "swap_base_output":
        return pool.swap_exact_out(trader, leg["a_to_b"], leg["min_out"], leg["amount_in"])
    return pool.swap(trader, leg["a_to_b"], leg["amount_in"], leg["min_out"])


def sync_native(account: Address) -> Instruction:
    """Makes the lamports that were moved to an account of wrapped SOL its amount."""
    return Instruction(TOKEN, (AccountMeta(account, writable=True),), b"\x11")


def built(intent: Row) -> Iterator[Instruction]:
    wallet = address(intent["wallet"])
    payer = address(intent.get("fee_payer", intent["wallet"]))
    mints = [address(intent[name]) for name in ("mint_in", "through", "mint_out") if name in intent]
    pools = [pool(leg) for leg in intent["legs"]]
    programs = {mint: program for each in pools for mint, program in zip(each.mints, each.token_programs, strict=True)}
    wrapped = associated_token_account(wallet, WRAPPED_SOL)

    yield compute_unit_limit(intent["compute_unit_limit"])
    yield compute_unit_price(intent["compute_unit_price"])
    for mint in mints:
        yield create_associated(payer, wallet, mint, programs[mint])
    if mints[0] == WRAPPED_SOL:
        yield transfer(wallet, wrapped, intent["amount_in"])
        yield sync_native(wrapped)
    for leg, each in zip(intent["legs"], pools, strict=True):
        yield swap(leg, each, wallet)
    if WRAPPED_SOL in (mints[0], mints[-1]):
        yield close_account(wrapped, wallet, wallet)
    if intent["memo"] is not None:
        yield memo(intent["memo"])


@pytest.mark.parametrize("row", INTENTS, ids=[row["id"] for row in INTENTS])
def test_a_swap_is_built_as_it_was_carried_out(row: Row) -> None:
    assert list(built(row["intent"])) == [instruction(each) for each in row["instructions"]]
