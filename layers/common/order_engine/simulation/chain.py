"""A simulated chain. As on Solana, a signature is carried out once, and recorded before its sender hears of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import groupby
from json import dumps
from uuid import UUID

from order_engine.dex.errors import DexError
from order_engine.dex.pool import Pool
from order_engine.domain.errors import NoRoute, QuoteExpired, SlippageExceeded
from order_engine.domain.money import describe
from order_engine.domain.quotes import NO_COSTS, Costs, PlannedSwap, Quote
from order_engine.domain.tokens import pool_token, token
from order_engine.domain.transactions import Fill, Transaction
from order_engine.simulation.base58 import random_base58
from order_engine.simulation.faults import STORED_FAULTS
from order_engine.simulation.market import PERIODS_AHEAD, SLOT_SECONDS, Market
from order_engine.simulation.stored_pools import POOL

TRANSACTION_LIFETIME_SLOTS = 150
"""How long a Solana blockhash is valid."""

_FAULTS = f"SELECT {STORED_FAULTS}"

_POOLS_TO_LAND_IN = f"""
    SELECT {POOL}, {STORED_FAULTS},
           (SELECT slot FROM market_transactions WHERE signature = %(signature)s) AS recorded_slot,
           clock_timestamp() AS read_at
    FROM market_pools AS pool WHERE id = ANY(%(ids)s)"""

# Of two senders of one signature the second conflicts. Of two swaps in a pool the second finds another version. The
# slot is the one in which the pools are locked: a sender may wait for them, or have been frozen, past the last slot.
_LAND = f"""
    WITH moved AS MATERIALIZED (
        SELECT * FROM json_to_recordset(%(moved)s) AS pool (id text, version bigint, state json)
    ), held AS MATERIALIZED (
        SELECT FROM market_pools AS pool JOIN moved USING (id, version) ORDER BY id FOR UPDATE OF pool
    ), locked AS MATERIALIZED (
        SELECT count(*) AS pools,
               floor((%(now)s + extract(epoch FROM clock_timestamp() - %(read_at)s)) / %(slot_seconds)s)::bigint AS slot
        FROM held
    ), landed AS (
        INSERT INTO market_transactions (signature, slot, landed_at, amount_in, amount_out, swapped, swaps)
        SELECT %(signature)s, slot, floor(%(now)s), %(amount_in)s, %(amount_out)s, %(swapped)s, %(swaps)s
        FROM locked
        WHERE pools = (SELECT count(*) FROM moved) AND slot <= %(last_valid_height)s
        ON CONFLICT DO NOTHING
        RETURNING signature
    )
    UPDATE market_pools AS pool
    SET state = moved.state, version = pool.version + 1,
        period = CASE WHEN period BETWEEN %(period)s AND %(period)s + {PERIODS_AHEAD} THEN period ELSE %(period)s END
    FROM landed, moved WHERE pool.id = moved.id
    RETURNING pool.id, pool.xmin::text AS written, pool.version, period"""

# Recorded like a result, so that a sender that is late conflicts. Waits for a sender that is landing.
_EXPIRE = """
    INSERT INTO market_transactions (signature, slot, landed_at, amount_in, amount_out, swapped, swaps)
    VALUES (%(signature)s, %(slot)s, %(now)s, %(amount_in)s, 0, FALSE, '[]') ON CONFLICT DO NOTHING"""

_RESULT = f"""
    SELECT {STORED_FAULTS}, amount_in, amount_out, swapped, slot
    FROM (SELECT) AS one LEFT JOIN market_transactions ON signature = %(signature)s"""


class SimulatedChain:
    """A `Chain`."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def costs(self, quote: Quote) -> Costs:
        return NO_COSTS

    def build(self, quote: Quote, min_out: int, order_id: UUID) -> Transaction:
        self._market.wait(self._market.latency.build)
        (row,) = self._market.database.fetch(_FAULTS, {"venue": quote.venue, "step": "build"})
        self._market.faults.check(row["faults"])
        quote.check(self._market.now())
        return Transaction.of(
            quote,
            min_out,
            signature=random_base58(64),
            last_valid_height=self._market.slot + TRANSACTION_LIFETIME_SLOTS,
            instructions=_instructions(quote),
        )

    def submit(self, transaction: Transaction) -> None:
        """Swaps, or records that the swap was refused, by compare-and-set on the versions of the pools."""
        market, known = self._market, self._market.stored_pools
        ids = sorted({swap.pool for swap in transaction.swaps})
        values = {
            "signature": transaction.signature,
            "venue": transaction.venue,
            "step": "submit",
            "ids": ids,
            "amount_in": transaction.amount_in,
            "last_valid_height": transaction.last_valid_height,
            "slot_seconds": SLOT_SECONDS,
        }
        while True:
            rows = {row["id"]: row for row in market.database.fetch(_POOLS_TO_LAND_IN, values | {"known": known.known})}
            if missing := [id for id in ids if id not in rows]:
                raise NoRoute(f"no pools named {', '.join(missing)}")
            row = rows[ids[0]]
            now, recorded_slot = market.now(), row["recorded_slot"]
            if (market.slot_at(now) if recorded_slot is None else recorded_slot) > transaction.last_valid_height:
                raise QuoteExpired("the transaction expired before it was sent")
            if recorded_slot is not None:
                return
            faults = market.faults.occurring(row["faults"])[:1]
            kind = faults[0]["kind"] if faults else None
            if kind in ("fail", "drop"):
                market.faults.strike(faults)
                return
            period = market.flow.period(now)
            stored = {id: known.read(rows[id]) for id in ids}
            before = {id: market.pool(id, pool, period) for id, pool in stored.items()}
            token_a = {id: pool.token_a for id, pool in stored.items()}
            swaps, after = _carried_out(transaction, before, token_a, int(now))
            amount_out, least = sum(swap.amount_out for swap in _last_hop(swaps)), _least(transaction)
            if kind == "slip":
                # The price moves just before the swap, by as much as it takes.
                amount_out = min(amount_out, least - 1)
            swapped = amount_out >= least
            states = after if swapped else before
            landing = {
                "now": now,
                "read_at": row["read_at"],
                "amount_out": amount_out,
                "swapped": swapped,
                "swaps": dumps([swap.dump() for swap in swaps]),
                "period": period,
                "moved": dumps(
                    [{"id": id, "version": stored[id].version, "state": states[id].to_json()} for id in ids]
                ),
            }
            if landed := market.database.fetch(_LAND, {**values, **landing}):
                break
            # Another swap came first: try again at the price that it left. Or the last slot has passed meanwhile.
        for row in landed:
            id = row.pop("id")
            known.keep(id, stored[id]._replace(**row, pool=states[id]))
        # The worst kind of timeout: the transaction has landed, and the sender does not know.
        market.faults.strike(faults)

    def confirm(self, transaction: Transaction) -> Fill | None:
        market = self._market
        values = {
            "signature": transaction.signature,
            "venue": transaction.venue,
            "step": "confirm",
            "amount_in": transaction.amount_in,
        }
        (row,) = market.database.fetch(_RESULT, values)
        market.faults.check(row["faults"])
        if row["slot"] is None:
            now = market.now()
            slot = market.slot_at(now)
            if slot <= transaction.last_valid_height:
                return None
            market.database.execute(_EXPIRE, {**values, "slot": slot, "now": int(now)})
            (row,) = market.database.fetch(_RESULT, values)
        if row["slot"] > transaction.last_valid_height:
            raise QuoteExpired("the transaction was not seen on chain before it expired")
        amount_out = int(row["amount_out"])
        shortest, longest = market.latency.confirm
        elapsed = (market.slot - row["slot"]) * SLOT_SECONDS
        # A random number that is the same each time.
        if 0 <= elapsed < longest and elapsed < random.Random(transaction.signature).uniform(shortest, longest):
            return None
        if not row["swapped"]:
            of = token(transaction.token_out)
            least = describe(_least(transaction), of)
            raise SlippageExceeded(f"expected at least {least}, was {describe(amount_out, of)}")
        return Fill(transaction.signature, int(row["amount_in"]), amount_out, row["slot"])


