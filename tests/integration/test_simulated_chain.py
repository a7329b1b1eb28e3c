from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from order_engine.dex.meteora_dlmm import MeteoraDlmm
from order_engine.domain.errors import (
    CorruptPool,
    NoRoute,
    QuoteExpired,
    SlippageExceeded,
    StoreUnavailable,
    VenueUnavailable,
)
from order_engine.domain.money import U64_MAX
from order_engine.domain.swaps import Fill, Transaction
from order_engine.quoting import QUOTE_LIFETIME_SECONDS
from order_engine.storage.database import Database
from order_engine.venues.faults import VENUES, clear_faults, set_fault
from order_engine.venues.flow import PERIOD_SECONDS, Flow
from order_engine.venues.simulated import (
    LATENCIES,
    SLOT_SECONDS,
    TRANSACTION_LIFETIME_SLOTS,
    Market,
    SimulatedChain,
)
from tests.integration.simulation import (
    SOL,
    Clock,
    carried_out,
    landed,
    market_of,
    pools,
    quoted,
    replayed,
    settings,
    store,
)
from tests.integration.support import at_once, closed_port

Connect = Callable[[], Database]
Hops = tuple[Sequence[str], ...]

AMM, CP = "raydium-amm:SOL-USDC", "raydium-cp:SOL-USDC"
DLMM, DAMM = "meteora-dlmm:SOL-USDC", "meteora-damm:SOL-USDC"
EACH_KIND = (AMM, CP, DLMM, DAMM)
STEPS = ("build", "submit", "confirm")

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


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def market(database: Database, clock: Clock) -> Market:
    return market_of(database, clock)


@pytest.fixture
def chain(market: Market) -> SimulatedChain:
    return SimulatedChain(market)


def amount_of(pair: str) -> int:
    """About a thousand dollars, and no round number."""
    token = pair.partition("-")[0]
    return {"SOL": 6 * SOL, "wSOL": 6 * SOL, "BONK": 50_000_000 * 10**5}.get(token, 1_000_000_000) + 7


def signed(market: Market, amount: int = SOL, pool: str = AMM, min_out: int = 0, pair: str = "SOL-USDC") -> Transaction:
    return SimulatedChain(market).build(quoted(market, pair, amount, [pool]), min_out)


def sent(market: Market, transaction: Transaction) -> Fill | None:
    chain = SimulatedChain(market)
    chain.submit(transaction)
    return chain.confirm(transaction)


# Signing


