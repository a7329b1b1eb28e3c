"""Quotes from several venues at once, and the choice among them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from order_engine.api.views import amounts, decision_view, event_view
from order_engine.dex.raydium_cp import RaydiumCp
from order_engine.domain.errors import (
    AmountTooSmall,
    CorruptPool,
    EngineError,
    InsufficientLiquidity,
    NoRoute,
    OrderTooLarge,
    PriceImpactTooHigh,
    StoreUnavailable,
    VenueUnavailable,
)
from order_engine.domain.money import BPS, U64_MAX, format_amount, parse_amount
from order_engine.domain.orders import OrderRequest
from order_engine.domain.quotes import QUOTE_LIFETIME_SECONDS, Quote
from order_engine.domain.runs import Run
from order_engine.domain.tokens import TOKENS
from order_engine.ports import Venue
from order_engine.services.routing import Router
from order_engine.services.venues import Venues
from order_engine.simulation.faults import set_fault
from order_engine.simulation.pools import VENUES
from order_engine.simulation.venue import SimulatedVenue
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.concurrency import eventually
from tests.support.fakes import FakeVenue, fake_execution
from tests.support.orders import REQUEST, claimed
from tests.support.simulation import SOL, Clock, execution_on, live, market_of, pools, router_on, store


class Routed(NamedTuple):
    """The best quote, and the decision as clients see it."""

    quote: Quote
    decision: dict[str, Any]


def best(router: Router, token_in: str, token_out: str, amount: int) -> Routed:
    quote, decision = router.best(token_in, token_out, amount, BPS)
    return Routed(quote, decision_view(decision.dump()))


def ask(*venues: Venue, deadline: float = 10, amount: int = REQUEST.amount_in) -> Routed:
    return best(Router(Venues(venues, deadline)), "SOL", "USDC", amount)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def router(database: Database, clock: Clock) -> Router:
    return router_on(market_of(database, clock))


def reported(quoted: Routed) -> list[dict[str, str]]:
    unavailable: list[dict[str, str]] = quoted.decision["unavailable"]
    return unavailable


# Venues


def test_the_best_paying_venue_is_chosen() -> None:
    quote, decision = ask(FakeVenue("raydium", 1_000), FakeVenue("meteora", 1_001))
    assert (quote.venue, quote.amount_out, quote.slot) == ("meteora", 1_001, 7)
    assert decision["reason"] == "meteora-pool pays 0.1000 % more than raydium-pool"
    assert [(one["pools"], one["amountOutBaseUnits"]) for one in decision["quotes"]] == [
        ("meteora-pool", "1001"),
        ("raydium-pool", "1000"),
    ]


def test_a_tie_goes_to_the_deeper_pool() -> None:
    quote, decision = ask(FakeVenue("meteora"), FakeVenue("raydium", depth=10**7))
    assert quote.venue == "raydium"
    assert decision["reason"] == "raydium-pool pays as much as meteora-pool and has the deeper pool"


def test_a_quote_lasts_for_its_lifetime(router: Router, clock: Clock) -> None:
    assert best(router, "SOL", "USDC", SOL).quote.expires_at == clock.now + QUOTE_LIFETIME_SECONDS


def test_a_failing_venue_is_left_out_and_reported() -> None:
    refusing = FakeVenue("raydium", 2_000, VenueUnavailable("raydium refused to quote"))
    quoted = ask(refusing, FakeVenue("meteora"))
    assert (quoted.quote.venue, quoted.decision["reason"]) == ("meteora", "meteora-pool is the only route")
    assert reported(quoted) == [{"venue": "raydium", "code": "VenueUnavailable", "message": "raydium refused to quote"}]


def test_an_unusable_pool_is_reported_and_the_venues_others_are_quoted() -> None:
    quoted = ask(FakeVenue("raydium", unusable={"raydium-old": CorruptPool("pool raydium-old: reserve_a: expected …")}))
    assert quoted.quote.venue == "raydium"
    assert reported(quoted) == [
        {"venue": "raydium-old", "code": "CorruptPool", "message": "pool raydium-old: reserve_a: expected …"}
    ]


@pytest.fixture
def slow() -> Iterator[FakeVenue]:
    """A venue that would pay best but does not answer while the test runs."""
    venue = FakeVenue("raydium", 2_000, answers=threading.Event())
    yield venue
    assert venue.answers is not None
    venue.answers.set()


def test_a_slow_venue_is_dropped_at_the_deadline_and_reported(slow: FakeVenue) -> None:
    started = time.monotonic()
    quoted = ask(slow, FakeVenue("meteora"), deadline=0.2)
    assert 0.2 <= time.monotonic() - started < 10
    assert quoted.quote.venue == "meteora"
    assert reported(quoted) == [
        {"venue": "raydium", "code": "VenueUnavailable", "message": "raydium did not quote within 0.2 s"}
    ]


def test_a_hanging_venue_does_not_delay_the_others(slow: FakeVenue) -> None:
    router = Router(Venues([slow, FakeVenue("meteora")], 0.1))
    started = time.monotonic()
    for _ in range(4):
        assert best(router, "SOL", "USDC", REQUEST.amount_in).quote.venue == "meteora"
    assert time.monotonic() - started < 10


def test_a_venue_that_hung_quotes_again_when_it_answers(slow: FakeVenue) -> None:
    router = Router(Venues([slow, FakeVenue("meteora")], 0.1))
    best(router, "SOL", "USDC", REQUEST.amount_in)
    assert slow.answers is not None
    slow.answers.set()
    assert eventually(lambda: best(router, "SOL", "USDC", REQUEST.amount_in).quote.venue == "raydium")


def test_venues_are_asked_at_the_same_time() -> None:
    """GIVEN two venues that each wait until the other is called, THEN both answer."""
    both = threading.Barrier(2)

    class Waiting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            both.wait(timeout)
            return True

    quoted = ask(*(FakeVenue(name, answers=Waiting()) for name in VENUES), deadline=30)
    assert reported(quoted) == []
    assert len(quoted.decision["quotes"]) == 2


def test_when_no_venue_answers_in_time_the_order_does_not_move(
    orders: PostgresOrderStore, database: Database, slow: FakeVenue
) -> None:
    order = claimed(orders)
    with pytest.raises(VenueUnavailable, match="raydium did not quote within 0.1 s"):
        fake_execution(database, slow, deadline=0.1).route(Run.of(order))
    assert [event.status.value for event in orders.events(order.id)] == ["pending"]


# Without a quote


OLD = {"old": CorruptPool("pool old: reserve_a: expected 1, was 0")}


@pytest.mark.parametrize(
    ("venues", "verdict", "says"),
    [
        ([FakeVenue("raydium", 0), FakeVenue("meteora", 0)], NoRoute, ["SOL-USDC"]),
        ([FakeVenue("raydium", 0, unusable=dict(OLD))], NoRoute, ["SOL-USDC", "old: pool old: reserve_a"]),
        (
            [FakeVenue("raydium", refusal=VenueUnavailable("out of order")), FakeVenue("meteora", 0)],
            VenueUnavailable,
            ["out of order"],
        ),
        (
            [FakeVenue("raydium", 0, unusable=dict(OLD)), FakeVenue("meteora", refusal=StoreUnavailable("no answer"))],
            VenueUnavailable,
            ["pool old", "no answer"],
        ),
        (
            [FakeVenue(name, refusal=VenueUnavailable(f"{name} is away")) for name in VENUES],
            VenueUnavailable,
            ["raydium is away", "meteora is away"],
        ),
    ],
)
def test_without_a_quote_the_error_is_retryable_if_a_missing_venue_is(
    venues: list[Venue], verdict: type[EngineError], says: list[str]
) -> None:
    with pytest.raises(verdict) as caught:
        ask(*venues)
    assert type(caught.value) is verdict
    assert all(part in str(caught.value) for part in says)


def test_too_small_an_amount_is_retryable_while_a_venue_is_missing() -> None:
    missing = FakeVenue("raydium", refusal=VenueUnavailable("raydium is away"))
    with pytest.raises(VenueUnavailable, match="raydium is away"):
        ask(missing, FakeVenue("meteora"), amount=1)
    with pytest.raises(AmountTooSmall):
        ask(FakeVenue("meteora"), amount=1)


def test_a_pair_that_no_venue_lists_has_no_route(router: Router, database: Database) -> None:
    database.execute("DELETE FROM market_pools WHERE 'JUP' IN (token_a, token_b)")
    with pytest.raises(NoRoute, match="no pools for JUP-wSOL, neither directly nor over SOL, USDC, USDT"):
        best(router, "JUP", "wSOL", SOL)


@pytest.mark.parametrize(("token_in", "token_out"), [("BONK", "SOL"), ("BONK", "USDC"), ("BONK", "mSOL")])
def test_the_smallest_possible_amount_is_named_and_works(router: Router, token_in: str, token_out: str) -> None:
    with pytest.raises(
        AmountTooSmall, match=rf"{token_in}, the least that pays anything in {token_out}, was 0.00001 {token_in}"
    ) as caught:
        best(router, token_in, token_out, 1)
    named = str(caught.value).split()[3]
    smallest = parse_amount(named, TOKENS[token_in])
    assert 1 < smallest < 100_000
    assert best(router, token_in, token_out, smallest).quote.amount_out > 0
    with pytest.raises(AmountTooSmall, match=f"expected at least {named} {token_in}"):
        best(router, token_in, token_out, smallest - 1)


def test_the_largest_possible_output_is_named_and_works(router: Router, database: Database) -> None:
    database.execute("DELETE FROM market_pools WHERE id <> 'meteora-dlmm:SOL-mSOL'")
    with pytest.raises(InsufficientLiquidity, match="was 18446744073.709551615 SOL$") as caught:
        best(router, "SOL", "mSOL", U64_MAX)
    words = str(caught.value).split()
    largest, paid = parse_amount(words[3], TOKENS["SOL"]), parse_amount(words[10], TOKENS["mSOL"])
    quote = best(router, "SOL", "mSOL", largest).quote
    assert quote.amount_out == paid == pools(database)["meteora-dlmm:SOL-mSOL"].depth(True)
    with pytest.raises(InsufficientLiquidity):
        best(router, "SOL", "mSOL", largest + 1)


# Orders that are ruinous or too large


def test_a_route_may_move_the_price_as_far_as_the_order_says_and_no_further(router: Router) -> None:
    amount = 100_000 * SOL
    quote, decision = router.best("SOL", "USDC", amount, BPS)
    impact = decision.price_impact_bps
    assert 500 < impact < BPS
    assert router.best("SOL", "USDC", amount, impact)[0].amount_out == quote.amount_out
    with pytest.raises(PriceImpactTooHigh) as refused:
        router.best("SOL", "USDC", amount, impact - 1)
    assert str(refused.value) == (
        f"expected a price impact of at most {impact - 1} bps, was {impact} bps: 100000 SOL would receive"
        f" {format_amount(quote.amount_out, TOKENS['USDC'])} USDC; to accept that, set maxPriceImpactBps to {impact}"
        " or more"
    )


def test_an_order_that_would_empty_the_pools_is_refused(router: Router) -> None:
    with pytest.raises(PriceImpactTooHigh, match="was 10000 bps: 9000000000 SOL would receive"):
        router.best("SOL", "USDC", 9_000_000_000 * SOL, 500)


@pytest.mark.parametrize(
    ("token_in", "token_out", "amount", "worth"),
    [
        ("USDC", "SOL", "1000000", "1000000 USDC"),
        ("SOL", "BONK", "5882.5", r"1000025 USDC"),
        ("wSOL", "mSOL", "5882.5", r"1000025 USDC"),
        ("mSOL", "SOL", "4525", r"100002[0-9.]+ USDC"),
        ("BONK", "JUP", "50010000000", r"999[0-9.]+ USDC"),
    ],
)
def test_an_order_may_be_worth_the_limit_and_no_more(
    database: Database, clock: Clock, token_in: str, token_out: str, amount: str, worth: str
) -> None:
    """The limit is in USDC at the spot price of the deepest pools, directly or over a hub."""
    units, usdc = parse_amount(amount, TOKENS[token_in]), TOKENS["USDC"]
    venue = SimulatedVenue(market_of(database, clock))
    refused = pytest.raises(
        OrderTooLarge, match=f"^expected an order worth at most 1 USDC, was {amount} {token_in}, worth {worth}$"
    )
    with refused as error:
        Router(venue, max_order_value=10**6).best(token_in, token_out, units, BPS)
    value = parse_amount(str(error.value).split()[-2], usdc)
    assert Router(venue, max_order_value=value).best(token_in, token_out, units, BPS)
    assert Router(venue).best(token_in, token_out, units, BPS)
    with pytest.raises(OrderTooLarge):
        Router(venue, max_order_value=value - 1).best(token_in, token_out, units, BPS)


def test_an_order_of_unknown_worth_is_refused_where_there_is_a_limit(database: Database, clock: Clock) -> None:
    database.execute("DELETE FROM market_pools WHERE 'USDC' IN (token_a, token_b)")
    venue = SimulatedVenue(market_of(database, clock))
    with pytest.raises(OrderTooLarge, match="was 1 SOL, which no pools value in USDC"):
        Router(venue, max_order_value=10**12).best("SOL", "mSOL", SOL, BPS)
    assert Router(venue).best("SOL", "mSOL", SOL, BPS)


def test_a_small_pool_with_a_strange_price_does_not_change_what_an_order_is_worth(
    database: Database, clock: Clock
) -> None:
    strange = RaydiumCp(10**9, 10**12, 2_500, 0, 0, 0, 0)
    store(database, "raydium-cp:SOL-USDC", strange)
    venue = SimulatedVenue(market_of(database, clock))
    with pytest.raises(OrderTooLarge, match="was 1 SOL, worth 170 USDC"):
        Router(venue, max_order_value=1).best("SOL", "USDC", SOL, BPS)


def test_a_refusal_is_retryable_while_a_venue_is_missing(router: Router, database: Database) -> None:
    """The missing venue's pools may make the impact smaller."""
    set_fault(database, "meteora", "quote", "fail", times=1)
    with pytest.raises(VenueUnavailable, match="meteora refused to quote"):
        router.best("SOL", "USDC", 40_000 * SOL, 500)
    assert router.best("SOL", "USDC", 40_000 * SOL, 500)


