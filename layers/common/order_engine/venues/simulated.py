"""Raydium and Meteora, simulated: pools and a chain in Postgres, shared by everyone who trades on it.

The chain takes each signature once. What it has taken is on record before the sender hears of it, as on Solana.
"""

from __future__ import annotations

import hashlib
import random
import secrets
import time
from collections.abc import Callable, Sequence
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

_HOLD_POOL = """
    SELECT reserve_a, reserve_b, fee_bps,
           EXISTS (SELECT FROM market_transactions WHERE signature = %(signature)s) AS seen
    FROM market_pools WHERE venue = %(venue)s AND token_a = %(a)s AND token_b = %(b)s
    FOR UPDATE"""

# Of two senders of one signature that waited for the pool together, the second changes nothing.
_LAND = """
    WITH landed AS (
        INSERT INTO market_transactions (signature, venue, token_in, token_out, amount_in, amount_out, swapped)
        VALUES (%(signature)s, %(venue)s, %(token_in)s, %(token_out)s, %(amount_in)s, %(amount_out)s, %(swapped)s)
        ON CONFLICT DO NOTHING
        RETURNING signature
    )
    UPDATE market_pools SET reserve_a = %(reserve_a)s, reserve_b = %(reserve_b)s
    FROM landed WHERE market_pools.venue = %(venue)s AND token_a = %(a)s AND token_b = %(b)s"""

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
        rows = self._database.fetch(
            """SELECT reserve_a, reserve_b, fee_bps, kind FROM market_pools
               LEFT JOIN market_faults ON market_faults.venue = market_pools.venue AND step = 'quote'
               WHERE market_pools.venue = %(venue)s AND token_a = %(a)s AND token_b = %(b)s""",
            {"venue": self.name, "a": a, "b": b},
        )
        if not rows:
            raise NoRoute(f"expected a pair with a pool on {self.name}, was {token_in}-{token_out}")
        if rows[0]["kind"]:
            self._misbehave("quote", rows[0]["kind"])
        pool = self._pool(rows[0], token_in, a)
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
        self._check_faults("build")
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
        fault = self._check_faults("submit", handled=("slip", "timeout"))
        self._land(transaction, slip=fault == "slip")
        if fault == "timeout":
            # The worst kind of time-out: the transaction has landed, and the sender does not know.
            self._time_out("submit")

    def confirm(self, transaction: Transaction) -> Fill | None:
        self._wait(self._latency.confirm)
        self._check_faults("confirm")
        rows = self._database.fetch(
            "SELECT amount_in, amount_out, swapped FROM market_transactions WHERE signature = %(signature)s",
            {"signature": transaction.signature},
        )
        if not rows:
            if self._now() > transaction.expires_at:
                raise QuoteExpired("the transaction was not seen on chain before it expired")
            return None
        amount_out = int(rows[0]["amount_out"])
        if not rows[0]["swapped"]:
            raise SlippageExceeded(
                f"expected at least {transaction.min_out} base units, the swap would pay {amount_out}"
            )
        return Fill(transaction.signature, int(rows[0]["amount_in"]), amount_out)

    def _land(self, transaction: Transaction, slip: bool) -> None:
        """Swaps, or puts on record that the swap was refused: all in one transaction that holds the pool."""
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
        with self._database.transaction() as cursor:
            row = cursor.execute(_HOLD_POOL, values).fetchone()
            if row is None:
                raise NoRoute(f"expected a pair with a pool on {self.name}, was {a}-{b}")
            if row["seen"]:
                return
            if self._now() > transaction.expires_at:
                raise QuoteExpired("the transaction expired before it was sent")
            stored = _oriented(row, transaction.token_in, a)
            swap = constant_product.swap(self._pool(row, transaction.token_in, a), transaction.amount_in)
            if swap.amount_out >= stored.reserve_out:
                raise InsufficientLiquidity(f"expected less than {stored.reserve_out} base units to be asked for")
            swapped = swap.amount_out >= transaction.min_out and not slip
            after = constant_product.apply(stored, swap) if swapped else stored
            reserves = (after.reserve_in, after.reserve_out)
            reserve_a, reserve_b = reserves if transaction.token_in == a else reserves[::-1]
            values |= {"amount_out": swap.amount_out, "swapped": swapped}
            cursor.execute(_LAND, {**values, "reserve_a": reserve_a, "reserve_b": reserve_b})

    def _pool(self, row: dict[str, Any], token_in: str, token_a: str) -> Pool:
        return constant_product.drifted(_oriented(row, token_in, token_a), self._drift(token_in == token_a))

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

    def _check_faults(self, step: str, handled: Sequence[str] = ()) -> str | None:
        rows = self._database.fetch(
            "SELECT kind FROM market_faults WHERE venue = %(venue)s AND step = %(step)s",
            {"venue": self.name, "step": step},
        )
        return self._misbehave(step, rows[0]["kind"], handled) if rows else None

    def _misbehave(self, step: str, kind: str, handled: Sequence[str] = ()) -> str:
        """Uses up one of the fault's times."""
        self._database.execute(
            """WITH used_up AS (
                   DELETE FROM market_faults WHERE venue = %(venue)s AND step = %(step)s AND remaining = 1
               )
               UPDATE market_faults SET remaining = remaining - 1
               WHERE venue = %(venue)s AND step = %(step)s AND remaining > 1""",
            {"venue": self.name, "step": step},
        )
        if kind in handled:
            return kind
        if kind == "timeout":
            self._time_out(step)
        raise VenueUnavailable(f"{self.name} refused to {step}")

    def _time_out(self, step: str) -> None:
        self._sleep(self._latency.deadline)
        raise VenueUnavailable(f"{self.name} did not answer to {step} within {self._latency.deadline:g} s")


def _oriented(row: dict[str, Any], token_in: str, token_a: str) -> Pool:
    reserves = int(row["reserve_a"]), int(row["reserve_b"])
    return Pool(*(reserves if token_in == token_a else reserves[::-1]), fee_bps=row["fee_bps"])


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
