from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from order_engine.domain.errors import (
    InvalidOrder,
    NoRoute,
    PriceImpactTooHigh,
    QuoteExpired,
    QuoteNotFound,
    StoreUnavailable,
)
from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status
from order_engine.domain.markets import MarketDescription
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.quotes import Offer, Quote
from order_engine.ports import OrderStore
from order_engine.services.submission import Submission
from tests.support.fakes import FakeQuoteStore, FakeRateLimit, no_standing

REQUEST = OrderRequest("market", "USDC", "SOL", 2_500_000, 75, "a-1", "u-1")
CLIENT = UUID(int=1)
QUOTE_ID = UUID(int=2)
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
DEVNET = MarketDescription("Devnet", wallet="engine", tokens=["SOL", "USDC"])


class Journal:
    """The calls in order. Those named in `broken` fail."""

    def __init__(self, *broken: str) -> None:
        self.done: list[str] = []
        self.warnings: list[str] = []
        self.events: list[tuple[Event, Sequence[str]]] = []
        self.enqueued: list[tuple[UUID, int]] = []
        self._broken = broken

    def note(self, what: str) -> None:
        if what in self._broken:
            raise StoreUnavailable(what) if what == "store" else OSError(what)
        self.done.append(what)


class FakeOrders:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def insert(
        self,
        id: UUID,
        client_id: UUID,
        request: OrderRequest,
        data: dict[str, Any],
        connection_id: str | None = None,
        idempotency_key: str | None = None,
        linked: tuple[UUID, dict[str, Any]] | None = None,
    ) -> Order:
        self._journal.note("store")
        return Order(
            *(id, request.type, request.token_in, request.token_out, request.amount_in, request.slippage_bps),
            *(Status.PENDING, 1, 1, AT, AT),
        )

    def earlier(self, id: UUID, client_id: UUID, request: OrderRequest, idempotency_key: str | None) -> Order | None:
        return None


class FakeQueue:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def enqueue(self, order_id: UUID, published_seq: int = 0) -> None:
        self._journal.note("enqueue")
        self._journal.enqueued.append((order_id, published_seq))

    def enqueue_all(self, published: Mapping[UUID, int]) -> list[UUID]:
        raise AssertionError("an order is enqueued by itself")

    def is_empty(self) -> bool:
        raise AssertionError("a submission does not depend on the queue")


def offered(expires_in: float = 25, slippage_bps: int = 75, price_impact_bps: int = 500) -> Offer:
    """An offer for `REQUEST`."""
    quote = Quote("USDC", "SOL", 2_500_000, 14_000_000, (), 1, time.time() + expires_in)
    return Offer(QUOTE_ID, quote, slippage_bps, {"priceImpactBps": price_impact_bps})


def submit(
    journal: Journal,
    connection_id: str | None = None,
    request: OrderRequest = REQUEST,
    offer: Offer | None = None,
    market: MarketDescription = DEVNET,
) -> Order:
    def publish(events: Sequence[Event], listeners: Sequence[str]) -> None:
        journal.note("publish")
        journal.events.extend((event, listeners) for event in events)

    quotes = FakeQuoteStore()
    if offer:
        quotes.insert(CLIENT, offer)
    submission = Submission(
        orders=cast(OrderStore, FakeOrders(journal)),
        standing=no_standing,
        quotes=quotes,
        publish=publish,
        queue=FakeQueue(journal),
        rate_limit=FakeRateLimit(),
        warn=journal.warnings.append,
        market=market,
    )
    order, new = submission.submit(request, CLIENT, None, connection_id)
    assert new
    return order


def test_an_order_is_stored_before_it_is_published_and_enqueued() -> None:
    journal = Journal()
    order = submit(journal)
    assert journal.done == ["store", "publish", "enqueue"]
    assert journal.enqueued == [(order.id, 1)]
    assert journal.warnings == []


def test_the_first_event_contains_the_request() -> None:
    journal = Journal()
    order = submit(journal)
    data = {
        "type": "market",
        "version": 1,
        "market": "Devnet",
        "token_in": "USDC",
        "token_out": "SOL",
        "amount_in": "2500000",
        "slippage_bps": 75,
        "client_order_id": "a-1",
        "quote_id": None,
        "max_price_impact_bps": 500,
    }
    assert journal.events == [(Event(order.id, 1, Status.PENDING, AT, 1, data), [])]


@pytest.mark.parametrize(("token_in", "token_out"), [("RAY", "USDC"), ("SOL", "RAY")])
def test_an_order_for_a_token_that_its_market_does_not_have_is_refused(token_in: str, token_out: str) -> None:
    journal = Journal()
    with pytest.raises(NoRoute, match="^RAY has no mint on Devnet$"):
        submit(journal, request=replace(REQUEST, token_in=token_in, token_out=token_out))
    assert journal.done == []


def test_the_connection_that_submits_an_order_gets_its_first_event() -> None:
    journal = Journal()
    submit(journal, "c1")
    assert [listeners for _, listeners in journal.events] == [["c1"]]


def test_an_order_is_accepted_though_its_message_cannot_be_sent() -> None:
    journal = Journal("enqueue")
    order = submit(journal)
    assert journal.warnings == [f"order {order.id} is stored, but its message was not sent: enqueue"]


def test_an_order_that_cannot_be_stored_is_neither_published_nor_enqueued() -> None:
    journal = Journal("store")
    with pytest.raises(StoreUnavailable):
        submit(journal)
    assert (journal.done, journal.warnings) == ([], [])


def test_an_order_that_names_its_quote_is_stored_with_it() -> None:
    journal = Journal()
    submit(journal, request=replace(REQUEST, quote_id=QUOTE_ID), offer=offered())
    assert journal.done == ["store", "publish", "enqueue"]
    assert journal.events[0][0].data["quote_id"] == str(QUOTE_ID)


@pytest.mark.parametrize(
    ("change", "offering", "refusal"),
    [
        ({}, None, QuoteNotFound),
        ({}, {"expires_in": -1}, QuoteExpired),
        ({}, {"price_impact_bps": 501}, PriceImpactTooHigh),
        ({"amount_in": 2_500_001}, {}, InvalidOrder),
        ({}, {"slippage_bps": 50}, InvalidOrder),
        # A quote for other tokens is wrong whether or not it has expired.
        ({"token_out": "RAY"}, {"expires_in": -1}, InvalidOrder),
    ],
)
def test_an_order_that_cannot_have_its_quote_is_refused_and_not_stored(
    change: dict[str, Any], offering: dict[str, Any] | None, refusal: type[Exception]
) -> None:
    journal = Journal()
    # Made here: a quote that was made while the tests were collected may have expired.
    offer = None if offering is None else offered(**offering)
    with pytest.raises(refusal):
        submit(journal, request=replace(REQUEST, quote_id=QUOTE_ID, **change), offer=offer)
    assert (journal.done, journal.warnings) == ([], [])
