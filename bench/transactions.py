"""Measures the size of the transactions of routes through the localnet's pools, with and without its lookup table.

docs/benchmarks.md says what each row means.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from itertools import combinations, permutations, product
from struct import pack
from typing import NamedTuple
from uuid import UUID

from solders.keypair import Keypair

from bench.table import print_table
from localnet.market import LOOKUP_TABLE, genesis
from localnet.market.pools import market_pools
from order_engine.dex.routing import HUBS
from order_engine.domain.markets import LOCALNET
from order_engine.domain.quotes import PlannedSwap, Quote
from order_engine.solana.accounts import Account
from order_engine.solana.addresses import ADDRESS_BYTES, CLOCK, SYSTEM, Address
from order_engine.solana.deployments import deployment
from order_engine.solana.messages import (
    MAX_TRANSACTION_BYTES,
    LookupTable,
    compile_message,
    lookup_table,
    transaction_size,
)
from order_engine.solana.pools import PoolAt, PoolReader
from order_engine.solana.rpc import Snapshot
from order_engine.solana.transactions import draft

AMOUNT = 10**6
"""The base units that go into each pool: they stay within the arrays around its price."""

SLOT, NOW = 1, 1_790_000_000
WALLET = bytes(range(1, ADDRESS_BYTES + 1))
MOST_SWAPS = 4


class Hop(NamedTuple):
    token_in: str
    token_out: str
    pools: Sequence[str]


class Market:
    """The localnet's pools as they begin, by address. It is an `AccountReader`."""

    def __init__(self) -> None:
        nobody = Keypair.from_seed(bytes(32)).pubkey()
        self._accounts = {
            bytes(key): Account(bytes(account.owner), account.lamports, bytes(account.data))
            for key, account in genesis(nobody, nobody)
        }
        self._accounts[CLOCK] = Account(SYSTEM, 1, pack("<Q24xq", SLOT, NOW))
        self.deployment = deployment(LOCALNET)
        found = PoolReader(self, self.deployment).read({bytes(pool.address): () for pool in market_pools()})
        self.pools = dict(found.pools)

    def accounts(self, addresses: Sequence[Address], min_slot: int = 0) -> Snapshot:
        return Snapshot(max(SLOT, min_slot), {address: self._accounts.get(address) for address in addresses})

    @property
    def table(self) -> LookupTable:
        key = bytes(LOOKUP_TABLE)
        return lookup_table(key, self._accounts[key])

    def between(self, token_in: str, token_out: str) -> list[str]:
        """The pools of two tokens."""
        return [id for id, read in self.pools.items() if {*read.tokens} == {token_in, token_out}]

    def size(self, hops: Sequence[Hop], tables: Sequence[LookupTable]) -> int:
        """The bytes of the transaction that swaps through these pools."""
        swaps = [
            PlannedSwap("", pool, hop.token_in, hop.token_out, AMOUNT, self._paid(self.pools[pool], hop.token_in))
            for hop in hops
            for pool in hop.pools
        ]
        tokens = hops[0].token_in, hops[-1].token_out
        quote = Quote(*tokens, AMOUNT * len(hops[0].pools), 1, tuple(swaps), SLOT, expires_at=0)
        found = draft(
            quote,
            1,
            UUID(int=1),
            wallet=WALLET,
            deployment=self.deployment,
            pools={id: read.pool for id, read in self.pools.items()},
            rent=1,
            tables=tables,
        ).with_budget(1, 1)
        instructions = [step.instruction for step in found.steps]
        return transaction_size(compile_message(WALLET, instructions, bytes(ADDRESS_BYTES), tables))

    def _paid(self, read: PoolAt, token_in: str) -> int:
        return read.pool.state.quote(AMOUNT, token_in == read.tokens[0], NOW).amount_out


class Kind(NamedTuple):
    title: str
    routes: list[list[Hop]]


def kinds(market: Market) -> Iterator[Kind]:
    tokens = sorted({token for read in market.pools.values() for token in read.tokens})
    pairs = [Hop(*pair, market.between(*pair)) for pair in permutations(tokens, 2)]
    for name in dict.fromkeys(read.program.name for read in market.pools.values()):
        routes = [
            [Hop(pair.token_in, pair.token_out, [pool])]
            for pair in pairs
            for pool in pair.pools
            if market.pools[pool].program.name == name
        ]
        yield Kind(f"1 swap: {name}", routes)
    for swaps in range(2, MOST_SWAPS + 1):
        split = [[pair._replace(pools=chosen)] for pair in pairs for chosen in combinations(pair.pools, swaps)]
        yield Kind(f"{swaps} swaps, 1 hop", split)
    yield Kind("2 swaps, 2 hops", [*over_hubs(market, tokens, 1)])
    yield Kind("3 swaps, 2 hops", [*over_hubs(market, tokens, 2)])


def over_hubs(market: Market, tokens: Sequence[str], swaps: int) -> Iterator[list[Hop]]:
    """Routes with one swap in the first hop and so many in the second."""
    for (token_in, token_out), hub in product(permutations(tokens, 2), HUBS):
        if hub in (token_in, token_out):
            continue
        first, second = market.between(token_in, hub), market.between(hub, token_out)
        for pool, others in product(first, combinations(second, swaps)):
            yield [Hop(token_in, hub, [pool]), Hop(hub, token_out, others)]


def main() -> None:
    market = Market()
    rows = []
    for title, routes in kinds(market):
        row = [title, str(len(routes))]
        for tables in ((), (market.table,)):
            sizes = [market.size(route, tables) for route in routes]
            fit = sum(size <= MAX_TRANSACTION_BYTES for size in sizes) * 100 / len(sizes)
            row += [f"{min(sizes)}–{max(sizes)}", f"{statistics.median(sizes):.0f}", f"{fit:.0f} %"]
        rows.append(row)
    columns = ("bytes", "median", "fit")
    names = [*columns, *(f"with a table: {column}" for column in columns)]
    print_table(["a transaction", "routes", *names], rows)


if __name__ == "__main__":
    main()