# The decision


def test_native_and_wrapped_sol_are_quoted_alike(router: Router) -> None:
    native, wrapped = (best(router, token, "USDC", SOL).quote for token in ("SOL", "wSOL"))
    assert native.swaps == wrapped.swaps
    assert (native.amount_out, native.token_in, wrapped.token_in) == (wrapped.amount_out, "SOL", "wSOL")


def test_a_large_order_is_split_and_shows_its_parts(router: Router, database: Database) -> None:
    amount = 5_000 * SOL
    quote, decision = best(router, "SOL", "USDC", amount)
    (hop,) = decision["route"]
    assert len(hop["legs"]) == len(quote.swaps) == 5
    assert [leg["pool"] for leg in hop["legs"]] == [swap.pool for swap in quote.swaps]
    assert sum(leg["shareBps"] for leg in hop["legs"]) == 10_000
    assert sum(int(leg["amountInBaseUnits"]) for leg in hop["legs"]) == amount
    assert sum(int(leg["amountOutBaseUnits"]) for leg in hop["legs"]) == quote.amount_out
    assert decision["venue"] == quote.venue == "meteora+raydium"
    for leg in hop["legs"]:
        pool = pools(database)[leg["pool"]]
        assert leg["kind"] == pool.kind
        assert pool.output(int(leg["amountInBaseUnits"]), True, 1_800_000_000) == int(leg["amountOutBaseUnits"])
    first, *losers = decision["quotes"]
    assert first["pools"] == "+".join(leg["pool"] for leg in hop["legs"])
    assert {loser["pools"] for loser in losers} >= set(pools(database)) & {leg["pool"] for leg in hop["legs"]}
    net = [float(one["amountOut"]) - float(one["cost"]) for one in decision["quotes"]]
    assert net == sorted(net, reverse=True)
    assert float(first["cost"]) > 0


