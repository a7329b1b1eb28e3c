from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from typing import Any

import pytest

from order_engine.dex import constant_product
from order_engine.dex.constant_product import Pool
from order_engine.domain.errors import (
    AmountTooSmall,
    InsufficientLiquidity,
    NoRoute,
    QuoteExpired,
    SlippageExceeded,
    StoreUnavailable,
    VenueUnavailable,
)
from order_engine.domain.money import TOKENS, U64_MAX
from order_engine.storage.database import Database
from order_engine.venues.base import Fill, Quote, Transaction
from order_engine.venues.simulated import (
    DRIFT_SLOT_SECONDS,
    LATENCIES,
    QUOTE_LIFETIME_SECONDS,
    STEPS,
    TRANSACTION_LIFETIME_SECONDS,
    VENUES,
    Latency,
    SimulatedVenue,
    clear_faults,
    set_fault,
)
from tests.integration.support import at_once, closed_port

Connect = Callable[[], Database]
SOL = 10**9


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def venue(database: Database, clock: Clock) -> SimulatedVenue:
    return SimulatedVenue("raydium", database, LATENCIES["instant"], now=clock, sleep=clock.sleep)


def signed(venue: SimulatedVenue, amount: int = SOL, min_out: int = 0, pair: str = "SOL-USDC") -> Transaction:
    token_in, token_out = pair.split("-")
    return venue.build(venue.quote(token_in, token_out, amount), min_out)


def pools(database: Database) -> dict[tuple[str, str, str], tuple[int, int]]:
    rows = database.fetch("SELECT * FROM market_pools")
    return {
        (row["venue"], row["token_a"], row["token_b"]): (int(row["reserve_a"]), int(row["reserve_b"])) for row in rows
    }


def pool(database: Database, venue: str, token_in: str, token_out: str) -> Pool:
    a, b = sorted((token_in, token_out))
    (row,) = database.fetch(
        "SELECT * FROM market_pools WHERE venue = %(venue)s AND token_a = %(a)s AND token_b = %(b)s",
        {"venue": venue, "a": a, "b": b},
    )
    reserves = {a: int(row["reserve_a"]), b: int(row["reserve_b"])}
    return Pool(reserves[token_in], reserves[token_out], row["fee_bps"])


def landed(database: Database) -> list[dict[str, Any]]:
    return database.fetch("SELECT * FROM market_transactions")


# Quotes


