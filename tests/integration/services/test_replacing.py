"""Open orders that their clients replace or cancel, also while something else moves them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from order_engine.api.order_forms import parse_changes
from order_engine.api.views import event_view
from order_engine.domain.errors import EngineError, InvalidOrder, NotOpen, OrderNotFound, RateLimited, VenueUnavailable
from order_engine.domain.events import Activated, Activation
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status, Trigger
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.terms import Limit, Stop, Wait
from order_engine.ports import Moved, Selection
from order_engine.storage.database import Database
from order_engine.storage.open_orders import PostgresOpenOrders
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.standing_orders import PostgresStandingOrders
from tests.support.concurrency import at_once
from tests.support.open_orders import limit, recurring, sniper, stop
from tests.support.orders import CLIENT, LEASE, OTHER, REQUEST, RUN, brought_to
from tests.support.standing import Desk

SOON = datetime.now(UTC) + timedelta(hours=1)
PAIR = replace(limit("200"), linked=stop("150"))


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def changed(desk: Desk, order: Order, client_id: UUID = CLIENT, **changes: Any) -> Order:
    desk.standing.replace(client_id, order.id, partial(parse_changes, changes))
    return desk.orders.get(order.id)


def test_a_replaced_order_has_new_terms_and_its_old_ones_in_its_events(desk: Desk) -> None:
    order, _ = desk.submit(limit("200", user_id="u", client_order_id="mine"), connection_id="c1")
    now = changed(desk, order, limitPrice="210.5", amountIn="2", expiresAt=SOON.isoformat())
    assert now == order._replace(
        seq=2,
        updated_at=now.updated_at,
        amount_in=2 * 10**9,
        expires_at=SOON,
        terms=Limit(Decimal("210.5")),
        trigger_out=421_000_000,
        limit_out=421_000_000,
    )
    first, second = (event_view(event)["data"] for event in desk.orders.events(order.id))
    assert (first["terms"]["limitPrice"], first["amountIn"], first["reason"]) == ("200", "1", "accepted")
    assert (second["terms"]["limitPrice"], second["amountIn"], second["reason"]) == ("210.5", "2", "replaced")
    assert second["clientOrderId"] == "mine"
    assert desk.heard == [("c1", order.id, 1), ("c1", order.id, 2)]
    assert desk.woken == 2


def test_a_stop_that_was_reached_waits_for_its_new_price(desk: Desk, database: Database) -> None:
    order, _ = desk.submit(stop("150", limit_price="140"))
    assert desk.open_orders.reach(order)
    desk.pays("125")
    limited = changed(desk, order, limitPrice="130")
    assert (limited.waits_for, limited.trigger_out) == (Wait.AT_LEAST, 130_000_000)
    assert isinstance(limited.terms, Stop)
    assert limited.terms.reached
    again = changed(desk, order, stopPrice="120", limitPrice="110")
    assert (again.waits_for, again.trigger_out, again.limit_out) == (Wait.AT_MOST, 120_000_000, 110_000_000)
    assert again.terms == Stop(Decimal(120), Decimal(110))


def test_a_replacement_that_changes_nothing_is_no_event(desk: Desk) -> None:
    order, _ = desk.submit(limit("200"))
    assert changed(desk, order, limitPrice="200.0") == order
    assert len(desk.published) == 1


def test_a_replaced_limit_that_the_market_meets_runs_at_once(desk: Desk) -> None:
    order, _ = desk.submit(limit("200", 1_500_000_000))
    now = changed(desk, order, limitPrice="175")
    assert (now.status, now.seq, now.limit_out) == (Status.PENDING, 3, 262_500_000)
    assert desk.queue.enqueued == [order.id]


@pytest.mark.parametrize(
    ("request_", "changes", "field"),
    [
        (stop("150"), {"stopPrice": "181"}, "stopPrice"),
        (stop("150"), {"limitPrice": "151"}, "limitPrice"),
        (limit("200"), {"limitPrice": "0.0055"}, "limitPrice"),
        (limit("200"), {"stopPrice": "1"}, "stopPrice"),
        (recurring(), {"amountIn": "1"}, "amountIn"),
    ],
)
def test_a_bad_replacement_changes_nothing(
    desk: Desk, request_: OrderRequest, changes: dict[str, Any], field: str
) -> None:
    order, _ = desk.submit(request_)
    with pytest.raises(InvalidOrder) as refused:
        changed(desk, order, **changes)
    assert [problem["field"] for problem in refused.value.problems] == [field]
    assert desk.orders.get(order.id) == order


def test_a_replacement_needs_what_a_new_order_needs_of_the_market(desk: Desk) -> None:
    waiting, stopped = desk.submit(limit("200"))[0], desk.submit(stop("150"))[0]
    desk.venue.refusal = VenueUnavailable("nobody answers")
    assert changed(desk, waiting, limitPrice="201").trigger_out == 201_000_000
    assert desk.published[-1].data["message"] == "there is no price now: nobody answers"
    with pytest.raises(VenueUnavailable):
        changed(desk, stopped, stopPrice="151")


def test_a_replacement_that_reads_the_market_counts_as_an_order(desk: Desk) -> None:
    order, _ = desk.submit(limit("200"))
    desk.rate_limit.wait = 2.5
    with pytest.raises(RateLimited, match="retry in 3 s"):
        changed(desk, order, limitPrice="201")
    assert changed(desk, order, expiresAt=SOON.isoformat()).expires_at == SOON


def test_only_an_open_order_of_the_client_is_replaced(desk: Desk) -> None:
    order, _ = desk.submit(limit("200"))
    with pytest.raises(OrderNotFound):
        changed(desk, order, OTHER.client_id, limitPrice="201")
    desk.submission.cancel(CLIENT, order.id)
    with pytest.raises(NotOpen, match=r"^expected an open order, was one that is cancelled$"):
        changed(desk, order, limitPrice="201")
    with pytest.raises(NotOpen, match=r"^expected an open order, was one that is routing$"):
        changed(desk, brought_to(desk.orders, Status.ROUTING), limitPrice="201")


def test_a_replacement_does_not_undo_what_happens_meanwhile(desk: Desk) -> None:
    order, _ = desk.submit(stop("150", limit_price="140"))
    desk.pays("135")
    moved: list[Moved | None] = []

    def revise(order: Order) -> OrderRequest:
        if not moved:
            moved.append(desk.open_orders.reach(order))
        return parse_changes({"expiresAt": SOON.isoformat()}, order)

    desk.standing.replace(CLIENT, order.id, revise)
    now = desk.orders.get(order.id)
    assert (now.seq, now.waits_for, now.expires_at) == (3, Wait.AT_LEAST, SOON)


def test_of_replacements_and_an_activation_at_once_each_is_applied_to_what_it_saw(
    connect: Callable[[], Database],
) -> None:
    desks = [Desk(connect()) for _ in range(8)]
    order, _ = desks[0].submit(limit("200"))

    def act(number: int) -> str:
        try:
            if number == 0:
                activation = Activation(Activated.LIMIT_MET, 10**9, 1)
                return "activated" if desks[0].open_orders.activate([(order, activation)]) else "too late"
            changed(desks[number], order, limitPrice=str(200 + number))
        except NotOpen:
            return "not open"
        return "replaced"

    done = at_once(8, act)
    events = desks[0].orders.events(order.id)
    now = desks[0].orders.get(order.id)
    assert [event.seq for event in events] == list(range(1, now.seq + 1))
    assert done.count("replaced") + done.count("activated") == len(events) - 1
    assert ("activated" in done) == (now.status is Status.PENDING)
    shown = [event_view(event)["data"]["terms"]["limitPrice"] for event in events if event.status is Status.OPEN]
    assert isinstance(now.terms, Limit)
    assert now.terms.price == Decimal(shown[-1])
    assert now.trigger_out == now.terms.price * 10**6


def cancelled(desk: Desk, **selection: Any) -> set[UUID]:
    ids, complete = desk.standing.cancel_all(CLIENT, Selection(**selection))
    assert complete
    for id in ids:
        assert desk.orders.get(id).status is Status.CANCELLED
        assert [event.seq for event in desk.published if event.order_id == id][-1] == desk.orders.get(id).seq
    return set(ids)


def test_all_orders_are_cancelled_that_can_be(desk: Desk) -> None:
    can = {
        *(desk.submit(request, connection_id="c1")[0].id for request in (limit(), stop(), recurring())),
        *(brought_to(desk.orders, status).id for status in (Status.PENDING, Status.ROUTING, Status.BUILDING)),
    }
    first, _ = desk.submit(PAIR)
    kept = [brought_to(desk.orders, status) for status in (Status.SUBMITTED, Status.CONFIRMED, Status.FAILED)]
    others = desk.orders.insert(uuid7(), OTHER.client_id, REQUEST, {})
    assert cancelled(desk) == can | {first.id, first.linked_id}
    assert [desk.orders.get(order.id) for order in [*kept, others]] == [*kept, others]
    assert {order_id for _, order_id, seq in desk.heard if seq == 2} <= can
    assert cancelled(desk) == set()


def test_orders_of_a_pair_or_a_type_are_cancelled(desk: Desk, database: Database) -> None:
    limits = {desk.submit(limit())[0].id for _ in range(3)}
    buy = desk.orders.insert(uuid7(), CLIENT, sniper(), {})
    market = desk.submit(REQUEST)[0]
    first, _ = desk.submit(PAIR)
    assert first.linked_id
    assert cancelled(desk, pair=("USDC", "BONK")) == {buy.id}
    assert cancelled(desk, type="limit") == {*limits, first.id, first.linked_id}
    ends = [event_view(desk.orders.events(id)[-1])["data"] for id in (first.id, first.linked_id)]
    assert ends == [{}, {"reason": "its linked order was cancelled"}]
    assert desk.orders.get(market.id).status is Status.PENDING


def test_what_is_left_is_said(database: Database, orders: PostgresOrderStore) -> None:
    ids = [orders.insert(uuid7(), CLIENT, limit(), {}).id for _ in range(5)]
    counted: list[Status] = []
    store = PostgresStandingOrders(database, counted.append)
    assert store.cancel_all(CLIENT, Selection(type="limit"), limit=3) == (sorted(ids)[:3], False)
    assert store.cancel_all(CLIENT, Selection(type="limit"), limit=2) == (sorted(ids)[3:], True)
    assert store.cancel_all(CLIENT, Selection(), limit=2) == ([], True)
    assert counted == [Status.CANCELLED] * 5


def test_cancelling_all_races_runs_and_activations_without_a_deadlock(connect: Callable[[], Database]) -> None:
    """Each order ends once: cancelled, or moved on by another; and no event is missing."""
    orders = PostgresOrderStore(connect())
    pairs = [orders.insert(uuid7(), CLIENT, PAIR, {"n": n}, linked=(uuid7(), {"n": n})) for n in range(20)]
    running = [orders.claim(orders.insert(uuid7(), CLIENT, REQUEST, {}).id, RUN, LEASE) for _ in range(10)]
    activation = Activation(Activated.LIMIT_MET, 10**9, 1)
    databases = [connect() for _ in range(6)]

    def act(number: int) -> None:
        database = databases[number]
        if number < 2:
            PostgresStandingOrders(database).cancel_all(CLIENT, Selection())
        elif number == 2:
            PostgresOpenOrders(database).activate([(pair, activation) for pair in pairs[::-1]])
        elif number == 3:
            linked = [orders_of(database, pair.linked_id) for pair in pairs]
            PostgresOpenOrders(database).activate([(order, activation) for order in linked])
        else:
            store = PostgresOrderStore(database)
            for order in [*pairs, *filter(None, running)]:
                try:
                    store.cancel(CLIENT, order.id)
                except EngineError:
                    continue

    at_once(6, act)
    for pair in pairs:
        both = [orders.get(id) for id in (pair.id, pair.linked_id) if id]
        assert all(order.status in (Status.CANCELLED, Status.PENDING) for order in both)
        for order in both:
            assert [event.seq for event in orders.events(order.id)] == list(range(1, order.seq + 1))
    PostgresStandingOrders(databases[0]).cancel_all(CLIENT, Selection())
    assert {order.status for order in orders.page(CLIENT, 100)[0]} == {Status.CANCELLED}


def orders_of(database: Database, id: UUID | None) -> Order:
    assert id is not None
    return PostgresOrderStore(database).get(id)


def test_an_order_that_is_sent_is_not_cancelled_with_its_pair(desk: Desk) -> None:
    first, _ = desk.submit(PAIR)
    assert desk.open_orders.activate([(first, Activation(Activated.LIMIT_MET, 10**9, 1))])
    assert desk.orders.claim(first.id, RUN, LEASE)
    for trigger in (Trigger.ROUTE, Trigger.BUILD, Trigger.SUBMIT):
        assert desk.orders.move(first.id, RUN, trigger, 1, {})
    assert cancelled(desk) == {first.linked_id}
    assert desk.orders.get(first.id).status is Status.SUBMITTED
