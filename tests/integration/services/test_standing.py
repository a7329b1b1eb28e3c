"""Orders that wait: accepted, compared with the market, started at once, and repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from order_engine.api.views import accepted_view, event_view
from order_engine.domain.errors import (
    AmountTooSmall,
    EngineError,
    IdempotencyKeyReused,
    InsufficientLiquidity,
    InvalidOrder,
    NoRoute,
    VenueUnavailable,
)
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import OrderRequest
from order_engine.domain.terms import Limit, Recurring, Sniper, Stop
from order_engine.storage.database import Database
from tests.support.concurrency import at_once
from tests.support.orders import CLIENT
from tests.support.standing import Desk

AMOUNT = 1_500_000_000
SOON = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def limit(price: str = "200", **more: Any) -> OrderRequest:
    return OrderRequest("limit", "SOL", "USDC", AMOUNT, terms=Limit(Decimal(price)), **more)


def stop(price: str = "150", limit_price: str | None = None, **more: Any) -> OrderRequest:
    terms = Stop(Decimal(price), None if limit_price is None else Decimal(limit_price))
    return OrderRequest("stop", "SOL", "USDC", AMOUNT, terms=terms, **more)


def pair(price: str = "200", stop_price: str = "150", stop_limit: str | None = None, **more: Any) -> OrderRequest:
    linked = replace(stop(stop_price, stop_limit, **more), client_order_id=None)
    return replace(limit(price, **more), linked=linked)


def recurring(minimum: str | None = None, amount_in: int = AMOUNT, slices: int = 3, **more: Any) -> OrderRequest:
    terms = Recurring(slices, 60, None if minimum is None else Decimal(minimum))
    return OrderRequest("recurring", "SOL", "USDC", amount_in, terms=terms, **more)


SNIPER = OrderRequest("sniper", "SOL", "BONK", AMOUNT, terms=Sniper(10**9, Decimal("0.01")), expires_at=SOON)
EVERY_TYPE = [
    limit(expires_at=SOON),
    replace(limit(), terms=Limit(None, 300_000_000)),
    stop(),
    stop(limit_price="149"),
    recurring(),
    recurring(start_at=SOON),
    pair(expires_at=SOON),
    SNIPER,
]


@pytest.mark.parametrize("request_", EVERY_TYPE)
def test_an_order_that_waits_is_stored_and_published_but_not_enqueued(desk: Desk, request_: OrderRequest) -> None:
    order, new = desk.submit(request_, connection_id="c1")
    assert new
    assert order.status is Status.OPEN
    assert order == desk.orders.get(order.id)
    ids = [order.id] + ([order.linked_id] if order.linked_id else [])
    assert desk.heard == [("c1", id, 1) for id in ids]
    assert [desk.orders.events(id) for id in ids] == [[event] for event in desk.published]
    assert [event_view(event)["data"]["reason"] for event in desk.published] == ["accepted"] * len(ids)
    assert (desk.queue.enqueued, desk.warnings) == ([], [])


@pytest.mark.parametrize("request_", EVERY_TYPE)
def test_a_repeated_request_gets_the_first_answer_whatever_has_happened_since(
    desk: Desk, request_: OrderRequest
) -> None:
    first, _ = desk.submit(request_, "key")
    desk.venue.refusal = VenueUnavailable("nobody answers")
    assert desk.submit(request_, "key") == (first, False)
    desk.venue.refusal = None
    desk.rate_limit.wait = 1.0
    desk.submission.cancel(CLIENT, first.id)
    assert desk.submit(request_, "key") == (first, False)
    assert len(desk.orders.page(CLIENT, 10)[0]) == (2 if request_.linked else 1)


@pytest.mark.parametrize("request_", [limit("180"), pair("175"), pair(), recurring()])
def test_of_twenty_requests_at_once_one_is_stored_and_started_and_all_get_its_answer(
    connect: Callable[[], Database], request_: OrderRequest
) -> None:
    desks = [Desk(connect()) for _ in range(20)]
    answers = at_once(20, lambda n: desks[n].submit(request_, "key"))
    assert [new for _, new in answers].count(True) == 1
    assert {order for order, _ in answers} == {answers[0][0]}
    stored = desks[0].orders.page(CLIENT, 100)[0]
    assert len(stored) == (2 if request_.linked else 1)
    started = [order.id for order in stored if order.status is Status.PENDING]
    assert [id for desk in desks for id in desk.queue.enqueued] == started
    assert len(started) == (answers[0][0].status is Status.PENDING)


def test_a_repeated_request_gets_the_first_answer_after_a_replacement(desk: Desk) -> None:
    first, _ = desk.submit(limit(expires_at=SOON), "key")
    desk.standing.replace(CLIENT, first.id, lambda order: replace(limit("210"), amount_in=10**9))
    assert desk.orders.get(first.id).amount_in == 10**9
    assert desk.submit(limit(expires_at=SOON), "key") == (first, False)
    with pytest.raises(IdempotencyKeyReused, match=r"^limitPrice: expected 200 as in order .*, was 210$"):
        desk.submit(limit("210", expires_at=SOON), "key")


@pytest.mark.parametrize(
    ("first", "then", "differences"),
    [
        (limit(), limit("201"), {"limitPrice": ("200", "201")}),
        (limit(), limit(expires_at=SOON), {"expiresAt": ("nothing", SOON.isoformat(timespec="milliseconds")[:-6])}),
        (limit(), OrderRequest("market", "SOL", "USDC", AMOUNT), {"type": ("limit", "market"), "limitPrice": ()}),
        (OrderRequest("market", "SOL", "USDC", AMOUNT), limit(), {"type": ("market", "limit"), "limitPrice": ()}),
        (
            limit(),
            replace(limit(), terms=Limit(None, 5)),
            {"limitPrice": ("200", "nothing"), "minAmountOut": ("nothing", "0.000005 USDC")},
        ),
        (stop(), stop("151", "149"), {"stopPrice": ("150", "151"), "limitPrice": ("nothing", "149")}),
        (pair(), pair("200", "151", "149"), {"stopPrice": ("150", "151"), "stopLimitPrice": ("nothing", "149")}),
        (pair(), limit(), {"type": ("oco", "limit"), "stopPrice": ("150", "nothing"), "confirmTicks": ()}),
        (recurring(), recurring("1", slices=4), {"slices": ("3", "4"), "minPrice": ("nothing", "1")}),
        (recurring(), recurring(start_at=SOON), {"startAt": ("nothing", SOON.strftime("%Y"))}),
        (SNIPER, replace(SNIPER, terms=Sniper(10**9)), {"maxPrice": ("0.01", "nothing")}),
    ],
)
def test_a_key_reused_for_other_terms_is_refused_with_the_differences(
    desk: Desk, first: OrderRequest, then: OrderRequest, differences: dict[str, tuple[str, ...]]
) -> None:
    desk.submit(first, "key")
    with pytest.raises(IdempotencyKeyReused) as refused:
        desk.submit(then, "key")
    found = {problem["field"]: problem["message"] for problem in refused.value.problems}
    assert found.keys() == differences.keys()
    for field, values in differences.items():
        assert all(value in found[field] for value in values), found[field]


def test_the_watcher_is_woken_unless_it_watches(desk: Desk) -> None:
    desk.submit(limit())
    assert desk.woken == 1
    desk.open_orders.take_lease("watcher", 10)
    desk.submit(limit())
    desk.submit(OrderRequest("market", "SOL", "USDC", AMOUNT))
    assert desk.woken == 1


def test_an_order_is_accepted_though_the_watcher_cannot_be_woken(desk: Desk) -> None:
    desk.wake_error = ConnectionError("no Lambda")
    order, new = desk.submit(limit())
    assert (order.status, new) == (Status.OPEN, True)
    assert desk.warnings == [f"order {order.id} waits for the watcher's schedule: no Lambda"]


@pytest.mark.parametrize("request_", [limit("180"), limit("10.5"), replace(limit(), terms=Limit(None, 270_000_000))])
def test_a_limit_that_the_market_meets_runs_at_once_and_says_so(desk: Desk, request_: OrderRequest) -> None:
    order, _ = desk.submit(request_, "key", "c1")
    assert (order.status, desk.orders.get(order.id).status) == (Status.PENDING, Status.PENDING)
    assert desk.queue.enqueued == [order.id]
    assert desk.heard == [("c1", order.id, 1), ("c1", order.id, 2)]
    opened, pending = desk.orders.events(order.id)
    activation = event_view(pending)["data"]["activation"]
    assert activation == {
        "reason": "limitMet",
        "amountOut": "270",
        "amountOutBaseUnits": "270000000",
        "price": "180",
        "slot": 7,
    }
    answer = accepted_view(order, opened, "ws://engine")
    assert (answer["status"], answer["activation"]) == ("pending", activation)
    again, new = desk.submit(request_, "key")
    assert (accepted_view(again, desk.orders.events(again.id)[0], "ws://engine"), new) == (answer, False)
    assert desk.woken == 0


def test_a_limit_waits_if_meeting_it_would_move_the_price_too_far(desk: Desk) -> None:
    desk.venue.depth = 10
    order, _ = desk.submit(limit("150"))
    assert order.status is Status.OPEN
    assert desk.published[0].data["message"].startswith("expected a price impact of at most 500 basis points, would be")
    assert desk.submit(limit("150", max_price_impact_bps=2_000))[0].status is Status.PENDING


def test_a_pair_whose_limit_is_met_runs_with_its_stop_open(desk: Desk) -> None:
    order, _ = desk.submit(pair("175"))
    assert order.status is Status.PENDING
    assert order.linked_id
    assert desk.orders.get(order.linked_id).status is Status.OPEN


def test_an_order_runs_though_the_queue_is_down(desk: Desk) -> None:
    desk.queue.down = True
    order, _ = desk.submit(limit("180"))
    assert desk.orders.get(order.id).status is Status.PENDING
    assert len(desk.warnings) == 2


@pytest.mark.parametrize(
    ("request_", "problems"),
    [
        (stop("180"), {"stopPrice": "expected a price below the market's, 180 now, was 180"}),
        (stop("500"), {"stopPrice": "expected a price below the market's, 180 now, was 500"}),
        (pair("300", "180.5"), {"stopPrice": "expected a price below the market's, 180 now, was 180.5"}),
        (limit("0.0055"), {"limitPrice": "expected whole USDC for one SOL, about 180 now, was 0.0055"}),
        (limit("0.01"), {"limitPrice": "expected whole USDC for one SOL, about 180 now, was 0.01"}),
        (stop("0.0055"), {"stopPrice": "expected whole USDC for one SOL, about 180 now, was 0.0055"}),
        (recurring("0.0055"), {"minPrice": "expected whole USDC for one SOL, about 180 now, was 0.0055"}),
        (
            pair("0.006", "0.0055", "0.005"),
            {
                name: f"expected whole USDC for one SOL, about 180 now, was {price}"
                for name, price in {"limitPrice": "0.006", "stopPrice": "0.0055", "stopLimitPrice": "0.005"}.items()
            },
        ),
    ],
)
def test_a_price_on_the_wrong_side_of_the_market_is_refused(
    desk: Desk, request_: OrderRequest, problems: dict[str, str]
) -> None:
    with pytest.raises(InvalidOrder) as refused:
        desk.submit(request_)
    assert {problem["field"]: problem["message"] for problem in refused.value.problems} == problems
    assert desk.orders.page(CLIENT, 1)[0] == []


@pytest.mark.parametrize("price", ["18.1", "1799", "9999", "0.05"])
def test_a_price_that_may_be_meant_is_accepted(desk: Desk, price: str) -> None:
    assert desk.submit(limit(price))[1]


def test_a_stop_just_below_the_market_is_accepted(desk: Desk) -> None:
    assert desk.submit(stop("179.999999"))[0].status is Status.OPEN


@pytest.mark.parametrize("request_", [limit(), stop(), pair(), recurring()])
def test_an_order_for_a_pair_without_pools_is_refused(desk: Desk, request_: OrderRequest) -> None:
    desk.venue.amount_out = 0
    with pytest.raises(NoRoute):
        desk.submit(request_)
    assert desk.submit(SNIPER)[0].status is Status.OPEN


def test_a_slice_that_pays_nothing_is_refused(desk: Desk) -> None:
    with pytest.raises(AmountTooSmall):
        desk.submit(recurring(amount_in=10, slices=10))


@pytest.mark.parametrize("request_", [limit("180"), recurring(), SNIPER])
def test_an_order_is_accepted_while_the_market_does_not_answer(desk: Desk, request_: OrderRequest) -> None:
    desk.venue.refusal = VenueUnavailable("nobody answers")
    order, _ = desk.submit(request_)
    assert order.status is Status.OPEN
    if request_ is not SNIPER:
        assert desk.published[0].data["message"] == "there is no price now: nobody answers"
    assert desk.woken == 1


@pytest.mark.parametrize("request_", [stop(), pair()])
@pytest.mark.parametrize("error", [VenueUnavailable("nobody answers"), InsufficientLiquidity("too little")])
def test_a_stop_needs_a_price_to_be_accepted(desk: Desk, request_: OrderRequest, error: EngineError) -> None:
    desk.venue.refusal = error
    with pytest.raises(type(error)):
        desk.submit(request_)
    assert desk.orders.page(CLIENT, 1)[0] == []


def test_a_stop_is_not_refused_for_a_price_that_may_only_seem_low(desk: Desk) -> None:
    desk.venue.unusable["meteora"] = VenueUnavailable("meteora does not answer")
    assert desk.submit(stop("150"))[0].status is Status.OPEN
    assert desk.submit(limit("180"))[0].status is Status.PENDING
    with pytest.raises(VenueUnavailable, match="^meteora does not answer$"):
        desk.submit(stop("190"))
    with pytest.raises(InvalidOrder):
        desk.submit(limit("0.0055"))


def test_an_order_that_cannot_be_paid_yet_is_accepted_with_a_warning(desk: Desk) -> None:
    desk.wallet.empty()
    order, _ = desk.submit(limit())
    assert order.status is Status.OPEN
    assert event_view(desk.published[0])["data"]["message"] == "expected 1.5 SOL, was 1 SOL"
