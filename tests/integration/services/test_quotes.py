"""Quotes without an order, and orders that name a quote."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from order_engine.api.views import decision_view, event_view, offer_view, order_view
from order_engine.domain.errors import (
    InvalidOrder,
    NoRoute,
    PriceImpactTooHigh,
    QuoteExpired,
    QuoteNotFound,
    RateLimited,
    SlippageExceeded,
    StoreUnavailable,
)
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status
from order_engine.domain.markets import SIMULATED
from order_engine.domain.money import BPS
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.quotes import QUOTE_LIFETIME_SECONDS, Offer
from order_engine.domain.runs import Run
from order_engine.services.execution import Execution
from order_engine.services.quoting import Quoting
from order_engine.services.submission import Submission
from order_engine.simulation.chain import SimulatedChain
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.quotes import TTL_SECONDS, PostgresQuoteStore
from tests.support.fakes import FakeOrderQueue, FakeRateLimit, no_standing
from tests.support.network import closed_port
from tests.support.orders import CLIENT, LEASE, REQUEST, RUN, claimed
from tests.support.simulation import ORDER, SOL, Clock, execution_on, landed, market_of, pools, quoted, router_on


class Scene:
    """The simulated market with a clock of its own that starts now."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.clock.now = time.time()
        self.market = market_of(database, self.clock)
        self.orders = PostgresOrderStore(database)
        self.store = PostgresQuoteStore(database)
        self.quote_limit = FakeRateLimit(what="quote", per_minute=300)
        self.quoting = Quoting(
            router=router_on(self.market),
            chain=SimulatedChain(self.market),
            store=self.store,
            rate_limit=self.quote_limit,
        )
        self.execution: Execution = execution_on(self.market, self.orders)
        self._submission = Submission(
            orders=self.orders,
            standing=no_standing,
            quotes=self.store,
            publish=lambda events, listeners: None,
            queue=FakeOrderQueue(),
            rate_limit=FakeRateLimit(),
            warn=lambda warning: None,
        )

    def offer(self, request: OrderRequest = REQUEST) -> dict[str, Any]:
        return offer_view(self.quoting.offer(request, CLIENT), SIMULATED)

    def submit(self, request: OrderRequest) -> Order:
        return self._submission.submit(request, CLIENT)[0]

    def order(self, offer: dict[str, Any], request: OrderRequest = REQUEST) -> Run:
        """Returns the run of a new order that names the quote."""
        order = self.submit(replace(request, quote_id=UUID(offer["quoteId"])))
        claimed = self.orders.claim(order.id, RUN, LEASE)
        assert claimed is not None
        return passed_on(Run.of(claimed))

    def move_the_market(self) -> None:
        """Sells so much that every pool pays less."""
        chain = SimulatedChain(self.market)
        ids = [id for id in pools(self.database) if id.endswith(":SOL-USDC")]
        chain.submit(chain.build(quoted(self.market, "SOL-USDC", 40_000 * SOL, ids), 0, ORDER))

    def statuses(self, run: Run) -> list[str]:
        return [event.status.value for event in self.orders.events(run.order_id)]


def passed_on(run: Run) -> Run:
    """Returns the run as the next state gets it."""
    return Run.load(json.loads(json.dumps(run.dump())), run.attempt)


def done(run: Run, *steps: Callable[[Run], Run]) -> Run:
    for step in steps:
        run = passed_on(step(run))
    return run


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)


# Quotes


def test_a_quote_says_what_an_order_would_receive(scene: Scene) -> None:
    offer = scene.offer()
    execution = done(scene.order(offer), scene.execution.route)
    routing = event_view(scene.orders.events(execution.order_id)[-1])["data"]
    assert (offer["tokenIn"], offer["tokenOut"], offer["slippageBps"]) == ("SOL", "USDC", 50)
    assert (offer["amountIn"], offer["amountInBaseUnits"]) == ("1.5", "1500000000")
    assert int(offer["minOutBaseUnits"]) == int(offer["amountOutBaseUnits"]) * 9_950 // 10_000
    assert offer["slot"] == scene.market.slot
    assert routing == {
        "quoteId": offer["quoteId"],
        **{name: offer[name] for name in ("amountOut", "amountOutBaseUnits")},
        **{name: offer[name] for name in ("venue", "reason", "price", "priceImpactBps", "unspent", "unspentBaseUnits")},
        **{name: offer[name] for name in ("fees", "route", "quotes", "unavailable")},
    }


