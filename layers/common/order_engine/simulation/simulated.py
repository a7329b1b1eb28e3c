"""Raydium, Meteora and the chain, simulated: their pools are in Postgres, shared by everyone who trades there.

The chain takes each signature once. What it has taken is on record before the sender hears of it, as on Solana.
"""

from __future__ import annotations

import hashlib
import random
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from json import dumps, loads
from typing import Any

from order_engine.dex.errors import CorruptState, DexError
from order_engine.dex.pool import Pool, load
from order_engine.dex.routing import Listing
from order_engine.domain.errors import (
    CorruptPool,
    EngineError,
    NoRoute,
    QuoteExpired,
    SlippageExceeded,
)
from order_engine.domain.money import TOKENS, format_amount, pool_token
from order_engine.domain.swaps import Fill, PlannedSwap, Quote, Transaction
from order_engine.ports import PoolList
from order_engine.simulation.faults import Faults
from order_engine.simulation.pools import pool_settings
from order_engine.simulation.traders import STILL, Flow
from order_engine.storage.database import Database

SLOT_SECONDS = 0.4
TRANSACTION_LIFETIME_SLOTS = 150
"""As long as a Solana blockhash is valid."""

_POOL = "id, pool.venue, token_a, token_b, pool.kind, state::text AS state, version, period"

_POOLS = f"""
    SELECT {_POOL}, row_to_json(fault) AS fault
    FROM (SELECT 1) AS one
    LEFT JOIN market_faults AS fault ON fault.venue = %(venue)s AND step = 'quote'
    LEFT JOIN market_pools AS pool
        ON pool.venue = %(venue)s AND token_a = ANY(%(tokens)s) AND token_b = ANY(%(tokens)s)"""

_POOLS_TO_LAND_IN = f"""
    SELECT {_POOL},
           (SELECT row_to_json(fault) FROM market_faults AS fault
            WHERE fault.venue = ANY(%(venues)s) AND step = 'submit' LIMIT 1) AS fault,
           EXISTS (SELECT FROM market_transactions WHERE signature = %(signature)s) AS seen
    FROM market_pools AS pool WHERE id = ANY(%(ids)s)"""

# Of two senders of one signature only the first finds it free; of two swaps in a pool only the first finds its version.
_LAND = """
    WITH held AS MATERIALIZED (
        SELECT FROM market_pools AS pool
        JOIN unnest(%(ids)s::text[], %(versions)s::bigint[]) AS read (id, version) USING (id, version)
        ORDER BY id FOR UPDATE OF pool
    ), landed AS (
        INSERT INTO market_transactions (signature, slot, landed_at, amount_in, amount_out, swapped, swaps)
        SELECT %(signature)s, %(slot)s, %(now)s, %(amount_in)s, %(amount_out)s, %(swapped)s, %(swaps)s
        WHERE (SELECT count(*) FROM held) = cardinality(%(ids)s::text[])
        ON CONFLICT DO NOTHING
        RETURNING signature
    )
    UPDATE market_pools AS pool
    SET state = moved.state::json, version = version + 1, period = greatest(period, %(period)s)
    FROM landed, unnest(%(ids)s::text[], %(states)s::text[]) AS moved (id, state) WHERE pool.id = moved.id
    RETURNING signature"""

_RESULT = "SELECT amount_in, amount_out, swapped, slot FROM market_transactions WHERE signature = %(signature)s"

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Latency:
    """How long each step takes, as (shortest, longest), and when a client of a venue stops waiting; in seconds."""

    quote: tuple[float, float] = (0, 0)
    build: tuple[float, float] = (0, 0)
    confirm: tuple[float, float] = (0, 0)
    deadline: float = 0.5


LATENCIES = {"instant": Latency(), "realistic": Latency((2, 3), (1, 2), (2, 4), deadline=5)}


