"""Raydium and Meteora, simulated: pools and a chain in Postgres, shared by everyone who trades on it.

The chain takes each signature once. What it has taken is on record before the sender hears of it, as on Solana.
"""

from __future__ import annotations

import hashlib
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from order_engine.dex import constant_product
from order_engine.dex.constant_product import Pool
from order_engine.domain.errors import (
    AmountTooSmall,
    InsufficientLiquidity,
    NoRoute,
    QuoteExpired,
    SlippageExceeded,
    VenueUnavailable,
)
from order_engine.storage.database import Database

from .base import Fill, Quote, Transaction
from .market_data import pool_settings

QUOTE_LIFETIME_SECONDS = 30.0
TRANSACTION_LIFETIME_SECONDS = 60.0
"""About as long as a Solana blockhash is valid (150 slots)."""

DRIFT_SLOT_SECONDS = 2

VENUES = ("raydium", "meteora")
STEPS = ("quote", "build", "submit", "confirm")
FAULTS = ("fail", "timeout", "slip")

_POOL = """
    SELECT reserve_a, reserve_b, fee_bps,
           (SELECT kind FROM market_faults WHERE venue = %(venue)s AND step = 'quote') AS fault
    FROM market_pools WHERE venue = %(venue)s AND token_a = %(a)s AND token_b = %(b)s"""

_BUILD_FAULT = "SELECT kind FROM market_faults WHERE venue = %(venue)s AND step = 'build'"

_POOL_TO_LAND_IN = """
    SELECT reserve_a, reserve_b, fee_bps,
           (SELECT kind FROM market_faults WHERE venue = %(venue)s AND step = 'submit') AS fault,
           EXISTS (SELECT FROM market_transactions WHERE signature = %(signature)s) AS seen
    FROM market_pools WHERE venue = %(venue)s AND token_a = %(a)s AND token_b = %(b)s"""

# Of two senders of one signature only the first finds it free; of two swaps only the first finds the old reserves.
_LAND = """
    WITH held AS MATERIALIZED (
        SELECT FROM market_pools
        WHERE venue = %(venue)s AND token_a = %(a)s AND token_b = %(b)s
          AND reserve_a = %(old_a)s AND reserve_b = %(old_b)s
        FOR UPDATE
    ), landed AS (
        INSERT INTO market_transactions (signature, venue, token_in, token_out, amount_in, amount_out, swapped)
        SELECT %(signature)s, %(venue)s, %(token_in)s, %(token_out)s, %(amount_in)s, %(amount_out)s, %(swapped)s
        FROM held
        ON CONFLICT DO NOTHING
        RETURNING signature
    )
    UPDATE market_pools SET reserve_a = %(reserve_a)s, reserve_b = %(reserve_b)s
    FROM landed WHERE market_pools.venue = %(venue)s AND token_a = %(a)s AND token_b = %(b)s
    RETURNING signature"""

_RESULT = """
    SELECT (SELECT kind FROM market_faults WHERE venue = %(venue)s AND step = 'confirm') AS fault,
           signature, amount_in, amount_out, swapped
    FROM (SELECT 1) AS one LEFT JOIN market_transactions ON signature = %(signature)s"""

_USE_UP_FAULT = """
    WITH used_up AS (
        DELETE FROM market_faults WHERE venue = %(venue)s AND step = %(step)s AND remaining = 1
    )
    UPDATE market_faults SET remaining = remaining - 1
    WHERE venue = %(venue)s AND step = %(step)s AND remaining > 1"""

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Latency:
    """How long each step of a venue takes, as (shortest, longest), and when its client stops waiting; in seconds."""

    quote: tuple[float, float] = (0, 0)
    build: tuple[float, float] = (0, 0)
    confirm: tuple[float, float] = (0, 0)
    deadline: float = 0.5


LATENCIES = {"instant": Latency(), "realistic": Latency((2, 3), (1, 2), (2, 4), deadline=5)}