def test_a_quote_is_stored_with_its_decision(scene: Scene) -> None:
    offer = scene.offer(replace(REQUEST, slippage_bps=7))
    stored = scene.store.get(UUID(offer["quoteId"]))
    assert stored.quote == quoted(scene.market, "SOL-USDC", REQUEST.amount_in)
    assert stored.quote.expires_at == scene.clock.now + QUOTE_LIFETIME_SECONDS
    assert stored.slippage_bps == 7
    shown = decision_view(stored.decision)
    assert shown == {name: offer[name] for name in shown}
    assert (shown["venue"], shown["quotes"]) == (offer["venue"], offer["quotes"])


def test_every_quote_has_its_own_id(scene: Scene) -> None:
    assert len({scene.offer()["quoteId"] for _ in range(3)}) == 3


def test_a_quote_changes_no_pool_and_creates_no_order(scene: Scene, database: Database) -> None:
    before = pools(database)
    scene.offer()
    assert (pools(database), scene.orders.page(CLIENT, 10)) == (before, ([], None))


def test_a_pair_without_a_route_is_not_quoted(scene: Scene, database: Database) -> None:
    database.execute("DELETE FROM market_pools")
    with pytest.raises(NoRoute):
        scene.offer()
    assert database.fetch("SELECT * FROM quotes") == []


# Storage


def test_an_unknown_quote_is_not_found(quotes: PostgresQuoteStore) -> None:
    id = uuid4()
    with pytest.raises(QuoteNotFound, match=f"no quote with id {id}"):
        quotes.get(id)


def test_a_quote_is_stored_once(scene: Scene, quotes: PostgresQuoteStore) -> None:
    first, second = (quoted(scene.market, "SOL-USDC", amount) for amount in (SOL, 2 * SOL))
    id = uuid7()
    quotes.insert(CLIENT, Offer(id, first, 50, {}))
    quotes.insert(CLIENT, Offer(id, second, 60, {}))
    assert (quotes.get(id).quote, quotes.get(id).slippage_bps) == (first, 50)


def test_old_quotes_are_deleted_unless_an_order_names_them(scene: Scene, database: Database) -> None:
    named, forgotten, kept = (UUID(scene.offer()["quoteId"]) for _ in range(3))
    scene.submit(replace(REQUEST, quote_id=named))
    for id, seconds in ((named, TTL_SECONDS + 1), (forgotten, TTL_SECONDS + 1), (kept, TTL_SECONDS - 60)):
        database.execute(
            "UPDATE quotes SET created_at = now() - make_interval(secs => %(s)s) WHERE id = %(id)s",
            {"s": seconds, "id": id},
        )
    assert scene.store.delete_expired(100) == 1
    assert {row["id"] for row in database.fetch("SELECT id FROM quotes")} == {named, kept}


def test_without_postgres_no_quote_is_stored_or_read() -> None:
    with closed_port() as port:
        quotes = PostgresQuoteStore(Database(f"host=127.0.0.1 port={port} user=postgres"))
        for call in (lambda: quotes.get(uuid4()), lambda: quotes.delete_expired(1)):
            with pytest.raises(StoreUnavailable):
                call()


def test_a_client_above_its_limit_of_quotes_stores_none(scene: Scene, database: Database) -> None:
    scene.quote_limit.wait = 1.5
    with pytest.raises(RateLimited, match="more than 300 quotes a minute; retry in 2 s") as caught:
        scene.offer()
    assert caught.value.retry_after == 2
    assert database.fetch("SELECT FROM quotes") == []


def test_a_quote_that_an_order_names_is_never_looked_at_for_deletion(scene: Scene, database: Database) -> None:
    """GIVEN many named quotes: the sweep would read them all, every minute."""
    offer = scene.offer()
    for _ in range(2):
        scene.submit(replace(REQUEST, quote_id=UUID(offer["quoteId"])))
    assert database.fetch("SELECT named FROM quotes") == [{"named": True}]


