"""A chain that fails, is slow, or is unreachable."""

from __future__ import annotations

import pytest

from order_engine.domain.errors import SlippageExceeded, StoreUnavailable, VenueUnavailable
from order_engine.domain.transactions import Transaction
from order_engine.simulation.chain import SimulatedChain
from order_engine.simulation.faults import clear_faults, set_fault
from order_engine.simulation.market import LATENCIES, SLOT_SECONDS, Market
from order_engine.simulation.pools import VENUES
from order_engine.storage.database import Database
from tests.support.network import closed_port
from tests.support.simulation import (
    AMM,
    DLMM,
    ORDER,
    SOL,
    STEPS,
    Clock,
    landed,
    market_of,
    pools,
    quoted,
    sent,
    signed,
)


def use(chain: SimulatedChain, step: str, market: Market, transaction: Transaction) -> None:
    match step:
        case "build":
            chain.build(quoted(market, "SOL-USDC", SOL, [AMM]), 0, ORDER)
        case "submit":
            chain.submit(transaction)
        case "confirm":
            chain.confirm(transaction)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("kind", "message"), [("fail", "refused to"), ("timeout", "did not answer to")])
def test_a_chain_fault_strikes_as_often_as_it_was_set(
    market: Market, chain: SimulatedChain, database: Database, step: str, kind: str, message: str
) -> None:
    transactions = [signed(market) for _ in range(3)]
    set_fault(database, "raydium", step, kind, times=2)
    for transaction in transactions[:2]:
        with pytest.raises(VenueUnavailable, match=f"raydium {message} {step}"):
            use(chain, step, market, transaction)
    use(chain, step, market, transactions[2])
    assert database.fetch("SELECT * FROM market_faults") == []


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("venue", VENUES)
def test_a_fault_of_any_venue_on_the_route_fails_it(
    market: Market, chain: SimulatedChain, database: Database, step: str, venue: str
) -> None:
    quote = quoted(market, "SOL-USDC", SOL, [AMM, DLMM])
    transaction = chain.build(quote, 0, ORDER)
    set_fault(database, venue, step, "fail", times=1)
    with pytest.raises(VenueUnavailable, match=f"{venue} refused to {step}"):
        chain.build(quote, 0, ORDER) if step == "build" else use(chain, step, market, transaction)
    chain.submit(transaction)
    assert chain.confirm(transaction) is not None


def test_a_fault_affects_only_its_venue(market: Market, database: Database) -> None:
    for step in STEPS:
        set_fault(database, "meteora", step, "fail")
    assert sent(market, signed(market)) is not None


@pytest.mark.parametrize("step", STEPS)
def test_a_fault_affects_only_its_step(market: Market, chain: SimulatedChain, database: Database, step: str) -> None:
    transaction = signed(market)
    for other in ("quote", *STEPS):
        if other != step:
            set_fault(database, "raydium", other, "fail")
    use(chain, step, market, transaction)


def test_a_refused_submission_does_not_swap(market: Market, database: Database) -> None:
    before, transaction = pools(database), signed(market)
    set_fault(database, "raydium", "submit", "fail", times=1)
    with pytest.raises(VenueUnavailable):
        sent(market, transaction)
    assert (pools(database), landed(database)) == (before, [])
    assert SimulatedChain(market).confirm(transaction) is None


def test_a_submission_that_times_out_has_swapped(
    market: Market, chain: SimulatedChain, database: Database, clock: Clock
) -> None:
    transaction = signed(market)
    set_fault(database, "raydium", "submit", "timeout")
    with pytest.raises(VenueUnavailable, match="within 0.5 s"):
        chain.submit(transaction)
    assert clock.slept == [0.5]
    assert chain.confirm(transaction) is not None
    chain.submit(transaction)
    assert clock.slept == [0.5]


def test_a_dropped_transaction_lands_once_it_is_sent_again(
    market: Market, chain: SimulatedChain, database: Database
) -> None:
    before, transaction = pools(database), signed(market)
    set_fault(database, "raydium", "submit", "drop", times=2)
    for _ in range(2):
        chain.submit(transaction)
        assert chain.confirm(transaction) is None
    assert (pools(database), landed(database)) == (before, [])
    assert sent(market, transaction) is not None
    assert database.fetch("SELECT * FROM market_faults") == []


