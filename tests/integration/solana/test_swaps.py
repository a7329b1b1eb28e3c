"""Orders of one wallet on a localnet, each accounted for to the last unit."""

from __future__ import annotations

from base64 import b64decode
from itertools import combinations, product
from uuid import uuid4

import pytest
from solders.transaction import VersionedTransaction

from localnet.market import LOOKUP_TABLE
from order_engine.domain.errors import ChainRefused, InsufficientFunds, QuoteExpired, SlippageExceeded
from order_engine.domain.markets import LOCALNET, MAINNET
from order_engine.domain.quotes import Quote
from order_engine.solana.messages import MAX_TRANSACTION_BYTES
from order_engine.solana.nodes import Nodes
from order_engine.solana.rpc import Rpc
from tests.support.solana_trader import POOLS, PRIORITY_FEE, Trader, booked, pools_of

RENT = 2_039_280
AMOUNTS = {"SOL": 10**9, "mSOL": 10**9, "USDC": 10**8, "USDT": 10**8, "RAY": 10**7, "JUP": 10**8, "BONK": 10**10}
SOL_USDC = pools_of("SOL", "USDC")
USDC_USDT = pools_of("USDC", "USDT")


@pytest.fixture
def trader(url: str) -> Trader:
    return Trader(url)


@pytest.mark.parametrize(
    ("token_in", "token_out", "id"),
    [
        pytest.param(*tokens, id, id=f"{pool.kind} {' '.join(tokens)}")
        for id, pool in POOLS.items()
        for tokens in (pool.symbols, pool.symbols[::-1])
    ],
)
def test_a_swap_in_each_pool(trader: Trader, token_in: str, token_out: str, id: str) -> None:
    trader.give(token_in, AMOUNTS[token_in])
    quote = trader.quote(token_in, token_out, AMOUNTS[token_in], [id])
    expected = trader.chain.costs(quote)
    before = trader.balances()
    transaction = trader.build(quote)
    trader.chain.submit(transaction)
    fill = trader.chain.confirm(transaction)
    assert fill is not None
    assert (fill.signature, fill.amount_in, fill.amount_out) == (
        transaction.signature,
        quote.amount_in,
        quote.amount_out,
    )
    assert trader.balances() == booked(before, (quote, fill))
    assert fill.costs.rent_lamports == expected.rent_lamports == (0 if token_out == "SOL" else RENT)
    assert 5_000 <= fill.costs.fee_lamports <= 5_000 + PRIORITY_FEE
    assert transaction.wire is not None
    wire = b64decode(transaction.wire)
    assert len(wire) <= MAX_TRANSACTION_BYTES
    assert VersionedTransaction.from_bytes(wire).verify_with_results() == [True]
    assert len(VersionedTransaction.from_bytes(wire).message.instructions) == len(transaction.instructions)


def test_an_order_of_another_wallet_is_confirmed_with_what_that_wallet_moved(url: str, trader: Trader) -> None:
    """GIVEN an engine that gets another wallet while an order of the first one is in flight."""
    quote = trader.quote("SOL", "USDC", 10**9, [SOL_USDC["raydium_cp"]])
    before = trader.balances()
    transaction = trader.build(quote)
    trader.chain.submit(transaction)
    engine = Trader(url)
    held = engine.balances()
    fill = engine.chain.confirm(transaction)
    assert fill is not None
    assert (fill.amount_in, fill.amount_out) == (quote.amount_in, quote.amount_out)
    assert trader.balances() == booked(before, (quote, fill))
    assert engine.balances() == held


def is_executed(trader: Trader, quote: Quote) -> bool:
    """Executes an order unless its transaction is too large. Asserts what was paid, and that no more was."""
    before = trader.balances()
    try:
        fill = trader.execute(quote)
    except ChainRefused as error:
        if "expected a transaction of at most 1232 bytes" not in str(error):
            raise
        return False
    first_hop = [swap for swap in quote.swaps if swap.token_in == quote.swaps[0].token_in]
    assert (fill.amount_in, fill.amount_out) == (sum(swap.amount_in for swap in first_hop), quote.amount_out)
    assert trader.balances() == booked(before, (quote, fill))
    return True


def test_a_split_pays_what_its_swaps_pay(trader: Trader) -> None:
    trader.give("USDC", 10**9)
    executed = {
        (token_in, kind, other_kind)
        for (kind, id), (other_kind, other_id) in combinations(SOL_USDC.items(), 2)
        for token_in, token_out in (("SOL", "USDC"), ("USDC", "SOL"))
        if is_executed(trader, trader.quote(token_in, token_out, AMOUNTS[token_in], [id, other_id]))
    }
    small = combinations([kind for kind in SOL_USDC if kind != "raydium_clmm"], 2)
    assert executed >= {(token_in, *kinds) for kinds in small for token_in in ("SOL", "USDC")}
    assert ("USDC", "raydium_amm_v4", "raydium_clmm") in executed