def test_a_two_hop_route_shows_each_hop(router: Router) -> None:
    quote, decision = best(router, "RAY", "USDT", 10**9)
    hub = quote.swaps[0].token_out
    assert [(hop["tokenIn"], hop["tokenOut"]) for hop in decision["route"]] == [("RAY", hub), (hub, "USDT")]
    first, second = decision["route"]
    paid = sum(int(leg["amountOutBaseUnits"]) for leg in first["legs"])
    assert sum(int(leg["amountInBaseUnits"]) for leg in second["legs"]) == paid
    assert " > " in decision["quotes"][0]["pools"]
    assert {fee["token"] for fee in decision["fees"]} <= {"RAY", hub, "USDT"}


def test_the_fees_are_those_of_the_pools_by_kind(router: Router, database: Database) -> None:
    database.execute("DELETE FROM market_pools WHERE id <> 'raydium-cp:SOL-USDC'")
    _, decision = best(router, "SOL", "USDC", SOL)
    fees = pools(database)["raydium-cp:SOL-USDC"].quote(SOL, True, 0).fees
    assert decision["fees"] == [
        {"token": "SOL", "kind": kind, **amounts("amount", units, "SOL")}
        for kind, units in (("trade", fees.trade), ("protocol", fees.protocol), ("fund", fees.fund))
    ]
    assert fees.total == 2_500_000