def _least(transaction: Transaction) -> int:
    """The least that the transaction pays, in base units: never nothing, whatever the slippage."""
    return max(transaction.min_out, 1)


def _carried_out(
    transaction: Transaction, pools: dict[str, Pool], token_a: dict[str, str], now: int
) -> tuple[list[PlannedSwap], dict[str, Pool]]:
    """The swaps with their real amounts, and the pools after them; no swap if a pool refuses one."""
    done: list[PlannedSwap] = []
    after, amount = dict(pools), transaction.amount_in
    try:
        for _, hop in groupby(transaction.swaps, _tokens):
            for planned, amount_in in _shares(list(hop), amount):
                a_to_b = planned.token_in == token_a[planned.pool]
                swap, after[planned.pool] = after[planned.pool].swap(amount_in, a_to_b, now)
                done.append(planned._replace(amount_in=amount_in, amount_out=swap.amount_out))
            amount = sum(swap.amount_out for swap in _last_hop(done))
    except (DexError, ValueError):
        return [], pools
    return done, after


def _shares(hop: Sequence[PlannedSwap], amount: int) -> list[tuple[PlannedSwap, int]]:
    """Splits an amount in proportion to the quote; the last swap takes the remainder."""
    quoted = sum(swap.amount_in for swap in hop)
    shares = [amount * swap.amount_in // quoted for swap in hop[:-1]]
    return list(zip(hop, [*shares, amount - sum(shares)], strict=True))


def _last_hop(swaps: Sequence[PlannedSwap]) -> list[PlannedSwap]:
    return [swap for swap in swaps if _tokens(swap) == _tokens(swaps[-1])]


def _tokens(swap: PlannedSwap) -> tuple[str, str]:
    return swap.token_in, swap.token_out


def _instructions(quote: Quote) -> list[str]:
    """The transaction's instructions in order. They wrap native SOL before the swaps and unwrap it after them."""
    native = "SOL" in (quote.token_in, quote.token_out)
    amount = describe(quote.amount_in, token(quote.token_in))
    wrap = [f"transfer {amount} to the wSOL account", "sync the wSOL account"] if quote.token_in == "SOL" else []
    return [
        *(["create the wSOL account"] if native else []),
        *wrap,
        *(f"swap {_wrapped(swap.token_in)} for {_wrapped(swap.token_out)} in {swap.pool}" for swap in quote.swaps),
        *(["close the wSOL account"] if native else []),
    ]


def _wrapped(symbol: str) -> str:
    return "wSOL" if symbol == pool_token("wSOL") else symbol