@dataclass(frozen=True, slots=True)
class Market:
    """What all venues and the chain share. `now` gives Unix seconds."""

    database: Database
    faults: Faults
    latency: Latency = LATENCIES["instant"]
    flow: Flow = STILL
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    @property
    def slot(self) -> int:
        return int(self.now() / SLOT_SECONDS)

    def wait(self, seconds: tuple[float, float]) -> None:
        if seconds[1]:
            self.sleep(random.uniform(*seconds))

    def pool(self, row: dict[str, Any], period: int) -> Pool:
        """A stored pool as other traders have left it. Raises `CorruptPool`."""
        try:
            pool = _loaded(row["kind"], row["state"])
        except CorruptState as error:
            raise CorruptPool(f"pool {row['id']}: {error}") from None
        if period > row["period"]:
            return self.flow.carry(pool, row["id"], row["token_a"], row["token_b"], period)
        return pool


class SimulatedVenue:
    """A `Venue`."""

    def __init__(self, name: str, market: Market) -> None:
        self.name = name
        self._market = market

    def pools(self, tokens: Sequence[str]) -> PoolList:
        market = self._market
        market.wait(market.latency.quote)
        rows = market.database.fetch(_POOLS, {"venue": self.name, "tokens": list(tokens)})
        if rows[0]["fault"] and market.faults.strikes(rows[0]["fault"]):
            market.faults.strike("quote", rows[0]["fault"])
        slot, period = market.slot, market.flow.period(market.now())
        listings: list[Listing] = []
        unusable: dict[str, EngineError] = {}
        for row in rows:
            if row["id"] is None:
                continue
            try:
                pool = market.pool(row, period)
            except CorruptPool as error:
                unusable[row["id"]] = error
            else:
                listings.append(Listing(row["id"], self.name, row["token_a"], row["token_b"], slot, pool))
        return PoolList(listings, unusable)