def test_the_order_stores_the_decision_with_the_losing_quotes(orders: PostgresOrderStore, database: Database) -> None:
    set_fault(database, "meteora", "quote", "fail", times=1)
    order = claimed(orders, request=OrderRequest("market", "SOL", "USDC", 20_000 * SOL, max_price_impact_bps=BPS))
    execution_on(live(database), orders).route(Run.of(order))
    routing = event_view(orders.events(order.id)[-1])["data"]
    assert {one["pools"] for one in routing["quotes"]} >= {"raydium-amm:SOL-USDC", "raydium-cp:SOL-USDC"}
    assert len(routing["quotes"]) >= 3
    assert routing["venue"] == "raydium"
    legs = routing["route"][0]["legs"]
    assert len(legs) == 3
    assert routing["reason"].startswith(f"{'+'.join(leg['pool'] for leg in legs)} pays ")
    assert routing["unavailable"] == [
        {"venue": "meteora", "code": "VenueUnavailable", "message": "meteora refused to quote"}
    ]
    assert set(routing) == {
        *("amountOut", "amountOutBaseUnits", "venue", "reason", "price", "priceImpactBps"),
        *("unspent", "unspentBaseUnits"),
        *("fees", "route", "quotes", "unavailable"),
    }
    assert routing["amountOutBaseUnits"] == str(orders.get(order.id).quoted_out)