@pytest.mark.parametrize("pair", ["SOL-USDC", "USDC-SOL", "BONK-mSOL", "mSOL-BONK"])
@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize("amount", [10**6, 10**9, 10**13])
def test_a_quote_is_what_the_pool_would_pay(
    database: Database, clock: Clock, name: str, pair: str, amount: int
) -> None:
    token_in, token_out = pair.split("-")
    quote = SimulatedVenue(name, database, Latency(), now=clock).quote(token_in, token_out, amount)
    of = pool(database, name, token_in, token_out)
    net = amount - -(-amount * of.fee_bps // 10_000)
    assert quote.amount_out == of.reserve_out * net // (of.reserve_in + net)
    assert (quote.fee, quote.fee_bps) == (amount - net, of.fee_bps)
    assert quote.price_impact_bps == 10_000 * net // (of.reserve_in + net)
    assert (quote.venue, quote.pool, quote.depth) == (
        name,
        f"{name}:{'-'.join(sorted((token_in, token_out)))}",
        of.reserve_out,
    )
    assert (quote.token_in, quote.token_out, quote.amount_in) == (token_in, token_out, amount)
    assert quote.expires_at == clock.now + QUOTE_LIFETIME_SECONDS


@pytest.mark.parametrize(("a", "b"), list(combinations(sorted(TOKENS), 2)))
def test_every_pair_has_a_pool_on_both_venues_at_different_prices(database: Database, a: str, b: str) -> None:
    raydium, meteora = (pool(database, name, a, b) for name in VENUES)
    assert Fraction(raydium.reserve_out, raydium.reserve_in) > Fraction(meteora.reserve_out, meteora.reserve_in)
    assert raydium.reserve_out > meteora.reserve_out
    assert raydium.fee_bps > meteora.fee_bps


def test_a_quote_changes_no_pool(venue: SimulatedVenue, database: Database) -> None:
    before = pools(database)
    venue.quote("SOL", "USDC", SOL)
    assert pools(database) == before


def test_a_pair_without_a_pool_has_no_route(venue: SimulatedVenue, database: Database) -> None:
    transaction = signed(venue)
    database.execute("DELETE FROM market_pools WHERE token_a = 'SOL' AND token_b = 'USDC'")
    with pytest.raises(NoRoute, match="raydium, was SOL-USDC"):
        venue.quote("SOL", "USDC", SOL)
    with pytest.raises(NoRoute):
        venue.submit(transaction)


def test_an_amount_that_pays_nothing_is_too_small(venue: SimulatedVenue) -> None:
    with pytest.raises(AmountTooSmall, match="one base unit of SOL, was 1"):
        venue.quote("BONK", "SOL", 1)


def test_even_the_largest_amount_never_empties_a_pool(venue: SimulatedVenue, database: Database) -> None:
    transaction = signed(venue, U64_MAX, pair="BONK-SOL")
    venue.submit(transaction)
    after = pool(database, "raydium", "BONK", "SOL")
    assert after.reserve_out > 0
    fill = venue.confirm(transaction)
    assert fill is not None
    assert fill.amount_out < pools(database)["raydium", "BONK", "SOL"][1] + fill.amount_out


def test_a_drift_beyond_the_reserve_is_refused(database: Database, clock: Clock) -> None:
    database.execute("UPDATE market_pools SET reserve_a = 1 WHERE venue = 'raydium' AND token_a = 'SOL'")
    venue = SimulatedVenue("raydium", database, Latency(), drift_bps=10_000, now=clock)
    transaction = Transaction("s", "raydium", "p", "SOL", "USDC", SOL, 0, clock.now + 1)
    for _ in range(50):
        try:
            venue.submit(transaction)
        except InsufficientLiquidity:
            return
        database.execute("DELETE FROM market_transactions")
        clock.now += DRIFT_SLOT_SECONDS
        transaction = replace(transaction, expires_at=clock.now + 1)
    pytest.fail("expected one slot among fifty to drift upwards")


# Signing


@pytest.mark.parametrize(
    ("pair", "instructions"),
    [
        ("SOL-USDC", ["wrap SOL", "swap SOL for USDC on raydium:SOL-USDC"]),
        ("USDC-SOL", ["swap USDC for SOL on raydium:SOL-USDC", "unwrap SOL"]),
        ("USDC-USDT", ["swap USDC for USDT on raydium:USDC-USDT"]),
    ],
)
def test_native_sol_is_wrapped_and_unwrapped(venue: SimulatedVenue, pair: str, instructions: list[str]) -> None:
    assert signed(venue, pair=pair).instructions == instructions


def test_building_signs_and_sends_nothing(venue: SimulatedVenue, database: Database, clock: Clock) -> None:
    before = pools(database)
    quote = venue.quote("SOL", "USDC", SOL)
    first, second = venue.build(quote, 7), venue.build(quote, 7)
    assert first.signature != second.signature
    assert (first.venue, first.pool, first.amount_in, first.min_out) == ("raydium", quote.pool, SOL, 7)
    assert first.expires_at == clock.now + TRANSACTION_LIFETIME_SECONDS
    assert (pools(database), landed(database)) == (before, [])


def test_a_signature_looks_like_solanas(venue: SimulatedVenue) -> None:
    for _ in range(50):
        signature = signed(venue).signature
        assert 86 <= len(signature) <= 88
        assert set(signature) <= set("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")


def test_an_old_quote_is_not_signed(venue: SimulatedVenue, clock: Clock) -> None:
    quote = venue.quote("SOL", "USDC", SOL)
    clock.now = quote.expires_at
    venue.build(quote, 0)
    clock.now += 0.001
    with pytest.raises(QuoteExpired, match="30 s"):
        venue.build(quote, 0)


# Swaps


@pytest.mark.parametrize("pair", ["SOL-USDC", "USDC-SOL"])
def test_a_swap_changes_its_pool_alone_and_conserves_every_unit(
    venue: SimulatedVenue, database: Database, pair: str
) -> None:
    token_in, token_out = pair.split("-")
    before, of = pools(database), pool(database, "raydium", token_in, token_out)
    quote = venue.quote(token_in, token_out, SOL)
    transaction = venue.build(quote, quote.amount_out)
    venue.submit(transaction)
    fill = venue.confirm(transaction)
    assert fill == Fill(transaction.signature, SOL, quote.amount_out)
    after = pool(database, "raydium", token_in, token_out)
    assert after == Pool(of.reserve_in + SOL, of.reserve_out - fill.amount_out, of.fee_bps)
    untouched = {key: reserves for key, reserves in pools(database).items() if key != ("raydium", "SOL", "USDC")}
    assert untouched == {key: reserves for key, reserves in before.items() if key != ("raydium", "SOL", "USDC")}


def test_the_next_quote_knows_of_the_swap(venue: SimulatedVenue) -> None:
    first = venue.quote("SOL", "USDC", 1000 * SOL)
    venue.submit(venue.build(first, 0))
    assert venue.quote("SOL", "USDC", 1000 * SOL).amount_out < first.amount_out


def test_a_fill_is_at_the_price_when_it_lands_not_when_it_was_quoted(venue: SimulatedVenue) -> None:
    quote = venue.quote("SOL", "USDC", SOL)
    venue.submit(signed(venue, 1000 * SOL))
    transaction = venue.build(quote, 0)
    venue.submit(transaction)
    fill = venue.confirm(transaction)
    assert fill is not None
    assert fill.amount_out < quote.amount_out


def test_the_same_signature_swaps_once(venue: SimulatedVenue, database: Database) -> None:
    transaction = signed(venue)
    venue.submit(transaction)
    after, fill = pools(database), venue.confirm(transaction)
    for _ in range(3):
        venue.submit(transaction)
    assert (pools(database), venue.confirm(transaction), len(landed(database))) == (after, fill, 1)


@pytest.mark.parametrize("min_out", [0, U64_MAX], ids=["swapped", "refused"])
def test_the_same_signature_from_ten_senders_at_once_lands_once(
    venue: SimulatedVenue, database: Database, connect: Connect, min_out: int
) -> None:
    of = pool(database, "raydium", "SOL", "USDC")
    transaction = signed(venue, min_out=min_out)
    senders = [SimulatedVenue("raydium", connect(), Latency(), now=lambda: transaction.expires_at) for _ in range(10)]
    at_once(10, lambda number: senders[number].submit(transaction))
    (row,) = landed(database)
    assert row["swapped"] is (min_out == 0)
    after = pool(database, "raydium", "SOL", "USDC")
    moved = (after.reserve_in - of.reserve_in, of.reserve_out - after.reserve_out)
    assert moved == ((SOL, int(row["amount_out"])) if row["swapped"] else (0, 0))


@pytest.mark.parametrize("seed", range(3))
def test_swaps_that_come_at_once_happen_one_after_the_other(
    database: Database, connect: Connect, clock: Clock, seed: int
) -> None:
    """THEN some order of them leads from the first reserves to the last, each paying what it was paid."""
    chance = random.Random(seed)
    start = pool(database, "raydium", "SOL", "USDC")
    venues = [SimulatedVenue("raydium", connect(), Latency(), now=clock) for _ in range(20)]
    pairs = [("SOL", "USDC"), ("USDC", "SOL")]
    transactions = []
    for number, venue in enumerate(venues):
        token_in, token_out = pairs[number % 2]
        share = start.reserve_in if token_in == "SOL" else start.reserve_out
        transactions.append(venue.build(venue.quote(token_in, token_out, share // chance.randrange(50, 500)), 0))
    at_once(20, lambda number: venues[number].submit(transactions[number]))

    left = landed(database)
    state = start
    assert len(left) == 20
    while left:
        state, row = next(
            (constant_product.apply(oriented, swap), row)
            for row in left
            for oriented in [state if row["token_in"] == "SOL" else turned(state)]
            for swap in [constant_product.swap(oriented, int(row["amount_in"]))]
            if swap.amount_out == int(row["amount_out"])
        )
        state = state if row["token_in"] == "SOL" else turned(state)
        left.remove(row)
    assert pool(database, "raydium", "SOL", "USDC") == state


def turned(pool: Pool) -> Pool:
    return replace(pool, reserve_in=pool.reserve_out, reserve_out=pool.reserve_in)


@pytest.mark.parametrize("missing", [0, 1])
def test_a_swap_never_pays_less_than_min_out(venue: SimulatedVenue, database: Database, missing: int) -> None:
    before = pools(database)
    quote = venue.quote("SOL", "USDC", SOL)
    transaction = venue.build(quote, quote.amount_out + missing)
    venue.submit(transaction)
    if missing:
        for _ in range(2):
            with pytest.raises(
                SlippageExceeded, match=f"at least {quote.amount_out + 1} base units, was {quote.amount_out}"
            ):
                venue.confirm(transaction)
        venue.submit(transaction)
        assert pools(database) == before
    else:
        assert venue.confirm(transaction) == Fill(transaction.signature, SOL, quote.amount_out)
        assert pools(database) != before


def test_an_expired_transaction_is_refused_and_can_no_longer_land(
    venue: SimulatedVenue, database: Database, clock: Clock
) -> None:
    before = pools(database)
    transaction = signed(venue)
    clock.now = transaction.expires_at + 0.001
    with pytest.raises(QuoteExpired, match="expired before it was sent"):
        venue.submit(transaction)
    with pytest.raises(QuoteExpired, match="not seen on chain"):
        venue.confirm(transaction)
    assert (pools(database), landed(database)) == (before, [])


def test_a_transaction_may_be_sent_until_the_moment_it_expires(venue: SimulatedVenue, clock: Clock) -> None:
    transaction = signed(venue)
    clock.now = transaction.expires_at
    assert venue.confirm(transaction) is None
    venue.submit(transaction)
    clock.now += 3600
    venue.submit(transaction)
    assert venue.confirm(transaction) is not None


def test_what_was_never_sent_has_not_landed_yet(venue: SimulatedVenue) -> None:
    assert venue.confirm(signed(venue)) is None


# Prices that move


def drifting(database: Database, clock: Clock, name: str = "raydium", bps: int = 20) -> SimulatedVenue:
    return SimulatedVenue(name, database, Latency(), bps, now=clock)


def test_prices_are_the_same_for_all_within_a_slot(database: Database, connect: Connect, clock: Clock) -> None:
    first = drifting(database, clock).quote("SOL", "USDC", SOL)
    clock.now += DRIFT_SLOT_SECONDS - 0.001
    assert drifting(connect(), clock).quote("SOL", "USDC", SOL).amount_out == first.amount_out


def test_prices_move_between_slots_within_their_bounds(database: Database, clock: Clock) -> None:
    still = SimulatedVenue("raydium", database, Latency(), now=clock).quote("SOL", "USDC", SOL).amount_out
    found = set()
    for _ in range(100):
        clock.now += DRIFT_SLOT_SECONDS
        quote = drifting(database, clock).quote("SOL", "USDC", SOL)
        assert abs(Fraction(quote.amount_out, still) - 1) <= Fraction(21, 10_000)
        found.add(quote.amount_out)
    assert len(found) > 20
    assert min(found) < still < max(found)


def test_the_venues_do_not_move_together(database: Database, clock: Clock) -> None:
    winners = set()
    for _ in range(100):
        clock.now += DRIFT_SLOT_SECONDS
        quotes = [drifting(database, clock, name).quote("SOL", "USDC", SOL) for name in VENUES]
        winners.add(max(quotes, key=lambda quote: quote.amount_out).venue)
    assert winners == set(VENUES)


def test_a_swap_within_the_slot_pays_what_was_quoted(database: Database, clock: Clock) -> None:
    of = pool(database, "raydium", "SOL", "USDC")
    venue = drifting(database, clock)
    quote = venue.quote("SOL", "USDC", SOL)
    transaction = venue.build(quote, quote.amount_out)
    venue.submit(transaction)
    assert venue.confirm(transaction) == Fill(transaction.signature, SOL, quote.amount_out)
    assert pool(database, "raydium", "SOL", "USDC").reserve_out == of.reserve_out - quote.amount_out


# Misbehaviour


def use(venue: SimulatedVenue, step: str, quote: Quote, transaction: Transaction) -> None:
    match step:
        case "quote":
            venue.quote("SOL", "USDC", SOL)
        case "build":
            venue.build(quote, 0)
        case "submit":
            venue.submit(transaction)
        case "confirm":
            venue.confirm(transaction)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("kind", "message"), [("fail", "refused to"), ("timeout", "did not answer to")])
def test_a_venue_misbehaves_as_often_as_it_was_told(
    venue: SimulatedVenue, database: Database, step: str, kind: str, message: str
) -> None:
    quote = venue.quote("SOL", "USDC", SOL)
    transactions = [venue.build(quote, 0) for _ in range(3)]
    set_fault(database, "raydium", step, kind, times=2)
    for transaction in transactions[:2]:
        with pytest.raises(VenueUnavailable, match=f"raydium {message} {step}"):
            use(venue, step, quote, transaction)
    use(venue, step, quote, transactions[2])
    assert database.fetch("SELECT * FROM market_faults") == []


def test_a_venue_misbehaves_alone(venue: SimulatedVenue, database: Database) -> None:
    for step in STEPS:
        set_fault(database, "meteora", step, "fail")
    transaction = signed(venue)
    venue.submit(transaction)
    assert venue.confirm(transaction) is not None


@pytest.mark.parametrize("step", STEPS)
def test_a_venue_misbehaves_at_one_step_alone(venue: SimulatedVenue, database: Database, step: str) -> None:
    quote = venue.quote("SOL", "USDC", SOL)
    transaction = venue.build(quote, 0)
    for other in STEPS:
        if other != step:
            set_fault(database, "raydium", other, "fail")
    use(venue, step, quote, transaction)


def test_a_fault_without_a_number_lasts_until_it_is_cleared(venue: SimulatedVenue, database: Database) -> None:
    set_fault(database, "raydium", "quote", "fail")
    for _ in range(5):
        with pytest.raises(VenueUnavailable):
            venue.quote("SOL", "USDC", SOL)
    clear_faults(database)
    venue.quote("SOL", "USDC", SOL)


def test_a_new_fault_takes_the_place_of_the_old_one(venue: SimulatedVenue, database: Database) -> None:
    set_fault(database, "raydium", "quote", "fail", times=9)
    set_fault(database, "raydium", "quote", "timeout", times=1)
    with pytest.raises(VenueUnavailable, match="did not answer"):
        venue.quote("SOL", "USDC", SOL)
    venue.quote("SOL", "USDC", SOL)


def test_a_venue_that_refuses_to_submit_has_not_swapped(venue: SimulatedVenue, database: Database) -> None:
    before, transaction = pools(database), signed(venue)
    set_fault(database, "raydium", "submit", "fail", times=1)
    with pytest.raises(VenueUnavailable):
        venue.submit(transaction)
    assert (pools(database), venue.confirm(transaction)) == (before, None)


def test_a_submit_that_times_out_has_swapped_all_the_same(
    venue: SimulatedVenue, database: Database, clock: Clock
) -> None:
    transaction = signed(venue)
    set_fault(database, "raydium", "submit", "timeout")
    with pytest.raises(VenueUnavailable, match="within 0.5 s"):
        venue.submit(transaction)
    assert clock.slept == [0.5]
    assert venue.confirm(transaction) is not None
    venue.submit(transaction)
    assert clock.slept == [0.5]


def test_a_slip_refuses_the_swap_for_good(venue: SimulatedVenue, database: Database) -> None:
    before, transaction = pools(database), signed(venue)
    set_fault(database, "raydium", "submit", "slip", times=1)
    venue.submit(transaction)
    venue.submit(transaction)
    with pytest.raises(SlippageExceeded):
        venue.confirm(transaction)
    assert pools(database) == before
    again = signed(venue)
    venue.submit(again)
    assert venue.confirm(again) is not None


@pytest.mark.parametrize(
    ("venue", "step", "kind", "times", "message"),
    [
        ("orca", "quote", "fail", None, "expected one of raydium, meteora, was 'orca'"),
        ("raydium", "sign", "fail", None, "expected one of quote, build, submit, confirm, was 'sign'"),
        ("raydium", "quote", "explode", None, "expected one of fail, timeout, was 'explode'"),
        ("raydium", "quote", "slip", None, "expected one of fail, timeout, was 'slip'"),
        ("raydium", "quote", "fail", 0, "expected at least 1 time, was 0"),
    ],
)
def test_a_fault_that_does_not_exist_is_refused(
    database: Database, venue: str, step: str, kind: str, times: int | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        set_fault(database, venue, step, kind, times)
    assert database.fetch("SELECT * FROM market_faults") == []


# Time


def test_the_instant_market_never_waits(venue: SimulatedVenue, clock: Clock) -> None:
    transaction = signed(venue)
    venue.submit(transaction)
    venue.confirm(transaction)
    assert clock.slept == []


def test_the_realistic_market_takes_its_time(database: Database, clock: Clock) -> None:
    venue = SimulatedVenue("raydium", database, LATENCIES["realistic"], now=clock, sleep=clock.sleep)
    transaction = signed(venue)
    venue.submit(transaction)
    venue.confirm(transaction)
    quote, build, confirm = clock.slept
    assert 2 <= quote <= 3
    assert 1 <= build <= 2
    assert 2 <= confirm <= 4


def test_without_the_chain_a_venue_is_no_answer() -> None:
    with closed_port() as port:
        venue = SimulatedVenue("raydium", Database(f"host=127.0.0.1 port={port} user=postgres"), Latency())
        with pytest.raises(StoreUnavailable):
            venue.quote("SOL", "USDC", SOL)