# Orders that name a quote


def test_an_order_stores_the_quote_that_it_names(scene: Scene) -> None:
    offer = scene.offer()
    order: Order = scene.submit(replace(REQUEST, quote_id=UUID(offer["quoteId"])))
    assert order == scene.orders.get(order.id)
    assert str(order.quote_id) == order_view(order)["quoteId"] == offer["quoteId"]
    assert scene.orders.events(order.id)[0].data["quote_id"] == offer["quoteId"]
    assert scene.orders.page(CLIENT, 1)[0] == [order]
    assert scene.orders.claim(order.id, RUN, LEASE) == order._replace(run=RUN, runs=1)


def test_an_order_is_executed_at_its_named_quote(scene: Scene, database: Database) -> None:
    """GIVEN a market in which another route now pays more."""
    offer = scene.offer()
    quote = scene.store.get(UUID(offer["quoteId"])).quote
    best = quote.swaps[0].pool
    chain = SimulatedChain(scene.market)
    # Little enough that the order does not slip.
    chain.submit(chain.build(quoted(scene.market, "SOL-USDC", 1_500 * SOL, [best]), 0, ORDER))
    assert quoted(scene.market, "SOL-USDC", REQUEST.amount_in).swaps[0].pool != best
    execution = scene.execution
    ended = done(scene.order(offer), execution.route, execution.build, execution.submit, execution.confirm)
    order = scene.orders.get(ended.order_id)
    assert order.status is Status.CONFIRMED
    assert [swap["pool"] for swap in landed(database)[-1]["swaps"]] == [best]
    assert (order.quoted_out, str(order.min_out)) == (quote.amount_out, offer["minOutBaseUnits"])
    assert order.amount_out is not None
    assert int(offer["minOutBaseUnits"]) <= order.amount_out < quote.amount_out


def test_a_quote_may_be_named_more_than_once(scene: Scene) -> None:
    offer = scene.offer()
    first, second = scene.order(offer), scene.order(offer)
    assert first.order_id != second.order_id
    assert first.quote_id == second.quote_id


def test_an_order_without_a_quote_stores_none(scene: Scene) -> None:
    order = scene.submit(REQUEST)
    assert (order.quote_id, scene.orders.get(order.id).quote_id, order_view(order)["quoteId"]) == (None, None, None)


def test_a_quote_that_expires_before_signing_fails_the_order(scene: Scene, database: Database) -> None:
    run = done(scene.order(scene.offer()), scene.execution.route)
    scene.clock.now += QUOTE_LIFETIME_SECONDS
    with pytest.raises(QuoteExpired):
        scene.execution.build(run)
    # A run that was interrupted routes again and finds the same quote.
    run = done(run, scene.execution.route)
    with pytest.raises(QuoteExpired):
        scene.execution.build(run)
    failed = scene.execution.fail(run, {"Error": "QuoteExpired", "Cause": "too old"})
    assert failed.status is Status.FAILED
    assert landed(database) == []


def test_a_market_that_has_moved_causes_slippage_not_a_new_price(scene: Scene, database: Database) -> None:
    execution = scene.execution
    run = done(scene.order(scene.offer()), execution.route)
    scene.move_the_market()
    run = done(run, execution.build, execution.submit)
    with pytest.raises(SlippageExceeded):
        execution.confirm(run)
    assert execution.fail(run, {"Error": "SlippageExceeded", "Cause": "moved"}).status is Status.FAILED
    assert [row["swapped"] for row in landed(database)] == [True, False]
    assert scene.statuses(run) == ["pending", "routing", "building", "submitted", "failed"]


# Orders that are refused


