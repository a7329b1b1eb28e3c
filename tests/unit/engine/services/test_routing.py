"""The router, on a chain whose transactions have limits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from order_engine.api.views import decision_view
from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.dex.routing import Hop, Listing
from order_engine.domain.decisions import Decision
from order_engine.domain.errors import CorruptPool, EngineError, NoRoute, PriceImpactTooHigh, VenueUnavailable
from order_engine.domain.quotes import PlannedSwap
from order_engine.ports import PoolList
from order_engine.services.routing import Router
from tests.unit.engine.dex.builders import NOW, dlmm

POOL = RaydiumAmmV4(10**15, 10**15, 0, 1)
LISTINGS = [
    Listing("RAY-SOL-pool", "raydium", "RAY", "SOL", 7, POOL),
    Listing("SOL-USDC-pool", "raydium", "SOL", "USDC", 7, POOL),
]


@dataclass
class Venue:
    """A venue that keeps the tokens it was asked for."""

    listings: Sequence[Listing] = tuple(LISTINGS)
    now: int | None = None
    name: str = "solana"
    unusable: Mapping[str, EngineError] = field(default_factory=dict)
    asked: list[Sequence[str]] = field(default_factory=list)

    def pools(self, tokens: Sequence[str]) -> PoolList:
        self.asked.append(tokens)
        return PoolList(self.listings, self.unusable, self.now)


@dataclass
class Limits:
    """Those of transactions with room for some swaps, in which a first hop leaves 0.25 % of the input."""

    legs: int = 2
    hop_reserve_bps: int = 25

    def fits(self, hops: Sequence[Hop]) -> bool:
        return sum(len(hop.legs) for hop in hops) <= self.legs


def test_a_quote_of_two_hops_says_what_it_leaves_of_the_input() -> None:
    quote, decision = Router(Venue(), limits=Limits()).best("RAY", "USDC", 1_000_000, 10_000)
    assert quote.amount_in == 1_000_000
    assert quote.swaps == (
        PlannedSwap("raydium", "RAY-SOL-pool", "RAY", "SOL", 997_500, 997_499),
        PlannedSwap("raydium", "SOL-USDC-pool", "SOL", "USDC", 997_499, 997_498),
    )
    view = decision_view(Decision.load(json.loads(json.dumps(decision.dump()))).dump())
    assert view["unspent"] == "0.0025"
    assert view["unspentBaseUnits"] == "2500"
    # For what is spent.
    assert view["price"] == view["quotes"][0]["price"] == "0.999997994987"


def test_a_quote_of_one_hop_spends_all_of_the_input() -> None:
    quote, decision = Router(Venue(), limits=Limits()).best("SOL", "USDC", 10**9, 10_000)
    assert [swap.amount_in for swap in quote.swaps] == [10**9]
    assert decision_view(decision.dump())["unspent"] == "0"


def test_a_decision_from_before_there_was_a_reserve_spent_all_of_the_input() -> None:
    _, decision = Router(Venue()).best("RAY", "USDC", 1_000_000, 10_000)
    record = decision.dump()
    for candidate in record["candidates"]:
        del candidate["unspent"]
    assert Decision.load(record) == decision


def test_an_order_without_a_route_that_fits_is_refused() -> None:
    with pytest.raises(NoRoute, match="expected a route for RAY-USDC that fits in a transaction, was none"):
        Router(Venue(), limits=Limits(legs=1)).best("RAY", "USDC", 1_000_000, 10_000)


@pytest.mark.parametrize("venues_time", [NOW, NOW + 10_000, None])
def test_a_quote_is_for_the_time_that_the_swap_will_see(venues_time: int | None) -> None:
    """GIVEN a pool whose fee falls after a while, and an engine whose clock is ahead of the chain's."""
    calm = dlmm(10**13, 10**13)
    excited = replace(calm, volatility=calm.volatility._replace(accumulator=350_000, last_update_timestamp=NOW - 30))
    venue = Venue([Listing("pool", "meteora", "SOL", "USDC", 7, excited)], venues_time)
    quote, _ = Router(venue, now=lambda: NOW + 10_000).best("SOL", "USDC", 10**9, 10_000)
    assert quote.amount_out == excited.output(10**9, True, venues_time or NOW + 10_000)
    assert excited.output(10**9, True, NOW) < excited.output(10**9, True, NOW + 10_000)


def test_only_a_decision_that_no_order_keeps_is_logged() -> None:
    """GIVEN half of the pool's reserve, which moves the price by a third."""
    logged: list[tuple[str, Mapping[str, Any]]] = []
    router = Router(Venue(), log=lambda message, details: logged.append((message, details)))
    _, decision = router.best("SOL", "USDC", 10**15 // 2, 10_000)
    assert logged == []
    with pytest.raises(PriceImpactTooHigh):
        router.best("SOL", "USDC", 10**15 // 2, 100)
    assert logged == [("refused", decision.dump())]


def test_one_reading_serves_any_number_of_quotes() -> None:
    venue = Venue()
    router = Router(venue, limits=Limits())
    snapshot = router.read(("RAY", "USDC", "wSOL"))
    for pair in (("RAY", "USDC"), ("SOL", "USDC"), ("wSOL", "RAY")):
        for amount in (1_000, 1_000_000):
            route = snapshot.quote(*pair, amount, 10_000)
            quote, _ = snapshot.best(*pair, amount, 10_000)
            assert route is not None
            assert (route.amount_out, len(route.legs)) == (quote.amount_out, len(quote.swaps))
            assert snapshot.quote(*pair, amount, 10_000) == route
    assert venue.asked == [["RAY", "SOL", "USDC", "USDT"]]
    assert router.best("RAY", "USDC", 1_000_000, 10_000)[0].amount_out == 997_498


@pytest.mark.parametrize(
    ("token_out", "amount", "max_price_impact_bps"),
    [("JUP", 10**9, 10_000), ("USDC", 2**64 - 1, 10_000), ("USDC", 10**15 // 2, 3_333)],
    ids=["no pools", "more than the pools take", "too much price impact"],
)
def test_what_the_market_does_not_take_has_no_quote(token_out: str, amount: int, max_price_impact_bps: int) -> None:
    logged: list[str] = []
    shallow = [one._replace(pool=dlmm(10**15, 10**15)) if one.token_b == "USDC" else one for one in LISTINGS]
    listings = LISTINGS if amount < 2**63 else shallow
    snapshot = Router(Venue(listings), log=lambda message, details: logged.append(message)).read(("SOL", token_out))
    assert snapshot.quote("SOL", token_out, amount, max_price_impact_bps) is None
    assert logged == []
    with pytest.raises(EngineError):
        snapshot.best("SOL", token_out, amount, max_price_impact_bps)


def test_a_reading_is_incomplete_while_a_venue_does_not_answer() -> None:
    def complete(**unusable: EngineError) -> bool:
        return Router(Venue(unusable=unusable)).read(("SOL", "USDC")).is_complete

    assert complete()
    assert complete(pool=CorruptPool("expected a pool, was no account"))
    assert not complete(pool=CorruptPool("expected a pool, was no account"), meteora=VenueUnavailable("no answer"))
