"""A wallet on a localnet whose orders the engine's chain executes, and what it holds."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from uuid import uuid4

from solders.keypair import Keypair as SoldersKeypair

from localnet.commands import call
from localnet.market.pools import market_pools
from order_engine.domain.money import BPS
from order_engine.domain.pools import RegisteredPool, Source
from order_engine.domain.quotes import PlannedSwap, Quote
from order_engine.domain.tokens import pool_token
from order_engine.domain.transactions import Fill, Transaction
from order_engine.solana.addresses import TOKEN, WRAPPED_SOL, Address, address, associated_token_account
from order_engine.solana.chain import SolanaChain
from order_engine.solana.instructions import AccountMeta, Instruction, transfer
from order_engine.solana.limits import HOP_RESERVE_BPS
from order_engine.solana.lookup_tables import LookupTables
from order_engine.solana.messages import compile_message, serialize
from order_engine.solana.nodes import Nodes
from order_engine.solana.pools import PoolReader
from order_engine.solana.rpc import Rpc
from order_engine.solana.signing import Keypair
from order_engine.solana.tokens import create_associated
from order_engine.solana.wallet import SolanaWallet
from tests.support.deployments import LOCALNET
from tests.support.pool_registry import Registry

Holdings = dict[str, int]
"""Base units by symbol."""

POOLS = {str(pool.address): pool for pool in market_pools()}
"""The localnet's pools by their addresses."""

PRIORITY_FEE = 20_000
"""The highest, in lamports."""

NEVER = 1e12


def pools_of(token_a: str, token_b: str) -> dict[str, str]:
    """The addresses of the pools for two tokens, by kind."""
    tokens = {token_a, token_b}
    return {pool.kind: id for id, pool in POOLS.items() if {*pool.symbols} == tokens}


class Trader:
    """A new wallet with some SOL, and the engine's chain for it, which uses these lookup tables."""

    def __init__(self, url: str, lamports: int = 10**14, tables: Sequence[Address] = ()) -> None:
        keypair = SoldersKeypair()
        self.url = url
        self.rpc = Rpc(Nodes(url))
        self.wallet = SolanaWallet(self.rpc, LOCALNET, bytes(keypair.pubkey()))
        self.signer = Keypair(bytes(keypair))
        self.chain = SolanaChain(
            rpc=self.rpc,
            deployment=LOCALNET,
            registry=Registry(
                {
                    id: RegisteredPool(id, pool.kind, "venue", *pool.symbols, (), Source.BY_HAND)
                    for id, pool in POOLS.items()
                }
            ),
            wallet=self.wallet,
            signer=lambda: self.signer,
            tables=LookupTables(self.rpc, tables),
            max_priority_fee=PRIORITY_FEE,
        )
        self.give("SOL", lamports)

    def give(self, symbol: str, amount: int) -> None:
        call(self.url, "localnet_airdrop", self.wallet.address, amount, symbol)

    def advance(self, slots: int) -> None:
        call(self.url, "localnet_advance", slots)

    def fault(self, kind: str, **options: int) -> None:
        call(self.url, "localnet_fault", kind, options)

    def clear(self) -> None:
        call(self.url, "localnet_clear")

    def wrap(self, lamports: int) -> None:
        """Puts wrapped SOL into the wallet's own account for it."""
        key = self.wallet.key
        account = associated_token_account(key, WRAPPED_SOL)
        sync_native = Instruction(TOKEN, (AccountMeta(account, writable=True),), b"\x11")
        wrapping = [create_associated(key, key, WRAPPED_SOL), transfer(key, account, lamports), sync_native]
        message = compile_message(key, wrapping, self.rpc.latest_blockhash().hash)
        self.rpc.send(b64encode(serialize([self.signer.sign(message)], message)).decode())

    def quote(self, token_in: str, token_out: str, amount_in: int, *hops: Sequence[str]) -> Quote:
        """A quote through these pools: each hop divides its amount evenly between its pools."""
        found = PoolReader(self.rpc, LOCALNET).read({address(id): () for hop in hops for id in hop})
        assert found.now is not None
        swaps: list[PlannedSwap] = []
        token, amount = pool_token(token_in), amount_in
        if len(hops) > 1:
            amount -= amount * HOP_RESERVE_BPS // BPS
        for hop in hops:
            first = found.pools[hop[0]]
            next_token = first.tokens[1] if first.tokens[0] == token else first.tokens[0]
            shares = [amount // len(hop)] * len(hop)
            shares[-1] += amount % len(hop)
            amount = 0
            for id, share in zip(hop, shares, strict=True):
                state, a_to_b = found.pools[id].pool.state, found.pools[id].tokens[0] == token
                swap = state.quote(share, a_to_b, found.now)
                if hop is not hops[-1]:
                    swap = state.quote_exact_out(swap.amount_out, a_to_b, found.now)
                swaps.append(PlannedSwap("venue", id, token, next_token, swap.amount_in, swap.amount_out))
                amount += swap.amount_out
            token = next_token
        slot = max(read.slot for read in found.pools.values())
        return Quote(token_in, token_out, amount_in, amount, tuple(swaps), slot, expires_at=NEVER)

    def build(self, quote: Quote, min_out: int | None = None) -> Transaction:
        """A transaction that must pay what is quoted, unless `min_out` says otherwise."""
        return self.chain.build(quote, quote.amount_out if min_out is None else min_out, uuid4())

    def execute(self, quote: Quote, min_out: int | None = None) -> Fill:
        """Executes an order on a chain that confirms at once."""
        transaction = self.build(quote, min_out)
        self.chain.submit(transaction)
        fill = self.chain.confirm(transaction)
        assert fill is not None
        return fill

    def balances(self) -> Holdings:
        return self.wallet.balances()


def booked(before: Holdings, *fills: tuple[Quote, Fill]) -> Holdings:
    """What a wallet must hold after these fills, to the last unit."""
    after = dict(before)
    for quote, fill in fills:
        after[quote.token_in] -= fill.amount_in
        after[quote.token_out] += fill.amount_out
        after["SOL"] -= sum(fill.costs)
    return after