def test_an_order_must_allow_the_impact_of_its_quote(scene: Scene) -> None:
    large = replace(REQUEST, amount_in=100_000 * SOL, max_price_impact_bps=BPS)
    offer = scene.quoting.offer(large, CLIENT)
    refused = replace(large, quote_id=offer.id, max_price_impact_bps=offer.price_impact_bps - 1)
    with pytest.raises(PriceImpactTooHigh, match=f"was {offer.price_impact_bps} bps: 100000 SOL would receive"):
        scene.submit(refused)
    assert scene.orders.page(CLIENT, 10) == ([], None)

    # A quote that was offered without a limit does not lift the order's.
    run = Run.of(claimed(scene.orders, request=refused))
    with pytest.raises(PriceImpactTooHigh):
        scene.execution.route(run)
    accepted = scene.submit(replace(refused, max_price_impact_bps=offer.price_impact_bps, client_order_id="again"))
    assert accepted.max_price_impact_bps == offer.price_impact_bps


def test_an_order_for_an_unknown_quote_is_refused(scene: Scene) -> None:
    with pytest.raises(QuoteNotFound):
        scene.submit(replace(REQUEST, quote_id=uuid4()))
    assert scene.orders.page(CLIENT, 10) == ([], None)


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        ({"token_in": "wSOL"}, {"tokenIn": "expected SOL as in quote {id}, was wSOL"}),
        ({"token_out": "USDT"}, {"tokenOut": "expected USDC as in quote {id}, was USDT"}),
        ({"amount_in": 1_500_000_001}, {"amountIn": "expected 1.5 SOL as in quote {id}, was 1.500000001 SOL"}),
        ({"slippage_bps": 51}, {"slippageBps": "expected 50 as in quote {id}, was 51"}),
        (
            {"token_in": "USDC", "token_out": "SOL", "amount_in": 1, "slippage_bps": 0},
            {
                "tokenIn": "expected SOL as in quote {id}, was USDC",
                "tokenOut": "expected USDC as in quote {id}, was SOL",
                "amountIn": "expected 1.5 SOL as in quote {id}, was 0.000001 USDC",
                "slippageBps": "expected 50 as in quote {id}, was 0",
            },
        ),
    ],
)
def test_an_order_that_differs_from_its_quote_is_refused_by_field(
    scene: Scene, change: dict[str, Any], problems: dict[str, str]
) -> None:
    id = scene.offer()["quoteId"]
    with pytest.raises(InvalidOrder) as caught:
        scene.submit(replace(REQUEST, quote_id=UUID(id), **change))
    assert {problem["field"]: problem["message"] for problem in caught.value.problems} == {
        field: message.format(id=id) for field, message in problems.items()
    }
    assert scene.orders.page(CLIENT, 10) == ([], None)


def test_an_equal_number_of_base_units_of_another_token_is_another_amount(scene: Scene) -> None:
    """GIVEN the same number of base units of a token with other decimals, THEN the amounts differ too."""
    id = scene.offer()["quoteId"]
    with pytest.raises(InvalidOrder) as caught:
        scene.submit(replace(REQUEST, quote_id=UUID(id), token_in="USDT"))
    assert [problem["field"] for problem in caught.value.problems] == ["tokenIn", "amountIn"]
    assert caught.value.problems[1]["message"].endswith("was 1500 USDT")


def test_an_order_for_an_expired_quote_is_refused(scene: Scene) -> None:
    scene.clock.now -= QUOTE_LIFETIME_SECONDS
    offer = scene.offer()
    with pytest.raises(QuoteExpired, match="the quote expired"):
        scene.submit(replace(REQUEST, quote_id=UUID(offer["quoteId"])))
    assert scene.orders.page(CLIENT, 10) == ([], None)


def test_a_quote_of_before_the_clock_was_set_back_is_refused(scene: Scene) -> None:
    """GIVEN a quote for 30 seconds that would be valid for an hour."""
    scene.clock.now += 3600
    offer = scene.offer()
    with pytest.raises(QuoteExpired, match="when the clock was set back"):
        scene.submit(replace(REQUEST, quote_id=UUID(offer["quoteId"])))
    assert scene.orders.page(CLIENT, 10) == ([], None)


def test_old_quotes_are_deleted_after_the_clock_was_set_back(scene: Scene, database: Database) -> None:
    scene.offer()
    database.execute("UPDATE quotes SET created_at = created_at + interval '1 hour'")
    assert scene.store.delete_expired(10) == 1
