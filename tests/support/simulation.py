"""The simulated market: clocks, quotes and replays for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import groupby
from json import dumps, loads
from typing import Any, cast
from uuid import UUID

import pytest

from order_engine.dex.pool import Pool, load
from order_engine.domain.money import BPS
from order_engine.domain.quotes import QUOTE_LIFETIME_SECONDS, PlannedSwap, Quote
from order_engine.domain.tokens import pool_token
from order_engine.domain.transactions import Fill, Transaction
from order_engine.ports import Publish
from order_engine.services.execution import Execution
from order_engine.services.routing import Router
from order_engine.simulation.chain import SimulatedChain
from order_engine.simulation.faults import Faults
from order_engine.simulation.market import Latency, Market
from order_engine.simulation.pools import PoolSetting
from order_engine.simulation.traders import STILL, Flow
from order_engine.simulation.venue import SimulatedVenue
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.quotes import PostgresQuoteStore

SOL = 10**9
ORDER = UUID("01a1fa72-0b07-7468-9d18-a3aa29f91511")
AMM, CP, CLMM = "raydium-amm:SOL-USDC", "raydium-cp:SOL-USDC", "raydium-clmm:SOL-USDC"
DLMM, DAMM = "meteora-dlmm:SOL-USDC", "meteora-damm:SOL-USDC"
EACH_KIND = (AMM, CP, CLMM, DLMM, DAMM)
STEPS = ("build", "submit", "confirm")

Hops = tuple[Sequence[str], ...]
ROUTES: list[tuple[str, Hops]] = [
    *((pair, ([pool],)) for pool in EACH_KIND for pair in ("SOL-USDC", "USDC-SOL", "wSOL-USDC")),
    ("SOL-USDC", (EACH_KIND,)),
    ("USDC-SOL", (EACH_KIND[1:],)),
    ("BONK-JUP", (["raydium-amm:BONK-SOL"], ["raydium-cp:JUP-SOL"])),
    ("BONK-JUP", (["raydium-amm:BONK-SOL", "meteora-dlmm:BONK-SOL"], ["raydium-cp:JUP-SOL", "meteora-dlmm:JUP-SOL"])),
    ("RAY-USDT", (["raydium-amm:RAY-USDC"], ["raydium-cp:USDC-USDT", "meteora-dlmm:USDC-USDT"])),
]
routes = pytest.mark.parametrize(
    ("pair", "hops"), ROUTES, ids=[f"{pair}-{'>'.join('+'.join(hop) for hop in hops)}" for pair, hops in ROUTES]
)


class Clock:
    """A clock that the test moves. Records sleeps."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def market_of(database: Database, clock: Clock, flow: Flow = STILL, latency: Latency | None = None) -> Market:
    latency = latency or Latency()
    return Market(database, Faults(database, latency.deadline, clock.sleep), latency, flow, clock, clock.sleep)


def router_on(market: Market) -> Router:
    return Router(SimulatedVenue(market), market.now)


def execution_on(
    market: Market,
    orders: PostgresOrderStore,
    publish: Publish = lambda events, listeners: None,
    wake: Callable[[], None] = lambda: None,
) -> Execution:
    router = router_on(market)
    return Execution(
        orders=orders,
        quotes=PostgresQuoteStore(cast(Database, market.database)),
        router=lambda: router,
        chain=SimulatedChain(market),
        publish=publish,
        wake=wake,
    )


def live(database: Database, flow: Flow = STILL) -> Market:
    """Returns a market on the real clock whose timeouts are short."""
    latency = Latency(deadline=0.01)
    return Market(database, Faults(database, latency.deadline), latency, flow)


def settings(database: Database) -> dict[str, PoolSetting]:
    """Returns the stored pools by id."""
    rows = database.fetch("SELECT id, venue, token_a, token_b, kind, state::text AS state FROM market_pools")
    return {
        row["id"]: PoolSetting(
            row["id"], row["venue"], row["token_a"], row["token_b"], _loaded(row["kind"], row["state"])
        )
        for row in rows
    }


@lru_cache(maxsize=1000)
def _loaded(kind: str, state: str) -> Pool:
    return load(kind, loads(state))


def pools(database: Database) -> dict[str, Pool]:
    return {id: setting.pool for id, setting in settings(database).items()}