class SimulatedVenue:
    """A `Venue`. `drift_bps` is by how much other traders move its prices at most."""

    def __init__(
        self,
        name: str,
        database: Database,
        latency: Latency,
        drift_bps: int = 0,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._database = database
        self._latency = latency
        self._drift_bps = drift_bps
        self._now = now
        self._sleep = sleep

    def quote(self, token_in: str, token_out: str, amount_in: int) -> Quote:
        self._wait(self._latency.quote)
        a, b = sorted((token_in, token_out))
        rows = self._database.fetch(_POOL, {"venue": self.name, "a": a, "b": b})
        if not rows:
            raise NoRoute(f"expected a pair with a pool on {self.name}, was {token_in}-{token_out}")
        self._misbehave("quote", rows[0]["fault"])
        pool = self._pool(rows[0], "reserve_a" if token_in == a else "reserve_b")
        swap = constant_product.swap(pool, amount_in)
        if swap.amount_out == 0:
            raise AmountTooSmall(f"expected an amount that pays at least one base unit of {token_out}, was {amount_in}")
        return Quote(
            venue=self.name,
            pool=f"{self.name}:{a}-{b}",
            token_in=token_in,
            token_out=token_out,
            amount_in=amount_in,
            amount_out=swap.amount_out,
            fee=swap.fee,
            fee_bps=pool.fee_bps,
            price_impact_bps=swap.price_impact_bps,
            depth=pool.reserve_out,
            expires_at=self._now() + QUOTE_LIFETIME_SECONDS,
        )

    def build(self, quote: Quote, min_out: int) -> Transaction:
        self._wait(self._latency.build)
        for fault in self._database.fetch(_BUILD_FAULT, {"venue": self.name}):
            self._misbehave("build", fault["kind"])
        now = self._now()
        if now > quote.expires_at:
            raise QuoteExpired(f"expected a quote less than {QUOTE_LIFETIME_SECONDS:.0f} s old")
        instructions = [f"swap {quote.token_in} for {quote.token_out} on {quote.pool}"]
        if quote.token_in == "SOL":
            instructions.insert(0, "wrap SOL")
        if quote.token_out == "SOL":
            instructions.append("unwrap SOL")
        return Transaction(
            signature=_signature(quote, min_out),
            venue=self.name,
            pool=quote.pool,
            token_in=quote.token_in,
            token_out=quote.token_out,
            amount_in=quote.amount_in,
            min_out=min_out,
            expires_at=now + TRANSACTION_LIFETIME_SECONDS,
            instructions=instructions,
        )

    def submit(self, transaction: Transaction) -> None:
        """Swaps, or puts on record that the swap was refused: by compare-and-set on the pool's reserves."""
        a, b = sorted((transaction.token_in, transaction.token_out))
        values = {
            "signature": transaction.signature,
            "venue": self.name,
            "a": a,
            "b": b,
            "token_in": transaction.token_in,
            "token_out": transaction.token_out,
            "amount_in": transaction.amount_in,
        }
        while True:
            rows = self._database.fetch(_POOL_TO_LAND_IN, values)
            if not rows:
                raise NoRoute(f"expected a pair with a pool on {self.name}, was {a}-{b}")
            row = rows[0]
            if row["seen"]:
                return
            if row["fault"] == "fail":
                break
            reserve_in = "reserve_a" if transaction.token_in == a else "reserve_b"
            outcome = self._swap(row, transaction, reserve_in)
            if self._database.fetch(_LAND, {**values, **outcome, "old_a": row["reserve_a"], "old_b": row["reserve_b"]}):
                break
            # Another swap came first. This one happens at the price that it left.
        # The worst kind of time-out: the transaction has landed, and the sender does not know.
        self._misbehave("submit", row["fault"])

    def confirm(self, transaction: Transaction) -> Fill | None:
        self._wait(self._latency.confirm)
        (row,) = self._database.fetch(_RESULT, {"venue": self.name, "signature": transaction.signature})
        self._misbehave("confirm", row["fault"])
        if row["signature"] is None:
            if self._now() > transaction.expires_at:
                raise QuoteExpired("the transaction was not seen on chain before it expired")
            return None
        amount_out = int(row["amount_out"])
        if not row["swapped"]:
            raise SlippageExceeded(f"expected at least {transaction.min_out} base units, was {amount_out} at most")
        return Fill(transaction.signature, int(row["amount_in"]), amount_out)

    def _swap(self, row: dict[str, Any], transaction: Transaction, reserve_in: str) -> dict[str, Any]:
        """What becomes of a transaction and its pool. `reserve_in` names the reserve that takes what goes in."""
        if self._now() > transaction.expires_at:
            raise QuoteExpired("the transaction expired before it was sent")
        stored = _oriented(row, reserve_in)
        swap = constant_product.swap(self._pool(row, reserve_in), transaction.amount_in)
        if swap.amount_out >= stored.reserve_out:
            raise InsufficientLiquidity(f"expected less than {stored.reserve_out} base units to be asked for")
        swapped = swap.amount_out >= transaction.min_out and row["fault"] != "slip"
        after = constant_product.apply(stored, swap) if swapped else stored
        reserve_out = "reserve_b" if reserve_in == "reserve_a" else "reserve_a"
        return {
            "amount_out": swap.amount_out,
            "swapped": swapped,
            reserve_in: after.reserve_in,
            reserve_out: after.reserve_out,
        }

    def _pool(self, row: dict[str, Any], reserve_in: str) -> Pool:
        return constant_product.drifted(_oriented(row, reserve_in), self._drift(reserve_in == "reserve_a"))

    def _drift(self, forward: bool) -> int:
        """A pseudo-random walk of a few basis points, the same for everyone who looks during the same slot."""
        if not self._drift_bps:
            return 0
        slot = int(self._now() // DRIFT_SLOT_SECONDS)
        digest = hashlib.sha256(f"{self.name}:{slot}".encode()).digest()
        drift = int.from_bytes(digest[:4]) % (2 * self._drift_bps + 1) - self._drift_bps
        return drift if forward else -drift

    def _wait(self, seconds: tuple[float, float]) -> None:
        if seconds[1]:
            self._sleep(random.uniform(*seconds))

    def _misbehave(self, step: str, fault: str | None) -> None:
        """Uses up one of the fault's times, if there is one, and does what it says."""
        if fault is None:
            return
        self._database.execute(_USE_UP_FAULT, {"venue": self.name, "step": step})
        if fault == "timeout":
            self._sleep(self._latency.deadline)
            raise VenueUnavailable(f"{self.name} did not answer to {step} within {self._latency.deadline:g} s")
        if fault == "fail":
            raise VenueUnavailable(f"{self.name} refused to {step}")


def _oriented(row: dict[str, Any], reserve_in: str) -> Pool:
    reserves = int(row["reserve_a"]), int(row["reserve_b"])
    return Pool(*(reserves if reserve_in == "reserve_a" else reserves[::-1]), fee_bps=row["fee_bps"])


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
            "INSERT INTO market_pools (venue, token_a, token_b, reserve_a, reserve_b, fee_bps)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (pool.venue, pool.token_a, pool.token_b, pool.reserve_a, pool.reserve_b, pool.fee_bps)
                for pool in pool_settings()
            ],
        )


def set_fault(database: Database, venue: str, step: str, kind: str, times: int | None = None) -> None:
    """Makes a venue misbehave at a step: `fail`, `timeout`, or `slip` (at submit), so many times or until cleared.

    Raises `ValueError` for a venue, step or kind that does not exist.
    """
    for value, known in ((venue, VENUES), (step, STEPS), (kind, FAULTS if step == "submit" else FAULTS[:2])):
        if value not in known:
            raise ValueError(f"expected one of {', '.join(known)}, was {value!r}")
    if times is not None and times < 1:
        raise ValueError(f"expected at least 1 time, was {times}")
    database.execute(
        "INSERT INTO market_faults (venue, step, kind, remaining) VALUES (%(venue)s, %(step)s, %(kind)s, %(times)s)"
        " ON CONFLICT (venue, step) DO UPDATE SET kind = excluded.kind, remaining = excluded.remaining",
        {"venue": venue, "step": step, "kind": kind, "times": times},
    )


def clear_faults(database: Database) -> None:
    database.execute("DELETE FROM market_faults")