@pytest.mark.parametrize(
    ("pair", "hops", "instructions"),
    [
        (
            "SOL-USDC",
            ([AMM],),
            [
                "create the wSOL account",
                "transfer 1.5 SOL to the wSOL account",
                "sync the wSOL account",
                f"swap wSOL for USDC in {AMM}",
                "close the wSOL account",
            ],
        ),
        (
            "USDC-SOL",
            ([AMM],),
            ["create the wSOL account", f"swap USDC for wSOL in {AMM}", "close the wSOL account"],
        ),
        ("wSOL-USDC", ([AMM],), [f"swap wSOL for USDC in {AMM}"]),
        ("USDC-wSOL", ([DLMM],), [f"swap USDC for wSOL in {DLMM}"]),
        ("USDC-USDT", (["raydium-cp:USDC-USDT"],), ["swap USDC for USDT in raydium-cp:USDC-USDT"]),
        (
            "BONK-JUP",
            (["raydium-amm:BONK-SOL", "meteora-dlmm:BONK-SOL"], ["raydium-cp:JUP-SOL"]),
            [
                "swap BONK for wSOL in raydium-amm:BONK-SOL",
                "swap BONK for wSOL in meteora-dlmm:BONK-SOL",
                "swap wSOL for JUP in raydium-cp:JUP-SOL",
            ],
        ),
        (
            "SOL-USDT",
            (["raydium-amm:SOL-USDC", "meteora-dlmm:SOL-USDC"], ["raydium-cp:USDC-USDT"]),
            [
                "create the wSOL account",
                "transfer 1.5 SOL to the wSOL account",
                "sync the wSOL account",
                "swap wSOL for USDC in raydium-amm:SOL-USDC",
                "swap wSOL for USDC in meteora-dlmm:SOL-USDC",
                "swap USDC for USDT in raydium-cp:USDC-USDT",
                "close the wSOL account",
            ],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_native_sol_is_wrapped_before_the_swaps_and_unwrapped_after_them(
    market: Market, chain: SimulatedChain, pair: str, hops: Hops, instructions: list[str]
) -> None:
    assert chain.build(quoted(market, pair, 3 * SOL // 2, *hops), 0).instructions == instructions


def test_building_signs_and_sends_nothing(market: Market, chain: SimulatedChain, database: Database) -> None:
    before = pools(database)
    quote = quoted(market, "SOL-USDC", SOL, [AMM, DLMM])
    first, second = chain.build(quote, 7), chain.build(quote, 7)
    assert first.signature != second.signature
    assert first == replace(second, signature=first.signature)
    assert (first.venue, first.token_in, first.token_out) == ("meteora+raydium", "SOL", "USDC")
    assert (first.amount_in, first.min_out, first.swaps) == (SOL, 7, quote.swaps)
    assert first.last_valid_slot == market.slot + TRANSACTION_LIFETIME_SLOTS
    assert (pools(database), landed(database)) == (before, [])


def test_a_signature_looks_like_solanas(market: Market, chain: SimulatedChain) -> None:
    quote = quoted(market, "SOL-USDC", SOL, [AMM])
    for _ in range(50):
        signature = chain.build(quote, 0).signature
        assert 86 <= len(signature) <= 88
        assert set(signature) <= set("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")


def test_a_quote_is_signed_until_the_moment_it_expires(market: Market, chain: SimulatedChain, clock: Clock) -> None:
    quote = quoted(market, "SOL-USDC", SOL)
    assert quote.expires_at == clock.now + QUOTE_LIFETIME_SECONDS
    clock.now = quote.expires_at - 0.001
    chain.build(quote, 0)
    clock.now = quote.expires_at + 1.5
    with pytest.raises(QuoteExpired, match="was one that ended 1.5 s ago"):
        chain.build(quote, 0)
    clock.now = quote.expires_at
    with pytest.raises(QuoteExpired, match="ended 0.0 s ago"):
        chain.build(quote, 0)


# Swaps


@routes
def test_a_swap_pays_what_its_pools_maths_pay_and_moves_them_by_exactly_that(
    market: Market, chain: SimulatedChain, database: Database, pair: str, hops: Hops
) -> None:
    start = settings(database)
    quote = quoted(market, pair, amount_of(pair), *hops)
    transaction = chain.build(quote, quote.amount_out)
    paid, after = carried_out(transaction, start, int(market.now()))
    assert paid == quote.amount_out > 0
    assert sent(market, transaction) == Fill(transaction.signature, quote.amount_in, paid, market.slot)
    assert settings(database) == after
    used = {pool for hop in hops for pool in hop}
    assert {id for id in start if after[id] != start[id]} == used
    (row,) = landed(database)
    assert (row["slot"], row["landed_at"], row["swapped"]) == (market.slot, int(market.now()), True)
    assert (row["amount_in"], row["amount_out"]) == (quote.amount_in, paid)
    assert row["swaps"] == [swap.to_json() for swap in quote.swaps]


@routes
def test_a_swap_that_comes_after_another_is_at_the_state_that_one_left(
    market: Market, chain: SimulatedChain, database: Database, pair: str, hops: Hops
) -> None:
    """Each hop is divided as it was quoted, and hands on what it really pays."""
    quote = quoted(market, pair, amount_of(pair), *hops)
    first, second = chain.build(quote, 0), chain.build(quote, 0)
    chain.submit(first)
    moved = settings(database)
    paid, after = carried_out(second, moved, int(market.now()))
    chain.submit(second)
    fills = [chain.confirm(first), chain.confirm(second)]
    assert [fill.amount_out for fill in fills if fill] == [quote.amount_out, paid]
    assert settings(database) == after
    # In a bin of one price, the second may be paid as much.
    assert paid < quote.amount_out or pair != "SOL-USDC" or DLMM in hops[0]


@routes
@pytest.mark.parametrize("missing", [0, 1])
def test_a_swap_pays_at_least_min_out_or_nothing_moves(
    market: Market, chain: SimulatedChain, database: Database, pair: str, hops: Hops, missing: int
) -> None:
    before = pools(database)
    quote = quoted(market, pair, amount_of(pair), *hops)
    transaction = chain.build(quote, quote.amount_out + missing)
    chain.submit(transaction)
    if missing:
        for _ in range(2):
            with pytest.raises(
                SlippageExceeded, match=f"at least {quote.amount_out + 1} base units, was {quote.amount_out} at most"
            ):
                chain.confirm(transaction)
        chain.submit(transaction)
        assert pools(database) == before
        (row,) = landed(database)
        assert (row["swapped"], row["amount_out"]) == (False, quote.amount_out)
    else:
        assert chain.confirm(transaction) == Fill(transaction.signature, quote.amount_in, quote.amount_out, market.slot)
        assert pools(database) != before


@pytest.mark.parametrize(
    "hops",
    [
        (["raydium-amm:RAY-SOL"], ["meteora-dlmm:SOL-USDT"]),
        (["raydium-amm:RAY-SOL", "meteora-dlmm:RAY-SOL"], ["raydium-amm:SOL-USDT", "meteora-dlmm:SOL-USDT"]),
    ],
)
def test_a_pool_that_refuses_undoes_the_swaps_before_it(
    market: Market, chain: SimulatedChain, database: Database, hops: Hops
) -> None:
    transaction = chain.build(quoted(market, "RAY-USDT", 10**9, *hops), 0)
    pool = pools(database)["meteora-dlmm:SOL-USDT"]
    assert isinstance(pool, MeteoraDlmm)
    empty = replace(pool, bins=tuple(bin._replace(amount_x=0, amount_y=0) for bin in pool.bins))
    store(database, "meteora-dlmm:SOL-USDT", empty)
    before = pools(database)
    chain.submit(transaction)
    with pytest.raises(SlippageExceeded, match="was 0 at most"):
        chain.confirm(transaction)
    assert pools(database) == before
    (row,) = landed(database)
    assert (row["swapped"], row["swaps"]) == (False, [])


@pytest.mark.parametrize("pool", EACH_KIND)
def test_even_the_largest_amount_never_empties_a_pool(market: Market, database: Database, pool: str) -> None:
    """The router would not plan it: the pool's program refuses it too, and nothing moves."""
    transaction = replace(signed(market, pool=pool), amount_in=U64_MAX)
    before = pools(database)
    with pytest.raises(SlippageExceeded):
        sent(market, transaction)
    assert pools(database) == before


def test_a_transaction_for_a_pool_that_is_gone_is_refused(market: Market, database: Database) -> None:
    transaction = SimulatedChain(market).build(quoted(market, "SOL-USDC", SOL, [AMM, DLMM]), 0)
    database.execute("DELETE FROM market_pools WHERE id = %(id)s", {"id": DLMM})
    before = pools(database)
    with pytest.raises(NoRoute, match=f"expected pools that are there, was {DLMM}"):
        sent(market, transaction)
    assert (pools(database), landed(database)) == (before, [])


def test_a_transaction_for_a_corrupt_pool_is_refused(market: Market, database: Database) -> None:
    transaction = SimulatedChain(market).build(quoted(market, "SOL-USDC", SOL, [AMM, DLMM]), 0)
    database.execute("UPDATE market_pools SET state = '{}' WHERE id = %(id)s", {"id": DLMM})
    with pytest.raises(CorruptPool, match=f"pool {DLMM}: "):
        sent(market, transaction)
    assert landed(database) == []


# Once, and one after the other


def test_the_same_signature_swaps_once(market: Market, chain: SimulatedChain, database: Database) -> None:
    transaction = signed(market)
    chain.submit(transaction)
    after, fill = pools(database), chain.confirm(transaction)
    for _ in range(3):
        chain.submit(transaction)
    assert (pools(database), chain.confirm(transaction), len(landed(database))) == (after, fill, 1)


@pytest.mark.parametrize("min_out", [0, U64_MAX], ids=["swapped", "refused"])
@pytest.mark.parametrize("ids", [[AMM], EACH_KIND], ids=["one", "split"])
def test_the_same_signature_from_ten_senders_at_once_lands_once(
    market: Market, database: Database, connect: Connect, clock: Clock, min_out: int, ids: Sequence[str]
) -> None:
    start = settings(database)
    transaction = SimulatedChain(market).build(quoted(market, "SOL-USDC", SOL, ids), min_out)
    senders = [SimulatedChain(market_of(connect(), clock)) for _ in range(10)]
    at_once(10, lambda number: senders[number].submit(transaction))
    (row,) = landed(database)
    assert row["swapped"] is (min_out == 0)
    after = carried_out(transaction, start, int(clock.now))[1] if row["swapped"] else start
    assert settings(database) == after


@pytest.mark.parametrize("pool", EACH_KIND)
def test_swaps_in_one_pool_at_once_never_fill_at_the_same_state(
    market: Market, database: Database, connect: Connect, clock: Clock, pool: str
) -> None:
    start = settings(database)
    transaction = signed(market, 3_000 * SOL, pool)
    transactions = [replace(transaction, signature=f"s{number}") for number in range(12)]
    chains = [SimulatedChain(market_of(connect(), clock)) for _ in transactions]
    at_once(12, lambda number: chains[number].submit(transactions[number]))
    expected, state = [], start
    for _ in transactions:
        paid, state = carried_out(transaction, state, int(clock.now))
        expected.append(paid)
    assert len(set(expected)) == 12
    assert [row["amount_out"] for row in landed(database)] == expected
    assert settings(database) == state


@pytest.mark.parametrize("seed", range(3))
def test_the_swaps_on_record_lead_from_the_first_states_to_the_last(
    market: Market, database: Database, connect: Connect, seed: int
) -> None:
    """GIVEN many swaps at once, some divided and some over two hops, some of which the chain refuses."""
    chance = random.Random(seed)
    start = settings(database)
    transactions = []
    for _ in range(24):
        pair, hops = chance.choice(ROUTES)
        quote = quoted(market, pair, amount_of(pair) * chance.randrange(1, 400), *hops)
        transactions.append(SimulatedChain(market).build(quote, quote.amount_out if chance.random() < 0.3 else 0))
    clocks = [Clock() for _ in transactions]
    for clock in clocks:
        clock.now += chance.randrange(20)
    chains = [SimulatedChain(market_of(connect(), clock)) for clock in clocks]
    at_once(24, lambda number: chains[number].submit(transactions[number]))
    assert {row["signature"] for row in landed(database)} == {one.signature for one in transactions}
    assert replayed(database, start) == pools(database)


def test_swaps_that_use_the_same_pools_in_another_order_never_wait_for_each_other_for_ever(
    market: Market, database: Database, connect: Connect, clock: Clock
) -> None:
    start = settings(database)
    ways = [EACH_KIND, tuple(reversed(EACH_KIND))]
    transactions = [
        SimulatedChain(market).build(quoted(market, "SOL-USDC", SOL, ways[number % 2]), 0) for number in range(16)
    ]
    chains = [SimulatedChain(market_of(connect(), clock)) for _ in transactions]
    at_once(16, lambda number: chains[number].submit(transactions[number]))
    assert len(landed(database)) == 16
    assert replayed(database, start) == pools(database)


# Expiry


def test_a_transaction_may_land_until_its_last_slot_is_over(
    market: Market, chain: SimulatedChain, database: Database, clock: Clock
) -> None:
    transaction = signed(market)
    clock.now = (transaction.last_valid_slot + 1) * SLOT_SECONDS - 0.01
    assert market.slot == transaction.last_valid_slot
    assert chain.confirm(transaction) is None
    chain.submit(transaction)
    clock.now += 3600
    chain.submit(transaction)
    assert chain.confirm(transaction) is not None
    assert len(landed(database)) == 1


def test_an_expired_transaction_is_refused_and_can_no_longer_land(
    market: Market, chain: SimulatedChain, database: Database, clock: Clock
) -> None:
    before = pools(database)
    transaction = signed(market)
    clock.now = (transaction.last_valid_slot + 1) * SLOT_SECONDS + 0.01
    assert market.slot == transaction.last_valid_slot + 1
    with pytest.raises(QuoteExpired, match="expired before it was sent"):
        chain.submit(transaction)
    with pytest.raises(QuoteExpired, match="not seen on chain"):
        chain.confirm(transaction)
    assert (pools(database), landed(database)) == (before, [])


def test_what_was_never_sent_has_not_landed_yet(market: Market, chain: SimulatedChain) -> None:
    assert chain.confirm(signed(market)) is None


# Other traders


@pytest.mark.parametrize("pair", sorted({pair for pair, _ in ROUTES}))
def test_within_a_period_a_swap_pays_what_was_quoted(database: Database, clock: Clock, pair: str) -> None:
    market = market_of(database, clock, Flow(80))
    quote = quoted(market, pair, amount_of(pair))
    clock.now += PERIOD_SECONDS - 0.001
    transaction = SimulatedChain(market).build(quote, quote.amount_out)
    fill = sent(market, transaction)
    assert fill is not None
    assert fill.amount_out == quote.amount_out


def test_slippage_protection_really_fires(database: Database, clock: Clock) -> None:
    """GIVEN prices that move a lot and no slippage allowed, THEN a quote a few seconds old is often refused."""
    market = market_of(database, clock, Flow(1_000))
    chain = SimulatedChain(market)
    refused = 0
    for _ in range(40):
        quote = quoted(market, "SOL-USDC", SOL)
        transaction = chain.build(quote, quote.amount_out)
        clock.now += 4
        before = pools(database)
        chain.submit(transaction)
        try:
            fill = chain.confirm(transaction)
        except SlippageExceeded:
            refused += 1
            # Other traders have moved the pool; the order has not.
            assert landed(database)[-1]["swapped"] is False
        else:
            assert fill is not None
            assert fill.amount_out >= quote.amount_out
            assert pools(database) != before
    assert 5 <= refused <= 35


def test_a_swap_is_taken_back_by_other_traders_in_time(database: Database, clock: Clock) -> None:
    market = market_of(database, clock, Flow(1))
    before = quoted(market, "SOL-USDC", SOL, [AMM]).amount_out
    SimulatedChain(market).submit(signed(market, 5_000 * SOL))
    moved = quoted(market, "SOL-USDC", SOL, [AMM]).amount_out
    assert moved < before * 95 // 100
    clock.now += PERIOD_SECONDS
    assert quoted(market, "SOL-USDC", SOL).amount_out > before * 99 // 100


# Misbehaviour


def use(chain: SimulatedChain, step: str, market: Market, transaction: Transaction) -> None:
    match step:
        case "build":
            chain.build(quoted(market, "SOL-USDC", SOL, [AMM]), 0)
        case "submit":
            chain.submit(transaction)
        case "confirm":
            chain.confirm(transaction)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("kind", "message"), [("fail", "refused to"), ("timeout", "did not answer to")])
def test_the_chain_misbehaves_as_often_as_it_was_told(
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
def test_a_route_fails_with_any_venue_that_it_uses(
    market: Market, chain: SimulatedChain, database: Database, step: str, venue: str
) -> None:
    quote = quoted(market, "SOL-USDC", SOL, [AMM, DLMM])
    transaction = chain.build(quote, 0)
    set_fault(database, venue, step, "fail", times=1)
    with pytest.raises(VenueUnavailable, match=f"{venue} refused to {step}"):
        chain.build(quote, 0) if step == "build" else use(chain, step, market, transaction)
    chain.submit(transaction)
    assert chain.confirm(transaction) is not None


def test_a_venue_misbehaves_alone(market: Market, database: Database) -> None:
    for step in STEPS:
        set_fault(database, "meteora", step, "fail")
    assert sent(market, signed(market)) is not None


@pytest.mark.parametrize("step", STEPS)
def test_a_venue_misbehaves_at_one_step_alone(
    market: Market, chain: SimulatedChain, database: Database, step: str
) -> None:
    transaction = signed(market)
    for other in ("quote", *STEPS):
        if other != step:
            set_fault(database, "raydium", other, "fail")
    use(chain, step, market, transaction)


def test_a_venue_that_refuses_to_submit_has_not_swapped(market: Market, database: Database) -> None:
    before, transaction = pools(database), signed(market)
    set_fault(database, "raydium", "submit", "fail", times=1)
    with pytest.raises(VenueUnavailable):
        sent(market, transaction)
    assert (pools(database), landed(database)) == (before, [])
    assert SimulatedChain(market).confirm(transaction) is None


def test_a_submit_that_times_out_has_swapped_all_the_same(
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


def test_a_slip_refuses_the_swap_for_good(market: Market, chain: SimulatedChain, database: Database) -> None:
    before, transaction = pools(database), signed(market)
    set_fault(database, "raydium", "submit", "slip", times=1)
    chain.submit(transaction)
    chain.submit(transaction)
    with pytest.raises(SlippageExceeded):
        chain.confirm(transaction)
    assert pools(database) == before
    assert sent(market, signed(market)) is not None


def test_a_fault_lasts_until_it_is_cleared(market: Market, chain: SimulatedChain, database: Database) -> None:
    transaction = signed(market)
    chain.submit(transaction)
    set_fault(database, "raydium", "confirm", "fail")
    for _ in range(3):
        with pytest.raises(VenueUnavailable):
            chain.confirm(transaction)
    clear_faults(database)
    assert chain.confirm(transaction) is not None


# Time


def test_the_instant_market_never_waits(market: Market, clock: Clock) -> None:
    sent(market, signed(market))
    assert clock.slept == []


def test_the_realistic_market_takes_its_time(database: Database, clock: Clock) -> None:
    market = market_of(database, clock, latency=LATENCIES["realistic"])
    sent(market, signed(market))
    build, confirm = clock.slept
    assert 1 <= build <= 2
    assert 2 <= confirm <= 4


def test_without_the_store_the_chain_is_no_answer(market: Market, clock: Clock) -> None:
    transaction = signed(market)
    with closed_port() as port:
        chain = SimulatedChain(market_of(Database(f"host=127.0.0.1 port={port} user=postgres"), clock))
        for call in (chain.submit, chain.confirm):
            with pytest.raises(StoreUnavailable):
                call(transaction)
