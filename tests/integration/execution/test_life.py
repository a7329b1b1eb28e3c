"""An order without failures, and steps that are retried after a venue failed."""

from __future__ import annotations

import pytest

from order_engine.api.views import event_view, order_view
from order_engine.domain.errors import VenueUnavailable
from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import Order
from order_engine.domain.transactions import Transaction
from order_engine.services.execution import Execution
from order_engine.simulation.faults import set_fault
from order_engine.simulation.pools import VENUES
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.fakes import FakeChain, FakeVenue, fake_execution
from tests.support.orders import LIFE, statuses
from tests.support.runs import at, finish, passed_on, start, swaps


def test_an_order_is_run_from_route_to_confirm(
    execution: Execution, orders: PostgresOrderStore, database: Database, published: list[Event]
) -> None:
    run = start(orders)
    ended = finish(execution, run)
    order = orders.get(run.order_id)
    assert ended.status is order.status is Status.CONFIRMED
    assert statuses(orders, order.id) == LIFE
    assert published == orders.events(order.id, after=1)
    (swap,) = swaps(database)
    (leg,) = swap["swaps"]
    assert (order.tx_hash, order.amount_out, order.venue) == (swap["signature"], swap["amount_out"], leg["venue"])
    assert order.quoted_out == order.amount_out
    assert order.min_out == order.amount_out * 9_950 // 10_000 if order.amount_out else False


def test_each_event_holds_the_result_of_its_step(execution: Execution, orders: PostgresOrderStore) -> None:
    run = start(orders)
    finish(execution, run)
    order = order_view(orders.get(run.order_id))
    _, routing, building, submitted, confirmed = [event_view(event)["data"] for event in orders.events(run.order_id)]
    assert set(VENUES) <= {quote["venue"] for quote in routing["quotes"]}
    assert routing["venue"] == order["venue"]
    best = routing["quotes"][0]
    assert routing["reason"].startswith(f"{best['pools']} pays ")
    assert routing["unavailable"] == []
    assert (best["venue"], best["amountOut"]) == (order["venue"], order["quotedOut"])
    (hop,) = routing["route"]
    (leg,) = hop["legs"]
    assert building == {
        "venue": order["venue"],
        "minOut": order["minOut"],
        "minOutBaseUnits": order["minOutBaseUnits"],
        "instructions": [
            "create the wSOL account",
            "transfer 1.5 SOL to the wSOL account",
            "sync the wSOL account",
            f"swap wSOL for USDC in {leg['pool']}",
            "close the wSOL account",
        ],
        "txHash": order["txHash"],
    }
    assert submitted == {"venue": order["venue"], "txHash": order["txHash"]}
    assert confirmed == {
        "txHash": order["txHash"],
        "slot": confirmed["slot"],
        "amountIn": "1.5",
        "amountInBaseUnits": "1500000000",
        "amountOut": order["amountOut"],
        "amountOutBaseUnits": order["amountOutBaseUnits"],
        "executedPrice": order["executedPrice"],
        "realisedSlippageBps": 0,
        "networkFee": "0",
        "networkFeeBaseUnits": "0",
        "rent": "0",
        "rentBaseUnits": "0",
    }


def test_the_filled_amount_is_recorded(orders: PostgresOrderStore, database: Database) -> None:
    run = start(orders)
    finish(fake_execution(database, FakeVenue("raydium", 1_000_000), chain=FakeChain(996_001)), run)
    order, confirmed = orders.get(run.order_id), event_view(orders.events(run.order_id)[-1])["data"]
    assert (order.quoted_out, order.min_out, order.amount_out) == (1_000_000, 995_000, 996_001)
    assert (confirmed["amountOut"], confirmed["realisedSlippageBps"]) == ("0.996001", 40)


def test_a_fill_above_the_quote_is_negative_slippage(orders: PostgresOrderStore, database: Database) -> None:
    run = start(orders)
    finish(fake_execution(database, FakeVenue("raydium", 1_000_000), chain=FakeChain(1_010_000)), run)
    assert orders.events(run.order_id)[-1].data["realised_slippage_bps"] == -100


def test_the_signature_is_stored_before_anything_is_sent(orders: PostgresOrderStore, database: Database) -> None:
    stored: list[Order] = []

    class Watched(FakeChain):
        def submit(self, transaction: Transaction) -> None:
            stored.append(orders.get(run.order_id))
            super().submit(transaction)

    chain = Watched()
    execution = fake_execution(database, FakeVenue("raydium"), chain=chain)
    run = start(orders)
    built = at(execution, run, Status.BUILDING)
    assert chain.sent == []
    assert orders.get(run.order_id).tx_hash is not None
    execution.submit(built)
    assert [order.tx_hash for order in stored] == chain.sent
    assert [order.status for order in stored] == [Status.SUBMITTED]


@pytest.mark.parametrize(
    ("step", "status"),
    [
        ("quote", Status.PENDING),
        ("build", Status.ROUTING),
        ("submit", Status.BUILDING),
        ("confirm", Status.SUBMITTED),
    ],
)
def test_each_step_can_be_retried_after_its_venue_failed(
    execution: Execution, orders: PostgresOrderStore, database: Database, step: str, status: Status
) -> None:
    run = at(execution, start(orders), status)
    call = {
        "quote": execution.route,
        "build": execution.build,
        "submit": execution.submit,
        "confirm": execution.confirm,
    }[step]
    for venue in VENUES:
        set_fault(database, venue, step, "fail", times=1)
    with pytest.raises(VenueUnavailable):
        call(run)
    at(execution, passed_on(call(run)), Status.CONFIRMED)
    assert statuses(orders, run.order_id) == LIFE
    assert len(swaps(database)) == 1
