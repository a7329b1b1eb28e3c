"""The engine without a key on a localnet, and a client with a wallet of its own."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from solders.keypair import Keypair
from solders.transaction import VersionedTransaction

from localnet.commands import call
from order_engine.domain.events import Event
from order_engine.domain.markets import LOCALNET as LOCALNET_NAME
from order_engine.domain.markets import MarketDescription
from order_engine.domain.orders import Order, OrderRequest, SignedOrder
from order_engine.domain.pools import RegisteredPool, Source
from order_engine.domain.quotes import Offer
from order_engine.ports import Publish
from order_engine.services.execution import Execution
from order_engine.services.quoting import Quoting
from order_engine.services.routing import Router
from order_engine.services.submission import Submission
from order_engine.solana.chain import SolanaChain
from order_engine.solana.limits import TransactionLimits
from order_engine.solana.lookup_tables import LookupTables
from order_engine.solana.nodes import Nodes
from order_engine.solana.pools import PoolReader
from order_engine.solana.rpc import Rpc
from order_engine.solana.signing import Signer
from order_engine.solana.venue import SolanaVenue
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.quotes import PostgresQuoteStore
from tests.support.deployments import LOCALNET
from tests.support.fakes import FakeOrderQueue, FakeRateLimit, no_standing
from tests.support.orders import CLIENT
from tests.support.pool_registry import Registry
from tests.support.solana_trader import POOLS, PRIORITY_FEE, Trader

MARKET = MarketDescription(LOCALNET_NAME, tokens=list(LOCALNET.mints))


def signed(transaction: str, *keypairs: Keypair) -> str:
    """A transaction in base64, as wallets with these keys sign it."""
    parsed = VersionedTransaction.from_bytes(b64decode(transaction))
    return b64encode(bytes(VersionedTransaction(parsed.message, list(keypairs)))).decode()


def no_key() -> Signer:
    raise AssertionError("the engine signs nothing")


class Desk:
    """Quotes, orders and their execution for a client whose wallet holds some SOL and USDC."""

    def __init__(self, url: str, database: Database) -> None:
        self.url, self.database = url, database
        self.keypair = Keypair()
        self.wallet = str(self.keypair.pubkey())
        for symbol, units in (("SOL", 10**12), ("USDC", 10**10)):
            self.give(symbol, units)
        self.rpc = Rpc(Nodes(url))
        registry = Registry(
            {
                id: RegisteredPool(id, pool.kind, "venue", *pool.symbols, (), Source.BY_HAND)
                for id, pool in POOLS.items()
            }
        )
        tables = LookupTables(self.rpc)
        venue = SolanaVenue(registry, PoolReader(self.rpc, LOCALNET), print)
        self.router = Router(venue, limits=TransactionLimits(LOCALNET, venue.last, tables))
        self.chain = SolanaChain(
            rpc=self.rpc,
            deployment=LOCALNET,
            registry=registry,
            wallet=None,
            signer=no_key,
            tables=tables,
            max_priority_fee=PRIORITY_FEE,
        )
        self.orders = PostgresOrderStore(database, market=LOCALNET_NAME)
        self.quotes = PostgresQuoteStore(database)
        self.queue = FakeOrderQueue()
        self.heard: list[Event] = []
        self.quoting = Quoting(
            router=self.router,
            chain=self.chain,
            store=self.quotes,
            rate_limit=FakeRateLimit(what="quote"),
            signing=self.chain,
            market=MARKET,
        )
        self.submission = self.submission_in(MARKET)
        self.execution = self.execution_by()

    def submission_in(
        self, market: MarketDescription, *, orders: Any = None, queue: Any = None, publish: Publish | None = None
    ) -> Submission:
        return Submission(
            orders=orders or self.orders,
            standing=no_standing,
            quotes=self.quotes,
            publish=publish or self.publish,
            queue=queue or self.queue,
            rate_limit=FakeRateLimit(),
            warn=print,
            signing=self.chain,
            market=market,
        )

    def execution_by(self, *, orders: Any = None, chain: Any = None, publish: Publish | None = None) -> Execution:
        return Execution(
            orders=orders or self.orders,
            quotes=self.quotes,
            router=self._no_routing,
            chain=chain or self.chain,
            publish=publish or self.publish,
            signing=chain or self.chain,
        )

    def _no_routing(self) -> Router:
        raise AssertionError("a signed order takes the route of its quote")

    def publish(self, events: Sequence[Event], listeners: Sequence[str]) -> None:
        self.heard += events

    def give(self, symbol: str, units: int, wallet: str | None = None) -> None:
        call(self.url, "localnet_airdrop", wallet or self.wallet, units, symbol)

    def balances(self) -> dict[str, int]:
        return dict(self.chain.wallet_at(self.wallet).balances())

    def offer(
        self,
        token_in: str = "SOL",
        token_out: str = "USDC",
        amount_in: int = 10**9,
        client: UUID = CLIENT,
        **terms: Any,
    ) -> Offer:
        request = OrderRequest("market", token_in, token_out, amount_in, wallet=self.wallet, **terms)
        return self.quoting.offer(request, client)

    def unsigned(self, offer: Offer) -> str:
        assert offer.unsigned is not None
        assert offer.unsigned.transaction.wire is not None
        return offer.unsigned.transaction.wire

    def signed(self, offer: Offer) -> str:
        return signed(self.unsigned(offer), self.keypair)

    def submit(
        self, offer: Offer, transaction: str | None = None, *, client: UUID = CLIENT, key: str | None = None
    ) -> Order:
        order = SignedOrder(offer.id, transaction or self.signed(offer))
        return self.submission.submit(order, client, key)[0]

    def trade(self, offer: Offer, amount_in: int) -> None:
        """Somebody else swaps first, in the pool of an offer."""
        trader = Trader(self.url, 2 * amount_in)
        (swap,) = offer.quote.swaps
        trader.execute(trader.quote(swap.token_in, swap.token_out, amount_in, [swap.pool]), 1)