class SimulatedChain:
    """A `Chain`."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def build(self, quote: Quote, min_out: int) -> Transaction:
        self._market.wait(self._market.latency.build)
        self._market.faults.meet("build", _venues(quote.swaps))
        quote.check(self._market.now())
        return Transaction(
            signature=_signature(quote, min_out),
            venue=quote.venue,
            token_in=quote.token_in,
            token_out=quote.token_out,
            amount_in=quote.amount_in,
            min_out=min_out,
            swaps=quote.swaps,
            last_valid_slot=self._market.slot + TRANSACTION_LIFETIME_SLOTS,
            instructions=_instructions(quote),
        )

    def submit(self, transaction: Transaction) -> None:
        """Swaps, or puts on record that the swap was refused: by compare-and-set on the versions of the pools."""
        market = self._market
        ids = sorted({swap.pool for swap in transaction.swaps})
        values = {
            "signature": transaction.signature,
            "venues": _venues(transaction.swaps),
            "ids": ids,
            "amount_in": transaction.amount_in,
        }
        while True:
            rows = {row["id"]: row for row in market.database.fetch(_POOLS_TO_LAND_IN, values)}
            if missing := [id for id in ids if id not in rows]:
                raise NoRoute(f"expected pools that are there, was {', '.join(missing)}")
            row = rows[ids[0]]
            if row["seen"]:
                return
            slot, period = market.slot, market.flow.period(market.now())
            if slot > transaction.last_valid_slot:
                raise QuoteExpired("the transaction expired before it was sent")
            fault = row["fault"] if row["fault"] and market.faults.strikes(row["fault"]) else None
            if fault and fault["kind"] == "fail":
                market.faults.strike("submit", fault)
            now = int(market.now())
            before = {id: market.pool(rows[id], period) for id in ids}
            swaps, after = _carried_out(transaction, before, rows, now)
            amount_out = sum(swap.amount_out for swap in _last_hop(swaps))
            swapped = amount_out >= max(transaction.min_out, 1) and not (fault and fault["kind"] == "slip")
            landing = {
                "slot": slot,
                "now": now,
                "amount_out": amount_out,
                "swapped": swapped,
                "swaps": dumps([swap.to_json() for swap in swaps]),
                "period": period,
                "versions": [rows[id]["version"] for id in ids],
                "states": [dumps((after if swapped else before)[id].to_json()) for id in ids],
            }
            if market.database.fetch(_LAND, {**values, **landing}):
                break
            # Another swap came first. This one happens at the price that it left.
        if fault:
            # The worst kind of time-out: the transaction has landed, and the sender does not know.
            market.faults.strike("submit", fault)

    def confirm(self, transaction: Transaction) -> Fill | None:
        market = self._market
        market.wait(market.latency.confirm)
        market.faults.meet("confirm", _venues(transaction.swaps))
        rows = market.database.fetch(_RESULT, {"signature": transaction.signature})
        if not rows:
            if market.slot > transaction.last_valid_slot:
                raise QuoteExpired("the transaction was not seen on chain before it expired")
            return None
        amount_out = int(rows[0]["amount_out"])
        if not rows[0]["swapped"]:
            raise SlippageExceeded(f"expected at least {transaction.min_out} base units, was {amount_out} at most")
        return Fill(transaction.signature, int(rows[0]["amount_in"]), amount_out, rows[0]["slot"])


@lru_cache(maxsize=512)
def _loaded(kind: str, state: str) -> Pool:
    try:
        return load(kind, loads(state))
    except ValueError as error:
        raise CorruptState("state", "JSON", error) from None


def _carried_out(
    transaction: Transaction, pools: dict[str, Pool], rows: dict[str, dict[str, Any]], now: int
) -> tuple[list[PlannedSwap], dict[str, Pool]]:
    """The swaps with what they really move, and the pools after them; nothing at all if a pool refuses."""
    done: list[PlannedSwap] = []
    after, amount = dict(pools), transaction.amount_in
    try:
        for _, hop in groupby(transaction.swaps, _tokens):
            for planned, amount_in in _shares(list(hop), amount):
                a_to_b = planned.token_in == rows[planned.pool]["token_a"]
                swap, after[planned.pool] = after[planned.pool].swap(amount_in, a_to_b, now)
                done.append(planned._replace(amount_in=amount_in, amount_out=swap.amount_out))
            amount = sum(swap.amount_out for swap in _last_hop(done))
    except (DexError, ValueError):
        return [], pools
    return done, after


def _shares(hop: Sequence[PlannedSwap], amount: int) -> list[tuple[PlannedSwap, int]]:
    """An amount in the proportions of the quote; the last swap takes what rounding leaves."""
    quoted = sum(swap.amount_in for swap in hop)
    shares = [amount * swap.amount_in // quoted for swap in hop[:-1]]
    return list(zip(hop, [*shares, amount - sum(shares)], strict=True))


def _last_hop(swaps: Sequence[PlannedSwap]) -> list[PlannedSwap]:
    return [swap for swap in swaps if _tokens(swap) == _tokens(swaps[-1])]


def _tokens(swap: PlannedSwap) -> tuple[str, str]:
    return swap.token_in, swap.token_out


def _venues(swaps: Sequence[PlannedSwap]) -> list[str]:
    return sorted({swap.venue for swap in swaps})


def _instructions(quote: Quote) -> list[str]:
    """In order. Pools trade wrapped SOL only: native SOL is wrapped before the swaps, and unwrapped after them."""
    native = "SOL" in (quote.token_in, quote.token_out)
    amount = format_amount(quote.amount_in, TOKENS[quote.token_in])
    wrap = [f"transfer {amount} SOL to the wSOL account", "sync the wSOL account"] if quote.token_in == "SOL" else []
    return [
        *(["create the wSOL account"] if native else []),
        *wrap,
        *(f"swap {_wrapped(swap.token_in)} for {_wrapped(swap.token_out)} in {swap.pool}" for swap in quote.swaps),
        *(["close the wSOL account"] if native else []),
    ]


def _wrapped(symbol: str) -> str:
    return "wSOL" if symbol == pool_token("wSOL") else symbol


def _signature(quote: Quote, min_out: int) -> str:
    """64 bytes in base58, like a Solana signature; never the same twice."""
    message = f"{quote}{min_out}{secrets.token_hex(16)}".encode()
    value, digits = int.from_bytes(hashlib.sha512(message).digest()), ""
    while value:
        value, digit = divmod(value, 58)
        digits = _BASE58[digit] + digits
    return digits.rjust(86, _BASE58[0])


def set_up(database: Database) -> None:
    """Creates the pools that are not there yet."""
    with database.transaction() as cursor:
        cursor.executemany(
            "INSERT INTO market_pools (id, venue, token_a, token_b, kind, state)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (pool.id, pool.venue, pool.token_a, pool.token_b, pool.pool.kind, dumps(pool.pool.to_json()))
                for pool in pool_settings()
            ],
        )
