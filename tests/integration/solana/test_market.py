"""The market on a localnet: its pools are found, quoted by one call, and traded in as they were quoted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from solders.keypair import Keypair as SoldersKeypair

from localnet.commands import call
from localnet.market.pools import market_pools
from order_engine.dex.swaps import min_out
from order_engine.domain.money import BPS
from order_engine.domain.pools import Source
from order_engine.domain.quotes import Quote
from order_engine.domain.tokens import TOKENS
from order_engine.domain.transactions import Fill
from order_engine.services.discovery import Discovery
from order_engine.services.routing import Router
from order_engine.solana.addresses import Address
from order_engine.solana.chain import SolanaChain
from order_engine.solana.limits import TransactionLimits
from order_engine.solana.lookup_tables import LookupTables
from order_engine.solana.nodes import Nodes
from order_engine.solana.pool_source import SolanaPools
from order_engine.solana.pools import PoolReader
from order_engine.solana.rpc import Rpc, Snapshot
from order_engine.solana.signing import Keypair
from order_engine.solana.venue import SolanaVenue
from order_engine.solana.wallet import SolanaWallet
from order_engine.storage.database import Database
from order_engine.storage.pools import PostgresPoolRegistry
from tests.support.deployments import LOCALNET
from tests.support.localnet_market import localnet_market

ORDER = UUID(int=1)


@dataclass
class CountingReader:
    """Reads accounts, and counts the accounts of each call."""

    rpc: Rpc
    calls: list[int] = field(default_factory=list)

    def accounts(self, addresses: Sequence[Address], min_slot: int = 0) -> Snapshot:
        self.calls.append(len(addresses))
        return self.rpc.accounts(addresses, min_slot)


class Market:
    """The engine's parts on a localnet, whose pools were discovered, and a wallet with some of every token."""

    def __init__(self, url: str, database: Database) -> None:
        keypair = SoldersKeypair()
        self.url, self.rpc = url, Rpc(Nodes(url))
        self.registry = PostgresPoolRegistry(database, "localnet")
        self.discovery = Discovery(source=SolanaPools(self.rpc, LOCALNET), registry=self.registry)
        self.reader = CountingReader(self.rpc)
        self.venue = SolanaVenue(self.registry, PoolReader(self.reader, LOCALNET), print)
        self.wallet = wallet = SolanaWallet(self.rpc, LOCALNET, bytes(keypair.pubkey()))
        tables = LookupTables(self.rpc)
        self.router = Router(self.venue, limits=TransactionLimits(LOCALNET, self.venue.last, tables))
        self.chain = SolanaChain(
            rpc=self.rpc,
            deployment=LOCALNET,
            registry=self.registry,
            wallet=wallet,
            signer=lambda: Keypair(bytes(keypair)),
            tables=tables,
            max_priority_fee=10_000,
        )
        for symbol in ("SOL", "USDC", "RAY", "BONK", "JUP", "mSOL"):
            call(url, "localnet_airdrop", wallet.address, 10**6 * 10 ** TOKENS[symbol].decimals, symbol)

    def quote(self, token_in: str, token_out: str, amount: int) -> Quote:
        return self.router.best(token_in, token_out, amount, BPS)[0]

    def swap(self, quote: Quote, least: int) -> Fill:
        transaction = self.chain.build(quote, least, ORDER)
        self.chain.submit(transaction)
        fill = self.chain.confirm(transaction)
        assert fill is not None
        return fill


@pytest.fixture
def market(database: Database) -> Iterator[Market]:
    with localnet_market() as url:
        yield Market(url, database)


def test_all_pools_of_the_market_are_discovered(market: Market) -> None:
    report = market.discovery.run(60)
    assert (report.found, report.unusable, report.failed, report.complete) == (27, {}, {}, True)
    found = {pool.address: pool for pool in market.registry.all()}
    expected = market_pools()
    assert found.keys() == {str(pool.address) for pool in expected}
    for pool in expected:
        known = found[str(pool.address)]
        assert (known.program, known.token_a, known.token_b) == (pool.kind, *pool.symbols)
        assert (known.source, known.enabled) == (Source.DISCOVERED, True)
    market.discovery.run(60)
    assert {pool.address: pool for pool in market.registry.all()} == found


def test_a_quote_takes_one_call(market: Market) -> None:
    market.discovery.run(60)
    for token_in, token_out in (("SOL", "USDC"), ("USDC", "SOL"), ("JUP", "RAY")):
        market.reader.calls.clear()
        _, decision = market.router.best(token_in, token_out, 10**9, BPS)
        assert decision.missing == ()
        assert len(market.reader.calls) == 1
        assert market.reader.calls[0] <= 100


@pytest.mark.parametrize(
    ("token_in", "token_out", "amount"),
    [
        ("SOL", "USDC", 10**9),
        ("USDC", "SOL", 5_000 * 10**6),
        ("SOL", "USDC", 20_000 * 10**9),
        ("JUP", "RAY", 1_000 * 10**6),
        ("BONK", "mSOL", 10**6 * 10**5),
        ("RAY", "USDT", 2_000 * 10**6),
        ("mSOL", "JUP", 50 * 10**9),
    ],
)
def test_a_swap_pays_what_was_quoted(market: Market, token_in: str, token_out: str, amount: int) -> None:
    market.discovery.run(60)
    quote, decision = market.router.best(token_in, token_out, amount, BPS)
    fill = market.swap(quote, min_out(quote.amount_out, 50))
    assert fill.amount_out == quote.amount_out
    assert fill.amount_in == amount - decision.candidates[0].unspent
    if len(decision.hops) == 1:
        assert decision.candidates[0].unspent == 0
    else:
        assert amount * 25 // BPS <= decision.candidates[0].unspent <= amount * 26 // BPS


def test_a_pool_that_a_swap_has_moved_is_read_again_once(market: Market) -> None:
    """GIVEN pools whose price an order moves beyond the arrays that its quote has read."""
    market.discovery.run(60)

    def companions() -> dict[str, tuple[str, ...]]:
        return {pool.address: pool.companions for pool in market.registry.all()}

    before = companions()
    for _ in range(10):
        market.swap(market.quote("SOL", "USDC", 20_000 * 10**9), 1)
        market.reader.calls.clear()
        market.quote("SOL", "USDC", 10**9)
        if companions() != before:
            break
    assert len(market.reader.calls) == 2
    market.reader.calls.clear()
    _, decision = market.router.best("SOL", "USDC", 10**9, BPS)
    assert decision.missing == ()
    assert len(market.reader.calls) == 1