def test_two_hops_pass_on_an_exact_amount_and_give_the_rest_back(trader: Trader) -> None:
    executed = set()
    for (kind, id), (other_kind, other_id) in product(SOL_USDC.items(), USDC_USDT.items()):
        quote = trader.quote("SOL", "USDT", 10**9, [id], [other_id])
        assert 10**9 * 24 // 10_000 <= 10**9 - quote.swaps[0].amount_in <= 10**9 * 26 // 10_000
        if is_executed(trader, quote):
            executed.add((kind, other_kind))
    assert executed >= {
        ("raydium_amm_v4", "raydium_cp"),
        ("raydium_cp", "raydium_cp"),
        ("raydium_amm_v4", "meteora_dlmm"),
        ("meteora_damm_v2", "raydium_cp"),
    }


def test_a_lookup_table_makes_room_for_more_swaps(url: str, trader: Trader) -> None:
    hops = [
        [SOL_USDC["raydium_clmm"], SOL_USDC["meteora_dlmm"]],
        [USDC_USDT["meteora_dlmm"], USDC_USDT["raydium_cp"]],
    ]
    with pytest.raises(ChainRefused, match="expected a transaction of at most 1232 bytes"):
        trader.chain.build(trader.quote("SOL", "USDT", 10**9, *hops), 1, uuid4())

    with_table = Trader(url, tables=[bytes(LOOKUP_TABLE)])
    quote = with_table.quote("SOL", "USDT", 10**9, *hops)
    assert with_table.execute(quote).amount_out == quote.amount_out


def test_the_first_hop_may_be_split_and_the_token_between_be_sol(trader: Trader) -> None:
    trader.give("BONK", 10**11)
    bonk_sol, sol_usdc = pools_of("BONK", "SOL"), pools_of("SOL", "USDC")
    quote = trader.quote("BONK", "USDC", 10**11, [bonk_sol["raydium_amm_v4"]], [sol_usdc["raydium_amm_v4"]])
    before = trader.balances()
    fill = trader.execute(quote)
    assert fill.costs.rent_lamports == 2 * RENT
    assert trader.balances() == booked(before, (quote, fill))
    assert trader.balances()["wSOL"] == 0


class TestSol:
    def test_wrapped_sol_of_the_wallet_stays_wrapped(self, trader: Trader) -> None:
        trader.wrap(5 * 10**9)
        trader.give("USDC", 10**8)
        before = trader.balances()
        assert before["wSOL"] == 5 * 10**9
        pool = [SOL_USDC["raydium_cp"]]
        sell, buy = trader.quote("SOL", "USDC", 10**9, pool), trader.quote("USDC", "SOL", 10**8, pool)
        fills = [(quote, trader.execute(quote, 1)) for quote in (sell, buy)]
        after = trader.balances()
        assert after == booked(before, *fills)
        assert after["wSOL"] == 5 * 10**9

    def test_wrapped_sol_is_sold_and_bought_as_it_is(self, trader: Trader) -> None:
        trader.wrap(5 * 10**9)
        before = trader.balances()
        pool = [SOL_USDC["raydium_clmm"]]
        sell = trader.quote("wSOL", "USDC", 10**9, pool)
        sold = trader.execute(sell)
        buy = trader.quote("USDC", "wSOL", 10**7, pool)
        bought = trader.execute(buy)
        assert trader.balances() == booked(before, (sell, sold), (buy, bought))
        assert trader.balances()["wSOL"] == 4 * 10**9 + bought.amount_out

    def test_an_account_is_created_once(self, trader: Trader) -> None:
        quote = trader.quote("SOL", "USDC", 10**9, [SOL_USDC["raydium_amm_v4"]])
        assert [trader.execute(quote, 1).costs.rent_lamports for _ in range(2)] == [RENT, 0]

    def test_an_account_that_was_closed_is_created_again(self, trader: Trader) -> None:
        trader.wrap(10**9)
        quote = trader.quote("wSOL", "USDC", 10**9, [SOL_USDC["raydium_amm_v4"]])
        before = trader.balances()
        fill = trader.execute(quote)
        assert trader.balances() == booked(before, (quote, fill))


class TestConcurrency:
    def test_orders_that_are_built_at_the_same_time_all_fill(self, trader: Trader) -> None:
        trader.give("USDC", 10**9)
        before = trader.balances()
        quotes = [trader.quote("SOL", "USDC", 10**9, [id]) for id in SOL_USDC.values()]
        quotes += [trader.quote("USDC", "SOL", 10**8, [id]) for id in SOL_USDC.values()]
        orders = [(quote, trader.build(quote, 1)) for quote in quotes for _ in range(2)]
        assert len({transaction.signature for _, transaction in orders}) == len(orders)
        for _, transaction in orders:
            trader.chain.submit(transaction)
        fills = []
        for quote, transaction in orders:
            fill = trader.chain.confirm(transaction)
            assert fill is not None
            fills.append((quote, fill))
        assert trader.balances() == booked(before, *fills)

    def test_two_equal_orders_of_one_wallet_are_two_transactions(self, trader: Trader) -> None:
        quote = trader.quote("SOL", "USDC", 10**9, [SOL_USDC["raydium_cp"]])
        one, other = trader.build(quote, 1), trader.build(quote, 1)
        assert one.signature != other.signature
        assert one.last_valid_height == other.last_valid_height

    def test_a_second_attempt_is_another_transaction(self, trader: Trader) -> None:
        order = uuid4()
        quote = trader.quote("SOL", "USDC", 10**9, [SOL_USDC["raydium_cp"]])
        again = type(quote).load({**quote.dump(), "expires_at": quote.expires_at + 1})
        first, same, second = (trader.chain.build(each, 1, order).signature for each in (quote, quote, again))
        assert first == same
        assert first != second

    def test_what_is_sent_many_times_swaps_once(self, trader: Trader) -> None:
        before = trader.balances()
        quote = trader.quote("SOL", "USDC", 10**9, [SOL_USDC["meteora_dlmm"]])
        transaction = trader.build(quote)
        for _ in range(5):
            trader.chain.submit(transaction)
        fill = trader.chain.confirm(transaction)
        assert fill is not None
        assert fill == trader.chain.confirm(transaction)
        assert trader.balances() == booked(before, (quote, fill))