def store(database: Database, id: str, pool: Pool) -> None:
    """Replaces the state of a pool."""
    database.execute(
        "UPDATE market_pools SET state = %(state)s, kind = %(kind)s, version = version + 1 WHERE id = %(id)s",
        {"id": id, "kind": pool.kind, "state": dumps(pool.to_json())},
    )


def landed(database: Database) -> list[dict[str, Any]]:
    return database.fetch("SELECT * FROM market_transactions ORDER BY position")


def quoted(market: Market, pair: str, amount: int, *hops: Sequence[str]) -> Quote:
    """Returns a quote through these pools with equal shares within a hop, or without hops the best quote."""
    token_in, token_out = pair.split("-")
    if not hops:
        return router_on(market).best(token_in, token_out, amount, BPS)[0]
    known, token, left = settings(cast(Database, market.database)), pool_token(token_in), amount
    swaps: list[PlannedSwap] = []
    for ids in hops:
        shares = [left // len(ids)] * (len(ids) - 1)
        hop = [
            planned(known[id], token, share, market)
            for id, share in zip(ids, [*shares, left - sum(shares)], strict=True)
        ]
        swaps += hop
        token, left = hop[0].token_out, sum(swap.amount_out for swap in hop)
    assert token == pool_token(token_out)
    return Quote(token_in, token_out, amount, left, tuple(swaps), market.slot, market.now() + QUOTE_LIFETIME_SECONDS)


def planned(setting: PoolSetting, token_in: str, amount: int, market: Market) -> PlannedSwap:
    token_out = setting.token_b if token_in == setting.token_a else setting.token_a
    amount_out = setting.pool.output(amount, token_in == setting.token_a, int(market.now()))
    return PlannedSwap(setting.venue, setting.id, token_in, token_out, amount, amount_out)


def carried_out(
    transaction: Transaction, start: Mapping[str, PoolSetting], now: int
) -> tuple[int, dict[str, PoolSetting]]:
    """Returns what a transaction pays by the pools' formulas, and the pools after it."""
    after, left = dict(start), transaction.amount_in
    for _, swaps in groupby(transaction.swaps, lambda swap: swap.token_in):
        hop, paid = list(swaps), 0
        whole = sum(swap.amount_in for swap in hop)
        shares = [left * swap.amount_in // whole for swap in hop[:-1]]
        for swap, share in zip(hop, [*shares, left - sum(shares)], strict=True):
            setting = after[swap.pool]
            done, pool = setting.pool.swap(share, swap.token_in == setting.token_a, now)
            after[swap.pool] = replace(setting, pool=pool)
            paid += done.amount_out
        left = paid
    return left, after


def replayed(database: Database, start: Mapping[str, PoolSetting]) -> dict[str, Pool]:
    """Returns the pools after replaying every recorded swap in order. Fails if a swap paid another amount."""
    after = {id: setting.pool for id, setting in start.items()}
    for row in landed(database):
        if not row["swapped"]:
            continue
        swaps = [PlannedSwap.load(swap) for swap in row["swaps"]]
        for swap in swaps:
            a_to_b = swap.token_in == start[swap.pool].token_a
            done, after[swap.pool] = after[swap.pool].swap(swap.amount_in, a_to_b, row["landed_at"])
            assert done.amount_out == swap.amount_out
        last = [swap.amount_out for swap in swaps if swap.token_out == swaps[-1].token_out]
        assert sum(last) == row["amount_out"]
        first = [swap.amount_in for swap in swaps if swap.token_in == swaps[0].token_in]
        assert sum(first) == row["amount_in"]
    return after


def amount_of(pair: str) -> int:
    """Returns about a thousand dollars of the first token, not a round number."""
    token = pair.partition("-")[0]
    return {"SOL": 6 * SOL, "wSOL": 6 * SOL, "BONK": 50_000_000 * 10**5}.get(token, 1_000_000_000) + 7


def signed(market: Market, amount: int = SOL, pool: str = AMM, min_out: int = 0, pair: str = "SOL-USDC") -> Transaction:
    return SimulatedChain(market).build(quoted(market, pair, amount, [pool]), min_out, ORDER)


def sent(market: Market, transaction: Transaction) -> Fill | None:
    chain = SimulatedChain(market)
    chain.submit(transaction)
    return chain.confirm(transaction)
