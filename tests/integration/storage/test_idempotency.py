"""One order per intent, whatever a client repeats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from order_engine.api.views import order_view
from order_engine.domain.errors import IdempotencyKeyReused, RateLimited
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status, Trigger
from order_engine.domain.orders import Order, OrderRequest
from order_engine.services.submission import Submission
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.quotes import PostgresQuoteStore
from tests.support.concurrency import at_once
from tests.support.fakes import FakeOrderQueue, FakeRateLimit, no_standing
from tests.support.orders import CLIENT, LEASE, OTHER, REQUEST, RUN

Connect = Callable[[], Database]


class Scene:
    def __init__(self, database: Database) -> None:
        self.orders = PostgresOrderStore(database)
        self.queue = FakeOrderQueue()
        self.rate_limit = FakeRateLimit()
        self.published: list[Any] = []
        self.submission = Submission(
            orders=self.orders,
            standing=no_standing,
            quotes=PostgresQuoteStore(database),
            publish=lambda events, listeners: self.published.extend((event.order_id, event.seq) for event in events),
            queue=self.queue,
            rate_limit=self.rate_limit,
            warn=lambda warning: None,
        )

    def submit(self, request: OrderRequest = REQUEST, key: str | None = "key", **more: Any) -> tuple[Order, bool]:
        return self.submission.submit(request, more.pop("client_id", CLIENT), key, **more)


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)


MINE = replace(REQUEST, client_order_id="mine")

either_key = pytest.mark.parametrize(
    ("request_", "key"), [(REQUEST, "key"), (MINE, None), (MINE, "key")], ids=["header", "clientOrderId", "both"]
)


@either_key
def test_a_repeated_request_is_one_order_with_one_answer(scene: Scene, request_: OrderRequest, key: str | None) -> None:
    first, new = scene.submit(request_, key)
    again, new_again = scene.submit(request_, key)
    assert (new, new_again) == (True, False)
    assert again == first
    assert order_view(again) == order_view(first)
    assert scene.queue.enqueued == [first.id]
    assert scene.published == [(first.id, 1)]
    assert len(scene.orders.page(CLIENT, 10)[0]) == 1


@either_key
def test_the_answer_stays_the_same_when_the_order_moves_on(
    scene: Scene, request_: OrderRequest, key: str | None
) -> None:
    first, _ = scene.submit(request_, key)
    scene.orders.claim(first.id, RUN, LEASE)
    scene.orders.move(first.id, RUN, Trigger.ROUTE, 1, {}, venue="raydium", quoted_out=5)
    scene.orders.move(first.id, RUN, Trigger.FAIL, 1, {}, error={"code": "NoRoute"})
    again, _ = scene.submit(request_, key)
    assert order_view(again) == order_view(first)
    assert again.status is Status.PENDING
    assert scene.orders.get(first.id).status is Status.FAILED


@pytest.mark.parametrize(
    ("change", "field", "expected", "was"),
    [
        ({"amount_in": 1}, "amountIn", "1.5 SOL", "0.000000001 SOL"),
        ({"token_in": "RAY"}, "tokenIn", "SOL", "RAY"),
        ({"token_out": "JUP"}, "tokenOut", "USDC", "JUP"),
        ({"slippage_bps": 51}, "slippageBps", "50", "51"),
        ({"max_price_impact_bps": 501}, "maxPriceImpactBps", "500", "501"),
        ({"user_id": "u"}, "userId", "nothing", "u"),
        ({"client_order_id": "x"}, "clientOrderId", "nothing", "x"),
    ],
)
def test_a_key_reused_for_another_order_is_refused_with_the_differences(
    scene: Scene, change: dict[str, Any], field: str, expected: str, was: str
) -> None:
    first, _ = scene.submit()
    with pytest.raises(IdempotencyKeyReused) as refusal:
        scene.submit(replace(REQUEST, **change))
    problem = next(problem for problem in refusal.value.problems if problem["field"] == field)
    assert problem["message"] == f"expected {expected} as in order {first.id}, was {was}"
    assert len(scene.orders.page(CLIENT, 10)[0]) == 1


def test_a_client_order_id_reused_for_another_order_is_refused(scene: Scene) -> None:
    scene.submit(MINE, None)
    for key in (None, "key"):
        with pytest.raises(IdempotencyKeyReused, match="slippageBps: expected 50 as in order"):
            scene.submit(replace(MINE, slippage_bps=1), key)


def test_the_header_and_the_client_order_id_are_two_namespaces(scene: Scene) -> None:
    scene.submit(REQUEST, "mine")
    _, new = scene.submit(MINE, None)
    assert new


def test_the_same_order_under_a_new_key_is_recognised_by_its_client_order_id(scene: Scene) -> None:
    first, _ = scene.submit(MINE, "key-1")
    again, new = scene.submit(MINE, "key-2")
    assert (again, new) == (first, False)


def test_the_header_takes_precedence_over_the_client_order_id(scene: Scene) -> None:
    scene.submit(MINE, None)
    by_header, _ = scene.submit(REQUEST, "key")
    with pytest.raises(
        IdempotencyKeyReused, match=f"clientOrderId: expected nothing as in order {by_header.id}, was mine"
    ):
        scene.submit(MINE, "key")


@either_key
def test_each_client_has_its_own_keys(scene: Scene, request_: OrderRequest, key: str | None) -> None:
    first, _ = scene.submit(request_, key)
    other, new = scene.submit(request_, key, client_id=OTHER.client_id)
    assert new
    assert other.id != first.id
    for wait in (0, 1.0):
        scene.rate_limit.wait = wait
        assert scene.submit(request_, key) == (first, False)
        assert scene.submit(request_, key, client_id=OTHER.client_id) == (other, False)


@either_key
def test_another_clients_key_does_not_bypass_the_rate_limit(
    scene: Scene, request_: OrderRequest, key: str | None
) -> None:
    scene.submit(request_, key)
    scene.rate_limit.wait = 1.0
    with pytest.raises(RateLimited):
        scene.submit(request_, key, client_id=OTHER.client_id)


def test_without_a_key_the_same_request_twice_is_two_orders(scene: Scene) -> None:
    assert scene.submit(REQUEST, None)[0].id != scene.submit(REQUEST, None)[0].id


@either_key
def test_fifty_concurrent_requests_store_one_order_and_get_one_answer(
    connect: Connect, request_: OrderRequest, key: str | None
) -> None:
    stores = [PostgresOrderStore(connect()) for _ in range(50)]
    answers = at_once(50, lambda n: stores[n].insert(uuid7(), CLIENT, request_, {}, None, key).as_accepted())
    assert all(answer == answers[0] for answer in answers)
    assert len(stores[0].page(CLIENT, 100)[0]) == 1
    assert len(connect().fetch("SELECT FROM order_events")) == 1


def test_different_concurrent_orders_with_one_key_store_one_and_refuse_the_others(
    connect: Connect,
) -> None:
    scenes = [Scene(connect()) for _ in range(20)]

    def submit(number: int) -> str:
        try:
            scenes[number].submit(replace(REQUEST, slippage_bps=number))
        except IdempotencyKeyReused:
            return "refused"
        return "stored"

    assert sorted(at_once(20, submit)) == ["refused"] * 19 + ["stored"]


def test_a_repeated_request_is_answered_beyond_the_rate_limit(scene: Scene) -> None:
    first, _ = scene.submit()
    scene.rate_limit.wait = 2.3
    assert scene.submit() == (first, False)
    with pytest.raises(IdempotencyKeyReused):
        scene.submit(replace(REQUEST, amount_in=1))
    with pytest.raises(RateLimited, match="retry in 3 s") as refusal:
        scene.submit(REQUEST, "another")
    assert refusal.value.details == [{"retryAfter": 3}]
    assert len(scene.orders.page(CLIENT, 10)[0]) == 1