class TestFailures:
    @pytest.mark.parametrize("kind", SOL_USDC)
    def test_a_price_that_moves_before_the_transaction_lands_costs_the_fee_only(
        self, trader: Trader, kind: str
    ) -> None:
        pool = [SOL_USDC[kind]]
        transaction = trader.build(trader.quote("SOL", "USDC", 10**9, pool))
        mover = Trader(trader.url)
        mover.execute(mover.quote("SOL", "USDC", 10**12, pool))
        before = trader.balances()
        trader.chain.submit(transaction)
        with pytest.raises(SlippageExceeded):
            trader.chain.confirm(transaction)
        after = trader.balances()
        assert 5_000 <= before["SOL"] - after["SOL"] <= 5_000 + PRIORITY_FEE
        assert {**after, "SOL": before["SOL"]} == before

    @pytest.mark.parametrize("kind", SOL_USDC)
    def test_a_price_that_moves_before_the_transaction_is_built_costs_nothing(self, trader: Trader, kind: str) -> None:
        pool = [SOL_USDC[kind]]
        quote = trader.quote("SOL", "USDC", 10**9, pool)
        mover = Trader(trader.url)
        mover.execute(mover.quote("SOL", "USDC", 10**12, pool))
        with pytest.raises(SlippageExceeded):
            trader.build(quote)

    @pytest.mark.parametrize("kind", SOL_USDC)
    @pytest.mark.parametrize(("token_in", "token_out", "amount"), [("USDC", "SOL", 10**8), ("SOL", "USDC", 10**9)])
    def test_a_wallet_that_holds_too_little_is_told_so_when_the_transaction_is_built(
        self, url: str, kind: str, token_in: str, token_out: str, amount: int
    ) -> None:
        poor = Trader(url, lamports=10**9 + RENT)
        poor.give("USDC", 10**8 - 1)
        with pytest.raises(InsufficientFunds):
            poor.build(poor.quote(token_in, token_out, amount, [SOL_USDC[kind]]))

    @pytest.mark.parametrize("kind", SOL_USDC)
    def test_a_wallet_that_has_never_held_the_token_is_told_so(self, trader: Trader, kind: str) -> None:
        with pytest.raises(InsufficientFunds, match="expected at least 100 USDC in the wallet, was 0 USDC"):
            trader.build(trader.quote("USDC", "SOL", 10**8, [SOL_USDC[kind]]))

    def test_of_two_orders_for_all_the_money_one_fills(self, trader: Trader) -> None:
        trader.give("USDC", 10**8)
        quote = trader.quote("USDC", "SOL", 10**8, [SOL_USDC["raydium_cp"]])
        first, second = trader.build(quote, 1), trader.build(quote, 1)
        before = trader.balances()
        trader.chain.submit(first)
        trader.chain.submit(second)
        fill = trader.chain.confirm(first)
        assert fill is not None
        with pytest.raises(InsufficientFunds, match="Token refused the transaction: error 1"):
            trader.chain.confirm(second)
        fee = fill.costs.fee_lamports
        after = trader.balances()
        assert {**booked(before, (quote, fill)), "SOL": after["SOL"]} == after
        assert booked(before, (quote, fill))["SOL"] - after["SOL"] == fee

    def test_a_transaction_that_lands_too_late_never_lands(self, trader: Trader) -> None:
        before = trader.balances()
        transaction = trader.build(trader.quote("SOL", "USDC", 10**9, [SOL_USDC["raydium_cp"]]), 1)
        assert trader.chain.confirm(transaction) is None
        trader.advance(151)
        trader.chain.submit(transaction)
        assert trader.chain.confirm(transaction) is None
        trader.advance(32)
        with pytest.raises(QuoteExpired, match=f"transaction {transaction.signature} could land up to block"):
            trader.chain.confirm(transaction)
        assert trader.balances() == before

    def test_a_node_of_another_cluster_is_asked_for_nothing(self, url: str, trader: Trader) -> None:
        assert trader.rpc.cluster() == LOCALNET
        with pytest.raises(ChainRefused, match="expected a node of Mainnet, was one of Localnet"):
            Rpc(Nodes(url, MAINNET)).latest_blockhash()
