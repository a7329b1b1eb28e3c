"""The sweep and the dead letters."""

from __future__ import annotations

import pytest

from order_engine.domain.lifecycle import Status
from order_engine.domain.runs import Run
from order_engine.simulation.faults import clear_faults, set_fault
from order_engine.simulation.pools import VENUES
from order_engine.storage.clients import PostgresClientStore
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.aws import Aws
from tests.support.events import SCHEDULED, sqs, websocket
from tests.support.functions import Functions, dispatched, states_input
from tests.support.http_server import HttpServer
from tests.support.orders import CALLER, RUN, claimed, new_order

pytestmark = pytest.mark.usefixtures("nothing_sent")


def test_the_sweep_enqueues_stalled_orders(
    functions: Functions, orders: PostgresOrderStore, database: Database, services: Aws
) -> None:
    order = new_order(orders)
    assert functions("recover", SCHEDULED) == {"enqueued": 0, "closed": 0}
    database.execute("UPDATE orders SET enqueued_at = now() - interval '1 minute'")
    assert functions("recover", SCHEDULED) == {"enqueued": 1, "closed": 0}
    assert services.messages("OrderQueue") == [{"orderId": str(order.id), "publishedSeq": 0}]
    assert dispatched(functions, order.id) == {"batchItemFailures": []}
    assert orders.get(order.id).status is Status.CONFIRMED


def test_the_sweep_closes_the_connections_of_a_revoked_key(
    functions: Functions, orders: PostgresOrderStore, database: Database, clients: HttpServer
) -> None:
    functions("ws_connect", websocket("CONNECT"))
    PostgresClientStore(database).revoke(CALLER.key_id)
    clients.statuses["/@connections/c1"] = 204
    assert functions("recover", SCHEDULED) == {"enqueued": 0, "closed": 1}
    (request,) = clients.requests
    assert (request.method, request.path) == ("DELETE", "/@connections/c1")
    assert functions("recover", SCHEDULED) == {"enqueued": 0, "closed": 0}


def test_a_dead_letter_fails_its_order_and_notifies_its_listeners(
    functions: Functions, orders: PostgresOrderStore, clients: HttpServer
) -> None:
    order = new_order(orders, connection_id="c1")
    assert functions("recover", sqs({"orderId": str(order.id)})) == {"batchItemFailures": []}
    assert orders.get(order.id).status is Status.FAILED
    assert [(event["status"], event["seq"]) for event in clients.pushed("c1")] == [("pending", 1), ("failed", 2)]


def test_a_dead_letter_whose_order_may_still_be_filled_is_retried(
    functions: Functions, orders: PostgresOrderStore, database: Database
) -> None:
    order = claimed(orders)
    run = functions("route", states_input(Run.of(order)))
    for step in ("build", "submit"):
        run = functions("execute", states_input(run, step=step))
    orders.release(order.id, RUN)
    other = new_order(orders)
    for venue in VENUES:
        set_fault(database, venue, "confirm", "fail")
    event = sqs({"orderId": str(order.id)}, {"orderId": str(other.id)})
    assert functions("recover", event) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert [orders.get(id).status.value for id in (order.id, other.id)] == ["submitted", "failed"]
    clear_faults(database)
    database.execute("UPDATE orders SET lease_until = now()")
    functions("recover", sqs({"orderId": str(order.id)}))
    assert orders.get(order.id).status is Status.CONFIRMED