def test_a_slip_refuses_the_transaction_permanently(market: Market, chain: SimulatedChain, database: Database) -> None:
    before, transaction = pools(database), signed(market)
    set_fault(database, "raydium", "submit", "slip", times=1)
    chain.submit(transaction)
    chain.submit(transaction)
    with pytest.raises(SlippageExceeded):
        chain.confirm(transaction)
    assert pools(database) == before
    assert sent(market, signed(market)) is not None


@pytest.mark.parametrize(
    ("min_out", "message"),
    [
        (254_000_000, "expected at least 254 USDC, was 253.999999 USDC"),
        (1, "expected at least 0.000001 USDC, was 0 USDC"),
        (0, "expected at least 0.000001 USDC, was 0 USDC"),
    ],
)
def test_a_slip_says_what_was_expected_and_a_smaller_amount_that_came(
    market: Market, chain: SimulatedChain, database: Database, min_out: int, message: str
) -> None:
    transaction = chain.build(quoted(market, "SOL-USDC", SOL * 2, [AMM]), min_out, ORDER)
    set_fault(database, "raydium", "submit", "slip", times=1)
    chain.submit(transaction)
    with pytest.raises(SlippageExceeded) as refused:
        chain.confirm(transaction)
    assert str(refused.value) == message


def test_a_fault_lasts_until_it_is_cleared(market: Market, chain: SimulatedChain, database: Database) -> None:
    transaction = signed(market)
    chain.submit(transaction)
    set_fault(database, "raydium", "confirm", "fail")
    for _ in range(3):
        with pytest.raises(VenueUnavailable):
            chain.confirm(transaction)
    clear_faults(database)
    assert chain.confirm(transaction) is not None


def test_the_instant_market_never_waits(market: Market, clock: Clock) -> None:
    sent(market, signed(market))
    assert clock.slept == []


def test_a_realistic_build_takes_its_time(database: Database, clock: Clock) -> None:
    signed(market_of(database, clock, latency=LATENCIES["realistic"]))
    (build,) = clock.slept
    assert 1 <= build <= 2


def test_a_realistic_transaction_is_confirmed_only_after_its_delay(database: Database, clock: Clock) -> None:
    """WHEN its result is asked for again and again, THEN no question waits."""
    market = market_of(database, clock, latency=LATENCIES["realistic"])

    def delay() -> float:
        transaction, slept = signed(market), list(clock.slept)
        SimulatedChain(market).submit(transaction)
        landed_at = clock.now
        while SimulatedChain(market).confirm(transaction) is None:
            clock.now += 0.1
        assert clock.slept == slept
        return round(clock.now - landed_at, 1)

    delays = {delay() for _ in range(10)}
    # The chain knows in which slots the transaction landed and is asked for, and not when exactly.
    assert 2 - SLOT_SECONDS <= min(delays) < max(delays) <= 4.1 + SLOT_SECONDS


def test_a_realistic_refusal_is_known_only_after_its_delay(database: Database, clock: Clock) -> None:
    market = market_of(database, clock, latency=LATENCIES["realistic"])
    chain, transaction = SimulatedChain(market), signed(market)
    set_fault(database, "raydium", "submit", "slip", times=1)
    assert sent(market, transaction) is None
    clock.now += 4 + SLOT_SECONDS
    with pytest.raises(SlippageExceeded):
        chain.confirm(transaction)


def test_a_transaction_that_landed_before_the_clock_was_set_back_is_confirmed(database: Database, clock: Clock) -> None:
    market = market_of(database, clock, latency=LATENCIES["realistic"])
    transaction = signed(market)
    assert sent(market, transaction) is None
    clock.now -= 3600
    assert SimulatedChain(market).confirm(transaction) is not None


def test_without_postgres_the_chain_is_unavailable(market: Market, clock: Clock) -> None:
    transaction = signed(market)
    with closed_port() as port:
        chain = SimulatedChain(market_of(Database(f"host=127.0.0.1 port={port} user=postgres"), clock))
        for call in (chain.submit, chain.confirm):
            with pytest.raises(StoreUnavailable):
                call(transaction)
