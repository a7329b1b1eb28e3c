"""Fills of recorded transactions, from the balances before and after them."""

from __future__ import annotations

import pytest

from order_engine.domain.errors import VenueUnavailable
from order_engine.domain.quotes import Costs
from order_engine.domain.transactions import Transaction
from order_engine.solana.addresses import WRAPPED_SOL, Address, address, associated_token_account, encode
from order_engine.solana.fills import fill
from order_engine.solana.rpc import LandedTransaction, TokenBalance
from tests.support.deployments import MAINNET
from tests.unit.engine.solana.transaction_vectors import DOCUMENTS, TRANSACTIONS, Row

RENT = 2_039_280


def trades_known_tokens(row: Row) -> bool:
    return {address(row["mint_in"]), address(row["mint_out"])} <= MAINNET.symbols.keys()


COMPLETE = {
    f"{name}-{row['id']}": row
    for name, document in DOCUMENTS.items()
    for row in document.get("swaps", [])
    if row.get("kind") == "complete" and row["result"]["ok"] and trades_known_tokens(row)
}
SWAPS = {
    row["id"]: row
    for row in TRANSACTIONS
    if row.get("result", {}).get("ok")
    and not {"fee_payer", "lookup_tables"} & {*row.get("intent", {}), *row}
    and "intent" in row
    and trades_known_tokens(row["intent"])
}


def landed(
    wallet: Address, fee: int, lamports: tuple[int, int], tokens: dict[Address, tuple[Address, int | None, int | None]]
) -> LandedTransaction:
    """A transaction that changed the wallet's lamports, and the amounts in its token accounts. `None`: no account."""

    def balances(moment: int) -> dict[Address, TokenBalance]:
        return {
            key: TokenBalance(mint, wallet, amount)
            for key, (mint, *amounts) in tokens.items()
            if (amount := amounts[moment]) is not None
        }

    before, after = balances(0), balances(1)
    return LandedTransaction(
        slot=7,
        error=None,
        payer=wallet,
        fee=fee,
        programs=[],
        logs=[],
        lamports_before={wallet: lamports[0]} | {key: RENT if key in before else 0 for key in tokens},
        lamports_after={wallet: lamports[1]} | {key: RENT if key in after else 0 for key in tokens},
        tokens_before=before,
        tokens_after=after,
    )


def order(mint_in: str, mint_out: str, amount_in: int, min_out: int) -> Transaction:
    tokens = MAINNET.symbols[address(mint_in)], MAINNET.symbols[address(mint_out)]
    return Transaction("signature", "raydium", *tokens, amount_in, min_out, (), last_valid_height=0)


@pytest.mark.parametrize("row", COMPLETE.values(), ids=COMPLETE)
def test_the_fill_of_a_complete_transaction_is_what_the_program_moved(row: Row) -> None:
    result = row["result"]
    wallet = address(row["wallet"])
    tokens = {
        address(row["token_accounts"][side]): (
            address(row[mint]),
            result["tokens_before"][side],
            result["tokens_after"][side],
        )
        for side, mint in (("input", "mint_in"), ("output", "mint_out"))
    }
    seen = landed(wallet, result["fee_lamports"], (result["lamports_before"], result["lamports_after"]), tokens)
    found = fill(order(row["mint_in"], row["mint_out"], row["amount_in"], row["min_out"]), seen, MAINNET)
    assert (found.amount_in, found.amount_out) == (result["amount_in"], result["amount_out"])
    is_new = result["tokens_before"]["output"] is None and result["tokens_after"]["output"] is not None
    assert found.costs == Costs(result["fee_lamports"], RENT if is_new else 0)


@pytest.mark.parametrize("row", SWAPS.values(), ids=SWAPS)
def test_the_fill_of_a_route_is_what_its_swaps_moved(row: Row) -> None:
    intent, result = row["intent"], row["result"]
    wallet = address(intent["wallet"])
    mints = [
        address(mint) for mint in (intent["mint_in"], intent.get("through", intent["mint_out"]), intent["mint_out"])
    ]
    amounts = result["tokens_before"], result["tokens_after"]
    tokens = {
        account: (mint, *(moment.get(encode(account)) for moment in amounts))
        for mint in mints
        if (account := associated_token_account(wallet, mint))
    }
    lamports = tuple(result[moment][intent["wallet"]] for moment in ("lamports_before", "lamports_after"))
    seen = landed(wallet, result["fee_lamports"], lamports, tokens)
    found = fill(order(intent["mint_in"], intent["mint_out"], intent["amount_in"], 1), seen, MAINNET)
    is_exact_out = "through" in intent
    assert (found.amount_in < intent["amount_in"]) if is_exact_out else (found.amount_in == intent["amount_in"])
    assert found.amount_out >= max(leg["min_out"] for leg in intent["legs"][-1:])
    new = {encode(account) for account in tokens} & (amounts[1].keys() - amounts[0].keys())
    assert found.costs == Costs(result["fee_lamports"], RENT * len(new))


WALLET, POOL, MINE = bytes([1] * 32), bytes([2] * 32), bytes([3] * 32)
USDC = MAINNET.mint("USDC")
SOL_TO_USDC = order(encode(WRAPPED_SOL), encode(USDC), 1_000, 50)


def test_a_new_account_that_held_lamports_before_costs_less_rent() -> None:
    seen = landed(WALLET, 10, (RENT + 2_000, 1_090), {MINE: (USDC, None, 60)})
    prefunded = seen._replace(lamports_before={**seen.lamports_before, MINE: 100})
    assert fill(SOL_TO_USDC, prefunded, MAINNET).costs == Costs(10, RENT - 100)
    assert fill(SOL_TO_USDC, prefunded, MAINNET).amount_in == 1_000


def test_wrapped_sol_in_a_new_account_is_no_rent() -> None:
    wrap = Transaction("signature", "raydium", "USDC", "wSOL", 60, 500, (), last_valid_height=0)
    tokens: dict[Address, tuple[Address, int | None, int | None]] = {
        MINE: (USDC, 60, 0),
        POOL: (WRAPPED_SOL, None, 500),
    }
    seen = landed(WALLET, 10, (RENT + 10, 0), tokens)
    seen = seen._replace(lamports_after={**seen.lamports_after, POOL: RENT + 500})
    found = fill(wrap, seen, MAINNET)
    assert (found.amount_in, found.amount_out, found.costs) == (60, 500, Costs(10, RENT))


def test_the_pools_accounts_are_not_the_wallets() -> None:
    seen = landed(WALLET, 0, (1_000, 0), {MINE: (USDC, 40, 100)})
    theirs = {POOL: TokenBalance(USDC, POOL, 900)}
    seen = seen._replace(
        tokens_before={**seen.tokens_before, **theirs},
        tokens_after={**seen.tokens_after, POOL: TokenBalance(USDC, POOL, 840)},
    )
    assert fill(SOL_TO_USDC, seen, MAINNET).amount_out == 60


@pytest.mark.parametrize(("lamports", "amount_out"), [((2_000, 999), 60), ((2_000, 2_000), 60), ((2_000, 1_000), 49)])
def test_balances_that_cannot_be_the_transactions_are_refused(lamports: tuple[int, int], amount_out: int) -> None:
    seen = landed(WALLET, 0, lamports, {MINE: (USDC, 0, amount_out)})
    with pytest.raises(VenueUnavailable, match="expected signature to swap at most 1000 for at least 50, was"):
        fill(SOL_TO_USDC, seen, MAINNET)
